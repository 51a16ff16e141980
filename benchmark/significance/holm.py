"""P values corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["holm"]


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """P values corrected by Holm's step-down rule (Scand J Stat 1979;6:65-70), in the order given.

    A test that was not made (None, NaN) stays None and does not count among the comparisons.
    """
    from statsmodels.stats.multitest import multipletests

    tested = [i for i, p in enumerate(ps) if p is not None and not np.isnan(p)]
    corrected: list[float | None] = [None] * len(ps)
    if tested:
        values = multipletests([ps[i] for i in tested], method="holm")[1]
        for i, value in zip(tested, values, strict=True):
            corrected[i] = float(value)
    return corrected
