"""Where to look next: Bayesian optimisation with a Gaussian process, by Optuna.

A suggestion follows from the seed, its number and the trials before it, and from nothing else: a
new sampler is made for each, seeded with seed and number. Optuna's own sampler would carry random
state and the last fit of its process from trial to trial, so that a search which was interrupted
would go elsewhere than one which was not.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import UsageError
from .ranges import Range
from .trials import Trial, best_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["need_optuna", "random_trials", "suggest"]


def need_optuna() -> None:
    """See that Optuna is there, without importing it.

    Raises:
        UsageError: It is not.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError(
            "Tuning needs Optuna, which is not installed.", "pip install 'scarbench[tune]'"
        )


def random_trials(space: Mapping[str, Range]) -> int:
    """How many trials are drawn at random before there is a model: two for each parameter."""
    return 2 * len(space)


def suggest(
    space: Mapping[str, Range], trials: Sequence[Trial], higher: bool, seed: int, number: int
) -> tuple[dict[str, Any], Literal["random", "model"]]:
    """The parameters of trial ``number``, and how they were found.

    A trial that failed is shown to the model as the worst there was: with no value it would leave a
    hole, which the model would be drawn to again and again.

    Args:
        space: What is searched.
        trials: All trials before, done or failed.
        higher: Whether the greater value is the better.
        seed: Of the search.
        number: Of this trial.
    """
    whole = math.prod(one.size for one in space.values())
    with _quiet():
        import optuna

        # of a few choices there may not be so many
        start = int(min(random_trials(space), whole))
        mixed = np.random.SeedSequence([seed, number]).generate_state(2)
        sampler = optuna.samplers.GPSampler(
            seed=int(mixed[0]),
            independent_sampler=optuna.samplers.RandomSampler(seed=int(mixed[1])),
            n_startup_trials=start,
        )
        study = optuna.create_study(direction="maximize" if higher else "minimize", sampler=sampler)
        distributions = {name: _distribution(one) for name, one in space.items()}
        worst = best_of(trials, not higher)
        # Without a single value there is nothing to model.
        for trial in trials if worst is not None else ():
            assert worst is not None
            value = worst.value if trial.value is None else trial.value
            study.add_trial(
                optuna.trial.create_trial(
                    params=trial.parameters, distributions=distributions, value=value
                )
            )
        modelled = len(study.trials) >= start
        asked = study.ask(distributions)
    found = {name: one.rounded(asked.params[name]) for name, one in space.items()}
    return found, "model" if modelled else "random"


def _distribution(one: Range) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if one.choices:
        return CategoricalDistribution(one.choices)
    assert one.low is not None
    assert one.high is not None
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(float(one.low), float(one.high), log=one.log)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's log on stderr, and what it says of its experimental parts."""
    from optuna import exceptions, logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", exceptions.ExperimentalWarning)
            yield
    finally:
        logging.set_verbosity(before)
