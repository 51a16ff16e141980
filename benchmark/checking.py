"""Methods run again as their accepted entries were, to be compared with these.

They run in supervised processes of their own, as in ``bench run``: what a method breaks, hangs or
fills is a failed case that the check counts, and never the end of the gate without a verdict. A
fresh check starts in an empty folder: no train or predict stage of an earlier run can answer for
the code that is there now.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from .atomic import unwritable
from .drift.baseline import Entry, matching
from .driving import contained
from .errors import UsageError
from .experiment import expand
from .limits import Limits
from .parameters import parse_spec
from .plan import RunRequest, resolve
from .progress import Reporter
from .record import RunRecord
from .registry import Kind, listed
from .results import Run, load_run
from .store import write_json
from .types import Role

__all__ = [
    "Again",
    "Ask",
    "located",
    "name_in",
    "place",
    "repeated",
    "requests_of",
    "wanted_entries",
]

#: Does a step of :mod:`benchmark.steps` by its name, in a child.
Ask = Callable[[str, RunRequest], Any]


@dataclass(frozen=True)
class Again:
    """How entries are run again.

    Attributes:
        dataset: The data set as the user names it.
        root: Folder of its data, for data sets that need one.
        seeds: Which seeds; by default the first of each entry, so that equality can be seen.
        device: By default the entry's, if that is the CPU.
        threads: By default the entry's: results differ in their last bits between counts.
        limits: What a run's process may take.
        pictures: Draw overlays, as ``bench run`` does: what it has done is then not done again.
    """

    dataset: str
    root: Path | None = None
    seeds: tuple[int, ...] = ()
    device: str | None = None
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    pictures: bool = False


def wanted_entries(
    entries: Sequence[Entry],
    methods: Sequence[str],
    profile: str | None = None,
    ask: Ask | None = None,
) -> list[tuple[Entry, str]]:
    """Entries with the name by which each method is to be loaded; all of them without ``methods``.

    Args:
        entries: Of one data set.
        methods: NAME, ``NAME[key=value]`` or FILE.py.
        profile: By default that of the method's entries.
        ask: Loads a method in a child first, so that one that takes its process down is named.

    Raises:
        UsageError, PluginError: A method is unknown, broken, or has no entry; or an entry's method
            is a file whose place it does not say.
    """
    if not methods:
        return [(entry, _stored_spec(entry)) for entry in entries]
    found = []
    for given in methods:
        spec = located("methods", given, [e.record.method.spec for e in entries])
        name = name_in(spec)
        known = [e.record.method.profile for e in entries if e.record.method.name == name]
        base = profile or (known[0] if len(set(known)) == 1 else "quick")
        if ask is not None:
            ask("parameters", RunRequest(method=spec, dataset="", profile=base))
        resolved = resolve("methods", spec, {}, base)
        parameters = resolved.plugin.model_dump(mode="json")
        asked = {key: parameters[key] for key in resolved.asked}
        of_method = [e for e in entries if e.record.method.name == resolved.info.name]
        folds = {e.record.folds for e in of_method}
        wanted = _as_entry(of_method, resolved.info.name, asked, base, folds)
        found.append((matching(entries, wanted, spec), spec))
    return found


def name_in(spec: str) -> str:
    """The name that tables have for ``NAME[key=value]`` or ``FILE.py``."""
    name = parse_spec(spec).name
    return Path(name).stem if name.endswith(".py") else name


def located(kind: Kind, spec: str, stored: Iterable[str]) -> str:
    """``spec`` as it can be loaded: of a plugin in a file, an entry knows the file.

    Args:
        kind: Of plugins.
        spec: As the user names it.
        stored: By which names entries' plugins were loaded.

    Raises:
        UsageError: The file is not here.
    """
    name = parse_spec(spec).name
    if name.endswith(".py") or name in listed(kind):
        return spec
    for file in stored:
        if file.endswith(".py") and Path(file).stem == name:
            _check_here(kind, file)
            return file + spec[len(name) :]
    return spec


def _check_here(kind: Kind, file: str) -> None:
    if not Path(file).is_file():
        raise UsageError(
            f"The entry's {kind[:-1]} is in a file, {file}, that is not here.",
            f"Say where it is: --{kind[:-1]} FOLDER/{Path(file).name}.",
        )


def _as_entry(
    entries: Sequence[Entry], name: str, asked: dict[str, Any], profile: str, folds: set[int | None]
) -> tuple[str, ...]:
    """What :func:`benchmark.drift.baseline.experiment` would say of it."""
    text = json.dumps(asked, sort_keys=True, default=str)
    dataset = entries[0].record.dataset.name if entries else ""
    return dataset, name, text, profile, str(next(iter(folds)) if len(folds) == 1 else None)


def _stored_spec(entry: Entry) -> str:
    spec = entry.record.method.spec
    if spec.endswith(".py"):
        _check_here("methods", spec)
    return spec


def requests_of(
    entry: Entry,
    spec: str,
    again: Again,
    runs: Path,
    ask: Ask,
    split: Path | None = None,
) -> list[RunRequest]:
    """The runs that repeat an entry.

    Args:
        entry: Which.
        spec: By what name its method is loaded.
        again: How.
        runs: Where the runs go.
        ask: Does a step in a child.
        split: File of case ids by role, where the entry's split came from one.

    Raises:
        UsageError: Its data need ``--data-root``; or a parameter is not there any more.
    """
    record = entry.record
    settings = {} if parse_spec(spec).settings else dict(record.method.asked)
    here = {k: v for k, v in record.dataset.asked.items() if k != "data_root"}
    if again.root is not None:
        here["data_root"] = str(again.root)
    elif (
        "data_root" in record.dataset.asked
        and "data_root" not in parse_spec(again.dataset).settings
    ):
        raise UsageError(
            f"{entry.path} is of {record.dataset.name} in a folder.", "Say where: --data-root DIR."
        )
    known = parse_spec(again.dataset).settings
    request = RunRequest(
        method="",
        dataset=again.dataset,
        settings=settings,
        dataset_settings={k: v for k, v in here.items() if k not in known},
        profile=record.method.profile,
        split=split,
        device=again.device or ("cpu" if record.device == "cpu" else "auto"),
        threads=again.threads or record.threads,
        runs=runs,
        pictures=again.pictures,
        evaluate=cast(tuple[Role, ...], tuple(record.evaluated)),
    )
    seeds = again.seeds or (entry.seeds[0],)
    return [replace(one, runs=runs) for one in expand(request, [spec], seeds, record.folds, ask)]


def repeated(
    entry: Entry, spec: str, again: Again, runs: Path, reporter: Reporter, ask: Ask
) -> list[Run]:
    """Run an entry's experiment in processes of its own and read what it left.

    Raises:
        BenchError: The request does not fit, or a run failed.
    """
    split = _split_file(entry.record, runs)
    done = []
    for request in requests_of(entry, spec, again, runs, ask, split):
        reporter.note(f"checking {spec} on {entry.record.dataset.name}, seed {request.seed}")
        done.append(contained(request, again.limits, reporter))
    return [load_run(result.path, ["volume"]) for result in done]


def _split_file(record: RunRecord, runs: Path) -> Path | None:
    if not record.split_source.startswith("file:"):
        return None
    name = record.split_source.removeprefix("file:").rpartition("#")[0]
    path = runs / Path(name or "split.json").name
    write_json(path, record.split)
    return path


@contextmanager
def place(runs: Path | None, *, fresh: bool) -> Iterator[Path]:
    """Where the runs of a check go.

    Fresh, an empty folder: in ``runs`` it stays, without it is gone when the check is over.
    Otherwise ``runs``, by default ``runs/``, with all that is kept there.

    Raises:
        DataError: The folder cannot be made.
    """
    if not fresh:
        yield runs or Path("runs")
        return
    try:
        if runs is not None:
            runs.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="check-", dir=runs))
    except OSError as error:
        raise unwritable(runs or Path(tempfile.gettempdir()), error) from None
    try:
        yield folder
    finally:
        if runs is None:
            shutil.rmtree(folder, ignore_errors=True)
