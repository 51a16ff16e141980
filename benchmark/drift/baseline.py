"""Which accepted entry a run is compared with: the one of the same experiment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..entries import load_entry, portable_record
from ..errors import DataError, UsageError, near_misses
from ..record import RunRecord
from ..results import Run

__all__ = ["Entry", "experiment", "grouped", "matching", "read_entries"]


@dataclass(frozen=True)
class Entry:
    """An accepted entry with its runs.

    Attributes:
        path: Its file.
        runs: All its seeds and folds.
    """

    path: Path
    runs: tuple[Run, ...]

    @property
    def record(self) -> RunRecord:
        """What its runs share."""
        return self.runs[0].record

    @property
    def seeds(self) -> list[int]:
        """Its seeds, each once."""
        return sorted({run.record.seed for run in self.runs})

    @property
    def label(self) -> str:
        """The method with the parameters that were asked for."""
        return self.runs[0].label


def experiment(record: RunRecord) -> tuple[str, ...]:
    """What was asked of a run, whichever code and machine did it.

    Parameters that nobody gave are not part of it: a default that was changed is a change of the
    method, which a check has to see. Paths count by their last part, as entries hold them.
    """
    packed: dict[str, Any] = portable_record(record)
    method = packed["method"]
    asked = json.dumps(method["asked"], sort_keys=True, default=str)
    return record.dataset.name, method["name"], asked, record.method.profile, str(record.folds)


def read_entries(baseline: Path, dataset: str | None = None) -> list[Entry]:
    """The entries of a data set in ``leaderboards/``, or the one that ``baseline`` is.

    Raises:
        UsageError: There is no such folder, or no entry in it.
        DataError: An entry cannot be read.
    """
    if baseline.is_file():
        paths = [baseline]
    else:
        paths = sorted(baseline.glob(f"{_literal(dataset) if dataset else '*'}/*.json"))
    if not paths:
        raise UsageError(
            f"There is no accepted entry{f' of {dataset!r}' if dataset else ''} in {baseline}.",
            _there(baseline) or "'bench accept' makes one; --baseline says where they are.",
        )
    found = [Entry(path, tuple(load_entry(path))) for path in paths]
    for entry in found:
        if not entry.runs:
            raise DataError(f"{entry.path} holds no run.", "Restore it from git.")
    return [e for e in found if dataset is None or e.record.dataset.name == dataset]


def matching(entries: Sequence[Entry], wanted: tuple[str, ...], label: str) -> Entry:
    """The entry of this experiment.

    Raises:
        UsageError: None is, or several are.
    """
    found = [entry for entry in entries if experiment(entry.record) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"Several entries are of {label}: {', '.join(str(e.path) for e in found)}.",
            "Keep the newest of them, or name one as --baseline.",
        )
    near = [entry for entry in entries if entry.record.method.name == wanted[1]]
    if near:
        held = "; ".join(sorted(f"{e.label} ({e.record.method.profile}{_folds(e)})" for e in near))
        raise UsageError(
            f"No accepted entry is of {label} as it was run; there are: {held}.",
            "Run it with the same parameters, profile and folds, or accept it as an entry.",
        )
    raise UsageError(
        f"There is no accepted entry of {label} on {wanted[0]}.",
        near_misses(label, sorted({entry.record.method.name for entry in entries})),
    )


def grouped(runs: Iterable[Run]) -> dict[tuple[str, ...], list[Run]]:
    """Runs by experiment: what is compared with one entry."""
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(experiment(run.record), []).append(run)
    return found


def _folds(entry: Entry) -> str:
    return f", {entry.record.folds} folds" if entry.record.folds else ""


def _literal(name: str) -> str:
    """A data set's name as a pattern that matches it alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _there(baseline: Path) -> str:
    names = sorted({path.parent.name for path in baseline.glob("*/*.json")})
    return f"There are entries of: {', '.join(names)}." if names else ""
