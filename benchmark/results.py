"""What a run left, read from its folder and checked; nothing here computes a statistic."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import DataError
from .holder import held
from .legible import inside, is_there
from .record import RunRecord, order_of

__all__ = ["Run", "checked_run", "current", "find_runs", "load_run", "ordered", "tested",
           "unique_labels"]  # fmt: skip

#: How often a run is read that changes meanwhile, and how long a try waits for the next, in s.
_TRIES, _PAUSE_S = 20, 0.1
_WAIT = "Wait until it is done: 'bench runs' shows how far it is."
#: Columns of numbers; those of the others that a reader needs hold text.
_NUMBERS = ("slice", "value")
FEATURE_COLUMNS = ("case", "source", "level", "slice", "feature", "value", "status", "unit")


@dataclass(frozen=True, eq=False)
class Run:
    """What one run left, read and checked.

    Attributes:
        name: The run folder's name, ``<method>-<key>``.
        record: Its ``record.json``.
        cases: One row per case.
        scores: One row per value.
        features: One row per clinical feature; may be empty.
        source: The folder or file it was read from.
    """

    name: str
    record: RunRecord
    cases: pd.DataFrame
    scores: pd.DataFrame
    features: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FEATURE_COLUMNS))
    source: Path = Path()

    @property
    def method(self) -> str:
        """The method's name, without its parameters."""
        return self.record.method.name

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.record.dataset.name

    @property
    def label(self) -> str:
        """The method's name, with the parameters that were asked for."""
        asked = sorted(self.record.method.asked.items())
        inside = ",".join(f"{key}={value}" for key, value in asked)
        return f"{self.method}[{inside}]" if inside else self.method


def find_runs(root: Path, dataset: str | None = None) -> list[Path]:
    """The scored run folders under ``root`` (``runs/``) that nothing newer has superseded, sorted.

    Unfinished runs are left out, and those that are done again at this moment, and so are those
    that no case was tested in: trials of ``bench tune`` are scored on validation cases, and rank
    nowhere.

    Raises:
        DataError: A folder there, or a record, cannot be read: a table must not lack it in silence.
    """
    of = [Path(root) / dataset] if dataset else inside(Path(root))
    found = (folder for one in of for folder in inside(one)
             if is_there(folder / "record.json", of=folder))  # fmt: skip
    scored = (folder for folder in found if (folder / "scores.parquet").is_file())
    return _current((f, r) for f, r in _records(scored) if tested(r))


def _records(folders: Iterable[Path]) -> Iterator[tuple[Path, RunRecord]]:
    """Records of runs that were found; not of those whose record was withdrawn meanwhile."""
    for folder in folders:
        try:
            record = RunRecord.load(folder)
        except DataError:
            if (folder / "record.json").is_file():
                raise
        else:
            yield folder, record


def tested(record: RunRecord) -> bool:
    """Whether it is a run on cases to test on, and no trial of a search."""
    return not {"test", "external"}.isdisjoint(record.evaluated)


def current(folders: Iterable[Path]) -> list[Path]:
    """Those of these run folders that no other of them supersedes, sorted.

    Of one experiment (method, parameters, data set, split) that was run with several versions of
    the code or of the data, only the runs of the version that ran last are given, and of these the
    last of each seed and fold: runs of different code are not averaged.
    """
    return _current((folder, RunRecord.load(folder)) for folder in folders)


def _current(found: Iterable[tuple[Path, RunRecord]]) -> list[Path]:
    last: dict[str, tuple[int, str]] = {}
    candidates: dict[tuple[str, str, int, int | None], list[tuple[int, Path]]] = {}
    for folder, record in sorted(found, key=lambda one: one[0]):
        try:
            when, what = order_of(folder / "record.json", record), _experiment(record)
        except FileNotFoundError:  # withdrawn at this moment
            continue
        last[what] = max(last.get(what, (0, "")), (when, record.group))
        key = (what, record.group, record.seed, record.fold)
        candidates.setdefault(key, []).append((when, folder))
    return sorted(max(of)[1] for key, of in candidates.items() if last[key[0]][1] == key[1])


def _experiment(record: RunRecord) -> str:
    """What the user asked for, whichever code did it."""
    method, dataset = record.method, record.dataset
    asked = [method.spec, method.parameters, dataset.spec, dataset.parameters]
    split = record.split_source if record.folds is None else record.folds
    return json.dumps([*asked, split, record.evaluated], sort_keys=True, default=str)


def load_run(path: str | Path, levels: Sequence[str] | None = None) -> Run:
    """Read one run folder.

    Args:
        path: The folder that holds ``record.json``.
        levels: Read only the scores of these levels (``volume`` is a small part of all).

    Raises:
        DataError: A file is missing, unreadable, or lacks a column or a key; or the run is done
            again at this moment.
    """
    folder = Path(path)
    for _ in range(_TRIES):
        before = _state(folder)
        try:
            run = _read_run(folder, levels)
        except DataError:
            if _state(folder) == before:
                raise
        else:
            if _state(folder) == before:
                return checked_run(run)
        time.sleep(_PAUSE_S)
    raise DataError(f"{folder} is being written by another process.", _WAIT)


def _state(folder: Path) -> tuple[int, int, int] | None:
    """What changes whenever the record does: a run withdraws it before its tables change."""
    try:
        status = (folder / "record.json").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read_run(folder: Path, levels: Sequence[str] | None) -> Run:
    if not is_there(folder / "record.json", of=folder):
        if held(folder / ".lock"):
            raise DataError(f"{folder} is being written by another process.", _WAIT)
        raise DataError(
            f"{folder} is no run folder: it has no record.json.",
            "Name a folder runs/<dataset>/<method>-<key>.",
        )
    record = RunRecord.load(folder)
    cases = _read_parquet(folder / "cases.parquet", ("case", "patient", "role"))
    needed = ("case", "region", "metric", "level", "value", "status")
    scores = _read_parquet(folder / "scores.parquet", needed, levels)
    features = folder / "features.parquet"
    return Run(
        name=folder.resolve().name,
        record=record,
        cases=cases,
        scores=scores,
        features=_read_parquet(features, FEATURE_COLUMNS) if features.is_file() else _no_features(),
        source=folder,
    )


def checked_run(run: Run) -> Run:
    """``run``, if its tables fit each other.

    Raises:
        DataError: A case is there twice, or a score is of a case that is not in the case table.
    """
    twice = run.cases["case"][run.cases["case"].duplicated()]
    if len(twice):
        raise DataError(f"{run.source}: case {twice.iloc[0]!r} is twice in its case table.")
    for what, frame in (("score", run.scores), ("feature", run.features)):
        strange = frame["case"][~frame["case"].isin(run.cases["case"])]
        if len(strange):
            raise DataError(
                f"{run.source}: {len(strange)} {what}s are of cases that are not in its case "
                f"table, {strange.iloc[0]!r} for one.",
                "Score the run again.",
            )
    if "segment" not in run.features:  # of a run from before there were segments, or an entry
        return replace(run, features=run.features.assign(segment=float("nan")))
    return run


def unique_labels(runs: Sequence[Run]) -> dict[tuple[str, str], str]:
    """By data set and group: the name to show, with profile or group added where names clash."""
    first = {(run.dataset, run.record.group): run for run in reversed(runs)}
    labels = {key: run.label for key, run in first.items()}
    for clash in _clashes(labels):
        profile = first[clash].record.method.profile
        labels[clash] = f"{labels[clash]} ({profile})"
    for clash in _clashes(labels):
        labels[clash] = f"{labels[clash]} {clash[1][:8]}"
    return labels


def _clashes(labels: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    shown = [(key[0], label) for key, label in labels.items()]
    return [key for key, label in labels.items() if shown.count((key[0], label)) > 1]


def ordered(runs: Sequence[Run]) -> list[Run]:
    """``runs`` in an order that does not hang on how they were found."""
    return sorted(runs, key=_order)


def _order(run: Run) -> tuple[Any, ...]:
    record = run.record
    fold = -1 if record.fold is None else record.fold
    return (run.dataset, run.method, run.label, record.group, record.seed, fold, run.name)


def _read_parquet(
    path: Path, needed: Sequence[str], levels: Sequence[str] | None = None
) -> pd.DataFrame:
    filters = [("level", "in", list(levels))] if levels is not None else None
    try:
        frame = pd.read_parquet(path, engine="pyarrow", filters=filters)
    except FileNotFoundError:
        raise DataError(f"{path} is missing.", "Start the run again: it continues.") from None
    except (OSError, ValueError, TypeError, NotImplementedError) as error:  # pyarrow's are these
        raise DataError(f"{path} cannot be read: {error}.", "Score the run again.") from error
    missing = [name for name in needed if name not in frame]
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(missing)}.", "Score the run again.")
    for name in needed:
        if (name in _NUMBERS) != pd.api.types.is_numeric_dtype(frame[name]) and len(frame):
            what = f"holds {frame[name].dtype} in the column {name}"
            raise DataError(f"{path} {what}.", "Score the run again.")
    return frame


def _no_features() -> pd.DataFrame:
    return pd.DataFrame(columns=FEATURE_COLUMNS)
