"""The app with its commands; nothing heavier than typer is imported before a command runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from ..errors import BenchError
from ..plain import printable
from . import (
    accepting,
    checking,
    comparing,
    doctor,
    explaining,
    exporting,
    history,
    listing,
    making,
    reporting,
    running,
    scoring,
    showing,
    submitting,
    tables,
    tuning,
    underway,
)
from ._shared import line

__all__ = ["app", "run_app"]

_EPILOG = (
    "Exit codes: 0 done; 1 done, the answer is no; 2 what was asked or given does not fit; "
    "3 nothing was measured; 4 done, but some cases failed; 130 interrupted."
)

app = typer.Typer(
    name="bench",
    help="Benchmark of left-ventricle, myocardium and scar segmentation in cardiac MRI.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help costs 0.2 s before the first word
    epilog=_EPILOG,
)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options that every command takes."""
    if version:
        typer.echo(f"scarbench {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    if debug:
        os.environ["SCARBENCH_DEBUG"] = "1"


app.command("run")(running.run_command)
app.command("rerun")(running.rerun_command)
app.command("runs")(underway.runs_command)
app.command("tune")(tuning.tune_command)
app.command("score")(scoring.score_command)
app.command("list")(listing.list_command)
app.command("explain")(explaining.explain_command)
app.command("leaderboard")(tables.leaderboard_command)
app.command("show")(showing.show_command)
app.command("compare")(comparing.compare_command)
app.command("accept")(accepting.accept_command)
app.command("check")(checking.check_command)
app.command("history")(history.history_command)
app.command("submit")(submitting.submit_command)
app.command("verify")(submitting.verify_command)
app.command("export")(exporting.export_command)
app.command("report")(reporting.report_command)
app.add_typer(making.new_app, name="new")
app.add_typer(doctor.doctor_app, name="doctor")
app.command("check-method")(making.check_method_command)


def run_app(app: typer.Typer, words: Sequence[str]) -> int:
    """Run a command line and return the exit code."""
    debug = "--debug" in words or bool(os.environ.get("SCARBENCH_DEBUG"))
    words = [w for w in words if w != "--debug"]
    try:
        code = typer.main.get_command(app).main(
            args=list(words), prog_name="bench", standalone_mode=False
        )
    except BenchError as error:
        if debug:
            raise
        _say(error)
        return 2
    except KeyboardInterrupt:
        line("\nInterrupted. What is finished is kept; the same command goes on.", error=True)
        return 130
    except Exception as error:
        return _other(error, debug)
    return code if isinstance(code, int) else 0


def _other(error: Exception, debug: bool) -> int:
    """Usage errors of the option parser have a message of their own; the rest is our bug."""
    if isinstance(error, typer.Abort):
        return 130
    # typer brings its own copy of click, whose base class of errors it does not name
    show = getattr(error, "show", None)
    if show is not None and hasattr(error, "exit_code"):
        show()
        return 2
    if debug:
        raise error
    line(
        f"bench: unexpected {type(error).__name__}: {error}\n"
        "This is a bug in scarbench. The same command with --debug shows where.",
        error=True,
    )
    return 2


def _say(error: BenchError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    problem, fix = printable(str(error.problem)), printable(str(error.fix))
    console.print(Text("bench: ", style="bold red"), Text(problem), sep="", end=" ")
    console.print(Text(fix, style="bold"))
