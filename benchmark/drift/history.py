"""Accepted entries over time, as git remembers them.

The line followed is the first parent of each commit: what the branch held, in the order in which it
came to hold it. What an entry is of is read from the entry and never from its file's name, so a
renamed file changes nothing. git is asked with fixed arguments; nothing of the repository is run.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..averages import means
from ..columns import default_columns
from ..entries import parse_entry
from ..errors import BenchError, DataError, UsageError
from ..policies import Policy
from ..results import Run
from ..table import Quantity, select, tidy

__all__ = ["History", "Point", "Skipped", "history"]

#: Lines of a repository's own configuration that would run a program, or change what is printed.
_GIT = (
    "git", "--no-pager", "-c", "log.showSignature=false", "-c", "core.fsmonitor=false",
    "-c", "core.quotePath=false", "-c", "core.commitGraph=false", "-c", "diff.renames=true",
)  # fmt: skip
_ROLES = ("test", "external")
#: Seconds after which a git that waits for something is given up.
_PATIENCE = 300


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


@dataclass(frozen=True)
class _Version:
    commit: str
    committed: datetime
    authored: datetime
    path: str
    blob: str  # empty where the file was removed


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
    top = _git(folder, "rev-parse", "--show-toplevel").decode(errors="replace").rstrip("\n")
    notes = []
    if _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true":
        notes.append(
            "This clone is shallow: the first commit shown stands for all before it. "
            "'git fetch --unshallow' brings the others."
        )
    versions = list(_versions(folder))
    blobs = _blobs(folder, [v.blob for v in versions if v.blob])
    held = list(_uncommitted(folder, Path(top), versions, blobs))
    reader = _Reader(dataset, quantity)
    for version, content in [*((v, blobs.get(v.blob)) for v in versions), *held]:
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

    def take(self, version: _Version, content: bytes | None) -> None:
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

    def _add(self, version: _Version, runs: list[Run]) -> None:
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

    def _remove(self, version: _Version) -> None:
        label = self._at.pop(version.path, None)
        if label is None or label in self._at.values():  # renamed: its content stands elsewhere
            return
        point = Point(version.commit, version.committed, version.authored, version.path, label,
                      removed=True)  # fmt: skip
        self._last[label] = point
        self.points.append(point)

    def _skip(self, version: _Version, reason: str) -> None:
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


def _versions(folder: Path) -> Iterator[_Version]:
    """Every change of a JSON file in a folder of a data set, the oldest first; removals last."""
    out = _git(
        folder, "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "-z",
        "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-show-signature",
        "--no-color", "--no-notes", "--format=%x01%H %ct %at", "--", ":(glob)./*/*.json",
    )  # fmt: skip
    for block in out.split(b"\x01")[1:]:
        head, _, rest = block.partition(b"\x00")
        commit, committed, authored = head.split()
        fields = [field.lstrip(b"\n") for field in rest.split(b"\x00")]
        fields = [field for field in fields if field]
        found = []
        for about, path in zip(fields[::2], fields[1::2], strict=False):
            blob, status = about.split(b" ")[3:5]
            gone = status.startswith(b"D")
            found.append(_Version(
                commit.decode(), _when(committed), _when(authored),
                path.decode("utf-8", errors="replace"), "" if gone else blob.decode(),
            ))  # fmt: skip
        # A rename is a removal and an addition: the addition first, or the entry would seem gone.
        yield from sorted(found, key=lambda v: (not v.blob, v.path))


def _when(seconds: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):  # a commit may say anything of its time
        return datetime.fromtimestamp(0, UTC)


def _blobs(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The content of these objects; those that are not there are left out."""
    wanted = list(dict.fromkeys(names))
    out = _git(folder, "cat-file", "--batch", given="".join(f"{n}\n" for n in wanted).encode())
    found: dict[str, bytes] = {}
    at = 0
    for name in wanted:
        end = out.index(b"\n", at)
        head = out[at:end].split()
        at = end + 1
        if len(head) != 3:  # "<name> missing"
            continue
        size = int(head[2])
        found[name] = out[at : at + size]
        at += size + 1
    return found


def _uncommitted(
    folder: Path, top: Path, versions: Sequence[_Version], blobs: dict[str, bytes]
) -> Iterator[tuple[_Version, bytes | None]]:
    """Files as they lie there, where they are not what the last commit has."""
    last = {version.path: version for version in versions}
    now = datetime.now(UTC)
    for path in sorted(folder.glob("*/*.json")):
        try:
            name = path.resolve().relative_to(top.resolve()).as_posix()
            content = path.read_bytes()
        except (OSError, ValueError):
            continue
        known = last.get(name)
        if known is None or blobs.get(known.blob, b"").split() != content.split():
            yield _Version("", now, now, name, "-"), content


def _git(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    """What git prints.

    Raises:
        UsageError: There is no git, or the folder is in no repository.
        DataError: It fails.
    """
    # Not another repository's, not a question, not what is not here.
    dropped = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF")
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    environment |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0",
                    "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat"}  # fmt: skip
    try:
        done = subprocess.run(
            [*_GIT, *words], cwd=folder, env=environment, input=given or b"", capture_output=True,
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise UsageError("git is not installed.", "The history is git's: install it.") from None
    except subprocess.TimeoutExpired:
        raise DataError(f"git {words[0]} does not answer in {_PATIENCE} s.") from None
    if done.returncode == 0:
        return done.stdout
    told = done.stderr.decode(errors="replace").strip().splitlines()
    why = told[0].removeprefix("fatal: ") if told else f"exit code {done.returncode}"
    if "not a git repository" in why:
        raise UsageError(f"{folder} is in no git repository.", "The history is git's.")
    if "does not have any commits" in why:
        raise UsageError(f"The repository of {folder} has no commit yet.", "Commit the entries.")
    raise DataError(f"git cannot tell the history of {folder}: {why}.")
