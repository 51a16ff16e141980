"""Agreement of several raters on the same subjects.

The six intraclass correlations of McGraw and Wong (Psychol Methods 1996;1:30-46), computed here
rather than by pingouin, which rounds its intervals to two decimals and refuses a missing value; a
test holds both against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, near_misses

__all__ = ["LEVEL", "Icc", "IccKind", "icc", "icc_average_agreement"]

#: Coverage of the interval.
LEVEL = 0.95

IccKind = Literal["ICC(1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]


@dataclass(frozen=True)
class Icc:
    """An intraclass correlation coefficient.

    Attributes:
        value: None where it is not defined: fewer than two subjects or raters, or no variance.
        low, high: Its 95 % interval; None where it cannot be estimated.
        n: Subjects that all raters rated; no other counts.
        k: Raters.
        note: Why something is None; empty otherwise.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    k: int
    note: str = ""


class _Squares(NamedTuple):
    """Mean squares: between subjects, between raters, left over, and within subjects."""

    rows: float
    columns: float
    error: float
    within: float


def icc(ratings: NDArray[Any], kind: IccKind) -> Icc:
    """One of the six coefficients of Shrout and Fleiss, under McGraw and Wong's names.

    ``1``: one-way, raters of a subject are nobody in particular. ``A``: two-way, absolute
    agreement; a shift between raters counts. ``C``: two-way, consistency; it does not. Then for a
    single rating (``1``) or the mean of all ``k`` raters.

    Intervals come from the F distribution, exact for ``1`` and ``C``; those of ``A`` take
    Satterthwaite's degrees of freedom for the single rating and step both ends up to ``k``
    (Spearman-Brown), as McGraw and Wong do.

    Args:
        ratings: ``(subject, rater)``; a subject with a NaN is left out.
        kind: Which.

    Raises:
        UsageError: There is no such kind.
        DataError: The ratings are no table, or one of them is infinite.
    """
    if kind not in get_args(IccKind):
        raise UsageError(f"There is no {kind!r}.", near_misses(kind, get_args(IccKind)))
    ratings = np.asarray(ratings, dtype=np.float64)
    if ratings.ndim != 2:
        raise DataError(
            f"Ratings are a table of subjects by raters, not of shape {ratings.shape}.",
            "Give a row per subject and a column per rater.",
        )
    if np.isinf(ratings).any():
        raise DataError("Agreement is of numbers: a rating is infinite.", "Give NaN where unknown.")
    ratings = ratings[~np.isnan(ratings).any(axis=1)]
    n, k = ratings.shape
    if n < 2 or k < 2:
        what = "subjects" if n < 2 else "raters"
        return Icc(None, None, None, n, k, f"fewer than 2 {what}")
    ms = _squares(ratings)
    if kind in ("ICC(A,1)", "ICC(A,k)"):
        return _agreement(ms, n, k, average=kind == "ICC(A,k)")
    if kind in ("ICC(1)", "ICC(1,k)"):
        return _ratio(ms.rows, ms.within, n * (k - 1), n, k, average=kind == "ICC(1,k)")
    return _ratio(ms.rows, ms.error, (n - 1) * (k - 1), n, k, average=kind == "ICC(C,k)")


def icc_average_agreement(ratings: NDArray[Any]) -> Icc:
    """ICC(A,k): absolute agreement of the mean of ``k`` raters, two-way random effects.

    ``(MSR - MSE) / (MSR + (MSC - MSE) / n)`` with the mean squares of subjects, raters and error;
    Shrout and Fleiss call it ICC(2,k).

    Args:
        ratings: ``(subject, rater)``; a subject with a NaN is left out.
    """
    return icc(ratings, "ICC(A,k)")


def _squares(ratings: NDArray[np.float64]) -> _Squares:
    n, k = ratings.shape
    mean = ratings.mean()
    of_subjects, of_raters = ratings.mean(axis=1) - mean, ratings.mean(axis=0) - mean
    rest = ratings - mean - of_subjects[:, None] - of_raters
    within = ratings - mean - of_subjects[:, None]
    found = (
        k * float((of_subjects**2).sum()) / (n - 1),
        n * float((of_raters**2).sum()) / (k - 1),
        float((rest**2).sum()) / ((n - 1) * (k - 1)),
        float((within**2).sum()) / (n * (k - 1)),
    )
    # What rounding leaves of a variance that is none.
    nothing = 1e-20 * max(1.0, float((ratings**2).mean()))
    return _Squares(*(0.0 if ms < nothing else ms for ms in found))


def _ratio(rows: float, error: float, freedom: int, n: int, k: int, *, average: bool) -> Icc:
    """One-way and consistency: functions of one F."""
    below = rows if average else rows + (k - 1) * error
    if below <= 0:
        return Icc(None, None, None, n, k, "no variance between subjects")
    value = (rows - error) / below
    if not error:
        return Icc(value, None, None, n, k, "no interval: nothing is left to estimate it from")
    from scipy.special import fdtri

    tail = 1 - (1 - LEVEL) / 2
    ratio = rows / error
    low = ratio / float(fdtri(n - 1, freedom, tail))
    high = ratio * float(fdtri(freedom, n - 1, tail))
    if average:
        if not low:
            return Icc(value, None, None, n, k, "no interval: no variance between subjects")
        return Icc(value, 1 - 1 / low, 1 - 1 / high, n, k)
    return Icc(value, (low - 1) / (low + k - 1), (high - 1) / (high + k - 1), n, k)


def _agreement(ms: _Squares, n: int, k: int, *, average: bool) -> Icc:
    """Absolute agreement: a shift between raters is disagreement."""
    rows, columns, error, _ = ms
    shift = (columns - error) / n
    below = rows + shift if average else rows + (k - 1) * error + k * shift
    if below <= 0:
        return Icc(None, None, None, n, k, "no variance")
    value = (rows - error) / below
    if not error:
        # Raters differ by a constant at most: nothing is left from which to estimate an interval.
        return Icc(value, None, None, n, k, "no interval: nothing is left to estimate it from")
    from scipy.special import fdtri

    single = (rows - error) / (rows + (k - 1) * error + k * shift)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    spread = (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    if not spread:
        return Icc(value, None, None, n, k, "no interval: no variance but the raters' own")
    freedom = (a * columns + b * error) ** 2 / spread
    tail = 1 - (1 - LEVEL) / 2
    upper, lower = float(fdtri(n - 1, freedom, tail)), float(fdtri(freedom, n - 1, tail))
    between = k * columns + (k * n - k - n) * error
    # Where subjects differ by less than their ratings do, the approximation may break down.
    ends = (upper * between + n * rows, between + n * lower * rows)
    if not all(0 < end < math.inf for end in ends):
        return Icc(value, None, None, n, k, "no interval: too little variance between subjects")
    low = n * (rows - upper * error) / ends[0]
    high = n * (lower * rows - error) / ends[1]
    if not low <= single <= high:
        return Icc(value, None, None, n, k, "no interval: too little variance between subjects")
    if not average:
        return Icc(value, low, high, n, k)
    if 1 + (k - 1) * low <= 0:
        return Icc(value, None, None, n, k, "no interval: it has no lower end")
    low, high = (k * end / (1 + (k - 1) * end) for end in (low, high))
    return Icc(value, low, high, n, k)
