"""``bench new`` and ``bench check-method``: from nothing to a method that keeps the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._shared import columns, echo_json, line

__all__ = ["check_method_command", "new_app"]

new_app = typer.Typer(help="Write a working plugin to start from.", no_args_is_help=True)


@new_app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="What the method will be called.")],
    into: Annotated[Path, typer.Option(help="Folder to write NAME.py into.")] = Path(),
) -> None:
    """Write NAME.py: a method of one file that runs as it is."""
    from ..scaffold import new_plugin

    path = new_plugin("method", name, into)
    shown = path if path.is_absolute() else f"./{path}"
    line(f"wrote {path}")
    line(f"  bench check-method {shown}")
    line(f"  bench run --method {shown} --dataset lge")


@new_app.command("dataset")
def new_dataset(
    name: Annotated[str, typer.Argument(help="What the data set will be called.")],
    into: Annotated[Path, typer.Option(help="Folder to write NAME.py into.")] = Path(),
) -> None:
    """Write NAME.py: a data set of one file that loads as it is."""
    from ..scaffold import new_plugin

    path = new_plugin("dataset", name, into)
    shown = path if path.is_absolute() else f"./{path}"
    line(f"wrote {path}")
    line(f"  bench run --method empty --dataset {shown}")


def check_method_command(
    method: Annotated[str, typer.Argument(help="NAME, 'NAME[key=value,...]' or FILE.py.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Run the contract suite on a method."""
    from ..contract import check_method

    findings = check_method(method)
    if as_json:
        echo_json([{"check": f.check, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        rows = [("ok" if f.ok else "FAILED", f.check, f.detail) for f in findings]
        columns(f"contract of {method}", ("", "check", "detail"), rows)
    if not all(f.ok for f in findings):
        raise typer.Exit(1)
