"""Tests between two methods on the same patients."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bootstrap import RESAMPLES, interval, resampled_means
from .exchange import permutation
from .power import smallest_difference
from .result import Test, joined, pairs

__all__ = ["Paired", "paired", "per_patient", "signed_rank", "wilcoxon", "wilcoxon_p"]

#: Differences closer than this are ties: rounding must not rank them.
_TIE = 1e-12
#: Up to this many differences the Wilcoxon distribution is exact: scipy's, which knows no ties, and
#: with ties all signs of the ranks gone through.
_EXACT = 50
_EXACT_TIED = 20


@dataclass(frozen=True)
class Paired:
    """A paired comparison, ``a - b``.

    Attributes:
        n_cases: Cases where both have a value.
        n_patients: Patients of these cases.
        mean_a: Mean of ``a`` over them, None without any.
        mean_b: Mean of ``b`` over them.
        difference: Mean of ``a - b``.
        low: Lower end of its 95 % interval (percentile, patients resampled), None if fewer than 2.
        high: Upper end.
        p: Two-sided Wilcoxon signed-rank test over patients, None if it was not made.
        note: Why something was not estimated; empty otherwise.
        permutation_p: Of the exchange test over patients, None if it was not made.
        smallest: The smallest difference these patients could have shown
            (:func:`benchmark.significance.smallest_difference`), None if that cannot be told.
    """

    n_cases: int
    n_patients: int
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    note: str = ""
    permutation_p: float | None = None
    smallest: float | None = None


def paired(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    patients: NDArray[Any],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two methods on the cases where both have a value.

    The difference is over cases; the interval resamples patients; tests and power see one mean
    difference per patient, because cases of one patient are not independent.

    Args:
        a: ``(case,)``; NaN is undefined.
        b: The same cases.
        patients: Their patients.
        resamples: Of the interval.
        seed: Of the interval, and of exchanges that are too many to go through.
    """
    both = ~(np.isnan(a) | np.isnan(b))
    names, of_case = np.unique(np.asarray(patients).astype(str)[both], return_inverse=True)
    n_cases, n_patients = int(both.sum()), len(names)
    if not n_cases:
        return Paired(0, 0, None, None, None, None, None, None, "no common case has both values")
    difference = a[both] - b[both]
    means = resampled_means(difference[:, None], names[of_case], resamples=resamples, seed=seed)
    low, high = interval(means[:, 0], n_patients)
    of_patients = np.bincount(of_case, weights=difference) / np.bincount(of_case)
    p, note = wilcoxon_p(of_patients)
    return Paired(
        n_cases=n_cases,
        n_patients=n_patients,
        mean_a=float(a[both].mean()),
        mean_b=float(b[both].mean()),
        difference=float(difference.mean()),
        low=low,
        high=high,
        p=p,
        note=note,
        permutation_p=permutation(of_patients, np.zeros(n_patients), seed=seed).p,
        smallest=smallest_difference(of_patients).difference,
    )


def per_patient(values: NDArray[np.float64], patients: NDArray[Any]) -> NDArray[np.float64]:
    """Means over each patient's cases, ``(patient, method)``, patients in order.

    Args:
        values: ``(case, method)``; NaN takes no part, and a patient without a value is NaN.
        patients: ``(case,)``.
    """
    names, of_case = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    defined = ~np.isnan(values)
    sums, counts = (np.zeros((len(names), values.shape[1])) for _ in range(2))
    np.add.at(sums, of_case, np.where(defined, values, 0.0))
    np.add.at(counts, of_case, defined)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def wilcoxon(a: ArrayLike, b: ArrayLike) -> Test:
    """Wilcoxon's signed-rank test of ``a - b``, by the rules of :func:`wilcoxon_p`.

    Args:
        a: ``(patient,)``; a patient where either is NaN is left out.
        b: The same patients.

    Returns:
        ``statistic`` is the lesser of the two rank sums, None if all differences are zero.

    Raises:
        DataError: There are not as many of both.
    """
    x, y, lost = pairs(a, b)
    statistic, p, note = signed_rank(x - y)
    return Test("Wilcoxon signed-rank", statistic, (), p, (len(x),), joined(note, lost))


def wilcoxon_p(differences: NDArray[np.float64]) -> tuple[float | None, str]:
    """Two-sided Wilcoxon signed-rank p of differences, and a note where it is special.

    Zeros are dropped (Wilcoxon's own rule). Up to 50 differences, 20 if any are tied, the p is
    exact, otherwise the normal approximation with its tie correction; of few tied differences that
    would find what no exact test can. If all differences are zero there is no evidence against
    equality: p is 1. With fewer than two patients there is no test.
    """
    _, p, note = signed_rank(differences)
    return p, note


def signed_rank(
    differences: NDArray[np.float64], alternative: Literal["two-sided", "greater"] = "two-sided"
) -> tuple[float | None, float | None, str]:
    """The statistic, p and note of :func:`wilcoxon_p`, which has the rules.

    Args:
        differences: ``(patient,)``.
        alternative: ``greater``: that they lie above 0; then the statistic is the sum of the
            positive ranks.
    """
    if len(differences) < 2:
        return None, None, "fewer than 2 patients"
    differences = np.where(np.abs(differences) <= _TIE, 0.0, differences)
    differences = differences[differences != 0]
    if not len(differences):
        return None, 1.0, "all differences are zero"
    from scipy.stats import rankdata
    from scipy.stats import wilcoxon as test

    sizes = np.sort(np.abs(differences))
    tied = bool((np.diff(sizes) <= _TIE).any())
    # Sizes that differ by rounding only become equal, so that the ranks see the tie.
    rounded = np.round(differences / _TIE) * _TIE
    exact = not tied and len(differences) <= _EXACT
    with warnings.catch_warnings():
        # Older versions of scipy say that few ties are too few; that is why the p is approximate.
        warnings.filterwarnings("ignore", message="Sample size too small", category=UserWarning)
        result = test(
            rounded,
            zero_method="wilcox",
            alternative=alternative,
            method="exact" if exact else "approx",
        )
    p = float(result.pvalue)
    if tied and len(differences) <= _EXACT_TIED:
        p = _all_signs_p(rankdata(np.abs(rounded)), rounded > 0, alternative)
    return float(result.statistic), p, ""


def _all_signs_p(
    ranks: NDArray[np.float64], positive: NDArray[np.bool_], alternative: str
) -> float:
    """The share of all signs of the ranks that are as extreme: counted by the sum of positives."""
    doubled = np.rint(2 * ranks).astype(np.int64)  # ties have halves
    ways = np.ones(1)
    for rank in doubled:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    sums, found = np.arange(len(ways)), int(doubled[positive].sum())
    if alternative == "greater":
        extreme = sums >= found
    else:
        middle = len(ways) - 1  # twice the mean of the sums
        extreme = np.abs(2 * sums - middle) >= abs(2 * found - middle)
    return float(ways[extreme].sum() / ways.sum())
