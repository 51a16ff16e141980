"""``bench show``: one run, entry or folder of scores for a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ._shared import echo_json, line
from .tables import ROLES, AsJson, PolicyName, Roles

__all__ = ["show_command"]


def show_command(
    path: Annotated[
        Path, typer.Argument(help="A run folder, an accepted entry, or what bench score wrote.")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metric of the means, of all regions; may be repeated."),
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst cases to name.")] = 5,
    roles: Roles = ROLES,
    policy: PolicyName = "worst_case",
    as_json: AsJson = False,
) -> None:
    """Show one run: what it is, its means, its worst cases.

    Of an accepted entry, all its seeds together. On a terminal as tables, elsewhere as Markdown.
    """
    from ..policies import parse_policy
    from ..shown import read_shown, show
    from ..shown_text import as_json as to_json
    from ..shown_text import shown_markdown, shown_view
    from .quantities import of_metrics

    rule = parse_policy(policy)
    runs = read_shown(path)
    columns = of_metrics(runs, metric) if metric else None
    found = show(runs, columns=columns, policy=rule, roles=roles, worst=worst)
    if as_json:
        echo_json(to_json(found))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(shown_view(found))
    else:
        line(shown_markdown(found))
