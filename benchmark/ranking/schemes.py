"""Three ways to make one order of methods out of their values in many cases.

They answer different questions, and may disagree: who is best on average, who is best in most
cases, who is better than most others beyond chance. Equal scores share the better rank (1, 2, 2,
4), and what is undefined sorts last, never first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError

__all__ = [
    "Ranking",
    "Scheme",
    "aggregate_then_rank",
    "case_ranks",
    "pairwise_p",
    "rank",
    "rank_then_aggregate",
    "test_based",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_DIRECTIONS = ("higher", "lower", "zero")


class Scheme(StrEnum):
    """How values of cases become ranks."""

    MEAN = "mean_then_rank"
    MEDIAN = "median_then_rank"
    RANK = "rank_then_mean"
    TEST = "test_based"

    @property
    def sentence(self) -> str:
        """What it does, to stand beside a table."""
        return _SENTENCES[self]


_SENTENCES = {
    Scheme.MEAN: "ranked by the mean over cases",
    Scheme.MEDIAN: "ranked by the median over cases",
    Scheme.RANK: (
        "ranked in each case (ties share the mean of their ranks, undefined values the worst), "
        "then by the mean of these ranks"
    ),
    Scheme.TEST: (
        "ranked by how many methods are significantly worse (one-sided Wilcoxon signed-rank over "
        "patients, Holm over all pairs, 0.05)"
    ),
}


@dataclass(frozen=True)
class Ranking:
    """An order of methods.

    Attributes:
        scheme: How it was made.
        ranks: ``(method,)``; 1 is best, equal scores share the better rank, and a method without
            a score is last.
        scores: ``(method,)``: what was ranked: a mean, a median, a mean rank, or a number of
            significantly worse methods; NaN without any defined value.
        n: ``(method,)``: cases with a value.
        note: What a reader must know; empty otherwise.
    """

    scheme: Scheme
    ranks: Ints
    scores: Floats
    n: Ints
    note: str = ""


def aggregate_then_rank(
    values: ArrayLike,
    better: str,
    *,
    how: str = "mean",
    weights: ArrayLike | None = None,
) -> Ranking:
    """Rank by the mean or median over cases with a value.

    Args:
        values: ``(case, method)``; NaN is undefined and takes no part.
        better: ``higher``, ``lower``, or ``zero`` (the nearer to 0, of the mean or median).
        how: ``mean`` or ``median``.
        weights: ``(case, method)`` of a mean: the share of seeds with a value, as
            :func:`benchmark.policies.case_means` gives it. A median does not take any.

    Raises:
        UsageError: ``better`` or ``how`` is unknown, or a median is to be weighted.
    """
    matrix = _matrix(values)
    if how not in ("mean", "median"):
        raise UsageError(f"There is no aggregate {how!r}.", "Use mean or median.")
    if how == "median" and weights is not None:
        raise UsageError(
            "A median over cases takes no weights.", "Leave them out, or use the mean."
        )
    scheme = Scheme.MEAN if how == "mean" else Scheme.MEDIAN
    weight = None if weights is None else _matrix(weights)
    scores = np.full(matrix.shape[1], np.nan)
    for j, column in enumerate(matrix.T):
        if how == "median":
            scores[j] = _median(column)
        else:
            scores[j] = _mean(column, None if weight is None else weight[:, j])
    return Ranking(scheme, rank(badness(scores, better)), scores, _known(matrix))


def rank_then_aggregate(values: ArrayLike, better: str) -> Ranking:
    """Rank the methods in each case, then by the mean of their ranks.

    Ties in a case share the mean of their ranks, so that the ranks of a case always have the same
    sum. An undefined value shares the worst rank of its case with the other undefined ones; a case
    in which no method has a value does not count. Where an undefined value is a right answer (both
    masks empty), it must be made perfect before: :func:`.matrices.case_matrix` does.

    Args:
        values: ``(case, method)``; NaN is undefined.
        better: ``higher``, ``lower`` or ``zero``.

    Raises:
        UsageError: ``better`` is unknown.
    """
    matrix = _matrix(values)
    of_cases = case_ranks(matrix, better)
    scores = np.array([_mean(column, None) for column in of_cases.T], dtype=np.float64)
    # A method that has no value at all has the worst rank of every case, but no score.
    scores[_known(matrix) == 0] = np.nan
    return Ranking(Scheme.RANK, rank(scores), scores, _known(matrix))


def test_based(  # a scheme based on tests, not one of pytest's
    values: ArrayLike,
    better: str,
    patients: ArrayLike | None = None,  # noqa: PT028
    *,
    alpha: float = 0.05,  # noqa: PT028
) -> Ranking:
    """Rank by how many other methods are significantly worse, as challengeR does.

    Each ordered pair is tested (:func:`pairwise_p`). A method without any value is last, behind
    those that are merely better than nobody.

    Args:
        values: ``(case, method)``; NaN is undefined; a pair is compared where both have a value.
        better: ``higher``, ``lower`` or ``zero``.
        patients: ``(case,)``; by default each case is a patient.
        alpha: Significant are corrected p not above it.

    Raises:
        UsageError: ``better`` is unknown.
    """
    matrix = _matrix(values)
    p = pairwise_p(matrix, better, patients)
    known = _known(matrix)
    scores = (p <= alpha).sum(axis=1).astype(np.float64)
    scores[known == 0] = np.nan
    tested = int((~np.isnan(p)).sum()) // 2
    pairs = p.shape[0] * (p.shape[0] - 1) // 2
    note = "" if tested == pairs else f"{pairs - tested} of {pairs} pairs could not be tested"
    return Ranking(Scheme.TEST, rank(-scores), scores, known, note)


def pairwise_p(
    values: ArrayLike, better: str, patients: ArrayLike | None = None, *, holm: bool = True
) -> Floats:
    """One-sided p of each row being better than each column: what a significance map shows.

    Wilcoxon signed-rank on one mean difference per patient, over the cases where both methods have
    a value; zeros are dropped, and the distribution is enumerated up to 50 patients without ties.
    Holm's correction is over all ordered pairs, as they are all looked at.

    Args:
        values: ``(case, method)``; NaN is undefined.
        better: ``higher``, ``lower`` or ``zero`` (sizes are compared).
        patients: ``(case,)``; by default each case is a patient.
        holm: Whether to correct.

    Returns:
        ``(method, method)``; NaN on the diagonal and where fewer than 2 patients have both values;
        1 where all differences are 0.
    """
    bad = badness(_matrix(values), better)
    cases, methods = bad.shape
    of = np.arange(cases) if patients is None else np.asarray(patients)
    p = np.full((methods, methods), np.nan)
    for i in range(methods):
        for j in range(i):
            gain = _per_patient(bad[:, j] - bad[:, i], of)
            p[i, j], p[j, i] = one_sided(gain), one_sided(-gain)
    if holm:
        tested = ~np.isnan(p)
        p[tested] = holm_adjusted(p[tested])
    return p


def one_sided(gains: Floats) -> float:
    """P of Wilcoxon's signed-rank test that ``gains`` lie above 0; NaN with fewer than 2."""
    if len(gains) < 2:
        return float("nan")
    # Differences that rounding made are none, and sizes that differ by rounding are ties.
    gains = np.round(gains / _TIE) * _TIE
    gains = gains[np.abs(gains) > 0]
    if not len(gains):
        return 1.0
    from scipy.stats import wilcoxon

    tied = len(np.unique(np.abs(gains))) < len(gains)
    method = "exact" if not tied and len(gains) <= _EXACT else "approx"
    return float(wilcoxon(gains, alternative="greater", method=method).pvalue)


def holm_adjusted(p: Floats) -> Floats:
    """Holm's step-down correction of p values without NaN."""
    if not p.size:
        return p
    from statsmodels.stats.multitest import multipletests

    adjusted: Floats = np.asarray(multipletests(p, method="holm")[1], dtype=np.float64)
    return adjusted


#: Differences closer than this are ties: rounding must not rank them.
_TIE = 1e-12
#: Up to this many differences without ties, the Wilcoxon distribution is enumerated.
_EXACT = 50


def case_ranks(values: ArrayLike, better: str) -> Floats:
    """Ranks within each case.

    Args:
        values: ``(case, method)``; NaN is undefined.
        better: ``higher``, ``lower`` or ``zero``.

    Returns:
        ``(case, method)``; 1 is best, ties share the mean of their ranks, undefined values share
        the worst; NaN throughout a case without any value.
    """
    from scipy.stats import rankdata

    bad = badness(_matrix(values), better)
    if not bad.size:
        return bad
    ranks: Floats = rankdata(np.where(np.isnan(bad), np.inf, bad), axis=1)
    ranks[np.isnan(bad).all(axis=1)] = np.nan
    return ranks


def rank(bad: ArrayLike) -> Ints:
    """Ranks along the last axis: 1 for the least, ties share the better, NaN last and shared."""
    from scipy.stats import rankdata

    filled = np.asarray(bad, dtype=np.float64)
    filled = np.where(np.isnan(filled), np.inf, filled)
    if not filled.size:
        return np.zeros(filled.shape, dtype=np.int64)
    return np.asarray(rankdata(filled, method="min", axis=-1)).astype(np.int64)


def badness(values: Floats, better: str) -> Floats:
    """The less the better.

    Raises:
        UsageError: ``better`` is none of ``higher``, ``lower`` and ``zero``.
    """
    if better not in _DIRECTIONS:
        raise UsageError(
            f"Nothing can be ranked whose better direction is {better!r}.",
            f"It must be one of {', '.join(_DIRECTIONS)}.",
        )
    return {"higher": -values, "lower": values}.get(better, np.abs(values))


def _matrix(values: ArrayLike) -> Floats:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"values must be (case, method), not of shape {matrix.shape}")
    return matrix


def _known(matrix: Floats) -> Ints:
    return np.asarray((~np.isnan(matrix)).sum(axis=0), dtype=np.int64)


def _mean(column: Floats, weight: Floats | None) -> float:
    """As a leaderboard's mean is made, to the last digit; NaN without a value."""
    known = ~np.isnan(column)
    if not known.any():
        return float("nan")
    shares = np.ones(int(known.sum())) if weight is None else weight[known]
    return float((column[known] * shares).sum() / shares.sum())


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if known.size else float("nan")


def _per_patient(differences: Floats, patients: NDArray[Any]) -> Floats:
    both = ~np.isnan(differences)
    _, of_case = np.unique(patients[both], return_inverse=True)
    sums: Floats = np.bincount(of_case, weights=differences[both])
    return sums / np.bincount(of_case)
