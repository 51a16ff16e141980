"""What ``bench score`` says: means, what was missed, and other evaluators' numbers beside ours."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._shared import columns, line

if TYPE_CHECKING:
    from ..evaluate import Summary
    from ..overview import Line
    from ..presets import Difference, PresetTable

__all__ = [
    "held_as_json",
    "presets_as_json",
    "print_held",
    "print_preset",
    "print_summary",
    "summary_as_json",
]


def summary_as_json(summary: Summary, lines: list[Line]) -> dict[str, Any]:
    """The whole outcome of a scoring."""
    from dataclasses import asdict

    return {
        "cases": summary.cases,
        "scored": summary.scored,
        "missing": list(summary.missing),
        "failed": dict(summary.failed),
        "notes": list(summary.notes),
        "files": {name: str(path) for name, path in summary.files.items()},
        "resumed": summary.resumed,
        "jobs": summary.jobs,
        "means": [asdict(one) for one in lines],
        "incomplete": dict(summary.incomplete),
    }


def print_summary(summary: Summary, lines: list[Line]) -> None:
    """Notes and errors on stderr, means on stdout."""
    for note in summary.notes:
        line(f"note: {note}", error=True)
    for case in summary.missing:
        line(f"missing: {case} has no prediction", error=True)
    for case, message in summary.failed.items():
        line(f"error: {case}: {message}", error=True)
    for case, message in summary.incomplete.items():
        line(f"error: probabilities of {case}: {message}", error=True)
    rows = [
        (
            one.region,
            one.metric,
            "none" if one.mean is None else f"{one.mean:.4f}",
            one.unit,
            f"{one.n_defined}/{one.n_total}",
            str(one.n_measured),
        )
        for one in lines
    ]
    columns(
        f"{summary.scored} of {summary.cases} cases scored; a miss counts as the worst value"
        + (", a case that cannot be read as none" if summary.failed else ""),
        ("region", "metric", "mean", "unit", "defined/total", "both present"),
        rows,
    )
    line(f"written: {', '.join(str(p) for p in summary.files.values())}")


def presets_as_json(tables: list[PresetTable]) -> dict[str, Any]:
    """Other evaluators' means, by preset."""
    from dataclasses import asdict

    return {
        table.preset.name: {
            "file": str(table.path),
            "wrong": list(table.preset.wrong),
            # JSON has no NaN and no infinity
            "means": [asdict(m) | {"theirs": _finite(m.theirs)} for m in table.means()],
        }
        for table in tables
    }


def _finite(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def print_preset(table: PresetTable) -> None:
    """Another evaluator's means beside ours, and what is wrong with them."""
    rows = [
        (
            m.quantity,
            m.unit,
            "it stops" if m.theirs is None else f"{m.theirs:.4f}",
            "none" if m.ours is None else f"{m.ours:.4f}",
            m.metric or "-",
            f"{m.defined}/{m.cases}",
        )
        for m in table.means()
    ]
    columns(
        f"\n{table.preset.name}: its means over cases with a prediction, ours where defined",
        ("quantity", "unit", "theirs", "ours", "our metric", "ours defined"),
        rows,
    )
    for sentence in table.preset.wrong:
        line(f"* {sentence}")
    line(f"written: {table.path}")


def held_as_json(held: tuple[int, list[Difference]]) -> dict[str, Any]:
    """How many numbers of a summary.json were compared, and which differ."""
    from dataclasses import asdict

    shown = [
        asdict(one) | {side: _finite(getattr(one, side)) for side in ("summary", "masks")}
        for one in held[1]
    ]
    return {"compared": held[0], "differences": shown}


def print_held(held: tuple[int, list[Difference]], path: Path | None) -> None:
    """The same as text."""
    compared, found = held
    if not found:
        line(f"\n{path}: all {compared} numbers are those of the masks")
        return
    columns(
        f"\n{path}: {compared} numbers compared with the masks'; {len(found)} differences",
        ("case", "quantity", "summary", "masks", "reason"),
        [
            (
                one.case or "all",
                one.quantity or "all",
                "-" if one.summary is None else f"{one.summary:g}",
                "-" if one.masks is None else f"{one.masks:g}",
                one.reason,
            )
            for one in found
        ],
    )
