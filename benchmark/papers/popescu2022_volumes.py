"""Volumes of popescu2022: Table 2 by tertile of LV volume, the tests and the scar burden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..policies import Policy
from ..table import is_excluded
from .layout import Cell, Filled
from .popescu2022_cells import REGIONS, Cells, Making
from .selection import Experiment

__all__ = ["burdens", "normalised_errors", "table_2", "table_2_text", "table_burden", "volumes"]

Floats = NDArray[np.float64]
_TERTILES = ("lower", "middle", "upper")
_NOT_PRODUCED = "not produced"


def volumes(making: Making, experiment: Experiment) -> pd.DataFrame:
    """Volumes in mL of each case: ``gt`` and ``pred`` by region, seed and fold.

    Where no answer was given, the policies that count a miss as the worst value count its volume
    as 0, as those of scores do; the other leaves it null.

    Returns:
        Rows ``patient, case, region, run, gt, pred``; ``pred`` is null throughout for a region that
        the method does not produce.
    """
    parts = []
    for run in experiment.runs:
        cases = run.cases[run.cases["role"].isin(list(making.roles)).to_numpy()]
        if {"excluded", "status"} <= set(cases):
            cases = cases[~is_excluded(cases["excluded"], cases["status"]).to_numpy(dtype=bool)]
        rows = run.features
        names = {f"{region}_ml": region for region in REGIONS}
        keep = (rows["level"] == "volume") & rows["feature"].isin(list(names))
        rows = rows[keep.to_numpy(dtype=bool)]
        value = pd.to_numeric(rows["value"]).astype("float64")
        if making.policy is not Policy.EXCLUDE:
            missed = (rows["source"] == "prediction") & rows["status"].isin(
                ["no_prediction", "error"]
            )
            value = value.mask(value.isna() & missed, 0.0)
        rows = rows.assign(value=value, region=rows["feature"].map(names))
        wide = rows.pivot_table(
            index=["case", "region"], columns="source", values="value", dropna=False
        ).reindex(columns=["reference", "prediction"])
        wide = wide.rename(columns={"reference": "gt", "prediction": "pred"}).reset_index()
        wide = wide[wide["gt"].notna().to_numpy()]
        parts.append(cases[["patient", "case"]].merge(wide, on="case").assign(run=run.name))
    return pd.concat(parts, ignore_index=True)


def by_case(rows: pd.DataFrame, region: str) -> pd.DataFrame:
    """Of one region, per case: ``gt``, ``pred`` and ``error`` (%), means over seeds.

    ``error`` is the mean over seeds of |pred - gt| / gt, null where the reference has none.
    """
    mine = rows[(rows["region"] == region).to_numpy()]
    error = (mine["pred"] - mine["gt"]).abs() / mine["gt"].where(mine["gt"] > 0) * 100
    mine = mine.assign(error=error)
    return mine.groupby(["patient", "case"], sort=True)[["gt", "pred", "error"]].mean()


def table_2(making: Making) -> Filled:
    """Volumes and their normalised errors, by tertile of the reference's LV volume."""
    main = making.models.main
    columns = (*_TERTILES, "total")
    if main.experiment is None:
        table = making.paper.tables["2"]
        cells = {(row, column): Cell(command=main.command) for row in table.rows
                 for column in columns}  # fmt: skip
        return making.filled("2", cells, **dict.fromkeys(columns, main))
    rows = volumes(making, main.experiment)
    tertile = _tertiles(by_case(rows, "lv")["gt"])
    cells = {}
    left_out = []
    for region in REGIONS:
        of = by_case(rows, region)
        known = of["error"].notna() | of["pred"].isna()
        if (~known).any():
            left_out.append(f"{making.paper.tables['2'].rows[f'{region}_mae'].title}: "
                            f"{int((~known).sum())} of {len(of)}")  # fmt: skip
        for column in columns:
            if column == "total":
                mine = of
            elif tertile is None:
                why = Cell(missing="needs three cases")
                cells |= {(f"{region}_{part}", column): why for part in ("gt", "pred", "mae")}
                continue
            else:
                mine = of[(tertile.reindex(of.index) == column).to_numpy(dtype=bool)]
            for part, name in (("gt", "gt"), ("pred", "pred"), ("mae", "error")):
                missing = _NOT_PRODUCED if part != "gt" and of["pred"].isna().all() else ""
                cells[f"{region}_{part}", column] = _ranged(mine[name], missing)
    without = "; ".join(left_out)
    filled = making.filled(
        "2", cells,
        "Volumes are summed voxels times the distance between slices. Tertiles are those of the "
        "cases of these runs, each by its reference; bounds by linear interpolation.",
        "Brackets are the least and the greatest value, as published, and no intervals.",
        f"Without the region in the reference there is no normalised error; left out: {without}."
        if without else "",
        **dict.fromkeys(columns, main),
    )  # fmt: skip
    return replace(filled, intervals=True, ends="range")


def table_2_text(making: Making) -> Filled:
    """Whether predicted volumes differ from the reference's."""
    from ..significance import welch_t, wilcoxon

    main = making.models.main
    cells: Cells = {}
    rows = None if main.experiment is None else volumes(making, main.experiment)
    for region in ("lv", "core_scar", "scar"):
        for column, test in (("welch", welch_t), ("wilcoxon", wilcoxon)):
            if rows is None:
                cells[region, column] = Cell(command=main.command)
                continue
            # Patients are what is independent; cases of one are averaged.
            of = by_case(rows, region)[["gt", "pred"]].groupby(level="patient").mean().dropna()
            if not len(of):
                cells[region, column] = Cell(missing=_NOT_PRODUCED)
                continue
            found = test(of["pred"].to_numpy(dtype=float), of["gt"].to_numpy(dtype=float))
            missing = "" if found.p is not None else found.note or "not estimated"
            small = "< 0.001" if found.p is not None and found.p < 0.001 else ""
            cells[region, column] = Cell(found.p, n=len(of), missing=missing, text=small)
    filled = making.filled(
        "2, text", cells,
        "One value for each patient and side. The unpaired test takes the two volumes of a patient "
        "for those of two: between hearts of very different sizes it misses differences that the "
        "paired test finds, and a large P shows no agreement.",
        welch=main, wilcoxon=main,
    )  # fmt: skip
    return replace(filled, ours_only=("wilcoxon",))


def burdens(making: Making, experiment: Experiment, region: str) -> pd.DataFrame:
    """Per case, the region's share of the myocardium in percent: ``gt``, ``pred``, over seeds.

    Null where there is no myocardium.
    """
    rows = volumes(making, experiment)
    keys = ["patient", "case", "run"]
    of = rows[(rows["region"] == region).to_numpy()].set_index(keys)[["gt", "pred"]]
    whole = rows[(rows["region"] == "myocardium").to_numpy()].set_index(keys)[["gt", "pred"]]
    share = of / whole.where(whole > 0).reindex(of.index) * 100
    return share.groupby(level=["patient", "case"], sort=True).mean()


def table_burden(making: Making) -> Filled:
    """The scar burden of both sides and how they differ."""
    main = making.models.main
    columns = ("gt", "pred", "difference", "absolute")
    cells: Cells = {}
    for region in ("core_scar", "scar"):
        if main.experiment is None:
            cells |= {(region, column): Cell(command=main.command) for column in columns}
            continue
        of = burdens(making, main.experiment, region)
        both = of.dropna()
        n = len(both)
        if not n:
            cells |= {(region, column): Cell(missing=_NOT_PRODUCED) for column in columns}
            continue
        difference = both["pred"] - both["gt"]
        for column, values in zip(
            columns, (both["gt"], both["pred"], difference, difference.abs()), strict=True
        ):
            cells[region, column] = Cell(float(values.mean()), n=n)
    filled = making.filled(
        "Figure 8, text", cells,
        "Means over cases whose both sides have a myocardium; the difference is prediction minus "
        "reference.",
        **dict.fromkeys(columns, main),
    )  # fmt: skip
    return replace(filled, ours_only=("gt", "pred", "absolute"))


def normalised_errors(making: Making, experiment: Experiment) -> Mapping[str, Floats]:
    """By region, the normalised absolute errors of Figure 8 in percent, one for each case."""
    rows = volumes(making, experiment)
    return {region: by_case(rows, region)["error"].dropna().to_numpy(dtype=np.float64)
            for region in REGIONS}  # fmt: skip


def _tertiles(lv: pd.Series[float]) -> pd.Series[Any] | None:
    """The tertile of each case by its reference LV volume; None of fewer than three cases."""
    from ..agreement.strata import tertiles

    found = tertiles(lv.to_numpy(dtype=np.float64))
    if all(one is None for one in found):
        return None
    return pd.Series(list(found), index=lv.index)


def _ranged(values: pd.Series[float], missing: str) -> Cell:
    """Mean, least and greatest."""
    known = values.dropna()
    if not len(known):
        return Cell(missing=missing or "no value")
    return Cell(float(known.mean()), low=float(known.min()), high=float(known.max()), n=len(known))
