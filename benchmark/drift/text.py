"""A check as plain text, for terminals, logs and the message of a failed test."""

from __future__ import annotations

from collections.abc import Sequence

from .verdict import Check, Finding, Outcome
from .wording import (
    MOST_ROWS,
    bounds,
    case_values,
    changed_facts,
    finding_cells,
    harmless,
    shown_cases,
    shown_findings,
    verdict,
)

__all__ = ["CASE_HEAD", "FINDING_HEAD", "text"]

FINDING_HEAD = ("gate", "quantity", "outcome", "then", "now", "difference", "95 % interval",
                "margin", "cases")  # fmt: skip
CASE_HEAD = ("worst cases", "case", "status", "then", "now")


def text(checks: Sequence[Check], *, whole: bool = False) -> str:
    """The verdict, then per check what differs, which cases, and under which circumstances.

    Args:
        checks: Of one command.
        whole: List every finding, however many are the same.
    """
    parts = [verdict(checks) + "\n"]
    for check in checks:
        shown, rest = shown_findings(check, None if whole else MOST_ROWS)
        parts.append(
            f"{harmless(check.method)} on {harmless(check.dataset)}, "
            f"against {harmless(check.entry)}\n"
            + aligned(FINDING_HEAD, [finding_cells(f) for f in shown], right=range(3, 9))
            + (f"{rest}\n" if rest else "")
        )
        reasons = dict.fromkeys(f"{f.name}: {f.reason}" for f in shown if f.reason and _told(f))
        if reasons:
            parts.append("".join(f"{harmless(reason)}\n" for reason in reasons))
        cases = shown_cases(check)
        if cases:
            parts.append(aligned(CASE_HEAD, [case_values(c) for c in cases], right=(3, 4)))
        facts = [[name, bounds(fact.then), bounds(fact.now)]
                 for name, fact in changed_facts(check).items()]  # fmt: skip
        if facts:
            parts.append(aligned(("circumstance", "then", "now"), facts))
    return "\n".join(parts)


def _told(finding: Finding) -> bool:
    """Whether its reason is worth a line: what is as it was, or within its margin, needs none."""
    if finding.outcome is Outcome.EQUAL:
        return finding.quantity is None
    return finding.outcome is not Outcome.SAME


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] | range = ()
) -> str:
    """A table in columns of spaces; those numbered ``right`` end flush."""
    from rich.cells import cell_len

    table = [list(head), *map(list, rows)]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(head))]
    lines = []
    for row in table:
        cells = []
        for i, cell in enumerate(row):
            pad = " " * (widths[i] - cell_len(cell))
            cells.append(pad + cell if i in right else cell + pad)
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)
