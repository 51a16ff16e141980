"""Would the order stand with other patients: ranks in joint resamples of the patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bootstrap import LEVEL, RESAMPLES, resampled_counts, resampled_means
from ..errors import UsageError
from .resampled_tests import resampled_wins
from .schemes import (
    Floats,
    Ints,
    Ranking,
    Scheme,
    aggregate_then_rank,
    badness,
    case_ranks,
    rank,
    rank_then_aggregate,
    test_based,
)

__all__ = ["RankStability", "ranking", "stabilities", "stability"]


@dataclass(frozen=True)
class RankStability:
    """Ranks of the methods in resamples of the patients.

    Attributes:
        scheme: How each resample was ranked.
        names: The methods.
        ranks: ``(method,)``: of all cases.
        counts: ``(method, rank)``: resamples in which the method has rank 1, 2 ...
        low: ``(method,)``: lower end of the 95 % interval (2.5th percentile, a rank that occurs).
        median: ``(method,)``: of the ranks.
        high: ``(method,)``: upper end.
        kendall: ``(resamples,)``: Kendall's tau-b of each resample's ranks with those of all
            cases; NaN where either ranks all alike.
        ahead: ``(method, method)``: share of resamples in which the row ranks before the column;
            ties count for neither.
        n_patients: How many there are.
        note: Why nothing was resampled; empty otherwise.
    """

    scheme: Scheme
    names: tuple[str, ...]
    ranks: Ints
    counts: Ints
    low: Floats
    median: Floats
    high: Floats
    kendall: Floats
    ahead: Floats
    n_patients: int
    note: str = ""

    @property
    def resamples(self) -> int:
        """How many there were."""
        return len(self.kendall)

    @property
    def mean_kendall(self) -> float | None:
        """Mean of the taus that are defined; None without any."""
        known = self.kendall[~np.isnan(self.kendall)]
        return float(known.mean()) if known.size else None

    @property
    def keeps(self) -> Floats:
        """``(method, method)``: share of resamples in which a pair keeps its order of all cases.

        Symmetric; NaN for a pair that is tied in all cases, on the diagonal, and without resamples.
        """
        before = self.ranks[:, None] < self.ranks[None, :]
        kept = np.where(before, self.ahead, np.where(before.T, self.ahead.T, np.nan))
        return np.asarray(kept, dtype=np.float64)


def ranking(
    values: ArrayLike,
    better: str,
    scheme: Scheme | str = Scheme.MEAN,
    *,
    patients: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Ranking:
    """The order of all cases by any scheme; ``weights`` are of the mean alone.

    Raises:
        UsageError: There is no such scheme or direction.
    """
    scheme = _scheme(scheme)
    if scheme is Scheme.MEAN:
        return aggregate_then_rank(values, better, weights=weights)
    if scheme is Scheme.MEDIAN:
        return aggregate_then_rank(values, better, how="median")
    if scheme is Scheme.RANK:
        return rank_then_aggregate(values, better)
    return test_based(values, better, patients)


def stability(
    values: ArrayLike,
    patients: ArrayLike,
    scheme: Scheme | str = Scheme.MEAN,
    better: str = "higher",
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> RankStability:
    """Rank the methods in each of many resamples of the patients.

    All methods see the same resamples. The ranks of a case do not depend on the other cases, so
    that :attr:`.Scheme.RANK` resamples them as they are. The tests of :attr:`.Scheme.TEST` take the
    normal approximation in a resample, where drawing a patient twice makes ties.

    Args:
        values: ``(case, method)``; NaN is undefined.
        patients: ``(case,)``; cases of one patient are drawn together.
        scheme: How to rank.
        better: ``higher``, ``lower`` or ``zero``.
        names: Of the methods; by default their numbers from 1.
        weights: ``(case, method)`` of the mean: shares of seeds with a value.
        resamples: How many.
        seed: Of the draws.

    Returns:
        With fewer than two patients nothing is resampled: ``counts`` are 0, intervals NaN, and the
        note says why.

    Raises:
        UsageError: There is no such scheme or direction.
    """
    matrix = np.asarray(values, dtype=np.float64)
    labels = tuple(names) if names is not None else tuple(map(str, range(1, matrix.shape[1] + 1)))
    given = None if weights is None else {"": np.asarray(weights, dtype=np.float64)}
    return stabilities({"": matrix}, patients, scheme, {"": better}, names=labels, weights=given,
                       resamples=resamples, seed=seed)[""]  # fmt: skip


def stabilities(
    matrices: Mapping[str, Floats],
    patients: ArrayLike,
    scheme: Scheme | str,
    better: Mapping[str, str],
    *,
    names: Sequence[str],
    weights: Mapping[str, Floats] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, RankStability]:
    """:func:`stability` of several metrics of the same cases: one matrix product for them all.

    Args:
        matrices: By metric ``(case, method)``, the same cases and methods in all.
        patients: ``(case,)``.
        scheme: How to rank.
        better: By metric.
        names: Of the methods.
        weights: By metric ``(case, method)``, of :attr:`.Scheme.MEAN`.
        resamples: How many.
        seed: Of the draws, the same for all metrics.
    """
    scheme = _scheme(scheme)
    of = np.asarray(patients).astype(str)
    held = {key: np.asarray(matrix, dtype=np.float64) for key, matrix in matrices.items()}
    shares = weights if scheme is Scheme.MEAN and weights else {}
    found = {}
    drawn = _scores(held, of, scheme, better, shares, resamples, seed)
    for key, matrix in held.items():
        full = ranking(matrix, better[key], scheme, patients=of, weights=shares.get(key))
        counted = ~np.isnan(matrix).all(axis=1)
        n = len(np.unique(of[counted]))
        if n < 2:
            found[key] = _nothing(scheme, tuple(names), full, n)
            continue
        found[key] = _summary(scheme, tuple(names), full, rank(drawn[key]), n)
    return found


def _scores(
    held: Mapping[str, Floats],
    patients: NDArray[np.str_],
    scheme: Scheme,
    better: Mapping[str, str],
    weights: Mapping[str, Floats],
    resamples: int,
    seed: int,
) -> dict[str, Floats]:
    """By metric ``(resamples, method)``: the less the better; NaN without a value."""
    if scheme is Scheme.MEDIAN:
        return {
            key: badness(_resampled_medians(matrix, patients, resamples, seed), better[key])
            for key, matrix in held.items()
        }
    if scheme is Scheme.TEST:
        return {
            key: -resampled_wins(badness(matrix, better[key]), patients, resamples, seed)
            for key, matrix in held.items()
        }
    columns = []
    for key, matrix in held.items():
        if scheme is Scheme.RANK:
            mine = case_ranks(matrix, better[key])
            # Never defined: it has worst ranks, but no rank of its own.
            columns.append(np.where(np.isnan(matrix).all(axis=0), np.nan, mine))
        else:
            columns.append(matrix)
    joint = np.concatenate(columns, axis=1) if columns else np.empty((len(patients), 0))
    shares = np.ones_like(joint)
    if weights:
        every = [weights.get(key, np.ones_like(matrix)) for key, matrix in held.items()]
        shares = np.concatenate(every, axis=1)
    # Equal columns must stay equal to the last bit, or rounding would break their tie.
    both = np.concatenate([np.where(np.isnan(joint), np.inf, joint), shares])
    _, first, again = np.unique(both, axis=1, return_index=True, return_inverse=True)
    means = resampled_means(joint[:, first], patients, shares[:, first] if weights else None,
                            resamples=resamples, seed=seed)[:, again.ravel()]  # fmt: skip
    found, at = {}, 0
    for key, matrix in held.items():
        mine = means[:, at : at + matrix.shape[1]]
        at += matrix.shape[1]
        found[key] = mine if scheme is Scheme.RANK else badness(mine, better[key])
    return found


def _resampled_medians(
    matrix: Floats, patients: NDArray[np.str_], resamples: int, seed: int
) -> Floats:
    """``(resamples, method)``: medians over the drawn cases that have a value."""
    names, of_case = np.unique(patients, return_inverse=True)
    parts: list[Floats] = []
    for counts in resampled_counts(len(names), resamples, seed):
        medians = np.full((len(counts), matrix.shape[1]), np.nan)
        for j, column in enumerate(matrix.T):
            order = np.argsort(column, kind="stable")[: int((~np.isnan(column)).sum())]
            if not len(order):
                continue
            up_to = np.cumsum(counts[:, of_case[order]], axis=1)
            total = up_to[:, -1]
            # The middle value of an odd number, the mean of the middle two of an even one.
            ends = [
                column[order][np.minimum((up_to < place[:, None]).sum(axis=1), len(order) - 1)]
                for place in ((total + 1) // 2, total // 2 + 1)
            ]
            medians[:, j] = np.where(total > 0, (ends[0] + ends[1]) / 2, np.nan)
        parts.append(medians)
    return np.concatenate([np.empty((0, matrix.shape[1])), *parts])


def _summary(
    scheme: Scheme, names: tuple[str, ...], full: Ranking, drawn: Ints, n_patients: int
) -> RankStability:
    k = len(names)
    counts = np.stack([np.bincount(drawn[:, j] - 1, minlength=k) for j in range(k)])
    tail = (1 - LEVEL) / 2
    low, high = (
        np.quantile(drawn, end, axis=0, method=method)
        for end, method in ((tail, "lower"), (1 - tail, "higher"))
    )
    kendall, ahead = np.empty(len(drawn)), np.zeros((k, k))
    for start, some in _chunks(drawn):
        signs = np.sign(some[:, None, :] - some[:, :, None]).astype(np.int8)
        ahead += (signs > 0).sum(axis=0)
        kendall[start : start + len(some)] = _tau_b(signs, full.ranks)
    return RankStability(
        scheme, names, full.ranks, counts.astype(np.int64), low.astype(np.float64),
        np.median(drawn, axis=0), high.astype(np.float64), kendall,
        ahead / max(1, len(drawn)), n_patients,
    )  # fmt: skip


def _chunks(drawn: Ints, pairs: int = 4_000_000) -> Iterator[tuple[int, Ints]]:
    at_once = max(1, pairs // max(1, drawn.shape[1] ** 2))
    for start in range(0, len(drawn), at_once):
        yield start, drawn[start : start + at_once]


def _tau_b(signs: NDArray[np.int8], ranks: Ints) -> Floats:
    """Kendall's tau-b of each row's order with ``ranks``, from the signs of all pairs."""
    upper = np.triu_indices(len(ranks), 1)
    mine = signs[:, upper[0], upper[1]].astype(np.float64)
    whole = np.sign(ranks[upper[1]] - ranks[upper[0]]).astype(np.float64)
    untied = np.sqrt((mine**2).sum(axis=1) * (whole**2).sum())
    with np.errstate(invalid="ignore"):
        return np.asarray(mine @ whole / untied, dtype=np.float64)


def _nothing(
    scheme: Scheme, names: tuple[str, ...], full: Ranking, n_patients: int
) -> RankStability:
    k = len(names)
    none = np.full(k, np.nan)
    return RankStability(
        scheme, names, full.ranks, np.zeros((k, k), dtype=np.int64), none, none, none,
        np.empty(0), np.full((k, k), np.nan), n_patients, "fewer than 2 patients with a value",
    )  # fmt: skip


def _scheme(name: Scheme | str) -> Scheme:
    try:
        return Scheme(name)
    except ValueError:
        raise UsageError(
            f"There is no way to rank called {str(name)!r}.", f"There are: {', '.join(Scheme)}."
        ) from None
