"""Entry and run as arrays of the same cases: what was measured, for each seed and case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..results import Run, ordered
from ..table import Quantity, is_excluded

__all__ = ["ABSENT", "Side", "Values", "side_of"]

#: The status of a case without a row.
ABSENT = "absent"
#: Cases that a method is tested on.
_ROLES = ("test", "external")
_EMPTY_REFERENCE = ("both_empty", "ref_empty")

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Values:
    """One quantity of one side.

    Attributes:
        value: ``(seed, case)``; NaN is undefined.
        status: ``(seed, case)``.
        worst: ``(seed, case)``: what a miss counts as; NaN where nobody knows.
        better: ``higher``, ``lower``, ``zero`` or ``none``.
    """

    value: Floats
    status: Texts
    worst: Floats
    better: str

    @property
    def resolved(self) -> Floats:
        """Values as ``worst_case`` has them: a miss counts as the worst value there is."""
        return np.where(np.isnan(self.value), self.worst, self.value)

    @property
    def empty_reference(self) -> NDArray[np.bool_]:
        """``(case,)``: whether any seed says that the reference has no such region."""
        found: NDArray[np.bool_] = np.isin(self.status.astype(str), _EMPTY_REFERENCE).any(axis=0)
        return found

    @property
    def applies(self) -> NDArray[np.bool_]:
        """``(case,)``: whether the quantity applies to the case in any seed."""
        without = np.isin(self.status.astype(str), ("not_applicable", ABSENT))
        found: NDArray[np.bool_] = ~without.all(axis=0)
        return found


@dataclass(frozen=True, eq=False)
class Side:
    """All seeds of one experiment; the folds of a seed hold different cases and are one.

    Attributes:
        runs: In order.
        seeds: In order, each once.
        cases: Rows of the cases that count, by id; of a case that is in several runs, the first.
        scores: Their values at the level of volumes against the reference, with ``seed``.
    """

    runs: tuple[Run, ...]
    seeds: tuple[int, ...]
    cases: pd.DataFrame
    scores: pd.DataFrame

    @cached_property
    def _rows(self) -> Mapping[Quantity, NDArray[np.intp]]:
        dims = self.scores["dim"].astype("object").where(self.scores["dim"].notna(), "")
        keys = [self.scores["region"].astype(str), self.scores["metric"].astype(str),
                dims.astype(str)]  # fmt: skip
        groups = self.scores.groupby(keys, sort=True).indices
        return {Quantity(r, m, d or None): rows for (r, m, d), rows in groups.items()}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything that was measured, in order."""
        return tuple(self._rows)

    def of(self, quantity: Quantity, cases: Sequence[str], seeds: Sequence[int]) -> Values:
        """A quantity of these cases and seeds; :data:`ABSENT` where there is no row."""
        shape = (len(seeds), len(cases))
        value, worst = np.full(shape, np.nan), np.full(shape, np.nan)
        status = np.full(shape, ABSENT, dtype=object)
        rows = self._rows.get(quantity)
        if rows is None or not len(cases):
            return Values(value, status, worst, "none")
        part = self.scores.iloc[rows]
        i = pd.Index(seeds).get_indexer(pd.Index(part["seed"]))
        j = pd.Index(cases).get_indexer(pd.Index(part["case"]))
        known = (i >= 0) & (j >= 0)
        i, j = i[known], j[known]
        for name, array in (("value", value), ("worst", worst)):
            numbers = _numbers(part[name]) if name in part else np.full(len(part), np.nan)
            array[i, j] = np.where(np.isfinite(numbers), numbers, np.nan)[known]
        status[i, j] = part["status"].astype(str).to_numpy(dtype=object)[known]
        better = str(part["better"].iloc[0]) if "better" in part else "none"
        return Values(value, status, worst, better)

    @cached_property
    def models(self) -> Mapping[int, object]:
        """By seed: what was trained, as hashes of its files; None where that is not known."""
        found: dict[int, object] = {}
        for seed in self.seeds:
            of_seed = [run.record for run in self.runs if run.record.seed == seed]
            files = [(r.fold, r.stages.get("train", {}).get("model")) for r in of_seed]
            told = all(isinstance(model, dict) and model for _, model in files)
            found[seed] = (
                sorted((str(fold), sorted(model.items())) for fold, model in files)
                if told
                else None
            )
        return found

    @property
    def trains(self) -> bool:
        """Whether the method learns, so that seeds differ."""
        return any(run.record.method.trains for run in self.runs)


def side_of(runs: Sequence[Run], what: str) -> Side:
    """The runs of one experiment as one side.

    Args:
        runs: All its seeds and folds, in any order.
        what: What they are, to name in an error.

    Raises:
        UsageError: They are of several methods, data sets or experiments.
        DataError: There is none; a seed and fold is there twice; or a case is in two folds.
    """
    if not runs:
        raise DataError(f"The {what} holds no run.", "Name run folders, or run the method first.")
    runs = ordered(runs)
    first = runs[0]
    seen: dict[tuple[int, int | None], Run] = {}
    for run in runs:
        if (run.dataset, run.record.group) != (first.dataset, first.record.group):
            raise UsageError(
                f"{first.source} ({first.label} on {first.dataset}) and {run.source} ({run.label} "
                f"on {run.dataset}) are runs of different experiments.",
                "Check the seeds and folds of one experiment at a time.",
            )
        other = seen.setdefault((run.record.seed, run.record.fold), run)
        if other is not run:
            raise DataError(
                f"{other.source} and {run.source} have the same seed {run.record.seed} and fold "
                f"{run.record.fold}.",
                "Name only one of them.",
            )
    counted = {id(run): _counted(run) for run in runs}
    seeds = tuple(sorted({run.record.seed for run in runs}))
    cases = pd.concat([counted[id(run)] for run in runs], ignore_index=True)
    scores = pd.concat([_scores(run, counted[id(run)]["case"]) for run in runs], ignore_index=True)
    twice = scores.duplicated(["seed", "case", "region", "metric", "dim"])
    if twice.any():
        row = scores[twice.to_numpy(dtype=bool)].iloc[0]
        raise DataError(
            f"The {what} has {row['region']} {row['metric']} of case {row['case']!r} and seed "
            f"{row['seed']} more than once.",
            "Score the run again.",
        )
    cases = cases.drop_duplicates("case").set_index("case").sort_index()
    return Side(tuple(runs), seeds, cases, scores)


def _counted(run: Run) -> pd.DataFrame:
    """The cases that are tested on, and that no data set left out."""
    cases = run.cases.assign(case=run.cases["case"].astype(str))
    keep = cases["role"].isin(_ROLES)
    if "excluded" in cases and "status" in cases:
        keep &= ~is_excluded(cases["excluded"], cases["status"])
    names = [n for n in ("case", "patient", "status", "message", "diagonal_mm") if n in cases]
    # Plain objects: pandas would warn about joining columns that are all null.
    return cases.loc[keep.to_numpy(dtype=bool), names].astype("object")


def _scores(run: Run, cases: pd.Series[str]) -> pd.DataFrame:
    scores = run.scores
    keep = (scores["level"] == "volume").to_numpy(dtype=bool)
    for column, wanted in (("reference", "reference"), ("compared", "prediction")):
        if column in scores:
            keep = keep & (scores[column] == wanted).to_numpy(dtype=bool)
    names = ["case", "region", "metric", "dim", "value", "status", "worst", "better"]
    kept = scores.loc[keep, [name for name in names if name in scores]].astype("object")
    kept["case"] = kept["case"].astype(str)
    kept = kept[kept["case"].isin(cases)]
    if "dim" not in kept:
        kept["dim"] = None
    return kept.assign(seed=run.record.seed)


def _numbers(column: pd.Series[object]) -> Floats:
    """Numbers of a column; what is none, such as a null or a text, is NaN."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
