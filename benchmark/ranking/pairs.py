"""Is one method better than another beyond chance: one-sided tests of all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .directions import Floats, badness, matrix_of

__all__ = ["one_sided", "pairwise_p"]


def pairwise_p(
    values: ArrayLike, better: str, patients: ArrayLike | None = None, *, holm: bool = True
) -> Floats:
    """One-sided p of each row being better than each column: what a significance map shows.

    Wilcoxon signed-rank on one mean difference per patient, over the cases where both methods have
    a value, by the rules of :func:`benchmark.significance.wilcoxon_p`. Holm's correction is over
    all ordered pairs, as they are all looked at.

    Args:
        values: ``(case, method)``; NaN is undefined.
        better: ``higher``, ``lower`` or ``zero`` (sizes are compared).
        patients: ``(case,)``; by default each case is a patient.
        holm: Whether to correct.

    Returns:
        ``(method, method)``; NaN on the diagonal and where fewer than 2 patients have both values;
        1 where all differences are 0.
    """
    bad = badness(matrix_of(values), better)
    cases, methods = bad.shape
    of = np.arange(cases) if patients is None else np.asarray(patients)
    from ..significance import holm as corrected

    p = np.full((methods, methods), np.nan)
    for i in range(methods):
        for j in range(i):
            gain = _per_patient(bad[:, j] - bad[:, i], of)
            p[i, j], p[j, i] = one_sided(gain), one_sided(-gain)
    if holm:
        tested = ~np.isnan(p)
        p[tested] = corrected([float(one) for one in p[tested]])
    return p


def one_sided(gains: Floats) -> float:
    """P of Wilcoxon's signed-rank test that ``gains`` lie above 0; NaN with fewer than 2."""
    from ..significance.paired import signed_rank

    _, p, _ = signed_rank(gains, "greater")
    return float("nan") if p is None else p


def _per_patient(differences: Floats, patients: NDArray[Any]) -> Floats:
    both = ~np.isnan(differences)
    _, of_case = np.unique(patients[both], return_inverse=True)
    sums = np.bincount(of_case, weights=differences[both])
    return np.asarray(sums / np.bincount(of_case), dtype=np.float64)
