"""What a trial is worth: its runs on the validation cases, as a leaderboard would average them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .averages import means
from .errors import DataError, PluginError, UsageError
from .gone import LostProcessError
from .plan import RunRequest
from .policies import Policy, case_means
from .progress import Reporter
from .replies import RunResult
from .table import Quantity, read_runs, select, tidy
from .trials import Trial
from .types import Role

__all__ = ["POLICY", "ROLES", "tried"]

#: Cases of which roles are predicted and scored.
ROLES: tuple[Role, ...] = ("validation",)
#: What an undefined value counts as: as leaderboards have it.
POLICY = Policy.WORST_CASE


def tried(
    trial: Trial,
    base: RunRequest,
    quantity: Quantity,
    seeds: Sequence[int],
    reporter: Reporter,
    run: Callable[[RunRequest, Reporter], RunResult],
) -> Trial:
    """``trial``, done or failed.

    Args:
        trial: Its parameters are laid over those of ``base``.
        base: What every run is.
        quantity: What the value is the mean of, seeds averaged within each case.
        seeds: A run each.
        reporter: Told of the progress.
        run: Does a run.

    Raises:
        DataError: What no other parameters would mend: the data, the disk, or the loss of a process
            that did not train.
    """
    started = time.monotonic()
    settings = {**base.settings, **trial.parameters}
    results: list[RunResult] = []
    try:
        for seed in seeds:
            results.append(run(replace(base, settings=settings, seed=seed), reporter))
            _whole(results[-1])
        value, cases = _value(quantity, results)
        outcome: dict[str, Any] = {"state": "done", "value": value, "cases": cases}
    except LostProcessError as error:
        if not error.training:  # so it is not the parameters' doing
            raise DataError(error.problem, error.fix) from error
        outcome = {"state": "failed", "reason": str(error)}
    # The parameters' fault; a DataError is nobody's who could be tried with others.
    except (PluginError, UsageError) as error:
        outcome = {"state": "failed", "reason": str(error)}
    return trial.model_copy(
        update={
            **outcome,
            "seconds": round(time.monotonic() - started, 3),
            "cached": bool(results) and all(result.cached for result in results),
            "runs": [result.path.name for result in results],
        }
    )


def _whole(result: RunResult) -> None:
    if result.errors:
        case, message = next(iter(result.errors.items()))
        raise PluginError(f"{len(result.errors)} case(s) failed, {case} for one: {message}")


def _value(quantity: Quantity, results: Sequence[RunResult]) -> tuple[float, int]:
    """What ``bench leaderboard`` would show of these runs, of the validation cases."""
    table = tidy(read_runs([result.path for result in results], levels=[quantity.level]))
    table = select(table, [quantity], roles=ROLES)
    labels = sorted(set(table["label"].astype(str)))
    found = means(table, labels, quantity, POLICY) if labels else {}
    value = next(iter(found.values()), None)
    if value is None:
        raise PluginError(f"No validation case has a value of {quantity}.")
    return value, int(case_means(table, POLICY)["value"].notna().sum())
