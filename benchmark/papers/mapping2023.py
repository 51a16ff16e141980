"""The tables of mapping2023, from runs on a data set of T1 and T2 maps.

A sample is a slice of a map ("We compute metrics on each slice and mapping type (T1 or T2)
separately", section 3.7) of which every reader drew both contours. Its metrics are the means of
endo- and epicardium, and over the readers ("we compare the same prediction to each expert's
contour", section 3.6), or over the pairs of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..agreement import icc_average_agreement
from ..errors import DataError
from ..policies import Policy
from ..relaxation import MAPS, MapKind, feature_names
from ..results import Run
from ..text import number
from .layout import Cell, Filled, PaperReport
from .mapping2023_runs import METHOD, Models, choose
from .published import load
from .samples import Scores, cell_of, map_values
from .selection import Column, Experiment, experiments, one_dataset

__all__ = ["report"]

#: Row -> metric of contours and what its value is multiplied by. The distance between discrete
#: points is the paper's ("we calculate the Hausdorff distance for the discrete points", 4.4.3).
METRICS = {"iou": ("iou", 100.0), "dice": ("dice", 100.0), "hd": ("hd_points", 1.0),
           "msd": ("masd", 1.0)}  # fmt: skip
#: Column -> third of the ventricle.
THIRDS = {"basal": "base", "middle": "middle", "apical": "apex"}
_Cells = dict[tuple[str, str], Cell]
_SAMPLES = (
    "Means over the slices of maps of which every reader drew both contours; of a slice, over "
    "endo- and epicardium, and over the readers or the pairs of them. Overlap: of the ring of the "
    "myocardium and the disk of the cavity. Hausdorff distance: between the discrete points of "
    "contours, as published."
)


def report(
    runs: Sequence[Run],
    *,
    roles: Collection[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
) -> PaperReport:
    """Every table of the paper.

    Args:
        runs: Of one data set of maps; which fills which column, their parameters say.
        roles: Cases of which roles.
        policy: What undefined values count as.

    Raises:
        DataError: The runs are not of maps, or were scored before there were rows of readers.
        UsageError: They are of several data sets, or several could fill one column.
    """
    one_dataset(runs)
    _check(runs)
    models = choose(experiments(runs))
    return _Tables(models, roles, policy, runs[0]).report()


def _check(runs: Sequence[Run]) -> None:
    """Refuse runs that can fill no cell.

    Raises:
        DataError: One of them, with everything that it lacks.
    """
    for run in runs:
        compared = set(run.scores["compared"].astype(str)) if "compared" in run.scores else set()
        maps = set(run.cases["map"].dropna().astype(str)) if "map" in run.cases else set()
        lacking = [
            what
            for there, what in (
                (bool(maps & set(MAPS)), "cases that are T1 or T2 maps"),
                ((run.scores["level"] == "slice").any(), "scores of single slices"),
                ((run.scores["dim"] == "contour").any(), "contours of the reference"),
                (bool(compared - {"prediction"}), "rows of readers"),
            )
            if not there
        ]
        if lacking:
            raise DataError(
                f"{run.source} ({run.label} on {run.dataset}) has no {', no '.join(lacking)}: the "
                "tables of mapping2023 are of T1 and T2 maps that several readers outlined.",
                f"Run a method on such a data set: bench run -m {METHOD} -d mapping; of an older "
                "run on one, start it again: scoring alone is done anew.",
            )


class _Tables:
    """The tables, from models that are chosen."""

    def __init__(self, models: Models, roles: Collection[str], policy: Policy, any_run: Run):
        self.models, self.roles, self.policy = models, roles, policy
        self.paper = load("mapping2023")
        self.run = any_run
        self._scores: dict[str, Scores] = {}

    def report(self) -> PaperReport:
        tables = (
            self.table_1(), self.table_2(), self.table_3(), self.table_4(), self.table_5(),
            self.correlation(), self.table_6(), self.table_7(), self.table_8(), self.table_a1(),
            self.figure_9(),
        )  # fmt: skip
        data = self.run.record.dataset
        first = self.experts
        head = [
            f"{self.paper.name}: {self.paper.citation}.",
            f"Ours: {data.title or data.name} ({data.name})"
            + (", SYNTHETIC: computed, not measured in patients." if data.synthetic else "."),
            f"Cases of role {' + '.join(self.roles)}; readers: "
            f"{', '.join(first.readers) or 'none'}; {len(first.undrawn)} slices are left out, as "
            f"not every reader drew them. Undefined values, policy {self.policy}: "
            f"{self.policy.sentence}.",
            *self.models.notes,
        ]
        return PaperReport(self.paper, tuple(head), tables)

    @cached_property
    def experts(self) -> Scores:
        """Where the readers' agreement is taken from: all runs of a data set have the same."""
        return self.scores(self.models.main.experiment) or Scores.of(
            [self.run], self.roles, self.policy
        )

    def scores(self, experiment: Experiment | None) -> Scores | None:
        if experiment is None:
            return None
        key = experiment.record.group
        if key not in self._scores:
            self._scores[key] = Scores.of(experiment.runs, self.roles, self.policy)
        return self._scores[key]

    def filled(self, number_: str, cells: _Cells, *notes: str, **by: Column) -> Filled:
        return Filled(self.paper.tables[number_], cells, notes, {n: c.label for n, c in by.items()})

    # Cells ----------------------------------------------------------------------------------------

    def model_cells(
        self, name: str, model: Column, *, rows: Collection[str] = tuple(METRICS), **where: Any
    ) -> Iterator[tuple[tuple[str, str], Cell]]:
        """A column of metrics of one model."""
        scores = self.scores(model.experiment)
        spread = where.pop("spread", False)
        for row in rows:
            metric, scale = METRICS[row]
            if scores is None:
                cell = Cell(command=model.command)
            else:
                cell = cell_of(scores.model(metric, **where), scale, spread=spread)
            yield (row, name), cell

    def expert_cells(self, name: str, **where: Any) -> Iterator[tuple[tuple[str, str], Cell]]:
        """A column of metrics between readers."""
        for row, (metric, scale) in METRICS.items():
            samples = self.experts.experts(metric, **where)
            missing = "" if len(self.experts.readers) > 1 else "one reader alone"
            yield (row, name), cell_of(samples, scale, missing=missing)

    # Tables ---------------------------------------------------------------------------------------

    def table_1(self) -> Filled:
        run = self.models.main.experiment.runs[0] if self.models.main.experiment else self.run
        counted = run.record.stages.get("score", {}).get("images", {})
        cells: _Cells = {}
        tested = [role for role in self.roles if role in counted]
        for row, roles in (("train", ["train"]), ("test", tested)):
            for name in (*THIRDS, "total"):
                levels = [n for role in roles for n in counted.get(role, {}).values()]
                if not levels:
                    cells[row, name] = Cell(missing="learns nothing" if row == "train" else "none")
                    continue
                third = THIRDS.get(name)
                cells[row, name] = Cell(
                    float(sum(v for n in levels for k, v in n.items() if third in (None, k)))
                )
        note = (
            "Slices of T1 and T2 maps in which the reference has a left ventricle. Each third of "
            "the distance from its first to its last slice is a level."
        )
        return self.filled("1", cells, note, train=self.models.main)

    def table_2(self) -> Filled:
        cells = dict(self.model_cells("model", self.models.main))
        cells |= dict(self.expert_cells("experts"))
        return self.filled("2", cells, _SAMPLES, model=self.models.main)

    def table_3(self) -> Filled:
        cells: _Cells = {}
        for kind in MAPS:
            cells |= dict(self.model_cells(f"model_{kind}", self.models.main, kind=kind))
            cells |= dict(self.expert_cells(f"experts_{kind}", kind=kind))
            for side in ("model", "experts"):
                n = cells["iou", f"{side}_{kind}"].n
                cells["n_test", f"{side}_{kind}"] = Cell(None if n is None else float(n))
            cells["n_train", f"model_{kind}"] = self._trained_on(kind)
        return self.filled("3", cells, model=self.models.main)

    def _trained_on(self, kind: MapKind) -> Cell:
        experiment = self.models.main.experiment
        if experiment is None:
            return Cell(command=self.models.main.command)
        counted = experiment.record.stages.get("score", {}).get("images", {})
        levels = counted.get("train", {}).get(kind)
        return Cell(float(sum(levels.values()))) if levels else Cell(missing="learns nothing")

    def table_4(self) -> Filled:
        cells: _Cells = {}
        for name, third in THIRDS.items():
            cells |= dict(self.model_cells(f"model_{name}", self.models.main, where=third))
            cells |= dict(self.expert_cells(f"experts_{name}", where=third))
        note = "Levels are thirds of the distance from the reference's first slice to its last."
        return self.filled("4", cells, note, model=self.models.main)

    def table_5(self) -> Filled:
        model = self.models.contours
        cells: _Cells = {}
        shown = self._observers()
        for kind in MAPS:
            values = self._values(kind)
            for name, source in {"model": "prediction", **shown}.items():
                if name == "model" and model.experiment is None:
                    cells[kind, name] = Cell(command=model.command)
                    continue
                known = values[source].dropna().to_numpy() if source in values else np.empty(0)
                cells[kind, name] = _quartiles(known)
        made = "labels made of its contours" if model is not self.models.main else "its labels"
        note = (
            "Median over slices (interquartile range) of the median over the myocardium's pixels; "
            f"the paper does not say how pixels become the value of a slice. Model: of {made}. "
            + "; ".join(f"{self._title(n)}: {source}" for n, source in shown.items())
            + "."
        )
        titles = {"model": "Model", **{name: self._title(name) for name in shown}}
        return replace(self.filled("5", cells, note, model=model), columns=titles)

    def correlation(self) -> Filled:
        cells: _Cells = {}
        for kind in MAPS:
            values = self._values(kind)
            raters = [r for r in self.experts.readers if r in values]
            for name, sources in (("all", ["prediction", *raters]), ("observers", raters)):
                if name == "all" and self.models.contours.experiment is None:
                    cells[kind, name] = Cell(command=self.models.contours.command)
                    continue
                found = icc_average_agreement(values.reindex(columns=sources).to_numpy(float))
                cells[kind, name] = Cell(
                    found.value, None, found.low, found.high, found.n,
                    missing="not defined" if found.value is None else "",
                )  # fmt: skip
        note = (
            "ICC(A,k), two-way random effects, absolute agreement, of the mean of k raters: the "
            "paper says 'for the average ratings', and a shift of one rater is disagreement. Over "
            "slices that all raters have a value of. Slices of one patient count as independent, "
            "which makes the interval too narrow."
        )
        return replace(
            self.filled("5, text", cells, note, all=self.models.contours), intervals=True
        )

    def table_6(self) -> Filled:
        cells: _Cells = {}
        for name, model in (("unet", self.models.unet), ("resnet50", self.models.main)):
            cells |= dict(self.model_cells(name, model))
            for row, cost in _COSTS.items():
                values = [cost(run) for run in model.experiment.runs] if model.experiment else []
                known = [value for value in values if value is not None]
                cells[row, name] = (
                    Cell(float(np.mean(known))) if known
                    else Cell(command=model.command, missing="not recorded")
                )  # fmt: skip
        note = "Times are those of our machine; one slice: the median over cases after the first."
        main = self.models.main.experiment
        encoder = main.parameters.get("encoder") if main else None
        if main and encoder != "resnet50":
            what = f"encoder {encoder}" if encoder else main.label
            note += f" Ours in the right column is {what}, not ResNet-50."
        return self.filled("6", cells, note, unet=self.models.unet, resnet50=self.models.main)

    def table_7(self) -> Filled:
        cells = dict(self.model_cells("without", self.models.without))
        cells |= dict(self.model_cells("with", self.models.pretrained))
        return self.filled(
            "7", cells, without=self.models.without, **{"with": self.models.pretrained}
        )

    def table_8(self) -> Filled:
        cells: _Cells = {}
        for row, model in self.models.steps.items():
            for (_, column), cell in self.model_cells("hd", model, rows=["hd"]):
                cells[row, column] = cell
        note = (
            "Hausdorff distance between the discrete points of contours, which falls as points lie "
            "denser. Of several contours of a kind in a slice, all points count."
        )
        return self.filled("8", cells, note, **self.models.steps)

    def table_a1(self) -> Filled:
        cells: _Cells = {}
        for kind, only in (("t1", self.models.only_t1), ("t2", self.models.only_t2)):
            for name, model in (("combined", self.models.main), ("only", only)):
                cells |= dict(self.model_cells(f"{name}_{kind}", model, kind=kind, spread=True))
        by = {"combined": self.models.main, "only_t1": self.models.only_t1}
        return self.filled("A1", cells, **by, only_t2=self.models.only_t2)

    def figure_9(self) -> Filled:
        cells: _Cells = {}
        for region in ("endo", "epi"):
            values = self.experts.best("hd_points", region)["value"].to_numpy(dtype=np.float64)
            if not values.size:
                cells |= {(region, name): Cell(missing="not recorded") for name in _QUANTILES}
                continue
            least, low, middle, high, most = np.percentile(values, [0, 25, 50, 75, 100])
            n = len(values)
            cells[region, "median"] = Cell(float(middle), n=n)
            cells[region, "mean"] = Cell(float(values.mean()), n=n)
            cells[region, "quartiles"] = Cell(text=f"{number(low, 2)} to {number(high, 2)}", n=n)
            cells[region, "range"] = Cell(text=f"{number(least, 2)} to {number(most, 2)}", n=n)
        note = (
            "Contours fitted to the mask of the reference's own contours, by the default steps, "
            "against these; one value for each slice and kind."
        )
        return self.filled("Figure 9", cells, note)

    # T1 and T2 ------------------------------------------------------------------------------------

    def _values(self, kind: MapKind) -> Any:
        chosen = self.models.contours.experiment
        runs = chosen.runs if chosen else (self.run,)
        return map_values(runs, feature_names(kind)[0], self.roles)

    def _observers(self) -> Mapping[str, str]:
        """Column -> reader, in the order of their names."""
        return {f"observer_{i}": name for i, name in enumerate(self.experts.readers, start=1)}

    @staticmethod
    def _title(name: str) -> str:
        return name.replace("_", " ").capitalize()


_QUANTILES = ("median", "quartiles", "range", "mean")


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


_COSTS = {"slice_seconds": _slice_seconds, "train_minutes": _train_minutes,
          "parameters": _parameters}  # fmt: skip
