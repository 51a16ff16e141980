"""What all tables of popescu2022 are made from, and their cells that are means of a metric.

"Values were computed by averaging slice values over section of the heart (apex, mid ventricle,
base) and over the total heart" (Training and evaluation). Here slices are averaged within the case,
seeds within the case, and cases last, so that a heart with many slices weighs no more than one with
few, and patients are what intervals draw again; the paper averages all slices of all patients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from .. import averages
from ..bootstrap import RESAMPLES
from ..policies import Policy, resolve
from ..results import Run
from ..table import Quantity
from .layout import Cell, Filled
from .popescu2022_runs import Models
from .published import load
from .selection import Column, Experiment
from .slices import cell_of_mean, slice_table

__all__ = ["LEVELS", "METRICS", "REGIONS", "Cells", "Making"]

Cells = dict[tuple[str, str], Cell]
#: Rows of the tables begin with these; the paper's names are in its tables.
REGIONS = ("lv", "myocardium", "scar", "core_scar")
#: End of a row's name -> metric, rule of surfaces, and what its value is multiplied by.
METRICS: Mapping[str, tuple[str, str | None, float]] = {
    "ba": ("balanced_accuracy", None, 100.0),
    "dice": ("dice", None, 1.0),
    "hd": ("hd", "slice", 1.0),
}
#: Column -> level of the rows it is made of.
LEVELS = {"apex": "apex", "middle": "middle", "base": "base", "total": "slice"}


@dataclass(frozen=True)
class BothThere:
    """Means over slices (of all seeds) that nobody missed.

    Attributes:
        hd: Hausdorff distance where both masks have the region; None where they never do.
        n: In how many slices they do.
        counted: In how many at least one does.
        ba, dice: Balanced accuracy and Dice where the reference has it; None where it never does.
        n_there: In how many slices it does.
    """

    hd: float | None
    n: int
    counted: int
    ba: float | None
    dice: float | None
    n_there: int


class Making:
    """What all tables are made from.

    Args:
        models: Which runs are which model.
        roles: Cases of which roles.
        policy: What undefined values count as.
        runs: All runs, for what is the same in all of a data set.
    """

    def __init__(
        self, models: Models, roles: Collection[str], policy: Policy, runs: Sequence[Run]
    ) -> None:
        self.models, self.roles, self.policy, self.runs = models, roles, policy, runs
        self.paper = load("popescu2022")

    @property
    def run(self) -> Run:
        """Any of the runs."""
        return self.runs[0]

    @cached_property
    def table(self) -> pd.DataFrame:
        """Rows of the paper's metrics by slice and by third, of slices that hold the ventricle.

        The paper leaves out slices without ("which did not have ground truth myocardial
        segmentation"), and its sections begin and end with the first and last slice that has one.
        """
        quantities = [
            Quantity(region, metric, dim, level)
            for region in REGIONS
            for metric, dim, _ in METRICS.values()
            for level in LEVELS.values()
        ]
        return slice_table(self.runs, self.roles, quantities)

    def filled(self, name: str, cells: Cells, *notes: str, **by: Column) -> Filled:
        """A table; ``by`` says what fills which column, or row."""
        labels = {column: model.label for column, model in by.items()}
        return Filled(self.paper.tables[name], cells, tuple(filter(None, notes)), labels)

    def means(
        self, experiments: Sequence[Experiment], quantities: Sequence[Quantity]
    ) -> dict[str, tuple[averages.Cell, ...]]:
        """Per experiment's label, its means: resampled jointly, so that columns can be compared."""
        labels = [e.label for e in experiments]
        if not labels:
            return {}
        wanted = np.logical_or.reduce([q.rows(self.table) for q in quantities])
        rows = self.table[wanted & self.table["label"].isin(labels).to_numpy()]
        return averages.cells(rows, labels, quantities, self.policy, RESAMPLES, 0)

    def cells_of(self, model: Column, quantities: Mapping[tuple[str, str], Quantity]) -> Cells:
        """Of one model, cells by row and column; a row's name ends in its metric's."""
        if model.experiment is None:
            return {where: Cell(command=model.command) for where in quantities}
        (found,) = self.means([model.experiment], list(quantities.values())).values()
        return {
            where: cell_of_mean(mean, METRICS[where[0].rpartition("_")[2]][2])
            for where, mean in zip(quantities, found, strict=True)
        }

    def both_there(self, region: str) -> BothThere:
        """Scores where both masks, or the reference, have the region.

        Of the model of the tables, over slices of all cases and runs: what the means of Table 1
        would be without misses and false alarms.
        """
        main = self.models.main.experiment
        rows = self.table[(self.table["label"] == (main.label if main else "")).to_numpy(bool)]
        hd = rows[Quantity(region, "hd", "slice", "slice").rows(rows)]
        there = hd[(hd["status"] == "ok").to_numpy(dtype=bool)]
        given = rows[rows["status"].isin(["ok", "pred_empty"]).to_numpy(dtype=bool)]
        ba, dice = (
            given.loc[Quantity(region, metric, None, "slice").rows(given), "value"]
            for metric in ("balanced_accuracy", "dice")
        )
        counted = resolve(hd, Policy.WORST_CASE)["value"].notna().sum()
        return BothThere(
            float(there["value"].mean()) if len(there) else None, len(there), int(counted),
            float(ba.mean()) if len(ba) else None, float(dice.mean()) if len(dice) else None,
            len(dice),
        )  # fmt: skip
