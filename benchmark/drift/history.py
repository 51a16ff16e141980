"""Accepted entries over time, as git remembers them.

The line followed is the first parent of each commit: what the branch held, in the order in which it
came to hold it. What an entry is of is read from the entry and never from its file's name, so a
renamed file changes nothing.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..averages import means
from ..columns import default_columns
from ..entries import parse_entry
from ..errors import BenchError, DataError, UsageError
from ..policies import Policy
from ..results import Run
from ..table import Quantity, select, tidy
from .gitlog import Version, blobs, is_shallow, uncommitted, versions

__all__ = ["History", "Point", "Skipped", "history"]

_ROLES = ("test", "external")


@dataclass(frozen=True)
class Point:
    """An entry as a commit left it.

    Attributes:
        commit: Its hash; empty for a file that is not committed.
        committed: When it was committed.
        authored: When it was written.
        path: Of the entry, in the repository.
        label: The method with the parameters that were asked for, and a profile but quick.
        mean: Of the quantity; None where the entry has no value of it, or was removed.
        low: The smallest mean of a seed.
        high: The largest.
        n_cases: Cases that the quantity applies to.
        seeds: How many.
        code: Hash of the method's code.
        definition: Hash of the metric's definition; empty where the entry did not measure it.
        data: Fingerprint of the cases that were scored.
        removed: The entry was taken away.
        changed: What is another than in the point before: ``code``, ``definition``, ``data``,
            ``cases``.
    """

    commit: str
    committed: datetime
    authored: datetime
    path: str
    label: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    n_cases: int = 0
    seeds: int = 0
    code: str = ""
    definition: str = ""
    data: str = ""
    removed: bool = False
    changed: tuple[str, ...] = ()

    @property
    def joined(self) -> bool:
        """Whether a line from the point before means something."""
        return not {"definition", "data", "cases"}.intersection(self.changed)


@dataclass(frozen=True)
class Skipped:
    """A version of a file that is no entry.

    Attributes:
        commit: Of which commit.
        path: Of the file.
        reason: Why it cannot be read.
    """

    commit: str
    path: str
    reason: str


@dataclass(frozen=True)
class History:
    """One quantity of a data set's accepted entries.

    Attributes:
        dataset: Its name.
        quantity: What was averaged.
        points: In the order of the commits.
        skipped: What could not be read.
        notes: What else a reader must know.
    """

    dataset: str
    quantity: Quantity
    points: tuple[Point, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def history(folder: Path, dataset: str, quantity: Quantity | None = None) -> History:
    """Follow a quantity through the history of ``leaderboards/``.

    Args:
        folder: ``leaderboards/``, anywhere in a git repository.
        dataset: Name of the data set.
        quantity: By default the first column of its leaderboard.

    Raises:
        UsageError: There is no git, no repository, or no entry of the data set in its history.
        DataError: git fails.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name one with --leaderboards.")
    notes = []
    if is_shallow(folder):
        notes.append(
            "This clone is shallow: the first commit shown stands for all before it. "
            "'git fetch --unshallow' brings the others."
        )
    known = list(versions(folder))
    held = blobs(folder, [v.blob for v in known if v.blob])
    loose = list(uncommitted(folder, known, held))
    reader = _Reader(dataset, quantity)
    for version, content in [*((v, held.get(v.blob)) for v in known), *loose]:
        reader.take(version, content)
    if reader.quantity is None or not reader.points:
        fix = "'bench accept' makes entries; commit them."
        if reader.skipped:
            fix = f"The last that cannot be read: {reader.skipped[-1].reason}"
        raise UsageError(f"git knows no entry of {dataset!r} in {folder}.", fix)
    if any(point.commit == "" for point in reader.points):
        notes.append("The newest entries are not committed yet.")
    return History(dataset, reader.quantity, tuple(reader.points), tuple(reader.skipped),
                   tuple(notes))  # fmt: skip


class _Reader:
    """Takes versions of files in order; keeps what they say of one quantity."""

    def __init__(self, dataset: str, quantity: Quantity | None) -> None:
        self.dataset = dataset
        self.quantity = quantity
        self.points: list[Point] = []
        self.skipped: list[Skipped] = []
        self._at: dict[str, str] = {}  # path -> label of the entry it holds
        self._last: dict[str, Point] = {}
        self._named = re.compile(rb'"dataset"\s*:\s*' + re.escape(json.dumps(dataset).encode()))

    def take(self, version: Version, content: bytes | None) -> None:
        """One more version of one file."""
        of_folder = Path(version.path).parent.name == self.dataset
        if not version.blob and content is None:
            self._remove(version)
            return
        if content is None:
            if of_folder:
                self._skip(version, "its content is not in this clone")
            return
        if not self._named.search(content):
            if of_folder:
                self._skip(version, _reason(content, version.path) or "it names another data set")
            return
        try:
            runs = parse_entry(content, Path(version.path))
            if not runs:
                raise DataError(f"{version.path} holds no run.")
            if runs[0].dataset == self.dataset:
                self._add(version, runs)
        except BenchError as error:
            self._skip(version, error.problem)
        except (KeyError, TypeError, ValueError) as error:
            # An entry of an old version, or a damaged one, may lack what tables are made of.
            self._skip(version, f"{type(error).__name__}: {error}")

    def _add(self, version: Version, runs: list[Run]) -> None:
        quantity = self.quantity or default_columns(runs)[0]
        record = runs[0].record
        profile = record.method.profile
        label = runs[0].label + (f" ({profile})" if profile != "quick" else "")
        table = select(tidy(runs), roles=_ROLES)
        table = table[quantity.rows(table)]
        of_all, of_seeds, cases = None, [], 0
        if len(table):
            labels = sorted({str(name) for name in table["label"]})
            of_all = means(table, labels, quantity, Policy.WORST_CASE)[labels[0]]
            by_seed = (means(part, labels, quantity, Policy.WORST_CASE)[labels[0]]
                       for _, part in table.groupby("seed", observed=True))  # fmt: skip
            of_seeds = [mean for mean in by_seed if mean is not None]
            applies = (table["status"] != "not_applicable").to_numpy(dtype=bool)
            cases = int(table["case"][applies].nunique())
        point = Point(
            version.commit, version.committed, version.authored, version.path, label, of_all,
            min(of_seeds, default=None), max(of_seeds, default=None), cases,
            len({run.record.seed for run in runs}), record.method.code,
            record.metric_cards.get(quantity.card, ""), record.dataset.fingerprint,
        )  # fmt: skip
        before = self._last.get(label)
        self._at[version.path] = label
        self.quantity = quantity
        if before is not None and not before.removed:
            point = replace(point, changed=_changed(before, point))
            same = replace(
                point, commit=before.commit, committed=before.committed, authored=before.authored,
                path=before.path, changed=before.changed, mean=_near(before.mean, point.mean),
                low=_near(before.low, point.low), high=_near(before.high, point.high),
            )  # fmt: skip
            if same == before:
                return  # a renamed file, or another metric of the same runs
        self._last[label] = point
        self.points.append(point)

    def _remove(self, version: Version) -> None:
        label = self._at.pop(version.path, None)
        if label is None or label in self._at.values():  # renamed: its content stands elsewhere
            return
        point = Point(version.commit, version.committed, version.authored, version.path, label,
                      removed=True)  # fmt: skip
        self._last[label] = point
        self.points.append(point)

    def _skip(self, version: Version, reason: str) -> None:
        self.skipped.append(Skipped(version.commit, version.path, reason))


def _reason(content: bytes, path: str) -> str:
    try:
        parse_entry(content, Path(path))
    except BenchError as error:
        return error.problem
    return ""


def _near(then: float | None, now: float | None) -> float | None:
    """``then`` where ``now`` differs by rounding: sums over other orders of rows."""
    if then is None or now is None:
        return now
    return then if math.isclose(then, now, rel_tol=1e-12) else now


def _changed(before: Point, now: Point) -> tuple[str, ...]:
    facts = {
        "code": (before.code, now.code),
        "definition": (before.definition, now.definition),
        "data": (before.data, now.data),
        "cases": (before.n_cases, now.n_cases),
    }
    return tuple(name for name, (then, here) in facts.items() if then != here)
