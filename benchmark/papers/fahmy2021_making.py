"""What all tables of fahmy2021 are made from: which runs, which slices, which patients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ..policies import Policy
from ..results import Run
from .cohort import cases_of, choose, seeds
from .fahmy2021_protocols import PROTOCOLS, pairs_by_protocol
from .fahmy2021_slices import UNKNOWN, segmented_slices
from .layout import Cell, Filled
from .published import Paper, load
from .selection import Column

__all__ = ["STRATA", "Cells", "Making", "column_of"]

Cells = dict[tuple[str, str], Cell]
#: Column -> method whose runs fill it.
METHODS = {"fusion": "fusion", "none": "lge_only"}
#: Stratum -> the roles that it holds.
STRATA: Mapping[str, tuple[str, ...]] = {
    "all": ("test", "external"), "internal": ("test",), "external": ("external",),
}  # fmt: skip


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
        chosen = choose(runs, "fahmy2021", list(METHODS.values()), roles)
        models = {column: chosen[method] for column, method in METHODS.items()}
        return cls(models, tuple(roles), runs[0])

    @cached_property
    def paper(self) -> Paper:
        """The published numbers."""
        return load("fahmy2021")

    @cached_property
    def runs(self) -> Mapping[str, Sequence[Run]]:
        """Runs by column, of the models that have some."""
        return {c: m.experiment.runs for c, m in self.models.items() if m.experiment is not None}

    @cached_property
    def slices(self) -> Mapping[str, pd.DataFrame]:
        """By model, its slices; without patients whom all models failed in."""
        found = {
            column: segmented_slices(of, self.roles, self.run_list)
            for column, of in self.runs.items()
        }
        return {c: one[~one["patient"].isin(self._failed(found))] for c, one in found.items()}

    @staticmethod
    def _failed(slices: Mapping[str, pd.DataFrame]) -> set[str]:
        best = pd.concat(slices.values()).groupby("patient")["success"].max()
        return set(best.index[(best == 0).to_numpy(bool)])

    @cached_property
    def _measured(self) -> Mapping[tuple[str, str, str], pd.DataFrame]:
        return pairs_by_protocol(self.runs, self.roles)

    def lacking(self, method: str, protocol: str) -> Column | None:
        """The model without a run that these numbers need: common slices are those of both."""
        needed = self.models if protocol == "common" else (method,)
        return next((self.models[name] for name in needed if name not in self.runs), None)

    def pairs(self, stratum: str, method: str, protocol: str, feature: str) -> pd.DataFrame | None:
        """Reference and prediction by case; None where a run is lacking."""
        if self.lacking(method, protocol) is not None:
            return None
        found = self._measured[method, protocol, feature]
        found = found[found["patient"].isin(set(self.slices[method]["patient"]))]
        return found[found["role"].isin(STRATA[stratum])]

    def filled(self, name: str, cells: Cells, *notes: str, protocols: bool = False) -> Filled:
        """A table; with ``protocols`` it has columns of all and of common slices too."""
        table = self.paper.tables[name]
        columns: dict[str, str] = {}
        if protocols:
            for protocol, words in PROTOCOLS.items():
                for c, title in table.columns.items():
                    columns[column_of(c, protocol)] = f"{title}, {words}" if words else title
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
        left_out = len(self.patients - self.kept)
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

    @cached_property
    def patients(self) -> set[str]:
        """All patients that were tested."""
        return set(cases_of(self.run_list, self.roles)["patient"])

    @cached_property
    def kept(self) -> set[str]:
        """Those in whom some model has a successful slice."""
        return {patient for one in self.slices.values() for patient in one["patient"]}

    def unplaced(self) -> list[str]:
        """A note on the slices whose third is not known, where there are some."""
        n = max(int((one["third"] == UNKNOWN).sum()) for one in self.slices.values())
        told = f"Slices whose location is not known, which count only in the last column: {n}."
        return [told] if n else []


def column_of(method: str, protocol: str) -> str:
    """Column of a table; the published protocol has the paper's own."""
    return method if protocol == "own" else f"{method}_{protocol}"
