"""The outcome of papers' claims as Markdown, to stand below a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

from .claims import Verdict
from .compare import p_text
from .judging import RESAMPLES
from .text import interval_text, markdown_cell, markdown_table, number

__all__ = ["claims_markdown"]

_HEADER = ("paper", "claim", "by", "first", "second", "difference", "95 % interval", "p (Holm)",
           "seeds in order", "cases", "outcome")  # fmt: skip


def claims_markdown(verdicts: Sequence[Verdict]) -> str:
    """A table of claims, and below it why each came out as it did; empty without claims."""
    if not verdicts:
        return ""
    lines = [[cell if i == 10 else markdown_cell(cell) for i, cell in enumerate(_cells(v))]
             for v in verdicts]  # fmt: skip
    notes = [
        f"* {markdown_cell(_order(v))}, {markdown_cell(v.claim.quantity)}: "
        f"{markdown_cell('. '.join(t for t in (v.note, v.claim.why) if t))}\n"
        for v in verdicts
        if v.note or v.claim.why
    ]
    return (
        "\n## Claims of papers\n\n"
        "Does the order that a paper reports hold on these cases? Means are over the cases whose "
        "reference has the region, a miss counting as the worst value; slopes are those of the "
        "regression through the origin of the predicted on the reference's feature, the greater in "
        "order even beyond 1. Differences are positive where the order was found. Seeds are "
        f"averaged within each case. Two-sided test by {RESAMPLES} exchanges of the two methods "
        "within patients, corrected for the number of claims (Holm); the interval draws patients "
        "and seeds anew. `holds` and `the opposite` at a corrected p below 0.05 and an interval "
        "without 0; `not shown` is no proof of equality.\n\n"
        + markdown_table(_HEADER, lines, left=3)
        + "\n"
        + "".join(notes)
    )


def _cells(verdict: Verdict) -> list[str]:
    claim = verdict.claim
    ours, theirs = (number(v) for v in verdict.values)
    return [
        claim.paper,
        f"{_order(verdict)}: {claim.says}",
        claim.quantity,
        ours,
        theirs,
        number(verdict.difference),
        interval_text(verdict.low, verdict.high),
        p_text(verdict.p),
        "{}/{}".format(*verdict.seeds_in_order),
        str(verdict.n_cases),
        f"**{verdict.outcome}**",
    ]


def _order(verdict: Verdict) -> str:
    return f"{verdict.claim.better} > {verdict.claim.worse}"
