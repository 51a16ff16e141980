"""Tests between two methods on the same patients."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import RESAMPLES, interval, resampled_means

__all__ = ["Paired", "paired", "wilcoxon_p"]

#: Differences closer than this are ties: rounding must not rank them.
_TIE = 1e-12
#: Up to this many differences without ties, the Wilcoxon distribution is enumerated.
_EXACT = 50


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


def paired(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    patients: NDArray[Any],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two methods on the cases where both have a value.

    The difference is over cases; the interval resamples patients; the test sees one mean
    difference per patient, because cases of one patient are not independent.

    Args:
        a: ``(case,)``; NaN is undefined.
        b: The same cases.
        patients: Their patients.
        resamples: Of the interval.
        seed: Of the interval.
    """
    both = ~(np.isnan(a) | np.isnan(b))
    names, of_case = np.unique(np.asarray(patients).astype(str)[both], return_inverse=True)
    n_cases, n_patients = int(both.sum()), len(names)
    if not n_cases:
        return Paired(0, 0, None, None, None, None, None, None, "no common case has both values")
    difference = a[both] - b[both]
    means = resampled_means(difference[:, None], names[of_case], resamples=resamples, seed=seed)
    low, high = interval(means[:, 0], n_patients)
    per_patient = np.bincount(of_case, weights=difference) / np.bincount(of_case)
    p, note = wilcoxon_p(per_patient)
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
    )


def wilcoxon_p(differences: NDArray[np.float64]) -> tuple[float | None, str]:
    """Two-sided Wilcoxon signed-rank p of differences, and a note where it is special.

    Zeros are dropped (Wilcoxon's own rule). Without ties and up to 50 differences the p is exact,
    otherwise the normal approximation with its tie correction. If all differences are zero there
    is no evidence against equality: p is 1. With fewer than two patients there is no test.
    """
    if len(differences) < 2:
        return None, "fewer than 2 patients"
    differences = np.where(np.abs(differences) <= _TIE, 0.0, differences)
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0, "all differences are zero"
    from scipy.stats import wilcoxon

    sizes = np.sort(np.abs(differences))
    tied = bool((np.diff(sizes) <= _TIE).any())
    # Sizes that differ by rounding only become equal, so that the ranks see the tie.
    rounded = np.round(differences / _TIE) * _TIE
    exact = not tied and len(differences) <= _EXACT
    with warnings.catch_warnings():
        # Older versions of scipy say that few ties are too few; that is why the p is approximate.
        warnings.filterwarnings("ignore", message="Sample size too small", category=UserWarning)
        result = wilcoxon(rounded, zero_method="wilcox", method="exact" if exact else "approx")
    return float(result.pvalue), ""
