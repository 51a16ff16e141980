"""Cells of the tables of fahmy2021, by stratum (all, internal, external testing) and model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ..policies import Policy
from ..results import Run
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
from .cohort import cases_of, choose, feature_pairs, seeds
from .fahmy2021_protocols import PROTOCOLS, pairs_by_protocol
from .fahmy2021_slices import UNKNOWN, WHERE, segmented_slices
from .layout import Cell, Filled
from .published import Paper, load
from .selection import Column

__all__ = ["Cells", "Making"]

Cells = dict[tuple[str, str], Cell]
#: Column -> method whose runs fill it.
METHODS = {"fusion": "fusion", "none": "lge_only"}
#: Stratum -> the roles that it holds.
STRATA: Mapping[str, tuple[str, ...]] = {
    "all": ("test", "external"), "internal": ("test",), "external": ("external",),
}  # fmt: skip
#: %Scar from which on a patient has scar.
PRESENT = 1.0


@dataclass(frozen=True, eq=False)
class Making:
    """What all tables are made from.

    Attributes:
        models: Which runs are which model, by column.
        roles: Cases of which roles.
        run: Any of the runs, for what is the same in all.
    """

    models: Mapping[str, Column]
    roles: tuple[str, ...]
    run: Run

    @classmethod
    def of(cls, runs: Sequence[Run], roles: Collection[str]) -> Making:
        """Of these runs; see :func:`benchmark.papers.cohort.choose` for what is refused."""
        chosen = choose(runs, "fahmy2021", list(METHODS.values()))
        models = {column: chosen[method] for column, method in METHODS.items()}
        return cls(models, tuple(roles), runs[0])

    @cached_property
    def paper(self) -> Paper:
        """The published numbers."""
        return load("fahmy2021")

    @cached_property
    def strata(self) -> tuple[str, ...]:
        """All of them, those without a case too."""
        return tuple(STRATA)

    @cached_property
    def runs(self) -> Mapping[str, Sequence[Run]]:
        """Runs by column, of the models that have some."""
        return {c: m.experiment.runs for c, m in self.models.items() if m.experiment is not None}

    @cached_property
    def slices(self) -> Mapping[str, pd.DataFrame]:
        """By model, its slices; without patients whom all models failed in."""
        found = {column: segmented_slices(of, self.roles) for column, of in self.runs.items()}
        return {c: one[~one["patient"].isin(self._failed(found))] for c, one in found.items()}

    @staticmethod
    def _failed(slices: Mapping[str, pd.DataFrame]) -> set[str]:
        best = pd.concat(slices.values()).groupby("patient")["success"].max()
        return set(best.index[(best == 0).to_numpy(bool)])

    @cached_property
    def _measured(self) -> Mapping[tuple[str, str, str], pd.DataFrame]:
        return pairs_by_protocol(self.runs, self.roles)

    def pairs(self, stratum: str, method: str, protocol: str, feature: str) -> pd.DataFrame | None:
        """Reference and prediction by case; None where there is no run of the method.

        Common slices need both methods: with one there are no cases.
        """
        if method not in self.runs:
            return None
        empty = next(iter(self._measured.values())).iloc[:0]
        found = self._measured.get((method, protocol, feature), empty)
        found = found[found["patient"].isin(set(self.slices[method]["patient"]))]
        return found[found["role"].isin(STRATA[stratum])]

    def filled(self, name: str, cells: Cells, *notes: str, protocols: bool = False) -> Filled:
        """A table; with ``protocols`` it has columns of all and of common slices too."""
        table = self.paper.tables[name]
        columns: dict[str, str] = {}
        if protocols:
            for protocol, words in PROTOCOLS.items():
                for c, title in table.columns.items():
                    columns[_column(c, protocol)] = f"{title}, {words}" if words else title
        by = {column: model.label for column, model in self.models.items()}
        extra = [column for column in columns if column not in table.columns]
        return Filled(table, cells, notes, by, columns=columns, ours_only=extra)

    def head(self, policy: Policy) -> tuple[str, ...]:
        """What stands above all tables."""
        data = self.run.record.dataset
        synthetic = ", SYNTHETIC: computed, not measured in patients" * data.synthetic
        of = "; ".join(
            f"{m.label}: {seeds(m.experiment)}" for m in self.models.values() if m.experiment
        )
        left_out = sum(
            found["patient"].nunique() for found in [cases_of(self.run_list, self.roles)]
        ) - len(self._kept())
        return (
            f"{self.paper.name}: {self.paper.citation}.",
            f"Ours: {data.title or data.name} ({data.name}){synthetic}.",
            f"Cases of role {' + '.join(self.roles)}; internal testing is role test, external "
            f"testing role external. Patients left out because every model failed in every slice: "
            f"{left_out}.",
            f"Of several seeds, a case has the mean of its values: {of}.",
            f"No cell is a mean of a metric, so the policy {policy} of undefined values changes "
            "none.",
        )

    @cached_property
    def run_list(self) -> list[Run]:
        """All runs that fill a column."""
        return [run for of in self.runs.values() for run in of]

    def _kept(self) -> set[str]:
        return {p for one in self.slices.values() for p in one["patient"]}

    def unplaced(self) -> list[str]:
        """A note on the slices whose third is not known, where there are some."""
        n = max(int((one["third"] == UNKNOWN).sum()) for one in self.slices.values())
        told = f"Slices whose location is not known, which count only in the last column: {n}."
        return [told] if n else []

    def burden(self, column: str) -> dict[str, Cell]:
        """Rows of Table 1 that the reference tells."""
        pairs = feature_pairs(self.run_list, "scar_percent", STRATA[column])
        values = pairs[pairs["role"].isin(self.roles)].groupby("patient")["reference"].mean()
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

    def success(self, stratum: str, table: str) -> Cells:
        """How many slices were segmented successfully, and the tests of the difference."""
        cells: Cells = {}
        for where in [None] if table == "2" else [*WHERE, None]:
            place = where or "all"
            counts: dict[str, tuple[float, int]] = {}
            for method, model in self.models.items():
                row, column = (f"{stratum}_slices", method) if table == "2" else (
                    f"{stratum}_{method}", place)  # fmt: skip
                total = (f"{stratum}_total", method if table == "2" else place)
                if model.experiment is None:
                    cells[row, column] = Cell(command=model.command)
                    cells.setdefault(total, Cell(command=model.command) if table == "2" else Cell())
                    continue
                slices = self.slices[method]
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
                cells[row, at] = self._rates(counts, yates=yates)
        return cells

    def _rates(self, counts: Mapping[str, tuple[float, float]], *, yates: bool) -> Cell:
        """The test of two rates: successes and trials by model."""
        missing = [model for model in self.models.values() if model.experiment is None]
        if missing:
            return Cell(command=missing[0].command)
        if len(counts) < 2:
            return Cell(missing="no such case")
        table = [[round(k), round(n) - round(k)] for k, n in counts.values()]
        return p_cell(chi_square(table, yates=yates))

    def quantities(self, stratum: str, method: str, protocol: str) -> Cells:
        """%Scar and volume against the reference, and the detection of scar."""
        column, model = _column(method, protocol), self.models[method]
        scar = self.pairs(stratum, method, protocol, "scar_percent")
        volume = self.pairs(stratum, method, protocol, "myocardium_ml")
        rows = ("scar_slope", "scar_r", "volume_slope", "volume_r", "accuracy", "specificity",
                "sensitivity", "n_scar")  # fmt: skip
        if scar is None or volume is None:
            return {(f"{stratum}_{row}", column): Cell(command=model.command) for row in rows}
        cells = {
            "scar_slope": slope_cell(scar), "scar_r": correlation_cell(scar),
            "volume_slope": slope_cell(volume), "volume_r": correlation_cell(volume),
        }  # fmt: skip
        truth, found = self._detected(scar)
        cells |= detection_cells(truth, found)
        cells["n_scar"] = Cell(float(truth.sum()), n=len(truth))
        return {(f"{stratum}_{row}", column): cell for row, cell in cells.items()}

    def _detected(self, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Whether each case has scar, and whether it was found."""
        both = pairs.dropna(subset=["prediction"])
        whole = feature_pairs(self.run_list, "scar_percent", self.roles)["reference"]
        truth = whole.reindex(both.index)
        known = truth.notna().to_numpy(bool)
        return (truth[known] > PRESENT).to_numpy(bool), (
            both.loc[known, "prediction"] > PRESENT
        ).to_numpy(bool)

    def agreement(self, method: str, protocol: str) -> Cells:
        """Lines with an intercept, and Bland-Altman analysis, of all testing data."""
        column, model = _column(method, protocol), self.models[method]
        cells: dict[str, Cell] = {}
        for name, feature in (("scar", "scar_percent"), ("volume", "myocardium_ml"),
                              ("mass", "scar_mass_g")):  # fmt: skip
            pairs = self.pairs("all", method, protocol, feature)
            rows = (f"{name}_intercept", f"{name}_slope", f"{name}_bias", f"{name}_within")
            rows = (f"{name}_bias",) if name == "mass" else rows
            if pairs is None:
                cells |= {row: Cell(command=model.command) for row in rows}
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

    def patients(self) -> Cells:
        """How many patients are left, and the tests of the detection of scar."""
        cells: Cells = {}
        n = cases_of(self.run_list, self.roles)["patient"].nunique()
        counts: dict[str, dict[str, tuple[float, float]]] = {}
        for method, model in self.models.items():
            if model.experiment is None:
                for row in ("n_patients", "n_segmented"):
                    cells[row, method] = Cell(command=model.command)
                continue
            left = len(self._kept())
            cells["n_patients", method] = Cell(float(n), n=n)
            cells["n_segmented", method] = Cell(float(left), 100 * left / n if n else None, n=n)
            pairs = self.pairs("all", method, "own", "scar_percent")
            assert pairs is not None
            truth, found = self._detected(pairs)
            right = truth == found
            for name, of in (("accuracy", np.ones_like(truth)), ("specificity", ~truth),
                             ("sensitivity", truth)):  # fmt: skip
                counts.setdefault(name, {})[method] = float(right[of].sum()), float(of.sum())
        for name, of_models in counts.items():
            for row, yates in ((f"{name}_p", False), (f"{name}_p_yates", True)):
                cells[row, "none"] = self._rates(of_models, yates=yates)
        return cells


def _column(method: str, protocol: str) -> str:
    return method if protocol == "own" else f"{method}_{protocol}"
