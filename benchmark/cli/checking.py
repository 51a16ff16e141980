"""``bench check``: runs, or methods run again, against their accepted entries."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, UsageError
from ..limits import TIMEOUT
from ._options import AsJson, DataRoot, Memory, Timeout, TrainTimeout, limits_of
from ._shared import TerminalReporter, echo_json, line

if TYPE_CHECKING:
    from ..drift.verdict import Check

__all__ = ["check_command"]

ERROR = 2


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
        Path | None,
        typer.Option(help="Where the new runs go: by default runs/, and with --fresh nowhere."),
    ] = None,
    data_root: DataRoot = None,
    device: Annotated[str | None, typer.Option(help="By default as the entry was run.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; by default the entry's.")
    ] = None,
    timeout: Timeout = TIMEOUT,
    train_timeout: TrainTimeout = 0.0,
    memory: Memory = None,
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
    from ..gate import again, compared, rescored, tolerances_of
    from .matrix import parse_seeds

    _fit(paths, method, dataset, seeds, runs, engine=engine)
    hosted = on_github(os.environ) if github is None else github
    reporter = TerminalReporter(quiet=as_json)
    rules = tolerances_of(tolerances, baseline)
    if engine:
        checks, failed = rescored(
            paths or [], baseline, dataset, method or [], rules, reporter, data_root
        )
    elif paths:
        checks, failed = compared(paths, baseline, rules)
    else:
        checks, failed = again(
            method or [], dataset, baseline, rules, reporter,
            seeds=parse_seeds(seeds) if seeds else (),
            fresh=_in_ci() if fresh is None else fresh,
            runs=runs, data_root=data_root, device=device, threads=threads,
            limits=limits_of(timeout, train_timeout, memory),
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


def _in_ci() -> bool:
    """Whether the environment says that a CI service runs this."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


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
