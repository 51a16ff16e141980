"""``bench check``: runs, or methods run again, against their accepted entries."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BenchError, DataError, UsageError
from ._options import AsJson, DataRoot
from ._shared import TerminalReporter, echo_json, line

if TYPE_CHECKING:
    from ..drift.tolerances import Tolerances
    from ..drift.verdict import Check, Finding
    from ..progress import Reporter

__all__ = ["check_command", "compared", "tolerances_of"]

ERROR = 2
#: What could not be checked, and why.
Failures = list[tuple[str, BenchError]]
#: Below ``--baseline``, unless ``--tolerances`` names another.
TOLERANCES = "tolerances.toml"


def check_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders to compare; without any, methods are run again."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help="Run this method again; may be repeated; by default all entries."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="Data set of the entries to run again."),
    ] = None,
    baseline: Annotated[
        Path, typer.Option(help="Folder of accepted entries, or one entry.")
    ] = Path("leaderboards"),
    tolerances: Annotated[
        Path | None, typer.Option(help="By default tolerances.toml in the baseline's folder.")
    ] = None,
    engine: Annotated[
        bool,
        typer.Option(
            "--engine", help="Only score the entries' frozen predictions again; no torch."
        ),
    ] = False,
    seeds: Annotated[
        str | None,
        typer.Option(help="How many seeds, or a list; by default the first of each entry."),
    ] = None,
    fresh: Annotated[
        bool | None,
        typer.Option(
            "--fresh/--no-fresh",
            help="Never read a kept train or predict stage; the default where CI is set.",
        ),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Where the new runs go; by default they are not kept.")
    ] = None,
    data_root: DataRoot = None,
    device: Annotated[str | None, typer.Option(help="By default as the entry was run.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; by default the entry's.")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="List every quantity.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write Markdown for a pull request here.")
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="Annotations and step summary; the default in a GitHub workflow.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs with the accepted entries, and answer with the exit code.

    0 no regression; 1 a regression, or numbers that cannot be compared; 2 an error; 3 nothing was
    measured.
    """
    from ..drift.as_json import as_json as content_of
    from ..drift.github import commands_stopped, on_github, workflow_commands, write_summary
    from ..drift.junit import junit as junit_of
    from ..drift.markdown import markdown as markdown_of
    from ..drift.wording import exit_code
    from .running import parse_seeds

    _fit(paths, method, dataset, seeds, runs, engine=engine)
    hosted = on_github(os.environ) if github is None else github
    reporter = TerminalReporter(quiet=as_json)
    rules = tolerances_of(tolerances, baseline)
    if engine:
        checks, failed = _rescored(
            paths or [], baseline, dataset, method or [], rules, reporter, data_root
        )
    elif paths:
        checks, failed = compared(paths, baseline, rules), []
    else:
        checks, failed = again(
            method or [], dataset, baseline, rules, reporter, seeds=parse_seeds(seeds) if seeds else (), fresh=fresh,
            runs=runs, data_root=data_root, device=device, threads=threads,
        )  # fmt: skip
    if as_json:
        errors = [{"method": name, "error": str(error)} for name, error in failed]
        echo_json(content_of(checks) | {"errors": errors})
    elif checks or not failed:
        with commands_stopped(sys.stdout) if hosted else nullcontext():
            _show(checks, whole=whole)
    for name, error in failed:
        line(f"error: {name}: {error}", error=True)
    _write(junit, junit_of, checks, "JUnit XML")
    _write(markdown, markdown_of, checks, "Markdown")
    if hosted:
        # Beside JSON, which a program reads, GitHub finds them in the other stream.
        for command in workflow_commands(checks):
            line(command, error=as_json)
        problem = write_summary(markdown_of(checks))
        if problem:
            line(problem, error=True)
    code = exit_code(checks) if checks or not failed else ERROR
    # A regression is an answer; that another method could not be run must not hide it.
    raise typer.Exit(code if code == 1 or not failed else ERROR)


def _fit(
    paths: list[Path] | None,
    method: list[str] | None,
    dataset: str | None,
    seeds: str | None,
    runs: Path | None,
    *,
    engine: bool,
) -> None:
    """Whether the options go together."""
    if paths and (method or dataset):
        raise UsageError(
            "Run folders say what they are of; --method and --dataset make new runs.",
            "Give one or the other.",
        )
    if engine and (seeds or runs):
        raise UsageError("--engine makes no run.", "Leave out --seeds and --runs.")
    if not paths and dataset is None:
        raise UsageError(
            "Nothing is named to check.", "Name run folders, or --dataset (and --method)."
        )


def tolerances_of(path: Path | None, baseline: Path) -> Tolerances:
    """What is tolerated: of the file named, or of the baseline's, over the package's own."""
    from ..drift.tolerances import read_tolerances

    if path is None:
        # An entry lies in the folder of its data set, below the baseline's.
        folder = baseline.resolve().parent.parent if baseline.is_file() else baseline
        beside = folder / TOLERANCES
        path = beside if beside.is_file() else None
    return read_tolerances(path)


def compared(paths: Sequence[Path], baseline: Path, rules: Tolerances) -> list[Check]:
    """Run folders against the entries of their experiments."""
    from ..drift.baseline import grouped, matching, read_entries
    from ..drift.check import check_method
    from ..results import current
    from ..table import read_runs

    folders = [path.parent if path.name == "record.json" else path for path in paths]
    for path in folders:
        if path.is_file():
            raise UsageError(f"{path} is no run folder.", "Name an accepted entry as --baseline.")
        if not path.is_dir():
            raise DataError(f"There is no {path}.", "Name run folders.")
    checks = []
    for wanted, mine in grouped(read_runs(current(folders), levels=["volume"])).items():
        entries = read_entries(baseline, wanted[0])
        entry = matching(entries, wanted, mine[0].label)
        checks.append(check_method(mine, entry.runs, rules))
    return checks


def again(
    methods: Sequence[str],
    dataset: str | None,
    baseline: Path,
    rules: Tolerances,
    reporter: Reporter,
    *,
    seeds: Sequence[int] = (),
    fresh: bool | None = None,
    runs: Path | None = None,
    data_root: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> tuple[list[Check], Failures]:
    """Entries run again; with what could not be, and why.

    Raises:
        BenchError: What was asked does not fit, or the only method could not be run.
    """
    from ..checking import Again, place, repeated, wanted_entries
    from ..drift.baseline import read_entries
    from ..drift.check import check_method

    assert dataset is not None
    wanted = wanted_entries(read_entries(baseline, _dataset_name(dataset)), methods)
    how = Again(dataset, data_root, tuple(seeds), device, threads)
    checks: list[Check] = []
    failed: Failures = []
    with place(runs, fresh=_in_ci() if fresh is None else fresh) as folder:
        for entry, spec in wanted:
            try:
                scored = _engine_of(entry.path, rules, reporter, data_root)
                found = check_method(
                    repeated(entry, spec, how, folder, reporter), entry.runs, rules
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
    from ..drift.frozen import frozen_path

    if not frozen_path(path).is_file():
        return ()
    from ..rescoring import engine_gate

    return engine_gate(path, tolerances=rules, data_root=data_root, reporter=reporter).findings


def _dataset_name(spec: str | None) -> str | None:
    """The name in ``NAME[key=value]`` or of ``FILE.py``."""
    if spec is None:
        return None
    from ..parameters import parse_spec

    name = parse_spec(spec).name
    return Path(name).stem if name.endswith(".py") else name


def _in_ci() -> bool:
    """Whether the environment says that a CI service runs this."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def _rescored(
    paths: Sequence[Path],
    baseline: Path,
    dataset: str | None,
    methods: Sequence[str],
    rules: Tolerances,
    reporter: Reporter,
    data_root: Path | None,
) -> tuple[list[Check], Failures]:
    """Predictions scored again: of run folders, or those frozen beside the entries."""
    from ..drift.baseline import grouped, matching, read_entries
    from ..drift.frozen import frozen_path
    from ..rescoring import engine_gate
    from ..table import read_runs

    jobs: list[tuple[str, Path, list[Path]]] = []
    if paths:
        for wanted, mine in grouped(read_runs(paths, levels=["volume"])).items():
            entry = matching(read_entries(baseline, wanted[0]), wanted, mine[0].label)
            jobs.append((mine[0].label, entry.path, [run.source for run in mine]))
    else:
        entries = read_entries(baseline, _dataset_name(dataset))
        if methods:
            from ..checking import wanted_entries

            jobs = [(e.label, e.path, []) for e, _ in wanted_entries(entries, methods)]
        else:
            jobs = [(e.label, e.path, []) for e in entries if frozen_path(e.path).is_file()]
            without = [e.label for e in entries if not frozen_path(e.path).is_file()]
            if without:
                reporter.note(f"without frozen predictions: {', '.join(without)}")
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


def _show(checks: Sequence[Check], *, whole: bool) -> None:
    from ..drift.text import text

    shown = text(checks, whole=whole)
    if not sys.stdout.isatty():
        sys.stdout.write(shown)
        sys.stdout.flush()
        return
    from rich.console import Console
    from rich.text import Text

    from ..drift.wording import outcome

    first, _, rest = shown.partition("\n")
    colour = "bold red" if outcome(checks).failed else "bold green"
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(first, style=colour))
    console.print(Text(rest), end="")


def _write(
    path: Path | None, made: Callable[[Sequence[Check]], str], checks: Sequence[Check], what: str
) -> None:
    """Write a file, beside what stdout says."""
    if path is None:
        return
    from ..atomic import replacing

    if path.is_dir():
        raise DataError(f"{path} cannot be written: it is a folder.", "Name a file in it.")
    with replacing(path) as temporary:
        temporary.write_bytes(made(checks).encode("utf-8"))
    line(f"{what} written: {path}", error=True)
