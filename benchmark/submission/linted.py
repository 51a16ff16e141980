"""``bench doctor leakage``: one data set, its roles, and what methods were trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PluginError, UsageError
from ..plan import resolve
from ..plugins import Dataset
from ..progress import Reporter
from ..splits import EVALUATED
from .card import read_card
from .declared import declared_leaks, renamed
from .leakage import Leak, dealt, leaks_among, leaks_between, leaks_by_name, place_of
from .prints import CasePrint, prints_of, read_prints
from .prints import write_prints as write_file

__all__ = ["Lint", "lint"]


@dataclass
class Lint:
    """What was found.

    Attributes:
        dataset: Its name.
        cases, patients: How many were read.
        roles: How many cases each role has.
        declared: How many cases were declared to be trained on, by prints or by name.
        leaks: All there are.
        unread: Message by case that could not be read.
    """

    dataset: str
    cases: int = 0
    patients: int = 0
    roles: Mapping[str, int] = field(default_factory=dict)
    declared: int = 0
    leaks: list[Leak] = field(default_factory=list)
    unread: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> Mapping[str, Any]:
        """Plain data."""
        return {**vars(self), "leaks": [leak.as_json() for leak in self.leaks]}


def lint(
    dataset: str,
    *,
    data_root: Path | None = None,
    split: Path | None = None,
    folds: int | None = None,
    training: Sequence[Path] = (),
    write_prints: Path | None = None,
    reporter: Reporter | None = None,
) -> Lint:
    """Look for whatever is in two roles.

    Args:
        dataset: ``NAME[key=value,...]``.
        data_root: Folder of its data.
        split: A JSON file of case ids by role, instead of the data set's own roles.
        folds: The folds of cross-validation instead.
        training: What was trained on: ``method.toml`` or prints, compared with what is tested on.
        write_prints: Where to write prints of what is trained on (roles train and validation).
        reporter: Told of the progress.

    Raises:
        DataError: A file cannot be read, or is no split or declaration.
        UsageError: There is no such data set, or nothing to write prints of.
    """
    reporter = reporter or Reporter()
    settings: dict[str, Any] = {} if data_root is None else {"data_root": str(data_root)}
    resolved = resolve("datasets", dataset, settings)
    plugin, name = resolved.plugin, resolved.info.name
    assert isinstance(plugin, Dataset)
    index = list(plugin.index())
    if not index:
        raise PluginError(f"Data set {name!r} lists no case.")
    roles = dealt(index, split, folds)
    patients = {info.id: info.patient for info in index}
    found = Lint(name, roles=Counter(role for _, role in roles))
    found.leaks += leaks_by_name(roles, patients)
    first = dict(reversed(roles))  # of a case in two roles, which is told, the first
    with reporter.stage("reading cases", len(first)) as advance:
        prints, found.unread = prints_of(plugin, first, advance)
    found.cases, found.patients = len(prints), len({p.patient for p in prints})
    with reporter.stage("comparing cases", len(prints)) as advance:
        found.leaks += leaks_among(prints, advance)
    tested = [p for p in prints if p.role in EVALUATED or folds is not None]
    for path in training:
        found.declared += _declared(found, path, tested, name)
    if write_prints is not None:
        learnt = [p for p in prints if p.role in ("train", "validation")]
        if not learnt:
            raise UsageError("No case is trained on.", "Leave --write-prints out.")
        write_file(write_prints, name, learnt)
    return found


def _declared(found: Lint, path: Path, tested: Sequence[CasePrint], name: str) -> int:
    """Compare what a file declares; how many cases that is."""
    if path.suffix == ".toml":
        data = read_card(path).training.data
        known = {p.id: (p.patient, p.role) for p in tested}
        found.leaks += declared_leaks(data, name, known)
        return sum(len(one.cases) for one in data)
    told = read_prints(path)
    theirs = [renamed(p, told.dataset, name) for p in told.as_prints()]
    if told.dataset == name:  # one that is told by its id need not be told by its voxels
        here = {p.id: p for p in tested}
        found.leaks += [
            Leak("case", place_of(here[p.id]), place_of(p)) for p in theirs if p.id in here
        ]
    found.leaks += [
        leak
        for leak in leaks_between(tested, theirs)
        if told.dataset != name or leak.one.case != leak.other.case
    ]
    return len(told.cases)
