"""A check as Markdown: the body of a pull request's comment, the summary of a CI step."""

from __future__ import annotations

from collections.abc import Sequence

from ..text import markdown_cell, markdown_table
from .text import CASE_HEAD, FINDING_HEAD
from .verdict import Check, Outcome
from .wording import (
    MOST_ROWS,
    bounds,
    case_values,
    changed_facts,
    finding_cells,
    harmless,
    outcome,
    shown_cases,
    shown_findings,
    verdict,
)

__all__ = ["MOST_BYTES", "markdown"]

#: A pull request's body may have 65,536 characters.
MOST_BYTES = 60_000
_SIGNS = {
    Outcome.SAME: ":white_check_mark:",
    Outcome.EQUAL: ":white_check_mark:",
    Outcome.BETTER: ":white_check_mark:",
    Outcome.REGRESSION: ":x:",
    Outcome.CHANGED: ":warning:",
    Outcome.NOT_MEASURED: ":warning:",
}


def markdown(checks: Sequence[Check]) -> str:
    """Verdict and tables; circumstances folded away. Names cannot become markup or mentions."""
    head = f"### {_SIGNS[outcome(checks)]} bench check\n\n**{cell(verdict(checks))}**\n"
    parts = [_one(check) for check in checks]
    kept, size = [head], len(head.encode())
    for number, part in enumerate(parts):
        size += len(part.encode())
        if size > MOST_BYTES:
            left = len(parts) - number
            kept.append(f"\n{left} more check{'s' if left > 1 else ''} did not fit here.\n")
            break
        kept.append(part)
    return "".join(kept)


def cell(text: object) -> str:
    """``text`` as text: no cell ends, no markup, and nobody is notified by an ``@`` in a name.

    GitHub looks for mentions, references and addresses in rendered text: a comment inside
    parts them.
    """
    out = markdown_cell(harmless(text))
    for mark in ("@", "#"):
        out = out.replace(mark, f"{mark}<!-- -->")
    return out.replace("://", ":<!-- -->//").replace("www.", "www<!-- -->.").replace("~", "\\~")


def _one(check: Check) -> str:
    sign = _SIGNS[check.outcome]
    shown, rest = shown_findings(check, MOST_ROWS)
    title = f"\n#### {sign} {cell(check.method)} on {cell(check.dataset)}\n\n"
    body = markdown_table(
        FINDING_HEAD, [[cell(c) for c in finding_cells(f)] for f in shown], left=3
    )
    if rest:
        body += f"\n{cell(rest)}\n"
    told = [f for f in shown if f.outcome not in (Outcome.SAME, Outcome.EQUAL) and f.reason]
    if told:
        body += "\n" + "".join(f"* {cell(f.name)}: {cell(f.reason)}\n" for f in told)
    cases = shown_cases(check)
    if cases:
        body += "\n" + markdown_table(CASE_HEAD, [[cell(c) for c in case_values(x)] for x in cases],
                                      left=3)  # fmt: skip
    facts = [[cell(name), cell(bounds(f.then)), cell(bounds(f.now))]
             for name, f in changed_facts(check).items()]  # fmt: skip
    facts.append(["entry", cell(check.entry), ""])
    table = markdown_table(("circumstance", "then", "now"), facts, left=3)
    body += f"\n<details><summary>Circumstances</summary>\n\n{table}\n</details>\n"
    return title + body
