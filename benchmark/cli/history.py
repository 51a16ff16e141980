"""``bench history``: a metric over the accepted entries in git's history."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BenchError, UsageError
from ._shared import echo_json, line
from .tables import AsJson, Entries

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..drift.history import History
    from ..table import Quantity

__all__ = ["history_command"]


def history_command(
    dataset: Annotated[str, typer.Option("--dataset", "-d", help="Name of the data set.")],
    metric: Annotated[
        str | None, typer.Option(help="By default what ranks the data set's leaderboard.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="By default likewise.")] = None,
    dim: Annotated[
        str | None, typer.Option(help="3d, slice, inplane3d or contour, for distances.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", "-m", help="Only these; may be repeated.")
    ] = None,
    leaderboards: Entries = Path("leaderboards"),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw it: FILE.svg or FILE.png.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a metric over the accepted entries in git's history.

    What was measured on other data or defined otherwise is not joined by a line.
    """
    from ..drift.history import history
    from ..drift.history_text import text, words

    found = history(leaderboards, dataset, _quantity(leaderboards, dataset, metric, region, dim))
    if method:
        wanted = set(method)
        kept = tuple(p for p in found.points if {p.label, p.label.split("[")[0]} & wanted)
        if not kept:
            there = ", ".join(sorted({point.label for point in found.points}))
            raise UsageError(f"No entry is of {', '.join(method)}.", f"There are: {there}.")
        from dataclasses import replace

        found = replace(found, points=kept)
    if as_json:
        content = asdict(found)
        for point in content["points"]:
            point |= {"committed": point["committed"].isoformat(),
                      "authored": point["authored"].isoformat()}  # fmt: skip
        echo_json(content)
    else:
        line(text(found).rstrip("\n"))
    for note in words(found):
        line(note, error=True)
    if out is not None:
        from ..figures import save

        line(f"written: {save(_drawn(found), out)}", error=as_json)


def _quantity(
    leaderboards: Path, dataset: str, metric: str | None, region: str | None, dim: str | None
) -> Quantity | None:
    """What is asked for, held against the entries that lie there; None: what ranks them."""
    from ..columns import default_columns
    from ..drift.baseline import read_entries
    from ..table import Quantity
    from .quantities import named, of_metrics

    if metric is None and region is None and dim is None:
        return None
    name, fixed = named([metric or "dice"])[0]
    try:
        runs = [run for entry in read_entries(leaderboards, dataset) for run in entry.runs]
    except BenchError:  # all removed, or one of them damaged: the history says so
        return Quantity(region or "scar", name, fixed or dim)
    first = default_columns(runs)[0].region
    return of_metrics(runs, [metric or "dice"], [region or first], dim)[0]


def _drawn(found: History) -> Figure:
    """One line per method over the commits."""
    from ..figures import Mark, history_lines

    points = [point for point in found.points if point.mean is not None]
    commits = list(dict.fromkeys(point.commit for point in points))
    when = {point.commit: point.committed for point in points}
    names = [f"{when[c]:%Y-%m-%d} {c[:7]}" if c else "not committed" for c in commits]
    series: dict[str, list[Mark]] = {}
    for point in points:
        assert point.mean is not None
        low, high = (point.low, point.high) if point.seeds > 1 else (None, None)
        series.setdefault(point.label, []).append(
            Mark(commits.index(point.commit), point.mean, low, high, point.joined)
        )
    last = {point.label: point for point in found.points}
    return history_lines(
        series,
        names,
        label=str(found.quantity),
        title=f"Accepted entries of {found.dataset}",
        removed=[label for label, point in last.items() if point.removed],
    )
