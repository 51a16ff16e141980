"""Cells of the tables of fahmy2020, by stratum and model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..agreement import Regression
from ..significance import DiceClasses, dice_classes, fisher_z, kruskal, welch_slopes, wilcoxon
from ..text import NONE
from .agreement_cells import (
    correlation_cell,
    detection_cells,
    limits_cell,
    limits_of,
    line_of,
    p_cell,
    slope_cell,
)
from .cohort import PAIR, Floats, feature_pairs
from .fahmy2020_making import METHODS, Cells, Making
from .fahmy2020_strata import N_SITES, N_VENDORS
from .layout import Cell
from .selection import Column

__all__ = ["agreement", "class_counts", "classes", "dice", "large_scar", "lines", "sizes"]

#: %LGE above which a patient has scar: "classified into scar (>1% of LV volume) or no-scar
#: subgroups", where the LV volume is that of the myocardium ("Image Analysis").
PRESENT = 1.0
#: %LGE from which on a scar is large.
LARGE = 15.0


def _absent(making: Making) -> Column | None:
    """The model without a run, if there is one."""
    return next((m for m in making.models.values() if m.experiment is None), None)


def sizes(making: Making) -> Cells:
    """Table 2."""
    runs = [run for of in making.runs.values() for run in of]
    scar = feature_pairs(runs, "scar_percent", making.roles).groupby("patient")["reference"].mean()
    split = making.run.record.split
    table = making.paper.tables["2"]
    cells: Cells = {(row, c): Cell(missing="not tested", text=NONE) for row in table.rows
                    for c in ("training", "total")}  # fmt: skip
    for i in range(1, N_SITES + 1):
        found = making.strata.select(making.cases, f"site_{i}")
        if found is None:
            missing = Cell(missing=making.strata.missing(f"site_{i}"))
            cells |= {(f"n_site_{i}", c): missing for c in table.columns}
        else:
            cells[f"n_site_{i}", "testing"] = Cell(float(found["patient"].nunique()))
    for row, held in (("n_scar", scar > PRESENT), ("n_no_scar", scar <= PRESENT)):
        cells[row, "testing"] = Cell(float(held.sum()))
    tested = making.cases["patient"].nunique()
    learnt = len(split.get("train", ())) or None
    cells["n_total", "testing"] = Cell(float(tested))
    if learnt:
        cells["n_total", "training"] = Cell(float(learnt))
        cells["n_total", "total"] = Cell(float(learnt + tested))
    return cells


def lines(making: Making, row: str, feature: str) -> Mapping[str, Cell]:
    """A row of slopes and correlations with their tests, by column."""
    of_all = making.strata.select(making.cases, row)
    columns = ("slope_3d", "r_3d", "slope_2d", "r_2d", "p_slope", "p_r", "n")
    if of_all is None:
        return dict.fromkeys(columns, Cell(missing=making.strata.missing(row)))
    cells = {"n": Cell(float(len(of_all)), text=str(len(of_all)))}
    found: dict[str, tuple[Regression, float | None]] = {}
    for method, model in making.models.items():
        pairs, suffix = making.pairs(method, feature), method[-2:]
        if pairs is None:
            cells |= {f"{kind}_{suffix}": Cell(command=model.command)
                      for kind in ("slope", "r")}  # fmt: skip
            continue
        within = making.strata.select(pairs, row)
        assert within is not None
        line, r = line_of(within), correlation_cell(within)
        cells[f"slope_{suffix}"], cells[f"r_{suffix}"] = slope_cell(within), r
        found[method] = line, r.value
    absent = _absent(making)
    if absent is not None:
        return {**cells, **dict.fromkeys(("p_slope", "p_r"), Cell(command=absent.command))}
    (a, r_a), (b, r_b) = (found[method] for method in METHODS)
    slopes = welch_slopes(a.slope, a.slope_se, a.n, b.slope, b.slope_se, b.n)
    return {**cells, "p_slope": p_cell(slopes), "p_r": p_cell(fisher_z(r_a, a.n, r_b, b.n))}


def dice(making: Making, row: str) -> Mapping[str, Cell]:
    """A row of Dice of scar, by column."""
    if row == "vendors":
        return _vendors(making)
    if making.strata.select(making.cases, row) is None:
        return dict.fromkeys(("dice_3d", "dice_2d", "p", "paired", "n"),
                             Cell(missing=making.strata.missing(row)))  # fmt: skip
    cells: dict[str, Cell] = {}
    found: dict[str, pd.Series[float]] = {}
    for method, model in making.models.items():
        if method not in making.dice:
            cells[f"dice_{method[-2:]}"] = Cell(command=model.command)
            continue
        frame = making.strata.select(making.dice[method], row)
        assert frame is not None
        found[method] = frame["dice"]
        cells[f"dice_{method[-2:]}"] = _mean(frame["dice"].dropna().to_numpy(np.float64))
        cells["n"] = Cell(float(len(frame)), text=str(len(frame)))
    absent = _absent(making)
    if absent is not None:
        return {**cells, **dict.fromkeys(("p", "paired"), Cell(command=absent.command))}
    three, two = (found[m] for m in METHODS)
    return {
        **cells,
        "p": p_cell(kruskal([three.to_numpy(), two.to_numpy()])),
        "paired": p_cell(wilcoxon(three.to_numpy(), two.reindex(three.index).to_numpy())),
    }


def _vendors(making: Making) -> Mapping[str, Cell]:
    cells: dict[str, Cell] = {c: Cell(text=" ") for c in ("p", "paired", "n")}
    names = [f"vendor_{i}" for i in range(1, N_VENDORS + 1)]
    for method, model in making.models.items():
        column = f"dice_{method[-2:]}"
        if method not in making.dice:
            cells[column] = Cell(command=model.command)
            continue
        groups = [making.strata.select(making.dice[method], name) for name in names]
        test = kruskal([g["dice"].to_numpy() for g in groups if g is not None])
        cells[column] = p_cell(test)
    return cells


def large_scar(making: Making, method: str) -> Mapping[str, Cell]:
    """How well large scars are found."""
    pairs = making.pairs(method, "scar_percent")
    if pairs is None:
        rows = ("n_large", "accuracy", "sensitivity", "specificity")
        return dict.fromkeys(rows, Cell(command=making.models[method].command))
    of = pairs[pairs["reference"].notna()]
    # Nothing is at least 15: in a case without an answer no large scar is found.
    truth, found = ((of[side] >= LARGE).to_numpy(bool) for side in PAIR)
    return {"n_large": Cell(float(truth.sum()), n=len(of)), **detection_cells(truth, found)}


def agreement(making: Making) -> Cells:
    """Means, bias and quartiles."""
    cells: Cells = {}
    for method, model in making.models.items():
        for name, feature in (("volume", "scar_ml"), ("percent", "scar_percent")):
            pairs = making.pairs(method, feature)
            if pairs is None:
                cells |= {(f"{name}_{what}", method): Cell(command=model.command)
                          for what in ("mean", "bias")}  # fmt: skip
                continue
            # Manual: of all cases, whichever of them the models have an answer for.
            for column, side in zip(("manual", method), PAIR, strict=True):
                cells[f"{name}_mean", column] = _mean(pairs[side].dropna().to_numpy(np.float64))
            cells[f"{name}_bias", method] = limits_cell(limits_of(pairs))
        found = _classes(making, method)
        for row, i in (("dice_low", 0), ("dice_high", 2)):
            if found is None:
                cells[row, method] = Cell(command=model.command)
            elif found.quartiles is None:
                cells[row, method] = Cell(missing="no case with scar")
            else:
                cells[row, method] = Cell(found.quartiles[i], n=found.n)
    return cells


def _classes(making: Making, method: str) -> DiceClasses | None:
    frame = making.dice.get(method)
    return None if frame is None else dice_classes(frame["dice"].to_numpy(np.float64))


def classes(making: Making, method: str) -> Mapping[str, Cell]:
    """Shares of the classes of Dice."""
    found = _classes(making, method)
    rows = making.paper.tables["Text: Dice classes"].rows
    if found is None:
        return dict.fromkeys(rows, Cell(command=making.models[method].command))
    if not found.n:
        return dict.fromkeys(rows, Cell(missing="no case with scar"))
    return {row: Cell(100 * found.counts[row] / found.n, n=found.n) for row in rows}


def class_counts(making: Making) -> Mapping[str, Mapping[str, float]]:
    """Cases by class, by the label of each model that has runs."""
    found = {making.models[m].label: _classes(making, m) for m in making.runs}
    return {label: of.counts for label, of in found.items() if of is not None}


def _mean(values: Floats) -> Cell:
    """Mean and, in brackets, standard deviation."""
    if not values.size:
        return Cell(missing="no value")
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    return Cell(float(values.mean()), spread, n=int(values.size))
