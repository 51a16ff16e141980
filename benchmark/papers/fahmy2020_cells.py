"""Cells of the tables of fahmy2020, by stratum and model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..policies import Policy
from ..results import Run
from ..significance import Test, dice_classes, fisher_z, kruskal, welch_slopes, wilcoxon
from .agreement_cells import (
    correlation_cell,
    detection_cells,
    limits_cell,
    limits_of,
    line_of,
    p_cell,
    pair_of,
    slope_cell,
)
from .cohort import cases_of, choose, dice_of_scar, feature_pairs, seeds
from .fahmy2020_strata import N_SITES, N_VENDORS, Strata
from .layout import Cell, Filled
from .published import Paper, load
from .selection import Column

__all__ = ["Cells", "Making"]

Cells = dict[tuple[str, str], Cell]
METHODS = ("cnn3d", "cnn2d")
#: %LGE from which on a scar is large.
LARGE = 15.0


@dataclass(frozen=True, eq=False)
class Making:
    """What all tables are made from.

    Attributes:
        models: Which runs are which model, by method.
        roles: Cases of which roles.
        policy: What an undefined Dice counts as.
        run: Any of the runs, for what is the same in all.
    """

    models: Mapping[str, Column]
    roles: tuple[str, ...]
    policy: Policy
    run: Run

    @classmethod
    def of(cls, runs: Sequence[Run], roles: Collection[str], policy: Policy) -> Making:
        """Of these runs; see :func:`benchmark.papers.cohort.choose` for what is refused."""
        return cls(choose(runs, "fahmy2020", METHODS), tuple(roles), policy, runs[0])

    @cached_property
    def paper(self) -> Paper:
        """The published numbers."""
        return load("fahmy2020")

    @cached_property
    def runs(self) -> Mapping[str, Sequence[Run]]:
        """Runs by method, of those that have some."""
        return {c: m.experiment.runs for c, m in self.models.items() if m.experiment is not None}

    @cached_property
    def cases(self) -> pd.DataFrame:
        """What was tested, by case."""
        return cases_of([run for of in self.runs.values() for run in of], self.roles)

    @cached_property
    def strata(self) -> Strata:
        """Our sites and vendors in the paper's rows."""
        return Strata.of(self.cases)

    @cached_property
    def _pairs(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {
            (column, feature): feature_pairs(of, feature, self.roles)
            for column, of in self.runs.items()
            for feature in ("scar_ml", "scar_percent")
        }

    def pairs(self, column: str, feature: str) -> pd.DataFrame | None:
        """Reference and prediction by case; None where there is no run of the method."""
        return self._pairs.get((column, feature))

    @cached_property
    def _dice(self) -> Mapping[str, pd.DataFrame]:
        return {c: dice_of_scar(of, self.roles, self.policy) for c, of in self.runs.items()}

    def head(self) -> tuple[str, ...]:
        """What stands above all tables."""
        data = self.run.record.dataset
        synthetic = ", SYNTHETIC: computed, not measured in patients" * data.synthetic
        of = "; ".join(
            f"{m.label}: {seeds(m.experiment)}" for m in self.models.values() if m.experiment
        )
        return (
            f"{self.paper.name}: {self.paper.citation}.",
            f"Ours: {data.title or data.name} ({data.name}){synthetic}.",
            f"Cases of role {' + '.join(self.roles)}: {len(self.cases)}. In the paper every site "
            "is in the training set; a site of role external is not in ours.",
            f"Of several seeds, a case has the mean of its values: {of}.",
            f"Undefined Dice, policy {self.policy}: {self.policy.sentence}.",
        )

    def filled(
        self, name: str, cells: Cells, *notes: str, columns: Mapping[str, str] | None = None
    ) -> Filled:
        """A table; ``columns`` says what fills which, where they are not called as methods."""
        by = columns or {column: model.label for column, model in self.models.items()}
        return Filled(self.paper.tables[name], cells, notes, by)

    def _absent(self) -> Column | None:
        """The model without a run, if there is one."""
        return next((m for m in self.models.values() if m.experiment is None), None)

    def sizes(self) -> Cells:
        """Table 2."""
        scar = feature_pairs([r for of in self.runs.values() for r in of], "scar_ml", self.roles)
        split = self.run.record.split
        table = self.paper.tables["2"]
        cells: Cells = {(row, c): Cell(missing="not tested") for row in table.rows
                        for c in ("training", "total")}  # fmt: skip
        for i in range(1, N_SITES + 1):
            found = self.strata.select(self.cases, f"site_{i}")
            if found is None:
                missing = Cell(missing=self.strata.missing(f"site_{i}"))
                cells |= {(f"n_site_{i}", c): missing for c in table.columns}
            else:
                cells[f"n_site_{i}", "testing"] = Cell(float(found["patient"].nunique()))
        for row, held in (("n_scar", scar["reference"] > 0), ("n_no_scar", scar["reference"] == 0)):
            n = scar.loc[held.to_numpy(bool), "patient"].nunique()
            cells[row, "testing"] = Cell(float(n))
        tested = self.cases["patient"].nunique()
        learnt = len(split.get("train", ())) or None
        cells["n_total", "testing"] = Cell(float(tested))
        if learnt:
            cells["n_total", "training"] = Cell(float(learnt))
            cells["n_total", "total"] = Cell(float(learnt + tested))
        return cells

    def lines(self, row: str, feature: str) -> Mapping[str, Cell]:
        """A row of slopes and correlations with their tests, by column."""
        of_all = self.strata.select(self.cases, row)
        columns = ("slope_3d", "r_3d", "slope_2d", "r_2d", "p_slope", "p_r", "n")
        if of_all is None:
            return dict.fromkeys(columns, Cell(missing=self.strata.missing(row)))
        cells = {"n": Cell(float(len(of_all)), text=str(len(of_all)))}
        slopes, correlations = [], []
        for method, model in self.models.items():
            pairs, suffix = self.pairs(method, feature), method[-2:]
            if pairs is None:
                cells |= {f"{kind}_{suffix}": Cell(command=model.command)
                          for kind in ("slope", "r")}  # fmt: skip
                continue
            within = self.strata.select(pairs, row)
            assert within is not None
            line, r = line_of(within), correlation_cell(within)
            cells[f"slope_{suffix}"], cells[f"r_{suffix}"] = slope_cell(within), r
            slopes += [line.slope, line.slope_se, line.n]
            correlations += [r.value, len(pair_of(within)[0])]
        absent = self._absent()
        if absent is not None:
            return {**cells, **dict.fromkeys(("p_slope", "p_r"), Cell(command=absent.command))}
        return {**cells, "p_slope": p_cell(welch_slopes(*slopes)),
                "p_r": p_cell(fisher_z(*correlations))}  # fmt: skip

    def dice(self, row: str) -> Mapping[str, Cell]:
        """A row of Dice of scar, by column."""
        if row == "vendors":
            return self._vendors()
        if self.strata.select(self.cases, row) is None:
            return dict.fromkeys(("dice_3d", "dice_2d", "p", "paired", "n"),
                                 Cell(missing=self.strata.missing(row)))  # fmt: skip
        cells: dict[str, Cell] = {}
        found: dict[str, pd.Series[float]] = {}
        for method, model in self.models.items():
            if method not in self._dice:
                cells[f"dice_{method[-2:]}"] = Cell(command=model.command)
                continue
            frame = self.strata.select(self._dice[method], row)
            assert frame is not None
            found[method] = frame["dice"]
            cells[f"dice_{method[-2:]}"] = _mean(frame["dice"].dropna().to_numpy(np.float64))
            cells["n"] = Cell(float(len(frame)), text=str(len(frame)))
        absent = self._absent()
        if absent is not None:
            return {**cells, **dict.fromkeys(("p", "paired"), Cell(command=absent.command))}
        three, two = (found[m] for m in METHODS)
        return {
            **cells,
            "p": p_cell(kruskal([three.to_numpy(), two.to_numpy()])),
            "paired": p_cell(wilcoxon(three.to_numpy(), two.reindex(three.index).to_numpy())),
        }

    def _vendors(self) -> Mapping[str, Cell]:
        cells: dict[str, Cell] = {c: Cell(text=" ") for c in ("p", "paired", "n")}
        names = [f"vendor_{i}" for i in range(1, N_VENDORS + 1)]
        for method, model in self.models.items():
            column = f"dice_{method[-2:]}"
            if method not in self._dice:
                cells[column] = Cell(command=model.command)
                continue
            groups = [self.strata.select(self._dice[method], name) for name in names]
            test: Test = kruskal([g["dice"].to_numpy() for g in groups if g is not None])
            cells[column] = p_cell(test)
        return cells

    def large_scar(self, method: str) -> Mapping[str, Cell]:
        """How well large scars are found."""
        pairs = self.pairs(method, "scar_percent")
        if pairs is None:
            rows = ("n_large", "accuracy", "sensitivity", "specificity")
            return dict.fromkeys(rows, Cell(command=self.models[method].command))
        x, y = pair_of(pairs)
        large = Cell(float((x >= LARGE).sum()), n=len(x))
        return {"n_large": large, **detection_cells(x >= LARGE, y >= LARGE)}

    def agreement(self) -> Cells:
        """Means, bias and quartiles."""
        cells: Cells = {}
        for method, model in self.models.items():
            for name, feature in (("volume", "scar_ml"), ("percent", "scar_percent")):
                pairs = self.pairs(method, feature)
                if pairs is None:
                    cells |= {(f"{name}_{what}", method): Cell(command=model.command)
                              for what in ("mean", "bias")}  # fmt: skip
                    continue
                x, y = pair_of(pairs)
                cells[f"{name}_mean", "manual"], cells[f"{name}_mean", method] = _mean(x), _mean(y)
                cells[f"{name}_bias", method] = limits_cell(limits_of(pairs))
            found = self._classes(method)
            for row, i in (("dice_low", 0), ("dice_high", 2)):
                if found is None:
                    cells[row, method] = Cell(command=model.command)
                elif found.quartiles is None:
                    cells[row, method] = Cell(missing="no case with scar")
                else:
                    cells[row, method] = Cell(found.quartiles[i], n=found.n)
        return cells

    def _classes(self, method: str):
        frame = self._dice.get(method)
        return None if frame is None else dice_classes(frame["dice"].to_numpy(np.float64))

    def classes(self, method: str) -> Mapping[str, Cell]:
        """Shares of the classes of Dice."""
        found = self._classes(method)
        rows = self.paper.tables["Text: Dice classes"].rows
        if found is None:
            return dict.fromkeys(rows, Cell(command=self.models[method].command))
        shares = found.shares
        return {
            row: Cell(missing="no case with scar") if shares[row] is None
            else Cell(100 * shares[row], n=found.n) for row in rows
        }  # fmt: skip

    def class_counts(self) -> Mapping[str, Mapping[str, float]]:
        """Cases by class, by the label of each model that has runs."""
        found = {self.models[m].label: self._classes(m) for m in self.runs}
        return {label: of.counts for label, of in found.items() if of is not None}


def _mean(values: np.ndarray) -> Cell:
    """Mean and, in brackets, standard deviation."""
    if not values.size:
        return Cell(missing="no value")
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    return Cell(float(values.mean()), spread, n=int(values.size))
