"""What all tables of fahmy2020 are made from: which runs, which cases, which values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from ..policies import Policy
from ..results import Run
from .cohort import cases_of, choose, dice_of_scar, feature_pairs, seeds
from .fahmy2020_strata import Strata
from .layout import Cell, Filled
from .published import Paper, load
from .selection import Column

__all__ = ["METHODS", "Cells", "Making"]

Cells = dict[tuple[str, str], Cell]
METHODS = ("cnn3d", "cnn2d")


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
        return cls(choose(runs, "fahmy2020", METHODS, roles), tuple(roles), policy, runs[0])

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

    def unanswered(self) -> list[str]:
        """A note on the cases that a model has no value for, where there are some."""
        counts = {
            column: int((pairs["reference"].notna() & pairs["prediction"].isna()).sum())
            for (column, feature), pairs in self._pairs.items()
            if feature == "scar_percent"
        }
        told = ", ".join(f"{self.models[c].label} {n}" for c, n in counts.items() if n)
        return [f"Cases without a %LGE of the model, which are in no pair: {told}."] if told else []

    @cached_property
    def dice(self) -> Mapping[str, pd.DataFrame]:
        """Dice of scar by case with scar, by method."""
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
