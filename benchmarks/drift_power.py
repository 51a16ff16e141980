"""The method gate's decision on a thousand resamples at once.

The functions are those of :mod:`benchmark.drift.margins`, over a leading axis of resamples; that
:func:`benchmark.drift.check_method` decides the same is tested, and checked by ``--verify``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from drift_data import Series
from drift_injections import lose
from numpy.typing import NDArray

from benchmark.bootstrap import resampled_counts
from benchmark.drift.margins import (
    allowance,
    case_allowance,
    is_regression,
    loss_of,
    mean_loss,
    seed_spread,
)
from benchmark.drift.tolerances import Tolerances

__all__ = ["GATED", "Draws", "counts_of", "decided", "draw", "injected", "smallest"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Quantities that share alpha: the six default columns and false alarms.
GATED = 7


@dataclass(frozen=True, eq=False)
class Draws:
    """Resampled patients of both sides, and the seeds that they were drawn with.

    Attributes:
        series: Of what.
        then: ``(resample, seed, case)``, of the entry.
        measured: ``(resample, seed, case)``: which of these are no miss.
        now: ``(resample, seed, case)``, of the run, of the same cases.
        exact: Whether the models are the same files.
    """

    series: Series
    then: Floats
    measured: Bools
    now: Floats
    exact: bool


def draw(
    series: Series,
    rng: np.random.Generator,
    resamples: int,
    n_then: int,
    n_now: int,
    *,
    exact: bool = False,
    now: Series | None = None,
) -> Draws:
    """Resample the patients of both sides together, and choose seeds.

    Args:
        series: All seeds there are.
        rng: Of patients and seeds.
        resamples: How many.
        n_then: Seeds of the entry.
        n_now: Seeds of the run: others than the entry's, or, of ``exact``, the same.
        exact: The run has the entry's own models: seed is compared with seed.
        now: Where the run's seeds come from, if not from ``series``: the same method trained
            under other circumstances, of the same cases.
    """
    seeds, cases = series.values.shape
    columns = rng.integers(0, cases, (resamples, 1, cases))
    order = rng.random((resamples, seeds)).argsort(axis=1)
    old = order[:, :n_now] if exact else order[:, :n_then]
    pool, new = series.values, old if exact else order[:, n_then : n_then + n_now]
    if now is not None:
        pool = now.values
        new = rng.random((resamples, len(pool))).argsort(axis=1)[:, :n_now]
    then = series.values[old[:, :, None], columns]
    measured = series.defined[old[:, :, None], columns]
    return Draws(series, then, measured, pool[new[:, :, None], columns], exact)


def injected(draws: Draws, rng: np.random.Generator, loss: float, n: int | None) -> Draws:
    """The run's overlaps with a loss of the mean, on ``n`` random cases or on all."""
    cases = draws.now.shape[-1]
    order = rng.random((len(draws.now), cases)).argsort(axis=1)
    worse = lose(draws.now, loss, order, cases if n is None else n)
    return replace(draws, now=worse)


def decided(
    draws: Draws, tolerances: Tolerances, counts: Floats, gated: int = GATED
) -> tuple[Bools, Bools]:
    """Whether the gate finds a regression: by the mean, and by a single case; ``(resample,)``.

    Args:
        draws: What is compared.
        tolerances: Of the gate.
        counts: ``(inner resample, case)`` of :func:`counts_of`, for the interval over patients.
        gated: How many quantities share alpha.
    """
    rule = tolerances.rule(draws.series.quantity, draws.series.dataset)
    if rule is None:
        raise ValueError(f"{draws.series.quantity} has no tolerance")
    better = "higher" if draws.series.higher else "lower"
    old, new = loss_of(draws.then, better), loss_of(draws.now, better)
    mean = np.abs(old.mean(axis=(1, 2)))
    chance: Floats | float = 0.0
    limits: Floats | float = 0.0
    if not draws.exact:
        if rule.capped:
            # As the gate: trained anew, a miss counts as the largest distance measured.
            top = np.where(draws.measured, old, -np.inf).max(axis=(1, 2), keepdims=True)
            top = np.where(np.isfinite(top), top, np.inf)
            old, new = np.minimum(old, top), np.minimum(new, top)
        seeds, n_now = tolerances.seeds, new.shape[1]
        spread = seed_spread(old, seeds.rho, seeds.prior_df)
        chance = allowance(spread, n_now, seeds.alpha / gated)
        limits = case_allowance(old, n_now, seeds.case_alpha / gated, seeds.case_prior_df)
    losses = new.mean(axis=1) - old.mean(axis=1)
    margin = np.maximum(rule.margin, rule.margin_relative * mean)
    tolerance = np.maximum(rule.absolute, rule.relative * mean) + chance
    loss = mean_loss(old, new)
    high = np.full(len(loss), np.inf)
    asked = np.flatnonzero(loss > tolerance)
    if asked.size:
        # Of those alone: the rest is no regression, whatever the interval.
        means = np.sort(losses[asked] @ counts.T / counts.shape[1], axis=1)
        high[asked] = np.quantile(means, 0.975, axis=1)
    fallen = (losses > np.maximum(limits, rule.case)) & (new.min(axis=1) > old.max(axis=1))
    return is_regression(loss, high, tolerance, margin), fallen.any(axis=1)


def counts_of(cases: int, resamples: int, seed: int = 0) -> Floats:
    """How often each patient is drawn, ``(resample, case)``."""
    return np.concatenate(list(resampled_counts(cases, resamples, seed)))


def smallest(rates: Sequence[float], losses: Sequence[float], share: float) -> float | None:
    """The smallest loss from which on at least this share is found, between the grid's points."""
    found = np.maximum.accumulate(np.asarray(rates, dtype=np.float64))
    if not found.size or found[-1] < share:
        return None
    return float(np.interp(share, found, losses))
