"""How much worse a run may be by chance: the variance between seeds, from few seeds.

Of three seeds, the variance of a mean over cases has two degrees of freedom: a t interval of ten
standard deviations, which hides everything. What is well known even from three seeds is how much a
single case varies, for there are many cases. If a seed moved every case by itself, the mean over
``C`` cases would vary by ``v / C``; that a seed makes a whole network better or worse adds to it by
the intraclass correlation ``rho`` of its cases, ``(1 + (C - 1) rho) v / C``. This is the prior
towards which the observed variance is moderated, as the variances of genes are (Smyth, Statistical
Applications in Genetics and Molecular Biology 2004; 3(1):3)::

    s2 = (d s2_observed + d0 s2_prior) / (d + d0),   with d + d0 degrees of freedom

Everything is estimated from the entry alone: a run cannot widen what it is judged by, so that
worsening a case can never turn a regression into none. All functions take leading axes, over which
they are vectorised, and losses: numbers of which more is worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bootstrap import LEVEL, RESAMPLES, interval, resampled_means

__all__ = ["Spread", "allowance", "case_allowance", "is_better", "is_regression", "loss_of",
           "mean_loss", "patient_intervals", "seed_spread"]  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """The standard deviation between seeds of a mean over cases.

    Attributes:
        sd: ``(...)``; NaN if it cannot be told: fewer than two seeds.
        df: Degrees of freedom.
        observed: ``(...)``; that of the means alone, unmoderated.
        n_seeds: From how many.
    """

    sd: Floats
    df: float
    observed: Floats
    n_seeds: int


def loss_of(values: Floats, better: str) -> Floats:
    """``values`` so that more is worse: of ``zero``, the nearer to which the better, their size."""
    if better == "higher":
        return -values
    return np.abs(values) if better == "zero" else values


def mean_loss(then: Floats, now: Floats) -> Floats:
    """By how much the mean over cases and seeds is worse, ``(...)``.

    Args:
        then: ``(..., seed, case)`` losses of the entry.
        now: ``(..., seed, case)`` losses of the run, of the same cases.
    """
    # The difference of each case first: where a case is the same, it adds nothing, not a rounding.
    difference: Floats = (now.mean(axis=-2) - then.mean(axis=-2)).mean(axis=-1)
    return difference


def seed_spread(then: Floats, rho: float, prior_df: float) -> Spread:
    """The moderated standard deviation between seeds of the mean over cases.

    Args:
        then: ``(..., seed, case)`` losses of the entry.
        rho: Intraclass correlation of the cases of a seed, 0 to 1.
        prior_df: Degrees of freedom that the prior counts as; 0 is no prior.
    """
    seeds, cases = then.shape[-2:]
    if seeds < 2 or not cases:
        unknown = np.full(then.shape[:-2], np.nan)
        return Spread(unknown, 0.0, unknown, seeds)
    observed = then.mean(axis=-1).var(axis=-1, ddof=1)
    prior = then.var(axis=-2, ddof=1).mean(axis=-1) * (1 + (cases - 1) * rho) / cases
    df = seeds - 1
    moderated = (df * observed + prior_df * prior) / (df + prior_df)
    return Spread(np.sqrt(moderated), df + prior_df, np.sqrt(observed), seeds)


def allowance(spread: Spread, n_now: int, alpha: float) -> Floats:
    """The loss of the mean that unchanged code exceeds with probability ``alpha``, ``(...)``.

    Args:
        spread: Of the entry.
        n_now: Seeds of the run; other ones than the entry's, or the same trained anew.
        alpha: One-sided, of this one quantity.
    """
    from scipy.stats import t

    if not spread.df:
        return np.full_like(spread.sd, np.nan)
    quantile = float(t.ppf(1 - alpha, spread.df))
    found: Floats = quantile * spread.sd * np.sqrt(1 / spread.n_seeds + 1 / n_now)
    return found


def case_allowance(then: Floats, n_now: int, alpha: float, prior_df: float) -> Floats:
    """The same for each single case, ``(..., case)``.

    A case's own variance is moderated towards the mean of all cases' variances. Cases are bounded
    and their errors have heavier tails than the normal distribution's, so that callers also ask
    that every seed of the run is worse than every one of the entry.

    Args:
        then: ``(..., seed, case)`` losses of the entry.
        n_now: Seeds of the run.
        alpha: One-sided, for all cases together.
        prior_df: Degrees of freedom that the prior counts as.
    """
    from scipy.stats import t

    seeds, cases = then.shape[-2:]
    if seeds < 2 or not cases:
        return np.full((*then.shape[:-2], cases), np.nan)
    own = then.var(axis=-2, ddof=1)
    df = seeds - 1
    moderated = (df * own + prior_df * own.mean(axis=-1, keepdims=True)) / (df + prior_df)
    quantile = float(t.ppf(1 - alpha / cases, df + prior_df))
    found: Floats = quantile * np.sqrt(moderated * (1 / seeds + 1 / n_now))
    return found


def patient_intervals(
    losses: Floats, patients: NDArray[np.str_], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Floats, Floats]:
    """Intervals of mean losses over resampled patients, the same for all columns.

    Args:
        losses: ``(case, column)``; NaN takes no part in its column.
        patients: ``(case,)``.
        resamples: How many.
        seed: Of the draws.

    Returns:
        Lower and upper ends, ``(column,)``; NaN of a column with fewer than two patients.
    """
    means = resampled_means(losses, patients, resamples=resamples, seed=seed)
    low, high = np.full((2, losses.shape[1]), np.nan)
    for column in range(losses.shape[1]):
        known = ~np.isnan(losses[:, column])
        ends = interval(means[:, column], len(np.unique(patients[known])), LEVEL)
        if ends[0] is not None and ends[1] is not None:
            low[column], high[column] = ends
    return low, high


def is_regression(
    loss: Floats | float, high: Floats | float, tolerance: Floats | float, margin: Floats | float
) -> NDArray[np.bool_]:
    """Whether a loss is more than is tolerated, and not shown to be less than the margin.

    All arguments broadcast. ``high`` is the upper end of the loss's interval over patients; where
    it is NaN (one patient) nothing is shown, and the tolerance alone decides.
    """
    return np.greater(loss, tolerance) & ~np.less_equal(high, margin)


def is_better(
    loss: Floats | float, high: Floats | float, tolerance: Floats | float
) -> NDArray[np.bool_]:
    """Whether a gain is more than is tolerated, and is one for other patients too."""
    return np.less(loss, np.negative(tolerance)) & np.less(high, 0)
