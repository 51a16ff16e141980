"""The rows of a leaderboard: one method's means, costs and what must be said of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .averages import Cell
from .results import Run
from .table import Quantity

__all__ = ["Row", "board_row", "first_of", "reasons", "track"]

#: What the papers call modalities, in the order of their names in a track.
_INPUTS = {"lge": "LGE", "cine": "cine"}
_MAPS = frozenset({"t1", "t2", "t1_weighted"})


@dataclass(frozen=True)
class Row:
    """One method: an experiment's runs, seeds averaged within each case.

    Attributes:
        rank: 1 is best; equal means share a rank; None if the method is not ranked.
        label: The method's name, with what tells it from its namesakes.
        seeds: The seeds that were averaged.
        folds: Into how many folds the cases were dealt, if they were.
        cells: One per column of the leaderboard.
        train_seconds: Mean over runs; None where nothing was trained.
        seconds_per_epoch: Of training, mean over runs; None where epochs were not recorded.
        seconds_per_case: Mean over predicted cases.
        seconds_per_slice: Of prediction, median over cases without the first, mean over runs; None
            where it was not recorded.
        memory_mb: Peak resident memory of training or predicting, the larger over all runs.
        device_memory_mb: The same of a GPU's tensors; None where there is no GPU.
        parameters: Trainable numbers, if it has a network.
        profile: The profile its parameters start from.
        note: Why it is not ranked, and what else a reader must know.
        track: What its inputs are called: methods of one track see the same images.
    """

    rank: int | None
    label: str
    seeds: tuple[int, ...]
    folds: int | None
    cells: tuple[Cell, ...]
    train_seconds: float | None
    seconds_per_epoch: float | None
    seconds_per_case: float | None
    seconds_per_slice: float | None
    memory_mb: float | None
    device_memory_mb: float | None
    parameters: int | None
    profile: str
    note: str
    track: str = ""


def track(needs: Collection[str]) -> str:
    """What inputs are called: ``LGE``, ``LGE + cine``, ``mapping``.

    Args:
        needs: Modalities that a method needs; maps are one track, whichever of them are given.
    """
    if not needs:
        return "not recorded"
    if set(needs) <= _MAPS:
        return "mapping"
    known = [name for name in _INPUTS if name in needs]
    return " + ".join([*(_INPUTS[name] for name in known), *sorted(set(needs) - set(known))])


def reasons(table: pd.DataFrame, quantity: Quantity) -> dict[str, str]:
    """Per method: how many cases the quantity does not apply to, and why."""
    rows = table[quantity.rows(table)]
    rows = rows[(rows["status"] == "not_applicable").to_numpy()]
    found = {}
    for label, mine in rows.groupby(rows["label"].astype(str)):
        why = first_of(mine["message"]) or "not applicable"
        cases = mine["case"].nunique()
        found[str(label)] = f"{cases} case{'s' if cases > 1 else ''} not applicable: {why}"
    return found


def board_row(
    label: str,
    runs: Sequence[Run],
    cells: tuple[Cell, ...],
    rank: int | None,
    reason: str,
    roles: Sequence[str],
) -> Row:
    """The row of one experiment.

    Args:
        label: The method's name.
        runs: Its seeds and folds.
        cells: One per column.
        rank: None if it is not ranked.
        reason: What must be said of it; why it is not ranked, if it is not.
        roles: Cases of which roles were averaged.
    """
    first = runs[0].record
    predicted = [_timed(run, roles) for run in runs]
    times = np.concatenate(predicted)
    trained = _numbers(run.record.stages.get("train", {}).get("seconds") or None for run in runs)
    epochs, slices = (
        _numbers(run.record.totals.get(name) for run in runs)
        for name in ("train_seconds_per_epoch", "predict_seconds_per_slice")
    )
    if rank is None and not reason:
        reason = "it has no score of this"
    return Row(
        rank=rank,
        label=label,
        seeds=tuple(sorted({run.record.seed for run in runs})),
        folds=first.folds,
        cells=cells,
        train_seconds=float(np.mean(trained)) if trained else None,
        seconds_per_epoch=float(np.mean(epochs)) if epochs else None,
        seconds_per_case=float(times.mean()) if times.size else None,
        seconds_per_slice=float(np.mean(slices)) if slices else None,
        memory_mb=_peak(runs, "peak_memory_mb"),
        device_memory_mb=_peak(runs, "device_memory_mb"),
        parameters=first.parameter_count,
        profile=first.method.profile,
        note=reason,
        track=track(first.method.needs),
    )


def _timed(run: Run, roles: Sequence[str]) -> NDArray[np.float64]:
    if "seconds" not in run.cases:
        return np.empty(0)
    mine = run.cases["role"].isin(list(roles))
    if "status" in run.cases:
        mine &= run.cases["status"] == "ok"
    seconds = pd.to_numeric(run.cases["seconds"][mine.to_numpy(dtype=bool)])
    return seconds.dropna().to_numpy(dtype=np.float64)


def _peak(runs: Sequence[Run], name: str) -> float | None:
    """The largest of a fact of the stages that train and predict."""
    stages = [run.record.stages.get(stage, {}) for run in runs for stage in ("train", "predict")]
    return max(_numbers(stage.get(name) or None for stage in stages), default=None)


def _numbers(facts: Iterable[Any]) -> list[float]:
    """Those that were recorded; what is no number, in a file edited by hand, was not."""
    return [float(x) for x in facts if isinstance(x, int | float) and not isinstance(x, bool)]


def first_of(values: pd.Series[Any]) -> str:
    """The first value there is, as text; empty if there is none."""
    known = values.dropna()
    return str(known.iloc[0]) if len(known) else ""
