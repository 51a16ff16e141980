"""``bench list``: what there is, without importing any of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import PluginError, UsageError, near_misses
from ._shared import columns, echo_json, line
from .explaining import computed, print_definitions

if TYPE_CHECKING:
    from ..registry import Kind, PluginInfo

__all__ = ["list_command"]

_KINDS = ("methods", "datasets", "metrics")
_TIMEOUT_S = 60
_MAPS = ("t1", "t2")


def list_command(
    what: Annotated[
        str | None, typer.Argument(help="methods, datasets, metrics, or the name of one plugin.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Import each, in a process of its own, to find faults.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """List methods, data sets and metrics.

    With the name of one, everything about it.
    """
    if what is not None and what not in _KINDS:
        _one(what, as_json)
        return
    kinds = [what] if what else list(_KINDS)
    found: dict[str, Any] = {}
    for kind in kinds:
        found[kind] = _metrics() if kind == "metrics" else _plugins(kind, check or as_json)
    if as_json:
        echo_json(found)
        return
    for kind in kinds:
        (_print_metrics if kind == "metrics" else _print_plugins)(kind, found[kind])


def _plugins(kind: str, examine: bool) -> list[dict[str, Any]]:
    from ..registry import listed

    infos = listed(kind)  # type: ignore[arg-type]  # one of _KINDS
    rows = [_row(info) for info in infos.values()]
    if examine:
        for row, info in zip(rows, infos.values(), strict=True):
            if not row["error"]:
                row |= _described(info.kind, info.name)
    return rows


def _row(info: PluginInfo) -> dict[str, Any]:
    source = info.source
    return {
        "name": info.name,
        "summary": source.summary if source else "",
        "parameters": {p.name: p.default for p in source.parameters} if source else {},
        "needs": list(source.needs) if source else [],
        "regions": list(source.produces) if source else [],
        "from": f"{info.distribution} {info.version}".strip() or info.module,
        "error": info.error,
    }


def _described(kind: Kind, name: str) -> dict[str, Any]:
    """What the class itself says, asked in a process that may crash, hang or print."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmark.describe", kind, name],
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"its import takes more than {_TIMEOUT_S} s"}
    try:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": last}


def _one(name: str, as_json: bool) -> None:
    from ..metrics.cards import cards, contour_cards
    from ..registry import find, listed

    if print_definitions(name, as_json):
        return
    kinds: tuple[Kind, ...] = ("methods", "datasets")
    homes = [k for k in kinds if name in listed(k)]
    if name.endswith(".py"):
        homes = ["methods"]
    if not homes:
        known = {*listed("methods"), *listed("datasets"), *cards(), *_KINDS}
        known |= {*contour_cards(), *(card.name for card in contour_cards().values())}
        raise UsageError(f"There is no plugin or metric {name!r}.", near_misses(name, known))
    found: dict[str, dict[str, Any]] = {}
    for kind in homes:
        found[kind] = _row(find(kind, name)) | _described(kind, name)
        if error := found[kind]["error"]:
            raise PluginError(f"The {kind[:-1]} {name!r} is broken: {error}.")
    if as_json:  # one document, by kind where a method and a data set have the name
        echo_json(found if len(found) > 1 else found[homes[0]])
        return
    for i, (home, facts) in enumerate(found.items()):
        if i:
            line("\n")
        _print_one(home, facts)


def _print_one(kind: str, facts: dict[str, Any]) -> None:
    line(f"{facts['name']} ({kind[:-1]}, from {facts['from']})\n\n{facts['doc']}\n")
    rows = [(p["name"], p["type"], str(p["default"]), p["description"]) for p in facts["fields"]]
    if rows:
        columns("", ("parameter", "type", "default", "meaning"), rows)
    else:
        line("It has no parameters.")
    if kind == "methods":
        line(f"\nneeds: {_needed(facts['needs']) or 'no image'}")
    if facts.get("tunable"):
        ranges = ", ".join(f"{key}={text}" for key, text in facts["tunable"].items())
        line(f"bench tune searches: {ranges}")
    line(f"{'segments' if kind == 'methods' else 'annotates'}: {', '.join(facts['regions'])}")


def _print_plugins(kind: str, rows: list[dict[str, Any]]) -> None:
    table = [
        (
            r["name"],
            f"broken: {r['error']}" if r["error"] else r["summary"],
            _needed(r["needs"]),
        )
        for r in rows
    ]
    if kind == "datasets":
        columns(kind, ("name", "what it is"), [t[:2] for t in table])
    else:
        columns(kind, ("name", "what it does", "needs"), table)
        line("'bench list NAME' shows what can be set.")
    line("")


def _needed(names: Sequence[str]) -> str:
    """``lge, cine``; a study holds one map, so that of T1 and T2 either will do."""
    maps = [name for name in names if name in _MAPS]
    either = [" or ".join(maps)] if maps else []
    return ", ".join([*(name for name in names if name not in _MAPS), *either])


def _metrics() -> list[dict[str, Any]]:
    from ..metrics.cards import cards, contour_cards, problems

    rows = [
        {"name": c.key, "summary": c.title, "unit": c.unit, "better": c.better,
         "dims": list(c.dims), "hash": c.hash, "error": "", "computed": computed(c)}
        for c in [*cards().values(), *contour_cards().values()]
    ]  # fmt: skip
    return rows + [{"name": n, "summary": "", "unit": "", "better": "", "dims": [], "hash": "",
                    "error": e, "computed": ""} for n, e in problems().items()]  # fmt: skip


def _print_metrics(kind: str, rows: list[dict[str, Any]]) -> None:
    table = [
        (r["name"], f"broken: {r['error']}" if r["error"] else r["summary"], r["unit"] or "-",
         r["better"], ", ".join(str(d) for d in r["dims"] if d) or "-", r["computed"])
        for r in rows
    ]  # fmt: skip
    columns(kind, ("name", "what it is", "unit", "better", "dim", "computed"), table)
