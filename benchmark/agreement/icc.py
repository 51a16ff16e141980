"""Agreement of several raters on the same subjects.

Intraclass correlation of McGraw and Wong (Psychol Methods 1996;1:30-46), computed here rather than
by pingouin, which rounds its intervals to two decimals and refuses a missing value; a test holds
both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "Icc", "icc_average_agreement"]

#: Coverage of the interval.
LEVEL = 0.95


@dataclass(frozen=True)
class Icc:
    """An intraclass correlation coefficient.

    Attributes:
        value: None where it is not defined: fewer than two subjects or raters, or no variance.
        low, high: Its 95 % interval; None where it cannot be estimated.
        n: Subjects that all raters rated; no other counts.
        k: Raters.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    k: int


def icc_average_agreement(ratings: NDArray[Any]) -> Icc:
    """ICC(A,k): absolute agreement of the mean of ``k`` raters, two-way random effects.

    ``(MSR - MSE) / (MSR + (MSC - MSE) / n)`` with the mean squares of subjects, raters and error;
    Shrout and Fleiss call it ICC(2,k). The interval takes Satterthwaite's degrees of freedom for
    the single rating and steps both of its ends up to ``k`` (Spearman-Brown), as McGraw and Wong
    do.

    Args:
        ratings: ``(subject, rater)``; a subject with a NaN is left out.
    """
    from scipy.stats import f

    ratings = np.asarray(ratings, dtype=np.float64)
    ratings = ratings[~np.isnan(ratings).any(axis=1)]
    n, k = ratings.shape
    if n < 2 or k < 2:
        return Icc(None, None, None, n, k)
    mean = ratings.mean()
    of_subjects, of_raters = ratings.mean(axis=1) - mean, ratings.mean(axis=0) - mean
    rest = ratings - mean - of_subjects[:, None] - of_raters
    rows = k * float((of_subjects**2).sum()) / (n - 1)
    columns = n * float((of_raters**2).sum()) / (k - 1)
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    # What rounding leaves of a variance that is none.
    nothing = 1e-20 * max(1.0, float((ratings**2).mean()))
    rows, columns, error = (0.0 if ms < nothing else ms for ms in (rows, columns, error))
    below = rows + (columns - error) / n
    if below <= 0:
        return Icc(None, None, None, n, k)
    value = (rows - error) / below
    if not error:
        # Raters differ by a constant at most: nothing is left from which to estimate an interval.
        return Icc(value, None, None, n, k)
    single = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    freedom = (a * columns + b * error) ** 2 / (
        (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    )
    upper = float(f.ppf(1 - (1 - LEVEL) / 2, n - 1, freedom))
    lower = float(f.ppf(1 - (1 - LEVEL) / 2, freedom, n - 1))
    between = k * columns + (k * n - k - n) * error
    low = n * (rows - upper * error) / (upper * between + n * rows)
    high = n * (lower * rows - error) / (between + n * lower * rows)
    ends = [k * end / (1 + (k - 1) * end) for end in (low, high)]
    return Icc(value, ends[0], ends[1], n, k)
