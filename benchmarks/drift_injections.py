"""Regressions to inject: pure functions of scores and of runs, each a thing that happens.

Losses are put on arrays ``(..., seed, case)`` of an overlap metric, in points of the mean: 0.02 is
2 % Dice. The others change one fact of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.results import Run

__all__ = ["dropped", "false_alarm", "hungrier", "lose", "moved_grid", "other_data",
           "other_definition", "slower", "undone"]  # fmt: skip

Floats = NDArray[np.float64]


def lose(values: Floats, loss: float, order: NDArray[np.intp], n: int) -> Floats:
    """Overlaps whose mean over cases is lower by exactly ``loss``, if they have so much to lose.

    The first ``n`` cases of ``order`` bear it in equal shares; what is more than a case has (no
    overlap is below 0) goes on to the next in the order, those that have borne theirs included.

    Args:
        values: ``(..., seed, case)``, 0 to 1.
        loss: Of the mean, in points: 0.02 is 2 % Dice.
        order: ``(..., case)``: positions of the cases.
        n: How many bear it; all cases of the axis for a loss that is the same everywhere.
    """
    place = np.broadcast_to(order[..., None, :], values.shape)
    left = np.take_along_axis(values, place, axis=-1)
    total = loss * values.shape[-1]
    share = np.minimum(left[..., :n], total / n)
    left[..., :n] -= share
    rest = total - share.sum(axis=-1)
    for case in range(values.shape[-1]):
        more = np.clip(rest, 0.0, left[..., case])
        left[..., case] -= more
        rest = rest - more
    found = np.empty_like(values)
    np.put_along_axis(found, place, left, axis=-1)
    return found


def undone(run: Run, case: str, status: str) -> Run:
    """One case without a value, as after a failure to predict or to score it.

    Args:
        run: A run.
        case: Which.
        status: ``error``, ``no_prediction``, or ``pred_empty``: nothing found, so that distances
            are undefined and overlaps 0.
    """
    scores = run.scores.copy()
    mine = (scores["case"] == case) & (scores["status"] != "not_applicable")
    if status == "pred_empty":
        mine &= ~scores["status"].isin(["both_empty", "ref_empty"])
        zero = mine & (scores["better"] == "higher") & scores["dim"].isna()
        scores["value"] = scores["value"].mask(mine, np.nan).mask(zero, 0.0)
    else:
        scores["value"] = scores["value"].mask(mine, np.nan)
        scores["worst"] = scores["worst"].mask(mine & scores["worst"].isna(), 0.0)
    scores["status"] = scores["status"].astype(object).mask(mine, status)
    cases = run.cases.copy()
    if status != "pred_empty":
        told = cases["case"] == case
        cases["status"] = cases["status"].astype(object).mask(told, "error")
        cases["message"] = cases["message"].astype(object).mask(told, "injected")
    return replace(run, scores=scores, cases=cases)


def dropped(run: Run, case: str) -> Run:
    """A case that is not in the run at all."""
    return replace(
        run,
        cases=run.cases[(run.cases["case"] != case).to_numpy()],
        scores=run.scores[(run.scores["case"] != case).to_numpy()],
        features=run.features[(run.features["case"] != case).to_numpy()],
    )


def false_alarm(run: Run, case: str, region: str = "scar") -> Run:
    """A heart without the region, where it is found now."""
    scores = run.scores.copy()
    mine = (scores["case"] == case) & (scores["region"] == region)
    mine &= scores["status"] == "both_empty"
    scores["status"] = scores["status"].astype(object).mask(mine, "ref_empty")
    worst = np.where(scores["better"] == "higher", 0.0, 500.0)
    scores["worst"] = scores["worst"].where(~mine, worst)
    return replace(run, scores=scores)


def moved_grid(run: Run, case: str) -> Run:
    """A case whose field of view has another size, as after resampling or cropping."""
    diagonal = run.cases["diagonal_mm"].mask(run.cases["case"] == case, 1.01 * run.cases[
        "diagonal_mm"])  # fmt: skip
    return replace(run, cases=run.cases.assign(diagonal_mm=diagonal))


def other_definition(run: Run, metric: str) -> Run:
    """The card of a metric has another hash."""
    cards = {k: "0" * len(v) if k.startswith(metric) else v
             for k, v in run.record.metric_cards.items()}  # fmt: skip
    return replace(run, record=run.record.model_copy(update={"metric_cards": cards}))


def other_data(run: Run) -> Run:
    """The voxels that were scored are others."""
    dataset = run.record.dataset.model_copy(update={"fingerprint": "0" * 64})
    return replace(run, record=run.record.model_copy(update={"dataset": dataset}))


def slower(run: Run, factor: float) -> Run:
    """Training and predicting took ``factor`` times as long."""
    return _costing(run, factor, "seconds", "seconds")


def hungrier(run: Run, factor: float) -> Run:
    """Training and predicting took ``factor`` times the memory."""
    return _costing(run, factor, "memory", "peak_memory_mb")


def _costing(run: Run, factor: float, word: str, column: str) -> Run:
    def more(name: str, value: Any) -> Any:
        is_cost = word in name and isinstance(value, int | float) and not isinstance(value, bool)
        return value * factor if is_cost else value

    stages = {stage: {k: more(k, v) for k, v in facts.items()}
              for stage, facts in run.record.stages.items()}  # fmt: skip
    totals = {k: more(k, v) for k, v in run.record.totals.items()}
    record = run.record.model_copy(update={"stages": stages, "totals": totals})
    costs = pd.to_numeric(run.cases[column]) * factor
    return replace(run, record=record, cases=run.cases.assign(**{column: costs}))


#: What one run may suffer, by what a table calls it: takes the run and a case.
EVENTS: dict[str, Callable[[Run, str], Run]] = {
    "case: error": lambda run, case: undone(run, case, "error"),
    "case: no prediction": lambda run, case: undone(run, case, "no_prediction"),
    "case: nothing found": lambda run, case: undone(run, case, "pred_empty"),
    "case: not in the run": dropped,
    "case: another grid": moved_grid,
    "definition of dice": lambda run, case: other_definition(run, "dice"),
    "data fingerprint": lambda run, case: other_data(run),
    **{f"slower x{f:g}": lambda run, case, f=f: slower(run, f) for f in (1.2, 1.5, 2.0, 3.0)},
    **{f"hungrier x{f:g}": lambda run, case, f=f: hungrier(run, f) for f in (1.2, 1.5, 2.0, 3.0)},
}
