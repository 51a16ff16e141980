"""Differences between method and reference: bias and limits of agreement.

Bland and Altman, Lancet 1986;1:307-310; Stat Methods Med Res 1999;8:135-160; J Biopharm Stat
2007;17:571-582. A difference is method minus reference; its SD has n - 1 below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from ..bootstrap import LEVEL
from .pairs import Floats, Pairs, pairs, vanishes
from .regression import regression

__all__ = ["BlandAltman", "bland_altman", "limit_factors"]

_TAIL = (1 - LEVEL) / 2
#: Limits hold this quantile of differences and its opposite: 95 % of them between.
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class BlandAltman:
    """Bias and limits of agreement; each with its 95 % interval.

    Attributes:
        bias: Mean difference, method minus reference; in the log form, the ratio of geometric
            means, method over reference.
        bias_low, bias_high: Its interval by Student's t.
        sd: Of the differences; in the log form, of the differences of natural logarithms.
        lower, upper: Limits of agreement, ``bias -+ 1.96 sd``; in the log form, ratios.
        lower_low, lower_high, upper_low, upper_high: Intervals of the limits.
        slope, slope_p: Proportional bias: least-squares slope of the difference on the mean of
            both, and its p against 0. With several cases of a patient, of the patients' means.
        n: Pairs.
        n_patients: Whose they are.
        log: Whether in the log form.
        repeated: Whether several cases of a patient were taken account of.
        note: Why something is None; empty otherwise.
    """

    bias: float | None
    bias_low: float | None
    bias_high: float | None
    sd: float | None
    lower: float | None
    lower_low: float | None
    lower_high: float | None
    upper: float | None
    upper_low: float | None
    upper_high: float | None
    slope: float | None
    slope_p: float | None
    n: int
    n_patients: int
    log: bool = False
    repeated: bool = False
    note: str = ""


def bland_altman(
    x: ArrayLike, y: ArrayLike, *, log: bool = False, patients: ArrayLike | None = None
) -> BlandAltman:
    """Bias and limits of agreement.

    With one case per patient, intervals of the limits are exact for normal differences: those of
    Carkeet (Optom Vis Sci 2015;92:e71-80), from the noncentral t. Bland and Altman's own, by
    ``sqrt(3 / n)``, are symmetric and too short inwards with few cases.

    With several, the variance of a difference is that between patients plus that within, by one-way
    analysis of variance (Bland and Altman 2007, "true value varies"); the plain SD is too small
    where patients have unlike numbers of cases or differ from each other. The bias stays the mean
    over all pairs. Intervals are then by recovery of variance estimates (Zou, Stat Methods Med Res
    2013;22:630-642) from the two mean squares, exact for neither and close for both.

    The log form takes the differences of natural logarithms and turns the results back: the ratio
    of method to reference, for errors that grow with the size. A pair with a zero or a negative
    value has no logarithm, and leaving it out would forgive a method its misses: with any such
    pair, nothing is estimated.

    Args:
        x: ``(case,)``, the reference; a pair with a NaN is left out.
        y: ``(case,)``, the method.
        log: Whether to give ratios.
        patients: ``(case,)``; by default every case is of another patient.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    known = pairs(x, y, patients)
    n, n_patients = len(known.x), len(np.unique(known.patients))
    if not n:
        return _none(n, n_patients, log, "no pair")
    if log:
        barred = int(((known.x <= 0) | (known.y <= 0)).sum())
        if barred:
            return _none(n, n_patients, log, f"no ratio: {barred} of {n} pairs hold a zero or less")
        known = known._replace(x=np.log(known.x), y=np.log(known.y))
    found = _repeated(known, n_patients) if n_patients < n else _plain(known)
    found = replace(_with_slope(found, known), log=log)
    return _ratios(found) if log else found


@lru_cache(maxsize=4096)
def limit_factors(n: int, z: float = Z) -> tuple[float, float]:
    """Where the upper limit's interval ends, in SDs above the bias (Carkeet 2015).

    One-sided tolerance factors: ``t'(p, n - 1, z sqrt(n)) / sqrt(n)`` of the noncentral t, for the
    two ends of the 95 % interval. The lower limit's are the same below the bias.

    Args:
        n: Differences, at least 2.
        z: Of the limit.
    """
    from scipy.special import nctdtrit

    root = math.sqrt(n)
    low, high = (float(nctdtrit(n - 1, z * root, p)) / root for p in (_TAIL, 1 - _TAIL))
    return low, high


def _plain(known: Pairs) -> BlandAltman:
    difference = known.y - known.x
    n, bias = len(difference), float(difference.mean())
    if n < 2:
        return replace(_none(n, n, False, "no limits: fewer than 2 pairs"), bias=bias)
    sd = float(difference.std(ddof=1))
    if _constant(known, difference):
        return _without_interval(bias, 0.0, n, n, "no interval: all differences are equal")
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, 1 - _TAIL)) * sd / math.sqrt(n)
    near, far = (factor * sd for factor in limit_factors(n))
    return BlandAltman(
        bias, bias - half, bias + half, sd,
        bias - Z * sd, bias - far, bias - near,
        bias + Z * sd, bias + near, bias + far,
        None, None, n, n,
    )  # fmt: skip


def _repeated(known: Pairs, n_patients: int) -> BlandAltman:
    """Several cases of a patient: components of variance of the differences."""
    difference = known.y - known.x
    n, bias = len(difference), float(difference.mean())
    if n_patients < 2:
        none = _none(n, n_patients, False, "no limits: all cases are of one patient")
        return replace(none, bias=bias, repeated=True)
    if _constant(known, difference):
        same = _without_interval(bias, 0.0, n, n_patients, "no interval: all differences are equal")
        return replace(same, repeated=True)
    _, of_case = np.unique(known.patients, return_inverse=True)
    sizes = np.bincount(of_case).astype(np.float64)
    means = np.bincount(of_case, weights=difference) / sizes
    ms_between = float((sizes * (means - bias) ** 2).sum()) / (n_patients - 1)
    ms_within = float(((difference - means[of_case]) ** 2).sum()) / (n - n_patients)
    cases = float((n * n - (sizes**2).sum()) / ((n_patients - 1) * n))
    between = (ms_between - ms_within) / cases
    shares: tuple[tuple[float, float, int], ...]
    if between > 0:
        shares = (
            (1 / cases, ms_between, n_patients - 1),
            (1 - 1 / cases, ms_within, n - n_patients),
        )
        note = ""
    else:
        # Patients differ by no more than their cases do: one variance, of cases within.
        between, shares = 0.0, ((1.0, ms_within, n - n_patients),)
        note = "no variance between patients"
    variance = sum(weight * square for weight, square, _ in shares)
    low, high = _variance_interval(shares)
    sd = math.sqrt(variance)
    from scipy.special import stdtrit

    se = math.sqrt(between * float((sizes**2).sum()) / n**2 + ms_within / n)
    half = float(stdtrit(n_patients - 1, 1 - _TAIL)) * se
    inner, outer = Z * (sd - math.sqrt(low)), Z * (math.sqrt(high) - sd)
    near, far = math.hypot(half, inner), math.hypot(half, outer)
    lower, upper = bias - Z * sd, bias + Z * sd
    return BlandAltman(
        bias, bias - half, bias + half, sd,
        lower, lower - far, lower + near, upper, upper - near, upper + far,
        None, None, n, n_patients, repeated=True, note=note,
    )  # fmt: skip


def _variance_interval(shares: tuple[tuple[float, float, int], ...]) -> tuple[float, float]:
    """Of a sum of mean squares: weight, mean square and its degrees of freedom each."""
    from scipy.special import chdtri

    total = sum(weight * square for weight, square, _ in shares)
    below = above = 0.0
    for weight, square, freedom in shares:
        part = weight * square
        # chdtri takes the probability above.
        below += (part * (1 - freedom / float(chdtri(freedom, _TAIL)))) ** 2
        above += (part * (freedom / float(chdtri(freedom, 1 - _TAIL)) - 1)) ** 2
    return max(0.0, total - math.sqrt(below)), total + math.sqrt(above)


def _with_slope(found: BlandAltman, known: Pairs) -> BlandAltman:
    """Proportional bias: cases of one patient are one point, their mean."""
    _, of_case = np.unique(known.patients, return_inverse=True)
    sizes = np.bincount(of_case)
    mean, difference = (
        np.bincount(of_case, weights=side) / sizes
        for side in ((known.x + known.y) / 2, known.y - known.x)
    )
    if _constant(known, known.y - known.x):
        return found
    line = regression(mean, difference, origin=False)
    if line.slope is None or not line.slope_se:
        if len(mean) < 2:
            return found  # its note says so
        why = "the means do not vary" if line.slope is None else line.note.split(": ")[-1]
        note = f"no test of proportional bias: {why}"
        return replace(found, slope=line.slope, note="; ".join(filter(None, [found.note, note])))
    from scipy.special import stdtr

    p = 2 * float(stdtr(line.n - 2, -abs(line.slope / line.slope_se)))
    return replace(found, slope=line.slope, slope_p=p)


def _ratios(found: BlandAltman) -> BlandAltman:
    def back(value: float | None) -> float | None:
        # Nothing where the end of an interval is beyond all numbers.
        return math.exp(value) if value is not None and value < 700 else None

    return replace(
        found, bias=back(found.bias), bias_low=back(found.bias_low),
        bias_high=back(found.bias_high), lower=back(found.lower),
        lower_low=back(found.lower_low), lower_high=back(found.lower_high),
        upper=back(found.upper), upper_low=back(found.upper_low),
        upper_high=back(found.upper_high),
    )  # fmt: skip


def _constant(known: Pairs, difference: Floats) -> bool:
    """Whether the differences are equal but for rounding."""
    about = float(((difference - difference.mean()) ** 2).sum())
    return vanishes(about, float(known.x @ known.x + known.y @ known.y))


def _without_interval(bias: float, sd: float, n: int, n_patients: int, note: str) -> BlandAltman:
    none = _none(n, n_patients, False, note)
    return replace(none, bias=bias, sd=sd, lower=bias - Z * sd, upper=bias + Z * sd)


def _none(n: int, n_patients: int, log: bool, note: str) -> BlandAltman:
    return BlandAltman(*(None,) * 12, n=n, n_patients=n_patients, log=log, note=note)
