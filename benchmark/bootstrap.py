"""Intervals by resampling patients, jointly for everything that is compared.

All columns (methods, metrics) see the same resamples, so that a difference of two columns is a
paired difference. A resample is a count per patient: with the sums of each patient's cases, all
resampled means of all columns are one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "RESAMPLES", "interval", "resampled_counts", "resampled_means"]

#: How many resamples, and the share of them that an interval holds.
RESAMPLES = 2000
LEVEL = 0.95
#: Drawn at once; bounds memory with many patients.
_CHUNK = 4_000_000

Floats = NDArray[np.float64]


def resampled_counts(
    n_patients: int, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[Floats]:
    """How often each patient is drawn, ``(some resamples, n_patients)`` at a time.

    The draws come from the raw integers of a PCG64, whose stream NumPy does not change, so that
    the same seed gives the same resamples on every machine and with every version.
    """
    stream = np.random.PCG64(seed)
    at_once = max(1, _CHUNK // max(n_patients, 1))
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        raw = stream.random_raw(rows * n_patients)
        # The upper 32 bits times n, shifted back: uniform to within n / 2**32.
        drawn = ((raw >> np.uint64(32)) * np.uint64(n_patients)) >> np.uint64(32)
        flat = drawn.astype(np.int64).reshape(rows, n_patients)
        flat += np.arange(rows, dtype=np.int64)[:, None] * n_patients
        counts = np.bincount(flat.ravel(), minlength=rows * n_patients)
        yield counts.reshape(rows, n_patients).astype(np.float64)


def resampled_means(
    values: Floats,
    patients: NDArray[Any],
    weights: Floats | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Floats:
    """Means over cases in each resample of the patients.

    Args:
        values: ``(case, column)``; NaN is undefined and takes no part in its column.
        patients: ``(case,)``; cases of one patient are drawn together.
        weights: ``(case, column)``, not negative: how much a value counts in its mean; by default
            all the same.
        resamples: How many.
        seed: Of the draws. The order of cases does not matter.

    Returns:
        ``(resamples, column)``; NaN where a resample holds no defined value.
    """
    names, of_case = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    defined = ~np.isnan(values)
    weight = np.where(defined, 1.0 if weights is None else weights, 0.0)
    weighted = np.where(defined, values, 0.0) * weight
    sums = np.zeros((len(names), values.shape[1]))
    numbers = np.zeros_like(sums)
    # In a fixed order within the patient, so that the order of cases cannot change a last digit.
    keys = np.where(defined, values, np.inf)
    order = np.lexsort((*(() if weights is None else weight.T), *reversed(keys.T), of_case))
    np.add.at(sums, of_case[order], weighted[order])
    np.add.at(numbers, of_case[order], weight[order])
    with np.errstate(invalid="ignore"):
        parts = [
            (counts @ sums) / (counts @ numbers)
            for counts in resampled_counts(len(names), resamples, seed)
        ]
    return np.concatenate([np.empty((0, values.shape[1])), *parts])


def interval(
    means: Floats, n_patients: int, level: float = LEVEL
) -> tuple[float, float] | tuple[None, None]:
    """The percentile interval of one column of :func:`resampled_means`.

    Null where it cannot be estimated: fewer than two patients with a value.
    """
    known = means[~np.isnan(means)]
    if n_patients < 2 or not known.size:
        return None, None
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
