"""From how much scar on there is scar at all, and a large one: cut-offs of the scar's share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LARGE_PERCENT", "PRESENCE_PERCENT", "has_large_scar", "has_scar"]

#: There is scar where its share of the myocardium is ABOVE this (fahmy2021, Statistical Analysis:
#: "presence of scar (defined as %Scar >1%)"; fahmy2020 has the same).
PRESENCE_PERCENT = 1.0
#: A scar is large FROM this share on (fahmy2020, Results: "large scars (defined as %LGE >= 15%";
#: its abstract has "> 15%").
LARGE_PERCENT = 15.0


def has_scar(scar_percent: ArrayLike) -> NDArray[np.float64]:
    """1 where there is scar, 0 where there is none, NaN where that is not known.

    Args:
        scar_percent: Scar as percent of the myocardium, of any shape; NaN is unknown.
    """
    share = np.asarray(scar_percent, dtype=np.float64)
    return np.where(np.isnan(share), np.nan, share > PRESENCE_PERCENT)


def has_large_scar(scar_percent: ArrayLike) -> NDArray[np.float64]:
    """1 where the scar is large, 0 where it is not or there is none, NaN where nobody knows.

    Args:
        scar_percent: Scar as percent of the myocardium, of any shape; NaN is unknown.
    """
    share = np.asarray(scar_percent, dtype=np.float64)
    return np.where(np.isnan(share), np.nan, share >= LARGE_PERCENT)
