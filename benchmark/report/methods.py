"""The cards of the methods: what went in, what it was made of, what it cost, by what it was run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..leaderboard import Leaderboard, Row
from ..leaderboard_text import COSTS, cost_texts, note_text
from ..results import Run, unique_labels
from ..text import NONE, number

__all__ = ["Card", "Cost", "cards", "costs", "groups"]


@dataclass(frozen=True)
class Cost:
    """What a method took, of one kind.

    Attributes:
        value: In the unit of its column; None where it was not recorded.
        text: As it is shown.
    """

    value: float | None
    text: str


@dataclass(frozen=True)
class Card:
    """One method, as its card shows it: every field is text already, and a stranger's.

    Attributes:
        label: Unique on the page.
        track: What its inputs are called.
        summary: Its own sentence.
        facts: Heading and text, in order.
        parameters: Name, value, and whether it was asked for.
        runs: Of each run: its name, seed, fold, code, and the versions it ran with.
        versions: Name and versions of the packages over all its runs.
        note: What a reader must know beside its numbers.
    """

    label: str
    track: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str, bool], ...]
    runs: tuple[Mapping[str, str], ...]
    versions: str
    note: str


def groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each method, by the label that the leaderboard gives it."""
    labels = unique_labels(runs)
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(labels[run.dataset, run.record.group], []).append(run)
    return found


def costs(row: Row) -> tuple[Cost, ...]:
    """What a method cost, in the order of :data:`benchmark.leaderboard_text.COSTS`."""
    per_slice = None if row.seconds_per_slice is None else 1000 * row.seconds_per_slice
    values = (
        row.train_seconds,
        row.seconds_per_epoch,
        per_slice,
        row.memory_mb,
        row.parameters,
    )
    return tuple(map(Cost, values, cost_texts(row)))


def cards(board: Leaderboard, members: Mapping[str, Sequence[Run]]) -> list[Card]:
    """The cards of all methods, in the order of the board.

    Args:
        board: The leaderboard.
        members: What :func:`groups` gave.
    """
    return [_card(row, members[row.label]) for row in board.rows]


def _card(row: Row, runs: Sequence[Run]) -> Card:
    record = runs[0].record
    method = record.method
    return Card(
        label=row.label,
        track=row.track,
        summary=method.summary,
        facts=(
            ("Inputs", ", ".join(method.needs) or "not recorded"),
            ("Gives", ", ".join(record.produces) or "not recorded"),
            ("Profile", row.profile or "not recorded"),
            ("Trained on", _training(row, runs)),
            ("Network", _network(row)),
            ("Cost", _cost(row, runs)),
            ("Licence", _said(getattr(method, "licence", None)) or "not recorded"),
            ("Distribution", f"{method.distribution or 'not recorded'} {method.version}".strip()),
            ("Code", ", ".join(_each(run.record.method.code for run in runs)) or "not recorded"),
        ),
        parameters=tuple(
            (name, _said(value), name in method.asked)
            for name, value in sorted(method.parameters.items())
        ),
        runs=tuple(_run(run) for run in runs),
        versions=_versions(runs),
        note=note_text(row),
    )


def _training(row: Row, runs: Sequence[Run]) -> str:
    """Data set, number of cases, fingerprint and seeds of what was learnt from."""
    record = runs[0].record
    if not record.method.trains:
        return "nothing: it does not train"
    split = record.split
    counted = [f"{len(split[role])} {role}" for role in ("train", "validation") if role in split]
    prints = _each(run.record.dataset.training_fingerprint[:16] for run in runs)
    parts = [
        record.dataset.title or record.dataset.name,
        f"{' and '.join(counted)} cases" if counted else "",
        f"fingerprint {', '.join(prints)}" if prints else "fingerprint not recorded",
        f"seeds {', '.join(map(str, row.seeds))}",
        f"{row.folds} folds" if row.folds else "",
    ]
    return "; ".join(filter(None, parts))


def _network(row: Row) -> str:
    if row.parameters is None:
        return "none"
    return f"{row.parameters:,} trainable parameters"


def _cost(row: Row, runs: Sequence[Run]) -> str:
    devices = _each(run.record.device for run in runs)
    threads = _each(str(run.record.threads) for run in runs)
    machines = _each(_said(run.record.provenance.get("machine")) for run in runs)
    shown = [f"{head} {cost.text}" for head, cost in zip(COSTS, costs(row), strict=True)]
    shown.insert(3, f"per case (s) {number(row.seconds_per_case, 3)}")
    where = f"on {', '.join(devices)} with {', '.join(threads)} threads"
    return "; ".join([*shown, " ".join(filter(None, [where, *machines]))])


def _run(run: Run) -> dict[str, str]:
    record = run.record
    git = record.provenance.get("git") or {}
    commit = _said(git.get("commit"))[:12] if isinstance(git, dict) else ""
    dirty = " with changes" if isinstance(git, dict) and git.get("dirty") else ""
    return {
        "name": run.name,
        "seed": str(record.seed),
        "fold": NONE if record.fold is None else str(record.fold),
        "data": record.dataset.fingerprint[:16] or "not recorded",
        "commit": f"{commit}{dirty}" or NONE,
        "python": _said(record.provenance.get("python")) or NONE,
        "platform": _said(record.provenance.get("platform")) or NONE,
    }


def _versions(runs: Sequence[Run]) -> str:
    """``numpy 2.4.6, torch 2.13.0 or 2.14.0``: what any of its runs ran with."""
    seen: dict[str, list[str]] = {}
    for run in runs:
        versions = run.record.provenance.get("versions")
        for name, version in versions.items() if isinstance(versions, dict) else ():
            seen.setdefault(str(name), []).append(str(version))
    return ", ".join(f"{name} {' or '.join(_each(seen[name]))}" for name in sorted(seen))


def _each(texts: Iterable[str]) -> list[str]:
    """Every text once, sorted; empty ones left out."""
    return sorted({text for text in texts if text})


def _said(value: Any) -> str:
    """A value of a record as text: strings as they are, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
