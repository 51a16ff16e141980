"""The method's values as a line of the reference's: through the origin, and with an intercept.

fahmy2020 (Table 3) and fahmy2021 (Table 3) print the slope through the origin; fahmy2021's text
the line with an intercept too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..bootstrap import LEVEL, RESAMPLES, interval, resampled_counts
from .pairs import Floats, pairs, vanishes

__all__ = ["Regression", "regression", "slope_interval"]


@dataclass(frozen=True)
class Regression:
    """A least-squares line ``y = intercept + slope * x``.

    Attributes:
        slope: None where the reference does not vary (or, through the origin, is 0 everywhere).
        slope_low, slope_high: 95 % interval by Student's t; None where it cannot be estimated.
        slope_se: Standard error.
        intercept: 0 through the origin.
        intercept_low, intercept_high, intercept_se: None through the origin.
        r2: About the mean of ``y`` (centred), ``1 - SSE / sum((y - mean(y))**2)``; through the
            origin it may be negative. None where ``y`` does not vary.
        r2_uncentred: About zero, ``1 - SSE / sum(y**2)``: what software prints beside a regression
            through the origin, greater than the other and not to be set beside it.
        n: Pairs.
        origin: Whether through the origin.
        note: Why something is None; empty otherwise.
    """

    slope: float | None
    slope_low: float | None
    slope_high: float | None
    slope_se: float | None
    intercept: float | None
    intercept_low: float | None
    intercept_high: float | None
    intercept_se: float | None
    r2: float | None
    r2_uncentred: float | None
    n: int
    origin: bool
    note: str = ""


def regression(x: ArrayLike, y: ArrayLike, *, origin: bool) -> Regression:
    """Fit a line of the method's values on the reference's.

    The interval takes cases as independent; with several cases of a patient, it is too narrow and
    :func:`slope_interval` is the one to show.

    Args:
        x: ``(case,)``, the reference; a pair with a NaN is left out.
        y: ``(case,)``, the method.
        origin: Whether the line goes through the origin.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, _, _ = pairs(x, y)
    n = len(a)
    if n < 1 + (not origin):
        return _none(n, origin, "no pair" if not n else "fewer than 2 pairs")
    # Through the origin, the line is the one about (0, 0) instead of about the means.
    x0, y0 = (0.0, 0.0) if origin else (float(a.mean()), float(b.mean()))
    dx, dy = a - x0, b - y0
    sxx = float(dx @ dx)
    if vanishes(sxx, float(a @ a)):
        why = "the reference is 0 everywhere" if origin else "the reference does not vary"
        return _none(n, origin, why)
    slope = float(dx @ dy) / sxx
    intercept = 0.0 if origin else y0 - slope * x0
    residual = dy - slope * dx
    sse = float(residual @ residual)
    about_zero, about_mean = float(b @ b), float(((b - b.mean()) ** 2).sum())
    r2 = None if vanishes(about_mean, about_zero) else 1 - sse / about_mean
    uncentred = 1 - sse / about_zero if about_zero else None
    freedom, none = n - 1 - (not origin), (None, None, None)
    if not freedom:
        note = "no interval: as many pairs as coefficients"
        return Regression(slope, *none, intercept, *none, r2, uncentred, n, origin, note)
    if vanishes(sse, about_zero):
        # An interval of no width would claim that the next case lies on the line as well.
        note = "no interval: all pairs lie on the line"
        return Regression(slope, *none, intercept, *none, r2, uncentred, n, origin, note)
    from scipy.special import stdtrit

    t = float(stdtrit(freedom, 1 - (1 - LEVEL) / 2))
    variance = sse / freedom
    se = float(np.sqrt(variance / sxx))
    intervals = (slope - t * se, slope + t * se, se)
    if origin:
        return Regression(slope, *intervals, intercept, *none, r2, uncentred, n, origin)
    at = float(np.sqrt(variance * (1 / n + x0**2 / sxx)))
    of_intercept = (intercept - t * at, intercept + t * at, at)
    return Regression(slope, *intervals, intercept, *of_intercept, r2, uncentred, n, origin)


def slope_interval(
    x: ArrayLike,
    y: ArrayLike,
    patients: ArrayLike,
    *,
    origin: bool,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | tuple[None, None]:
    """The slope's 95 % interval by resampling patients: for several cases of one patient.

    Percentile interval; all cases of a patient are drawn together. A resample in which the
    reference does not vary has no slope and is left out.

    Args:
        x: ``(case,)``, the reference; a pair with a NaN is left out.
        y: ``(case,)``, the method.
        patients: ``(case,)``.
        origin: Whether the line goes through the origin.
        resamples: How many.
        seed: Of the draws.

    Returns:
        None, None with fewer than two patients, or where no resample has a slope.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, whose, _ = pairs(x, y, patients)
    names, of_case = np.unique(whose, return_inverse=True)
    if len(names) < 2:
        return None, None
    if not origin:
        # Nothing of a slope hangs on where zero is; near the means, sums lose no digits.
        a, b = a - a.mean(), b - b.mean()
    sums = np.stack(
        [
            np.bincount(of_case, weights=column, minlength=len(names))
            for column in (np.ones_like(a), a, b, a * a, a * b)
        ],
        axis=1,
    )
    slopes = [
        _slopes(drawn @ sums, origin) for drawn in resampled_counts(len(names), resamples, seed)
    ]
    return interval(np.concatenate([np.empty(0), *slopes]), len(names))


def _slopes(sums: Floats, origin: bool) -> Floats:
    """Slopes of resamples from their ``(n, sum x, sum y, sum xx, sum xy)``; NaN without one."""
    n, x, y, xx, xy = sums.T
    below = xx if origin else xx - x * x / n
    above = xy if origin else xy - x * y / n
    there = below > 1e-12 * xx
    slopes: Floats = np.full(len(n), np.nan)
    slopes[there] = above[there] / below[there]
    return slopes


def _none(n: int, origin: bool, note: str) -> Regression:
    return Regression(*(None,) * 10, n=n, origin=origin, note=note)
