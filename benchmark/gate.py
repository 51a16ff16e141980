"""The gate: runs, methods run again or frozen predictions, against accepted entries.

What ``bench check``, ``bench accept`` and the fixture of pytest share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .checking import Again, located, name_in, place, repeated, wanted_entries
from .drift.baseline import grouped, matching, read_entries
from .drift.check import check_method
from .drift.frozen import frozen_path
from .drift.tolerances import Tolerances, read_tolerances
from .drift.verdict import Check, Finding
from .driving import asking
from .errors import BenchError, DataError, UsageError
from .legible import is_there
from .limits import Limits
from .progress import Reporter
from .rescoring import engine_gate
from .results import current
from .table import read_runs
from .underway import STUDY

__all__ = ["Failures", "again", "compared", "rescored", "tolerances_of"]

#: Below the baseline's folder, unless another is named.
TOLERANCES = "tolerances.toml"
#: What could not be checked, and why.
Failures = list[tuple[str, BenchError]]


def tolerances_of(path: Path | None, baseline: Path) -> Tolerances:
    """What is tolerated: of the file named, or of the baseline's, over the package's own."""
    if path is None:
        # An entry lies in the folder of its data set, below the baseline's.
        folder = baseline.resolve().parent.parent if baseline.is_file() else baseline
        beside = folder / TOLERANCES
        path = beside if beside.is_file() else None
    return read_tolerances(path)


def compared(
    paths: Sequence[Path], baseline: Path, rules: Tolerances
) -> tuple[list[Check], Failures]:
    """Run folders against the entries of their experiments; with what has none, and why.

    Raises:
        BenchError: A folder is no run, or the only experiment cannot be compared.
    """
    folders = [path.parent if path.name == "record.json" else path for path in paths]
    for path in folders:
        if not is_there(path):
            raise DataError(f"There is no {path}.", "Name run folders.")
        if not path.is_dir():
            json = path.suffix == ".json"
            fix = "Name an accepted entry as --baseline." if json else "Name run folders."
            raise UsageError(f"{path} is no run folder.", fix)
        if path.name.startswith(STUDY):
            raise UsageError(f"{path} is a search, no run.", "Leave it out; its trials are runs.")
    checks: list[Check] = []
    failed: Failures = []
    experiments = grouped(read_runs(current(folders), levels=["volume"]))
    for wanted, mine in experiments.items():
        try:
            entry = matching(read_entries(baseline, wanted[0]), wanted, mine[0].label)
            checks.append(check_method(mine, entry.runs, rules))
        except BenchError as error:
            if len(experiments) == 1:
                raise
            failed.append((f"{mine[0].label} on {wanted[0]}", error))
    return checks, failed


def again(
    methods: Sequence[str],
    dataset: str | None,
    baseline: Path,
    rules: Tolerances,
    reporter: Reporter,
    *,
    seeds: Sequence[int] = (),
    fresh: bool = True,
    runs: Path | None = None,
    data_root: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
) -> tuple[list[Check], Failures]:
    """Entries run again; with what could not be, and why.

    Raises:
        BenchError: What was asked does not fit, or the only method could not be run.
    """
    assert dataset is not None
    limits = limits or Limits()
    entries = read_entries(baseline, name_in(dataset))
    dataset = located("datasets", dataset, [e.record.dataset.spec for e in entries])
    how = Again(dataset, data_root, tuple(seeds), device, threads, limits, pictures=not fresh)
    checks: list[Check] = []
    failed: Failures = []
    with asking(limits) as ask, place(runs, fresh=fresh) as folder:
        wanted = wanted_entries(entries, methods, ask=ask)
        for entry, spec in wanted:
            try:
                scored = _engine_of(entry.path, rules, reporter, data_root)
                found = check_method(
                    repeated(entry, spec, how, folder, reporter, ask), entry.runs, rules
                )
                checks.append(replace(found, findings=(*scored, *found.findings)))
            except BenchError as error:
                if len(wanted) == 1:
                    raise
                failed.append((spec, error))
    return checks, failed


def _engine_of(
    path: Path, rules: Tolerances, reporter: Reporter, data_root: Path | None
) -> tuple[Finding, ...]:
    """What the other gate finds of an entry that has frozen predictions."""
    if not frozen_path(path).is_file():
        return ()
    return engine_gate(path, tolerances=rules, data_root=data_root, reporter=reporter).findings


def rescored(
    paths: Sequence[Path],
    baseline: Path,
    dataset: str | None,
    methods: Sequence[str],
    rules: Tolerances,
    reporter: Reporter,
    data_root: Path | None,
) -> tuple[list[Check], Failures]:
    """Predictions scored again: of run folders, or those frozen beside the entries."""
    jobs: list[tuple[str, Path, list[Path]]] = []
    if paths:
        for wanted, mine in grouped(read_runs(paths, levels=["volume"])).items():
            entry = matching(read_entries(baseline, wanted[0]), wanted, mine[0].label)
            jobs.append((mine[0].label, entry.path, [run.source for run in mine]))
    else:
        entries = read_entries(baseline, name_in(dataset) if dataset else None)
        if methods:
            jobs = [(e.label, e.path, []) for e, _ in wanted_entries(entries, methods)]
        else:
            jobs = [(e.label, e.path, []) for e in entries if frozen_path(e.path).is_file()]
            without = [e.label for e in entries if not frozen_path(e.path).is_file()]
            if without:
                how = "" if jobs else "; `bench accept --freeze` keeps them beside an entry"
                reporter.note(f"without frozen predictions: {', '.join(without)}{how}")
    checks: list[Check] = []
    failed: Failures = []
    for name, path, folders in jobs:
        try:
            checks.append(engine_gate(path, folders, tolerances=rules, data_root=data_root,
                                      reporter=reporter))  # fmt: skip
        except BenchError as error:
            if len(jobs) == 1:
                raise
            failed.append((name, error))
    return checks, failed
