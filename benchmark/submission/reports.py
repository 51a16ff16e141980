"""A verification as text for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..text import markdown_cell, markdown_table
from .findings import Outcome, Refusal, Verification

__all__ = ["markdown", "said"]

#: Refusals that are shown; all of them are in the JSON.
_SHOWN = 20
#: Of the numbers of one case in one run.
_OF_A_CASE = 3


def said(found: Verification) -> list[tuple[str, bool]]:
    """Lines for a terminal, and whether each is a complaint."""
    lines = [(f"right: {_flat(check)}", False) for check in found.checks]
    shown = _first(found.refusals)
    lines += [(f"REFUSED: {_flat(r.said)}", True) for r in shown]
    if len(found.refusals) > len(shown):
        lines.append((f"... and {len(found.refusals) - len(shown)} more (--json has all)", True))
    lines += [(f"DOUBT: {_flat(d.said)}", True) for d in found.doubts]
    lines += [(f"note: {_flat(note)}", False) for note in found.notes]
    return [*lines, (_verdict(found), False)]


def _first(refusals: Sequence[Refusal]) -> list[Refusal]:
    """Those that are shown: of one case's many numbers a few, so that every case has its turn."""
    counts: Counter[tuple[str, str]] = Counter()
    shown = []
    for one in refusals:
        counts[one.run, one.case] += 1
        if one.check != "value" or counts[one.run, one.case] <= _OF_A_CASE:
            shown.append(one)
    return shown[:_SHOWN]


def _verdict(found: Verification) -> str:
    what = _flat(f"{found.method} on {found.dataset}") if found.method else str(found.source)
    if found.outcome is Outcome.REFUSED:
        n = len(found.refusals)
        return f"{what}: refused, for {n} reason{'s' if n > 1 else ''}"
    if found.outcome is Outcome.NOTHING:
        return f"{what}: nothing to verify, for it holds no predictions"
    doubts = f"; {len(found.doubts)} to be judged by a person" if found.doubts else ""
    return (f"{what}: reproduced: {found.values:,} numbers from {found.predictions:,} predictions"
            f"{doubts}")  # fmt: skip


def _flat(text: str) -> str:
    """On one line, with nothing in it that a terminal would act on."""
    flat = " ".join(text.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in flat)


def markdown(found: Verification) -> str:
    """The same for a pull request; a stranger's words cannot become markup."""
    marks = {Outcome.REPRODUCED: "Reproduced", Outcome.REFUSED: "Refused",
             Outcome.NOTHING: "Nothing to verify"}  # fmt: skip
    name = markdown_cell(f"{found.method} on {found.dataset}") if found.method else "Submission"
    lines = [f"## {marks[found.outcome]}: {name}", "", markdown_cell(_verdict(found)) + ".", ""]
    lines += [f"- {markdown_cell(check)}" for check in found.checks]
    if found.checks:
        lines.append("")
    values = [r for r in found.refusals if r.check == "value"]
    others = [r for r in found.refusals if r.check != "value"]
    if others:
        lines += ["### Refused", ""]
        lines += [f"- {_cell(r.said)}" for r in others[:_SHOWN]]
        lines += [*_more(others, others[:_SHOWN]), ""]
    if values:
        lines += ["### Numbers that are not reproduced", ""]
        heads = ("run", "case", "region", "metric", "submitted", "measured here")
        shown = _first(values)
        rows = [
            tuple(map(_cell, (r.run, r.case, r.region, r.metric, r.submitted, r.rescored)))
            for r in shown
        ]
        lines += [*markdown_table(heads, rows, left=4).splitlines(), *_more(values, shown), ""]
    if found.doubts:
        lines += ["### To be judged by a person", ""]
        lines += [*(f"- {_cell(d.said)}" for d in found.doubts), ""]
    if found.notes:
        lines += ["### Notes", "", *(f"- {_cell(note)}" for note in found.notes), ""]
    if found.manifest:
        lines.append(f"SHA-256 of `submission.json`: `{found.manifest}`")
    return "\n".join(lines).rstrip() + "\n"


def _more(refusals: Sequence[Refusal], shown: Sequence[Refusal]) -> list[str]:
    left = len(refusals) - len(shown)
    return ["", f"... and {left} more."] if left > 0 else []


def _cell(text: object) -> str:
    return markdown_cell(_flat(str(text)))
