"""T1 and T2 values, costs and the achievable best: what in mapping2023 is no mean of a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..agreement import icc_average_agreement
from ..relaxation import MAPS, MapKind, feature_names
from ..results import Run
from ..text import number
from .layout import Cell, Filled
from .mapping2023_cells import Cells, Making
from .mapping2023_letters import lettered_medians
from .samples import map_values
from .selection import Column

__all__ = ["cost_cells", "figure_9", "table_5", "table_5_text"]


def table_5(making: Making) -> Filled:
    """Median T1 and T2 of the model and of each observer, with interquartile ranges."""
    model = making.models.contours
    observers = {f"observer_{i}": name for i, name in enumerate(making.experts.readers, start=1)}
    cells: Cells = {}
    samples: dict[tuple[str, str], NDArray[np.float64]] = {}
    for kind in MAPS:
        values = _values(making, kind)
        for column, source in {"model": "prediction", **observers}.items():
            if column == "model" and model.experiment is None:
                cells[kind, column] = Cell(command=model.command)
            else:
                known = values[source].dropna().to_numpy() if source in values else np.empty(0)
                cells[kind, column] = _quartiles(known)
                samples[kind, column] = known.astype(np.float64)
    titles = {"model": "Model", **{c: c.replace("_", " ").capitalize() for c in observers}}
    made = "the model's labels"
    if model is not making.models.main:
        made = "labels made of the model's contours, as in the paper"
    note = (
        "Median over slices (interquartile range) of the median over the myocardium's pixels; the "
        f"paper does not say how pixels become the value of a slice. Of {made}. "
        + "; ".join(f"{titles[column]}: {name}" for column, name in observers.items())
    )
    filled = making.filled("5", cells, f"{note}.", model=model)
    return lettered_medians(replace(filled, columns=titles), samples)


def table_5_text(making: Making) -> Filled:
    """The intraclass correlation that the text tells of."""
    model = making.models.contours
    readers = making.experts.readers
    cells: Cells = {}
    for kind in MAPS:
        values = _values(making, kind)
        for column, raters in (("all", ("prediction", *readers)), ("observers", readers)):
            if column == "all" and model.experiment is None:
                cells[kind, column] = Cell(command=model.command)
                continue
            found = icc_average_agreement(values.reindex(columns=list(raters)).to_numpy(float))
            missing = "" if found.value is not None else "not defined"
            cells[kind, column] = Cell(
                found.value, low=found.low, high=found.high, n=found.n, missing=missing
            )
    note = (
        "ICC(A,k): two-way random effects, absolute agreement, of the mean of k raters. The paper "
        "says 'for the average ratings' and no more; a shift of one rater is disagreement here. "
        "Over slices of which all raters have a value. Slices of one patient count as independent, "
        "so the interval is too narrow."
    )
    return replace(making.filled("5, text", cells, note, all=model), intervals=True)


def figure_9(making: Making) -> Filled:
    """What a perfect mask would score."""
    cells: Cells = {}
    for region in making.paper.tables["Figure 9"].rows:
        values = making.experts.best("hd_points", region)["value"].to_numpy(dtype=np.float64)
        if not values.size:
            columns = making.paper.tables["Figure 9"].columns
            cells |= {(region, column): Cell(missing="not recorded") for column in columns}
            continue
        least, low, middle, high, most = (
            float(q) for q in np.percentile(values, [0, 25, 50, 75, 100])
        )
        n = len(values)
        cells[region, "median"] = Cell(middle, n=n)
        cells[region, "mean"] = Cell(float(values.mean()), n=n)
        cells[region, "quartiles"] = Cell(text=f"{number(low, 2)} to {number(high, 2)}", n=n)
        cells[region, "range"] = Cell(text=f"{number(least, 2)} to {number(most, 2)}", n=n)
    note = (
        "Contours fitted, by all steps, to the mask of the reference's own contours, against "
        "these; one value for each slice. The figure shows the distribution and prints no number."
    )
    return making.filled("Figure 9", cells, note)


def cost_cells(column: str, model: Column) -> Cells:
    """Rows of Table 6 that are costs: means over the model's runs."""
    cells: Cells = {}
    for row, cost in _COSTS.items():
        if model.experiment is None:
            cells[row, column] = Cell(command=model.command)
            continue
        known = [value for value in map(cost, model.experiment.runs) if value is not None]
        cells[row, column] = (
            Cell(float(np.mean(known)), n=len(known)) if known else Cell(missing="not recorded")
        )
    return cells


def _values(making: Making, kind: MapKind) -> Any:
    """Samples by source; of any run where no model is there, as readers are the same in all."""
    chosen = making.models.contours.experiment
    runs = chosen.runs if chosen else (making.run,)
    return map_values(runs, feature_names(kind)[0], making.roles)


def _quartiles(values: Any) -> Cell:
    if not values.size:
        return Cell(missing="no value")
    low, middle, high = np.percentile(values, [25, 50, 75])
    return Cell(float(middle), float(high - low), n=int(values.size))


def _train_minutes(run: Run) -> float | None:
    seconds = run.record.stages.get("train", {}).get("seconds")
    return None if seconds is None else float(seconds) / 60


def _slice_seconds(run: Run) -> float | None:
    seconds = run.record.totals.get("predict_seconds_per_slice")
    return None if seconds is None else float(seconds)


def _parameters(run: Run) -> float | None:
    count = run.record.parameter_count
    return None if count is None else count / 1e6


_COSTS: Mapping[str, Callable[[Run], float | None]] = {
    "slice_seconds": _slice_seconds,
    "train_minutes": _train_minutes,
    "parameters": _parameters,
}
