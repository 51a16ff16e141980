"""Correlation, and agreement with the line of identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from numpy.typing import ArrayLike

from ..bootstrap import LEVEL
from .pairs import pairs, vanishes

__all__ = ["Correlation", "concordance", "pearson"]

#: 1 / sqrt(n - 3) is the standard error of Fisher's z.
_FEWEST = 4
#: Nearer to 1 than rounding can tell.
_PERFECT = 1 - 1e-14


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient.

    Attributes:
        r: None where it is not defined.
        low, high: 95 % interval; None where it cannot be estimated.
        p: Two-sided, against no correlation; None for a concordance, which is not tested.
        n: Pairs.
        note: Why something is None; empty otherwise.
    """

    r: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    note: str = ""


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's r with Fisher's interval, ``tanh(atanh(r) +- 1.96 / sqrt(n - 3))``.

    Two pairs always lie on a line, so that r is given from 3 and its interval from 4 pairs on.

    Args:
        x: ``(case,)``; a pair with a NaN is left out.
        y: ``(case,)``.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, _, _ = pairs(x, y)
    n = len(a)
    if n < 3:
        return Correlation(None, None, None, None, n, "fewer than 3 pairs")
    dx, dy = a - a.mean(), b - b.mean()
    sxx, syy = float(dx @ dx), float(dy @ dy)
    if vanishes(sxx, float(a @ a)) or vanishes(syy, float(b @ b)):
        return Correlation(None, None, None, None, n, "one side does not vary")
    r = max(-1.0, min(1.0, float(dx @ dy) / math.sqrt(sxx) / math.sqrt(syy)))
    if abs(r) > _PERFECT:
        return Correlation(r, None, None, 0.0, n, "no interval: all pairs lie on a line")
    from scipy.special import stdtr

    t = abs(r) * math.sqrt((n - 2) / (1 - r * r))
    p = 2 * float(stdtr(n - 2, -t))
    if n < _FEWEST:
        return Correlation(r, None, None, p, n, f"no interval: fewer than {_FEWEST} pairs")
    half = _z() / math.sqrt(n - 3)
    return Correlation(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), p, n)


def concordance(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Lin's concordance correlation coefficient: 1 only where all pairs are equal.

    ``2 sxy / (sxx + syy + (mean(x) - mean(y))**2)`` with variances over ``n``, as Lin has them
    (Biometrics 1989;45:255-268). The interval is by Fisher's z transform, with Lin's asymptotic
    variance as corrected in Biometrics 2000;56:324-325; from 4 pairs on.

    Args:
        x: ``(case,)``; a pair with a NaN is left out.
        y: ``(case,)``.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, _, _ = pairs(x, y)
    n = len(a)
    if n < 2:
        return Correlation(None, None, None, None, n, "fewer than 2 pairs")
    dx, dy = a - a.mean(), b - b.mean()
    sxx, syy, sxy = float(dx @ dx) / n, float(dy @ dy) / n, float(dx @ dy) / n
    shift = float(a.mean() - b.mean())
    size = float(a @ a + b @ b)
    if vanishes(n * (sxx + syy + shift**2), size):
        return Correlation(None, None, None, None, n, "neither side varies")
    value = 2 * sxy / (sxx + syy + shift**2)
    if vanishes(n * sxx, size) or vanishes(n * syy, size):
        return Correlation(0.0, None, None, None, n, "no interval: one side does not vary")
    if abs(value) > _PERFECT:
        return Correlation(value, None, None, None, n, "no interval: all pairs are equal")
    if n < _FEWEST:
        return Correlation(value, None, None, None, n, f"no interval: fewer than {_FEWEST} pairs")
    r = sxy / math.sqrt(sxx * syy)
    if abs(r) < 1e-12:
        return Correlation(value, None, None, None, n, "no interval: no correlation at all")
    u2 = shift**2 / math.sqrt(sxx * syy)
    c = value
    variance = (
        (1 - r * r) * c * c * (1 - c * c) / (r * r)
        + 2 * c**3 * (1 - c) * u2 / r
        - c**4 * u2 * u2 / (2 * r * r)
    ) / (n - 2)
    if variance < 1e-12:
        # On a line that crosses that of identity at the mean: nothing scatters.
        return Correlation(value, None, None, None, n, "no interval: all pairs lie on a line")
    half = _z() * math.sqrt(variance) / (1 - c * c)
    return Correlation(c, math.tanh(math.atanh(c) - half), math.tanh(math.atanh(c) + half), None, n)


def _z() -> float:
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2)
