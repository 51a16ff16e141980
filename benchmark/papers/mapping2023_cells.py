"""Cells of the tables of mapping2023: means of contour metrics of a model, and between readers.

A sample is a slice of a map ("We compute metrics on each slice and mapping type (T1 or T2)
separately", section 3.7) of which every reader drew both contours. Its metrics are the means of
endo- and epicardium, and over the readers ("we compare the same prediction to each expert's
contour", section 3.6), or over the pairs of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..policies import Policy
from ..results import Run
from .layout import Cell, Filled
from .mapping2023_runs import Models
from .published import load
from .samples import Scores, cell_of
from .selection import Column, Experiment

__all__ = ["METRICS", "SAMPLES", "Cells", "Making"]

Cells = dict[tuple[str, str], Cell]
#: Row -> metric of contours and what its value is multiplied by. The distance between discrete
#: points is the paper's ("we calculate the Hausdorff distance for the discrete points", 4.4.3).
METRICS = {"iou": ("iou", 100.0), "dice": ("dice", 100.0), "hd": ("hd_points", 1.0),
           "msd": ("masd", 1.0)}  # fmt: skip
#: What a table of them says.
SAMPLES = (
    "Means over the slices of maps of which every reader drew both contours; of a slice, over "
    "endo- and epicardium, and over the readers or the pairs of them. Overlap: of the ring of the "
    "myocardium and the disk of the cavity. Hausdorff distance: between the discrete points of "
    "contours, as published."
)


class Making:
    """What all tables are made from.

    Args:
        models: Which runs are which model.
        roles: Cases of which roles.
        policy: What undefined values count as.
        run: Any of the runs, for what is the same in all of a data set.
    """

    def __init__(self, models: Models, roles: Collection[str], policy: Policy, run: Run) -> None:
        self.models, self.roles, self.policy, self.run = models, roles, policy, run
        self.paper = load("mapping2023")
        self._scores: dict[str, Scores] = {}

    @cached_property
    def experts(self) -> Scores:
        """Where the readers' agreement is taken from: all runs on a data set have the same."""
        found = self.scores(self.models.main.experiment)
        return found or Scores.of([self.run], self.roles, self.policy)

    def scores(self, experiment: Experiment | None) -> Scores | None:
        """The scores of a model, read once."""
        if experiment is None:
            return None
        key = experiment.record.group
        if key not in self._scores:
            self._scores[key] = Scores.of(experiment.runs, self.roles, self.policy)
        return self._scores[key]

    def filled(self, name: str, cells: Cells, *notes: str, **by: Column) -> Filled:
        """A table; ``by`` says what fills which column, or row."""
        labels = {column: model.label for column, model in by.items()}
        return Filled(self.paper.tables[name], cells, notes, labels)

    def model(
        self,
        column: str,
        model: Column,
        *,
        rows: Collection[str] = tuple(METRICS),
        kind: str | None = None,
        where: str | None = None,
        spread: bool = False,
    ) -> Iterator[tuple[tuple[str, str], Cell]]:
        """A column of metrics of a model against the readers.

        Args:
            column: Its name.
            model: Which.
            rows: Which metrics.
            kind: Of ``t1`` or ``t2`` maps alone.
            where: In a third of the ventricle alone.
            spread: Whether to give the standard deviation over samples.
        """
        scores = self.scores(model.experiment)
        for row in rows:
            metric, scale = METRICS[row]
            if scores is None:
                cell = Cell(command=model.command)
            else:
                samples = scores.model(metric, kind=kind, where=where)
                cell = cell_of(samples, scale, spread=spread)
            yield (row, column), cell

    def between(
        self, column: str, *, kind: str | None = None, where: str | None = None
    ) -> Iterator[tuple[tuple[str, str], Cell]]:
        """A column of metrics between readers."""
        missing = "" if len(self.experts.readers) > 1 else "needs two readers"
        for row, (metric, scale) in METRICS.items():
            samples = self.experts.experts(metric, kind=kind, where=where)
            yield (row, column), cell_of(samples, scale, missing=missing)

    def samples(
        self, column: str, *, kind: str | None = None, where: str | None = None
    ) -> Iterator[tuple[tuple[str, str], NDArray[np.float64]]]:
        """What the means of a column are over, where there is anything.

        Args:
            column: Of the model of the main tables if its name begins with ``model``, else between
                readers.
            kind: Of ``t1`` or ``t2`` maps alone.
            where: In a third of the ventricle alone.
        """
        own = column.startswith("model")
        scores = self.scores(self.models.main.experiment) if own else self.experts
        if scores is None:
            return
        for row, (metric, _) in METRICS.items():
            found = scores.model if own else scores.experts
            values = found(metric, kind=kind, where=where)["value"]
            yield (row, column), values.to_numpy(dtype=np.float64)
