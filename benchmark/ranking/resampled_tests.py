"""Wilcoxon's signed-rank test in thousands of resamples at once.

A resample is a number for each patient. With the differences sorted by size once, the rank of each
is a running sum of these numbers, and a whole set of resamples is a few array operations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import resampled_counts

__all__ = ["resampled_wins", "weighted_signed_rank"]

Floats = NDArray[np.float64]
#: Differences closer than this are ties.
_TIE = 1e-12
#: Resamples times patients at once; bounds memory.
_CHUNK = 1_000_000


def resampled_wins(
    bad: Floats, patients: NDArray[np.str_], resamples: int, seed: int, alpha: float = 0.05
) -> Floats:
    """How many methods each one is significantly better than, in each resample.

    Args:
        bad: ``(case, method)``, the less the better; NaN is undefined.
        patients: ``(case,)``.
        resamples: How many.
        seed: Of the draws.
        alpha: Of the tests, one-sided, after Holm's correction over all ordered pairs tested.

    Returns:
        ``(resamples, method)``; NaN for a method without any value.
    """
    names, of_case = np.unique(patients, return_inverse=True)
    k = bad.shape[1]
    pairs = [(i, j) for i in range(k) for j in range(i)]
    gains = {pair: _gains(bad[:, pair[1]] - bad[:, pair[0]], of_case, len(names)) for pair in pairs}
    parts: list[Floats] = [np.empty((0, k))]
    for many in resampled_counts(len(names), resamples, seed):
        at_once = max(1, _CHUNK // max(1, len(names)))
        for start in range(0, len(many), at_once):
            counts = many[start : start + at_once]
            p = np.full((len(counts), k, k), np.nan)
            for i, j in pairs:
                z = weighted_signed_rank(gains[i, j], counts)
                p[:, i, j], p[:, j, i] = _upper_tail(z), _upper_tail(-z)
            wins = (_holm(p.reshape(len(counts), -1)) <= alpha).reshape(p.shape).sum(axis=2)
            parts.append(wins.astype(np.float64))
    found = np.concatenate(parts)
    found[:, np.isnan(bad).all(axis=0)] = np.nan
    return found


def weighted_signed_rank(gains: Floats, counts: Floats) -> Floats:
    """Z of the signed-rank statistic where each difference occurs ``counts`` times.

    Normal approximation with the correction for ties and without that for continuity; zeros are
    dropped.

    Args:
        gains: ``(patient,)``; NaN takes no part.
        counts: ``(resample, patient)``.

    Returns:
        ``(resample,)``; 0 where nothing differs, NaN with fewer than 2 differences drawn, of any
        size.
    """
    known = np.flatnonzero(~np.isnan(gains))
    drawn = counts[:, known].sum(axis=1)
    sizes = np.round(np.abs(gains[known]) / _TIE)
    keep = sizes > 0
    known, sizes = known[keep], sizes[keep]
    order = np.argsort(sizes, kind="stable")
    known, sizes = known[order], sizes[order]
    if not len(known):
        return np.where(drawn < 2, np.nan, 0.0)
    # Ties share the mean of their ranks: one group for each size.
    starts = np.flatnonzero(np.diff(sizes, prepend=-1.0))
    numbers = counts[:, known]
    groups = np.add.reduceat(numbers, starts, axis=1)
    positive = np.add.reduceat(numbers * (gains[known] > 0), starts, axis=1)
    upto = np.cumsum(groups, axis=1)
    middle = upto - (groups - 1) / 2
    n = upto[:, -1]
    statistic = (positive * middle).sum(axis=1)
    variance = n * (n + 1) * (2 * n + 1) / 24 - (groups**3 - groups).sum(axis=1) / 48
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (statistic - n * (n + 1) / 4) / np.sqrt(variance)
    return np.where(drawn < 2, np.nan, np.where(variance > 0, z, 0.0))


def _gains(differences: Floats, of_case: NDArray[np.intp], n: int) -> Floats:
    """Mean difference of each patient; NaN without a case that has both values."""
    both = ~np.isnan(differences)
    sums = np.bincount(of_case[both], weights=differences[both], minlength=n)
    numbers = np.bincount(of_case[both], minlength=n)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def _upper_tail(z: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(-z), dtype=np.float64)


def _holm(p: Floats) -> Floats:
    """Holm's correction along the rows; NaN are no tests."""
    order = np.argsort(p, axis=1)  # NaN last
    held = np.take_along_axis(p, order, axis=1)
    tests = (~np.isnan(p)).sum(axis=1, keepdims=True)
    scaled = held * (tests - np.arange(p.shape[1]))
    adjusted = np.minimum(np.maximum.accumulate(np.where(np.isnan(held), -1, scaled), axis=1), 1)
    adjusted[np.isnan(held)] = np.nan
    back = np.empty_like(p)
    np.put_along_axis(back, order, adjusted, axis=1)
    return back
