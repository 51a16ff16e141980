"""Cells of the tables of fahmy2021, by stratum (all, internal, external testing) and model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..significance import chi_square
from .agreement_cells import (
    correlation_cell,
    detection_cells,
    limits_cell,
    limits_of,
    line_of,
    p_cell,
    slope_cell,
    within_cell,
)
from .cohort import feature_pairs
from .fahmy2021_making import STRATA, Cells, Making, column_of
from .fahmy2021_slices import WHERE
from .layout import Cell

__all__ = ["agreement", "burden", "patients", "quantities", "success"]

#: %Scar above which a patient has scar.
PRESENT = 1.0
Flags = NDArray[np.bool_]


def burden(making: Making, column: str) -> dict[str, Cell]:
    """Rows of Table 1 that the reference tells."""
    pairs = feature_pairs(making.run_list, "scar_percent", STRATA[column])
    values = pairs[pairs["role"].isin(making.roles)].groupby("patient")["reference"].mean()
    scar = values[values > PRESENT].to_numpy(np.float64)
    n = len(values)
    if not n:
        return dict.fromkeys(("n_patients", "scar", "scar_median", "n_scar"),
                             Cell(missing="no such case"))  # fmt: skip
    no = Cell(missing="no patient with scar")
    spread = float(scar.std(ddof=1)) if len(scar) > 1 else None
    return {
        "n_patients": Cell(float(n), n=n),
        "scar": Cell(float(scar.mean()), spread, n=len(scar)) if len(scar) else no,
        "scar_median": Cell(float(np.median(scar)), n=len(scar)) if len(scar) else no,
        "n_scar": Cell(float(len(scar)), 100 * len(scar) / n, n=n),
    }


def success(making: Making, stratum: str, table: str) -> Cells:
    """How many slices were segmented successfully, and the tests of the difference."""
    cells: Cells = {}
    for where in [None] if table == "2" else [*WHERE, None]:
        place = where or "all"
        counts: dict[str, tuple[float, int]] = {}
        for method, model in making.models.items():
            row, column = (f"{stratum}_slices", method) if table == "2" else (
                f"{stratum}_{method}", place)  # fmt: skip
            total = (f"{stratum}_total", method if table == "2" else place)
            if model.experiment is None:
                cells[row, column] = Cell(command=model.command)
                cells.setdefault(total, Cell(command=model.command) if table == "2" else Cell())
                continue
            slices = making.slices[method]
            slices = slices[slices["role"].isin(STRATA[stratum])]
            if where:
                slices = slices[slices["third"] == WHERE[where]]
            n, k = len(slices), float(slices["success"].sum())
            cells[total] = Cell(float(n), n=n)
            if not n:
                cells[row, column] = Cell(missing="no such slice")
                continue
            counts[method] = k, n
            cells[row, column] = Cell(k, 100 * k / n, n=n)
        at = "none" if table == "2" else place
        for row, yates in ((f"{stratum}_p", False), (f"{stratum}_p_yates", True)):
            cells[row, at] = _rates(making, counts, yates=yates)
    return cells


def _rates(making: Making, counts: Mapping[str, tuple[float, float]], *, yates: bool) -> Cell:
    """The test of two rates: successes and trials by model."""
    missing = [model for model in making.models.values() if model.experiment is None]
    if missing:
        return Cell(command=missing[0].command)
    if len(counts) < 2:
        return Cell(missing="no such case")
    table = [[round(k), round(n) - round(k)] for k, n in counts.values()]
    return p_cell(chi_square(table, yates=yates))


def quantities(making: Making, stratum: str, method: str, protocol: str) -> Cells:
    """%Scar and volume against the reference, and the detection of scar."""
    column = column_of(method, protocol)
    scar = making.pairs(stratum, method, protocol, "scar_percent")
    volume = making.pairs(stratum, method, protocol, "myocardium_ml")
    rows = ("scar_slope", "scar_r", "volume_slope", "volume_r", "accuracy", "specificity",
            "sensitivity", "n_scar")  # fmt: skip
    lacking = making.lacking(method, protocol)
    if lacking is not None or scar is None or volume is None:
        command = lacking.command if lacking else ""
        return {(f"{stratum}_{row}", column): Cell(command=command) for row in rows}
    cells = {
        "scar_slope": slope_cell(scar), "scar_r": correlation_cell(scar),
        "volume_slope": slope_cell(volume), "volume_r": correlation_cell(volume),
    }  # fmt: skip
    truth, found = _detected(making, scar, everybody=protocol == "all")
    cells |= detection_cells(truth, found)
    cells["n_scar"] = Cell(float(truth.sum()), n=len(truth))
    return {(f"{stratum}_{row}", column): cell for row, cell in cells.items()}


def _detected(making: Making, pairs: pd.DataFrame, *, everybody: bool) -> tuple[Flags, Flags]:
    """Whether each case has scar by the whole reference, and whether it was found.

    Args:
        making: What all tables are made from.
        pairs: Reference and prediction by case.
        everybody: A case without a value of the prediction has no scar found; otherwise it is left
            out, as those are that a method has no successful slice of.
    """
    truth = feature_pairs(making.run_list, "scar_percent", making.roles)["reference"]
    truth = truth.reindex(pairs.index)
    known = truth.notna() & (pairs["prediction"].notna() | everybody)
    of = known.to_numpy(bool)
    return (truth > PRESENT).to_numpy(bool)[of], (pairs["prediction"] > PRESENT).to_numpy(bool)[of]


def agreement(making: Making, method: str, protocol: str) -> Cells:
    """Lines with an intercept, and Bland-Altman analysis, of all testing data."""
    column, lacking = column_of(method, protocol), making.lacking(method, protocol)
    cells: dict[str, Cell] = {}
    for name, feature in (("scar", "scar_percent"), ("volume", "myocardium_ml"),
                          ("mass", "scar_mass_g")):  # fmt: skip
        pairs = making.pairs("all", method, protocol, feature)
        whats = ("bias",) if name == "mass" else ("intercept", "slope", "bias", "within")
        rows = [f"{name}_{what}" for what in whats]
        if lacking is not None or pairs is None:
            cells |= {row: Cell(command=lacking.command if lacking else "") for row in rows}
            continue
        limits = limits_of(pairs)
        cells[f"{name}_bias"] = limits_cell(limits)
        if name == "mass":
            continue
        line = line_of(pairs, origin=False)
        cells[f"{name}_slope"] = slope_cell(pairs, origin=False)
        cells[f"{name}_intercept"] = (
            Cell(line.intercept, n=line.n) if line.slope is not None
            else Cell(missing=line.note or "not defined")
        )  # fmt: skip
        cells[f"{name}_within"] = within_cell(pairs, limits)
    return {(row, column): cell for row, cell in cells.items()}


def patients(making: Making) -> Cells:
    """How many patients are left, and the tests of the detection of scar."""
    cells: Cells = {}
    n = len(making.patients)
    counts: dict[str, dict[str, tuple[float, float]]] = {}
    for method, model in making.models.items():
        if model.experiment is None:
            for row in ("n_patients", "n_segmented"):
                cells[row, method] = Cell(command=model.command)
            continue
        left = len(making.kept)
        cells["n_patients", method] = Cell(float(n), n=n)
        cells["n_segmented", method] = Cell(float(left), 100 * left / n if n else None, n=n)
        pairs = making.pairs("all", method, "own", "scar_percent")
        assert pairs is not None
        truth, found = _detected(making, pairs, everybody=False)
        right = truth == found
        for name, of in (("accuracy", np.ones_like(truth)), ("specificity", ~truth),
                         ("sensitivity", truth)):  # fmt: skip
            counts.setdefault(name, {})[method] = float(right[of].sum()), float(of.sum())
    for name, of_models in counts.items():
        for row, yates in ((f"{name}_p", False), (f"{name}_p_yates", True)):
            cells[row, "none"] = _rates(making, of_models, yates=yates)
    return cells
