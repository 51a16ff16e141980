"""``bench runs``: what is done, running, failed and interrupted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, UsageError, near_misses
from ..legible import is_there
from ._shared import columns, echo_json, line

if TYPE_CHECKING:
    from ..underway import RunState

__all__ = ["runs_command"]

_HEADS = ("state", "method", "data set", "seed", "fold", "stage", "predicted", "scored", "errors",
          "since", "took", "process")  # fmt: skip


def runs_command(
    runs: Annotated[Path, typer.Argument(help="Where results are kept.")] = Path("runs"),
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Those of this data set alone.")
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="running, failed, interrupted or done; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what is done, running, failed and interrupted.

    It reads what is there, and disturbs no run. An interrupted run goes on when the command that
    began it is given again.
    """
    from ..underway import State, run_states, totals

    for name in states or ():
        if name not in set(State):
            raise UsageError(f"There is no state {name!r}.", near_misses(name, map(str, State)))
    if not is_there(runs) or not runs.is_dir():
        raise DataError(f"There is no folder {runs}.", "Name the one that 'bench run' writes to.")
    found = list(run_states(runs, dataset))
    chosen = [one for one in found if not states or one.state in states]
    if as_json:
        echo_json([_as_json(one) for one in chosen])
        return
    if not found:
        line(f"There are no runs{f' of {dataset}' if dataset else ''} in {runs}.")
        return
    now = time.time()
    order = list(State)
    chosen.sort(key=lambda one: (
        one.dataset, order.index(one.state), one.label, one.seed or 0, one.fold or 0,
    ))  # fmt: skip
    if chosen:
        rows = [_row(one, now) for one in chosen]
        alike = Counter(row[1:5] for row in rows)
        # of several versions of one run, the folder tells which is which
        columns("", _HEADS, [
            (row[0], f"{row[1]} {one.path.name.rpartition('-')[2][:8]}", *row[2:])
            if alike[row[1:5]] > 1 else row
            for one, row in zip(chosen, rows, strict=True)
        ])  # fmt: skip
        for one in chosen:
            if one.message:
                line(f"{one.state}: {one.path}: {one.message}")
    line(", ".join(f"{count} {state}" for state, count in totals(found).items()))


def _as_json(one: RunState) -> dict[str, Any]:
    return {**asdict(one), "path": str(one.path), "state": one.state.value}


def _row(one: RunState, now: float) -> tuple[str, ...]:
    of = "" if one.of is None else f"/{one.of}"
    when = one.started if one.state == "running" else one.ended
    process = f"{one.host}:{one.pid}" if one.host else ""
    extra = " (trial)" if one.trial else ""
    profile = f" ({one.profile})" if one.profile not in ("", "quick") else ""
    return (
        one.state.value, f"{one.label}{profile}{extra}", one.dataset,
        _count(one.seed), _count(one.fold), one.stage,
        f"{one.predicted}{of}", f"{one.scored}{of}", str(one.errors or ""),
        _moment(when or one.started, now), _span(one.seconds), process,
    )  # fmt: skip


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _moment(when: float | None, now: float) -> str:
    """The time of day; the date too where it is another."""
    if when is None:
        return ""
    try:
        there, here = time.localtime(when), time.localtime(now)
    except (OverflowError, ValueError, OSError):  # no time that there could be
        return ""
    same = there[:3] == here[:3]
    return time.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M", there)


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
