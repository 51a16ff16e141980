"""Would the order stand with other patients: ranks in joint resamples of the patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bootstrap import RESAMPLES, resampled_counts, resampled_means
from ..errors import UsageError
from .directions import Floats, badness, rank
from .rank_stability import RankStability, nothing, summary
from .resampled_tests import resampled_wins
from .schemes import (
    Ranking,
    Scheme,
    aggregate_then_rank,
    case_ranks,
    rank_then_aggregate,
    test_based,
)

__all__ = ["ranking", "stabilities", "stability"]


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
    drawn = _scores(held, of, scheme, better, shares, max(0, resamples), seed)
    for key, matrix in held.items():
        full = ranking(matrix, better[key], scheme, patients=of, weights=shares.get(key))
        counted = ~np.isnan(matrix).all(axis=1)
        n = len(np.unique(of[counted]))
        if n < 2 or resamples < 1:
            why = "fewer than 2 patients with a value" if n < 2 else "no resamples were asked for"
            found[key] = nothing(scheme, tuple(names), full, n, why)
            continue
        found[key] = summary(scheme, tuple(names), full, rank(drawn[key]), n)
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


def _scheme(name: Scheme | str) -> Scheme:
    try:
        return Scheme(name)
    except ValueError:
        raise UsageError(
            f"There is no way to rank called {str(name)!r}.", f"There are: {', '.join(Scheme)}."
        ) from None
