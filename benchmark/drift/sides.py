"""Entry and run as arrays of the same cases: what was measured, for each seed and case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..metrics.definition import STATUSES
from ..results import Run, ordered
from ..table import Quantity, is_excluded

__all__ = ["ABSENT", "STATUS_NAMES", "Side", "Values", "side_of"]

#: The status of a case without a row.
ABSENT = "absent"
#: What a status may be; one that is none of these counts as an error.
STATUS_NAMES = (ABSENT, *STATUSES)
#: Cases that a method is tested on.
_ROLES = ("test", "external")
_EMPTY_REFERENCE = ("both_empty", "ref_empty")
#: Never a matter of chance: the method or the engine failed, or gave no answer at all.
_FAILED = ("error", "no_prediction", "not_applicable", ABSENT)

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
        return np.asarray(np.isin(self.status.astype(str), _EMPTY_REFERENCE).any(axis=0))

    @property
    def applies(self) -> NDArray[np.bool_]:
        """``(case,)``: whether the quantity applies to the case in any seed."""
        without = np.isin(self.status.astype(str), ("not_applicable", ABSENT))
        return ~np.asarray(without.all(axis=0))

    @property
    def failed(self) -> NDArray[np.bool_]:
        """``(seed, case)``: no row, no answer, an error, or no number though the status is ok."""
        status = self.status.astype(str)
        found: NDArray[np.bool_] = np.asarray(np.isin(status, _FAILED))
        found |= (status == "ok") & np.isnan(self.value)
        return found


@dataclass(frozen=True, eq=False)
class Side:
    """All seeds of one experiment; the folds of a seed hold different cases and are one.

    Attributes:
        runs: In order.
        seeds: In order, each once.
        cases: Rows of the cases that count, by id; of a case that is in several runs, the first.
        quantities: Everything that was measured of volumes against the reference, in order.
        value, worst: ``(quantity, seed, case)``; NaN is undefined, or not known.
        status: The same, as positions in :data:`STATUS_NAMES`.
        better: Direction of each quantity.
    """

    runs: tuple[Run, ...]
    seeds: tuple[int, ...]
    cases: pd.DataFrame
    quantities: tuple[Quantity, ...]
    value: Floats
    worst: Floats
    status: NDArray[np.int8]
    better: tuple[str, ...]

    @cached_property
    def _at(self) -> Mapping[Quantity, int]:
        return {quantity: i for i, quantity in enumerate(self.quantities)}

    def places(
        self, cases: Sequence[str], seeds: Sequence[int]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indices of the last two axes for these seeds and cases, which this side has."""
        rows = np.array([self.seeds.index(seed) for seed in seeds], dtype=np.intp)
        return rows[:, None], self.cases.index.get_indexer(pd.Index(cases, dtype=object))[None]

    def of(self, quantity: Quantity, cases: Sequence[str], seeds: Sequence[int]) -> Values:
        """A quantity of these cases and seeds; :data:`ABSENT` where there is no row."""
        shape = (len(seeds), len(cases))
        at = self._at.get(quantity)
        if at is None or not len(cases):
            nothing = np.full(shape, np.nan)
            return Values(nothing, np.full(shape, ABSENT, dtype=object), nothing, "none")
        i, j = self.places(cases, seeds)
        names = np.array(STATUS_NAMES, dtype=object)
        return Values(self.value[at, i, j], names[self.status[at, i, j]], self.worst[at, i, j],
                      self.better[at])  # fmt: skip

    @cached_property
    def diagonals(self) -> Mapping[str, tuple[float, ...]]:
        """By case: the diagonals of its field of view in mm, of every run that knows one."""
        found: dict[str, set[float]] = {}
        for run in self.runs:
            if "diagonal_mm" not in run.cases:
                continue
            sizes = _numbers(run.cases["diagonal_mm"])
            for case, size in zip(run.cases["case"].astype(str), sizes, strict=True):
                if np.isfinite(size):
                    found.setdefault(case, set()).add(float(size))
        return {case: tuple(sorted(sizes)) for case, sizes in found.items()}

    @cached_property
    def models(self) -> Mapping[int, object]:
        """By seed: what was trained, as hashes of its files; None where that is not known."""
        found: dict[int, object] = {}
        for seed in self.seeds:
            of_seed = [run.record for run in self.runs if run.record.seed == seed]
            files = [(r.fold, r.stages.get("train", {}).get("model")) for r in of_seed]
            told = all(isinstance(model, dict) and model for _, model in files)
            found[seed] = sorted((str(fold), sorted(model.items())) for fold, model in files
                                 if model is not None) if told else None  # fmt: skip
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
        other = seen.get((run.record.seed, run.record.fold))
        seen[run.record.seed, run.record.fold] = run
        if other is not None:
            raise DataError(
                f"{other.source} and {run.source} have the same seed {run.record.seed} and fold "
                f"{run.record.fold}.",
                "Name only one of them.",
            )
    counted = {id(run): _counted(run) for run in runs}
    seeds = tuple(sorted({run.record.seed for run in runs}))
    cases = pd.concat([counted[id(run)] for run in runs], ignore_index=True)
    cases = cases.drop_duplicates("case").set_index("case").sort_index()
    scores = pd.concat([_scores(run, counted[id(run)]["case"]) for run in runs], ignore_index=True)
    return _arranged(tuple(runs), seeds, cases, scores, what)


def _arranged(
    runs: tuple[Run, ...], seeds: tuple[int, ...], cases: pd.DataFrame, scores: pd.DataFrame,
    what: str,
) -> Side:  # fmt: skip
    """Rows into places, all at once."""
    named = list(zip(scores["region"], scores["metric"], scores["dim"], strict=True))
    keys = [(str(r), str(m), d if isinstance(d, str) and d else "") for r, m, d in named]
    known = sorted(set(keys))
    position = {key: i for i, key in enumerate(known)}
    q = np.array([position[key] for key in keys], dtype=np.intp)
    s = pd.Index(seeds).get_indexer(pd.Index(scores["seed"]))
    c = cases.index.get_indexer(pd.Index(scores["case"], dtype=object))
    shape = (len(known), len(seeds), len(cases))
    flat = (q * shape[1] + s) * shape[2] + c
    count = np.bincount(flat, minlength=int(np.prod(shape)))
    if (count > 1).any():
        row = scores.iloc[int(np.flatnonzero(count[flat] > 1)[0])]
        raise DataError(
            f"The {what} has {row['region']} {row['metric']} of case {row['case']!r} and seed "
            f"{row['seed']} more than once.",
            "Score the run again.",
        )
    value, worst = np.full((2, *shape), np.nan)
    status = np.zeros(shape, dtype=np.int8)
    for name, array in (("value", value), ("worst", worst)):
        if name in scores:
            numbers = _numbers(scores[name])
            array.flat[flat] = np.where(np.isfinite(numbers), numbers, np.nan)
    codes = {name: i for i, name in enumerate(STATUS_NAMES)}
    error = codes["error"]
    status.flat[flat] = [codes.get(str(text), error) for text in scores["status"]]
    better = dict(zip(keys, scores["better"], strict=True)) if "better" in scores else {}
    return Side(
        runs, seeds, cases, tuple(Quantity(r, m, d or None) for r, m, d in known), value, worst,
        status, tuple(str(better.get(key, "none")) for key in known),
    )  # fmt: skip


def _counted(run: Run) -> pd.DataFrame:
    """The cases that are tested on, and that no data set left out."""
    cases = run.cases.assign(case=run.cases["case"].astype(str))
    keep = cases["role"].isin(_ROLES)
    if "excluded" in cases and "status" in cases:
        keep &= ~is_excluded(cases["excluded"], cases["status"])
    names = [n for n in ("case", "patient", "status", "message") if n in cases]
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


def _numbers(column: pd.Series[Any]) -> Floats:
    """Numbers of a column; what is none, such as a null or a text, is NaN."""
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
