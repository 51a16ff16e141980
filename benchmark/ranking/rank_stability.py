"""What resamples say of a ranking: how often which rank, and who stays ahead of whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import LEVEL
from .directions import Floats, Ints
from .schemes import Ranking, Scheme

__all__ = ["RankStability", "nothing", "summary"]


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


def summary(
    scheme: Scheme, names: tuple[str, ...], full: Ranking, drawn: Ints, n_patients: int
) -> RankStability:
    """What ``drawn``, ``(resamples, method)`` ranks, say beside the ranks of all cases."""
    k = len(names)
    counts = np.stack([np.bincount(drawn[:, j] - 1, minlength=k) for j in range(k)])
    tail = (1 - LEVEL) / 2
    as_floats = drawn.astype(np.float64)
    low = np.quantile(as_floats, tail, axis=0, method="lower")
    high = np.quantile(as_floats, 1 - tail, axis=0, method="higher")
    kendall, ahead = np.empty(len(drawn)), np.zeros((k, k))
    for start, some in _chunks(drawn):
        signs = np.sign(some[:, None, :] - some[:, :, None]).astype(np.int8)
        ahead += (signs > 0).sum(axis=0)
        kendall[start : start + len(some)] = _tau_b(signs, full.ranks)
    return RankStability(
        scheme, names, full.ranks, counts.astype(np.int64), low,
        np.median(as_floats, axis=0), high, kendall,
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


def nothing(
    scheme: Scheme, names: tuple[str, ...], full: Ranking, n_patients: int, why: str
) -> RankStability:
    """The stability that was not estimated, and why."""
    k = len(names)
    none = np.full(k, np.nan)
    return RankStability(
        scheme, names, full.ranks, np.zeros((k, k), dtype=np.int64), none, none, none,
        np.empty(0), np.full((k, k), np.nan), n_patients, why,
    )  # fmt: skip
