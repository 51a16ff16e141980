"""Three ways to make one order of methods out of their values in many cases.

They answer different questions, and may disagree: who is best on average, who is best in most
cases, who is better than most others beyond chance. Equal scores share the better rank (1, 2, 2,
4), and what is undefined sorts last, never first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .directions import Floats, Ints, badness, matrix_of, rank
from .pairs import pairwise_p

__all__ = [
    "Ranking",
    "Scheme",
    "aggregate_then_rank",
    "case_ranks",
    "rank_then_aggregate",
    "test_based",
]


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
    matrix = matrix_of(values)
    if how not in ("mean", "median"):
        raise UsageError(f"There is no aggregate {how!r}.", "Use mean or median.")
    if how == "median" and weights is not None:
        raise UsageError(
            "A median over cases takes no weights.", "Leave them out, or use the mean."
        )
    scheme = Scheme.MEAN if how == "mean" else Scheme.MEDIAN
    weight = None if weights is None else matrix_of(weights)
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
    matrix = matrix_of(values)
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
    matrix = matrix_of(values)
    p = pairwise_p(matrix, better, patients)
    known = _known(matrix)
    scores = (p <= alpha).sum(axis=1).astype(np.float64)
    scores[known == 0] = np.nan
    tested = int((~np.isnan(p)).sum()) // 2
    pairs = p.shape[0] * (p.shape[0] - 1) // 2
    note = "" if tested == pairs else f"{pairs - tested} of {pairs} pairs could not be tested"
    return Ranking(Scheme.TEST, rank(-scores), scores, known, note)


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

    bad = badness(matrix_of(values), better)
    if not bad.size:
        return bad
    # Means of seeds that differ by the order of their sum only are ties, as in `rank`.
    bad = np.round(bad, 12)
    ranks: Floats = 1.0 * rankdata(np.where(np.isnan(bad), np.inf, bad), axis=1)
    ranks[np.isnan(bad).all(axis=1)] = np.nan
    return ranks


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
