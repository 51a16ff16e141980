"""Tests between what was estimated apart: slopes, correlations, volumes taken for unpaired.

The papers test two methods so although both measured the same patients. What the two have in common
is then left in the error, so these tests tend to see too little; the paired tests of
:mod:`.paired` are the ones to rely on.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .paired import wilcoxon
from .result import Test, constant, finite, joined, quiet, sample

__all__ = ["fisher_z", "unpaired_and_paired", "welch_slopes", "welch_t"]

_SHARED = "taken for independent: made of the same patients they are not"


def welch_t(a: ArrayLike, b: ArrayLike) -> Test:
    """Welch's t-test of two means, unpaired, of unequal variances.

    Args:
        a: ``(n,)``; NaN is left out.
        b: ``(m,)``, of any patients.

    Returns:
        ``df`` by Satterthwaite. With fewer than two values on a side there is no test; without
        variance on both sides p is 1 if the values are equal, otherwise there is no test.
    """
    (x, lost_x), (y, lost_y) = sample(a), sample(b)
    n = (len(x), len(y))
    lost = joined(*(f"{lost} on one side" for lost in (lost_x, lost_y) if lost))
    if min(n) < 2:
        return Test("Welch t", None, (), None, n, joined("fewer than 2 values", lost))
    if constant(x) and constant(y):
        equal = constant(np.concatenate([x, y]))
        note = "all values are equal" if equal else "no variance on either side"
        return Test("Welch t", None, (), 1.0 if equal else None, n, joined(note, lost))
    from scipy.stats import ttest_ind

    with quiet():
        result = ttest_ind(x, y, equal_var=False)
    p = finite(result.pvalue)
    note = "" if p is not None else "not defined"
    return Test("Welch t", finite(result.statistic), (float(result.df),), p, n, joined(note, lost))


def unpaired_and_paired(a: ArrayLike, b: ArrayLike) -> tuple[Test, Test]:
    """Welch's t of a feature as popescu2022 tests it, and the signed-rank test of the same pairs.

    Args:
        a: ``(patient,)``: the feature of the prediction, say; pairs with a NaN are left out.
        b: The same patients, the feature of the reference.

    Raises:
        DataError: There are not as many of both.
    """
    paired = wilcoxon(a, b)
    x, y = (np.asarray(v, dtype=np.float64) for v in (a, b))
    known = np.isfinite(x) & np.isfinite(y)
    return welch_t(x[known], y[known]), paired


def welch_slopes(
    slope_a: float | None,
    se_a: float | None,
    n_a: int,
    slope_b: float | None,
    se_b: float | None,
    n_b: int,
    *,
    origin: bool = True,
) -> Test:
    """Welch's t-test of two regression slopes by their standard errors.

    fahmy2020: "the Welsh t test to compare regression slopes", whose lines go through the origin.
    It prints no formula; here ``t = (a - b) / sqrt(se_a^2 + se_b^2)`` with Satterthwaite's degrees
    of freedom of the residuals of both lines.

    Args:
        slope_a: None or NaN if not estimated.
        se_a: Its standard error.
        n_a: Points of the line.
        slope_b: Of the other line.
        se_b: Its standard error.
        n_b: Its points.
        origin: The lines go through the origin: ``n - 1`` degrees of freedom, else ``n - 2``.

    Returns:
        Without residual degrees of freedom there is no test. Of two perfect lines p is 1 if they
        are the same, otherwise there is no test.

    Raises:
        DataError: A standard error is negative.
    """
    name, n = "Welch t on slopes", (n_a, n_b)
    for se in (se_a, se_b):
        if se is not None and se < 0:
            raise DataError(f"The standard error {se} is negative.", "Give it from 0 on.")
    a, b, sa, sb = (math.nan if v is None else float(v) for v in (slope_a, slope_b, se_a, se_b))
    if not all(map(math.isfinite, (a, b, sa, sb))):
        return Test(name, None, (), None, n, "a slope was not estimated")
    free_a, free_b = (k - (1 if origin else 2) for k in n)
    if min(free_a, free_b) < 1:
        return Test(name, None, (), None, n, "too few points")
    error = math.hypot(sa, sb)
    if not error:
        same = constant(np.array([a, b]))
        note = "two perfect lines" + ("" if same else " that differ")
        return Test(name, None, (), 1.0 if same else None, n, note)
    from scipy.stats import t

    statistic = (a - b) / error
    df = 1 / ((sa / error) ** 4 / free_a + (sb / error) ** 4 / free_b)
    p = min(1.0, float(2 * t.sf(abs(statistic), df)))
    return Test(name, statistic, (df,), p, n, _SHARED)


def fisher_z(r_a: float | None, n_a: int, r_b: float | None, n_b: int) -> Test:
    """Fisher's z-test of two correlation coefficients, as fahmy2020 compares them.

    Args:
        r_a: Pearson's r, None or NaN if not estimated.
        n_a: Pairs it is made of.
        r_b: Of the other.
        n_b: Its pairs.

    Returns:
        It needs four pairs on each side and no perfect correlation. The note says that two methods
        against one reference are not independent.

    Raises:
        DataError: A correlation is beyond 1.
    """
    name, n = "Fisher z", (n_a, n_b)
    a, b = (math.nan if r is None else float(r) for r in (r_a, r_b))
    if not (math.isfinite(a) and math.isfinite(b)):
        return Test(name, None, (), None, n, "a correlation was not estimated")
    if max(abs(a), abs(b)) > 1 + 1e-9:
        raise DataError(f"The correlations are {a} and {b}.", "Give them from -1 to 1.")
    if min(n) < 4:
        return Test(name, None, (), None, n, "fewer than 4 pairs")
    if max(abs(a), abs(b)) >= 1 - 1e-15:
        same = constant(np.array([a, b]))
        return Test(name, None, (), 1.0 if same else None, n, "a perfect correlation")
    from scipy.stats import norm

    statistic = (math.atanh(a) - math.atanh(b)) / math.sqrt(1 / (n_a - 3) + 1 / (n_b - 3))
    return Test(name, statistic, (), min(1.0, float(2 * norm.sf(abs(statistic)))), n, _SHARED)
