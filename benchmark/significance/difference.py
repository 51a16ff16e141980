"""The mean paired difference with its bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bootstrap import LEVEL, RESAMPLES, interval, resampled_means
from .result import constant, joined, pairs

__all__ = ["Difference", "bootstrap_difference"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference.

    Attributes:
        value: None without a pair.
        low, high: Its 95 % interval; None with fewer than two patients.
        n: Patients with both values.
        note: What is special.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""


def bootstrap_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    method: Literal["percentile", "bca"] = "percentile",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """The mean of ``a - b`` with an interval from resampled patients.

    Args:
        a: ``(patient,)``; a patient where either is NaN is left out.
        b: The same patients.
        method: ``percentile``, or ``bca``: corrected for bias and acceleration (Efron, JASA
            1987;82:171-185).
        resamples: How many.
        seed: Of the draws: the same patients are drawn for every pair of methods of one table.

    Returns:
        If all differences are equal, every resample is, so the interval is that one value; the
        note says so.

    Raises:
        DataError: There are not as many of both.
    """
    x, y, lost = pairs(a, b)
    n = len(x)
    if n < 2:
        value = float((x - y)[0]) if n else None
        return Difference(value, None, None, n, joined("fewer than 2 patients", lost))
    found = x - y
    value = float(found.mean())
    if constant(found):
        return Difference(value, value, value, n, joined("all differences are equal", lost))
    who = np.array([f"{i:09d}" for i in range(n)])  # sorted as they stand
    means = resampled_means(found[:, None], who, resamples=resamples, seed=seed)[:, 0]
    low, high = interval(means, n) if method == "percentile" else _bca(found, means)
    return Difference(value, low, high, n, lost)


def _bca(differences: Floats, means: Floats) -> tuple[float, float] | tuple[None, None]:
    from scipy.stats import norm

    value = differences.mean()
    below = float((means < value).mean() + (means == value).mean() / 2)
    if not 0 < below < 1:  # too few resamples to tell the bias
        return None, None
    bias = norm.ppf(below)
    # The mean without one patient differs from the mean as that patient does, so the skewness of
    # the jackknife is that of the differences.
    apart = differences - value
    acceleration = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    z = bias + norm.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = np.quantile(means, norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)
