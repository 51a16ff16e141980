"""Parts of a cohort: by site, vendor, pathology, role, map, third of the ventricle, or size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError, near_misses

__all__ = ["ALL", "LEVEL", "STRATA", "TERTILES", "UNKNOWN", "checked_strata", "of_cases",
           "tertiles"]  # fmt: skip

ALL = "all"
#: Where a case table says nothing.
UNKNOWN = "unknown"
#: The thirds of the ventricle: not of cases but of rows of features.
LEVEL = "level"
TERTILE = "lv_tertile"
#: Named as in popescu2022's Table 2.
TERTILES = ("lower", "middle", "upper")
#: Everything a table may be split by.
STRATA = (ALL, "site", "vendor", "pathology", "role", "map", LEVEL, TERTILE)
#: What a reader calls the roles of cases that are tested on.
_ROLES: Mapping[str, str] = {"test": "internal", "external": "external"}


def tertiles(values: ArrayLike) -> NDArray[np.object_]:
    """``lower``, ``middle`` or ``upper`` third of each value; None where it is NaN.

    Bounds are the quantiles at 1/3 and 2/3 (linear interpolation); a value equal to a bound is
    below it. Equal values are never parted, so that with ties the thirds are of unlike size: where
    all are equal, all are ``lower``. Of fewer than three values, there are no thirds: all None.
    popescu2022 ("patients grouped by GT LV volume tertile") gives no rule.

    Args:
        values: ``(case,)``.
    """
    known = np.asarray(values, dtype=np.float64)
    found = np.full(known.shape, None, dtype=object)
    there = ~np.isnan(known)
    if there.sum() < 3:
        return found
    bounds = np.quantile(known[there], [1 / 3, 2 / 3])
    # Interpolation may miss, by a last digit, the very value that it should give.
    bounds += 1e-12 * np.abs(bounds)
    found[there] = np.array(TERTILES, dtype=object)[np.searchsorted(bounds, known[there])]
    return found


def checked_strata(by: Sequence[str]) -> tuple[str, ...]:
    """``by``, each once, in the order given.

    Raises:
        UsageError: One of them is none.
    """
    for name in by:
        if name not in STRATA:
            raise UsageError(f"There are no strata by {name!r}.", near_misses(name, STRATA))
    return tuple(dict.fromkeys(by))


def of_cases(cases: pd.DataFrame, by: str, volumes: Mapping[str, float]) -> pd.Series[Any]:
    """The stratum of each row of ``cases``; what is not known is :data:`UNKNOWN`, never dropped.

    Args:
        cases: With the columns ``case`` and ``role``, and those of a case table that there are.
        by: One of :data:`STRATA` but ``level``.
        volumes: The reference's left-ventricular volume of each case of the cohort, for its
            tertiles: all methods are split at the same bounds.
    """
    if by == ALL:
        return pd.Series(ALL, index=cases.index, dtype=object)
    if by == TERTILE:
        names = sorted(volumes)
        third = dict(zip(names, tertiles([volumes[name] for name in names]), strict=True))
        given = cases["case"].map(third)
    elif by not in cases:
        given = pd.Series(None, index=cases.index, dtype=object)
    else:
        given = cases[by]
    named = given.astype(object).where(given.notna(), UNKNOWN).astype(str)
    named = named.mask((named.str.strip() == "").to_numpy(), UNKNOWN)
    return named.map(lambda role: _ROLES.get(role, role)) if by == "role" else named
