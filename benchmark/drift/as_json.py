"""A check as plain data, for a program to read. Keys are only ever added."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .verdict import Check, Finding
from .wording import exit_code, outcome, verdict

__all__ = ["FORMAT", "as_json"]

FORMAT = 1


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks with all findings and facts; numbers that are none are null."""
    return {
        "kind": "scarbench check",
        "format": FORMAT,
        "outcome": outcome(checks).value,
        "exit_code": exit_code(checks),
        "verdict": verdict(checks),
        "checks": [_check(check) for check in checks],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "method": check.method,
        "dataset": check.dataset,
        "entry": check.entry.as_posix(),
        "outcome": check.outcome.value,
        "exit_code": check.exit_code,
        "facts": {
            name: {"then": _plain(fact.then), "now": _plain(fact.now)}
            for name, fact in check.facts.items()
        },
        "findings": [_finding(finding) for finding in check.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    content: dict[str, Any] = _plain(asdict(finding))
    return content | {"name": finding.name}


def _plain(value: Any) -> Any:
    """``value`` as JSON has it; NaN and infinity are no JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted(_plain(inner) for inner in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    return str(value)
