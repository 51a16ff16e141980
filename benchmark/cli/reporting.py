"""``bench report``: a paper's tables filled from runs, beside what it published."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, UsageError, near_misses
from ._shared import line, write_text

if TYPE_CHECKING:
    from ..papers.layout import PaperReport
    from ..results import Run

__all__ = ["report_command"]

_FORMATS = ("text", "markdown", "csv", "latex")
#: By the end of the file's name.
_SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex"}


def report_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders; by default all of the data set in --runs."),
    ] = None,
    paper: Annotated[str, typer.Option(help="Short name of the paper, such as mapping2023.")] = "",
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Name of the data set.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="text (the default), markdown, csv or latex."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write to this file; .md, .csv or .tex say the format."
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="Draw the paper's figures into this folder, as PNG and SVG."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option(help="Show 95 % intervals where the paper has none.")
    ] = False,
    roles: Annotated[
        list[str], typer.Option("--role", help="Cases of which roles; may be repeated.")
    ] = ["test", "external"],  # noqa: B006 - typer copies it
    policy: Annotated[
        str, typer.Option(help="worst_case, exclude or both_empty_is_perfect: undefined values.")
    ] = "worst_case",
    runs: Annotated[Path, typer.Option(help="Where bench run kept its results.")] = Path("runs"),
) -> None:
    """Print a paper's tables from runs, each number beside the published one.

    What no run fills is shown with the command that would.
    """
    from ..papers import known_papers

    if paper not in known_papers():
        asked = f"There is no paper {paper!r}." if paper else "Which paper?"
        raise UsageError(asked, f"{near_misses(paper, known_papers())} Give --paper NAME.")
    chosen = _format(form, output)
    from ..papers import report
    from ..papers.text import WRITERS, rich_view
    from ..policies import parse_policy

    found = report(paper, _runs(paths, dataset, runs), roles=roles, policy=parse_policy(policy))
    pictures = _draw(found, figures, output)
    if chosen == "text" and sys.stdout.isatty():
        from rich.console import Console

        # A command is one line, however long: copied from two it would not run.
        Console().print(rich_view(found, intervals=intervals, pictures=pictures), crop=False)
        return
    writer = WRITERS["markdown" if chosen == "text" else chosen]
    text = writer(found, intervals=intervals, pictures=pictures)
    if output is None:
        line(text.removesuffix("\n"))
        return
    write_text(output, text)


def _draw(report: PaperReport, folder: Path | None, output: Path | None) -> dict[str, str]:
    """Draw what can be drawn, and tell of each figure on stderr: stdout is for the tables.

    Returns:
        By the number of each figure that was drawn, the path of its PNG: relative to the file that
        will link it.
    """
    if folder is None:
        return {}
    from ..papers.drawing import draw_all

    pictures = {}
    for told in draw_all(report.paper.name, report.figures, folder):
        if told.why_not:
            line(f"{told.figure.name}: {told.why_not}", error=True)
            continue
        line(f"written: {', '.join(map(str, told.files))}", error=True)
        home = output.parent if output else Path()
        pictures[told.figure.number] = _linked(told.files[0], home)
    if not report.figures:
        line(f"{report.paper.name} has no figures that are drawn.", error=True)
    return pictures


def _linked(picture: Path, home: Path) -> str:
    try:
        return Path(os.path.relpath(picture, home)).as_posix()
    except ValueError:  # another drive of Windows
        return picture.resolve().as_posix()


def _format(form: str | None, output: Path | None) -> str:
    if form is not None and form not in _FORMATS:
        raise UsageError(f"There is no format {form!r}.", near_misses(form, _FORMATS))
    if form is not None:
        return form
    if output is None:
        return "text"
    if output.suffix not in _SUFFIXES:
        raise UsageError(
            f"{output} does not say its format.",
            f"End its name in {', '.join(_SUFFIXES)}, or give --format.",
        )
    return _SUFFIXES[output.suffix]


def _runs(paths: list[Path] | None, dataset: str | None, root: Path) -> list[Run]:
    from ..results import find_runs
    from ..table import read_runs

    for path in paths or ():
        if path.suffix == ".json" and path.name != "record.json":
            raise DataError(
                f"{path} is an accepted entry, which has no scores of single slices.",
                "Name run folders.",
            )
    folders = paths or find_runs(root, dataset)
    if not folders:
        where = f" of {dataset!r}" if dataset else ""
        raise DataError(f"There are no runs{where} in {root}.", "Run 'bench run' first.")
    found = read_runs(folders)
    chosen = [run for run in found if dataset in (None, run.dataset)]
    if not chosen:
        raise DataError(
            f"None of these runs is of {dataset!r}.",
            near_misses(str(dataset), {run.dataset for run in found}),
        )
    return chosen
