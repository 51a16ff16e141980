"""What all outputs of a check say: one verdict, rows worth reading first, words made harmless."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..text import NONE
from .verdict import CaseChange, Check, Finding, Outcome, Then, joined

__all__ = ["MOST_CASES", "MOST_ROWS", "bounds", "case_values", "changed_facts", "difference",
           "exit_code", "finding_cells", "harmless", "outcome", "shown_cases", "shown_findings",
           "sorted_findings", "value", "verdict"]  # fmt: skip

#: Rows of a table of findings that is not asked for whole; the rest is counted.
MOST_ROWS = 12
#: Cases named for each finding that failed, and in all.
MOST_CASES = 5
_ALL_CASES = 15
#: What matters first stands first.
_ORDER = (
    Outcome.REGRESSION, Outcome.CHANGED, Outcome.NOT_MEASURED, Outcome.BETTER, Outcome.EQUAL,
    Outcome.SAME,
)  # fmt: skip
_WORDS = {
    Outcome.SAME: "the same to the last bit",
    Outcome.EQUAL: "no regression",
    Outcome.BETTER: "no regression, and better",
    Outcome.REGRESSION: "REGRESSION",
    Outcome.CHANGED: "NOT COMPARABLE",
    Outcome.NOT_MEASURED: "NOTHING MEASURED",
}
#: Facts that are shown even where they are equal: what was compared must be the same data.
_ALWAYS = "data"
_LONGEST = 60


def outcome(checks: Sequence[Check]) -> Outcome:
    """The outcome of several checks; one of them that measured nothing is no success of all."""
    found = [check.outcome for check in checks]
    whole = joined(found)
    if Outcome.NOT_MEASURED in found and not whole.failed:
        return Outcome.NOT_MEASURED
    return whole


def exit_code(checks: Sequence[Check]) -> int:
    """0 no regression, 1 a regression or not comparable, 3 nothing measured, in some or at all."""
    return outcome(checks).exit_code


def verdict(checks: Sequence[Check]) -> str:
    """One line: what became of the checks, and why."""
    whole = outcome(checks)
    if not checks:
        return f"{_WORDS[whole]}: there was nothing to compare with"
    subjects = [f"{harmless(check.method)} on {harmless(check.dataset)}" for check in checks]
    if len(checks) == 1:
        return f"{_WORDS[whole]}: {subjects[0]}{_because(checks[0])}"
    failed = [i for i, check in enumerate(checks) if check.outcome.failed]
    if not failed:
        return f"{_WORDS[whole]}: {len(checks)} checks ({_listed(subjects)})"
    named = [f"{subjects[i]} ({checks[i].outcome.replace('_', ' ')})" for i in failed]
    return f"{_WORDS[whole]}: {len(failed)} of {len(checks)} checks: {_listed(named)}"


def _because(check: Check) -> str:
    gated = [finding for finding in check.findings if finding.gated]
    failed = [f for f in sorted_findings(gated) if f.outcome is check.outcome and f.outcome.failed]
    if failed:
        names = _listed([harmless(f.name) for f in failed])
        return f": {len(failed)} of {len(gated)} compared: {names}"
    cases = max((f.n_cases for f in gated), default=0)
    return f", {len(gated)} compared on {cases} cases" if gated else ""


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """What counts before what only informs, what failed first; otherwise as they came."""
    return sorted(findings, key=lambda f: (not f.gated, _ORDER.index(f.outcome)))


def shown_findings(check: Check, most: int | None = MOST_ROWS) -> tuple[list[Finding], str]:
    """The findings a reader should see, and a sentence that counts the others.

    Everything that counts is shown, whatever ``most``.
    """
    ranked = sorted_findings(check.findings)
    if most is None:
        return ranked, ""
    cut = max(most, sum(f.gated for f in ranked))
    shown, rest = ranked[:cut], ranked[cut:]
    counts = {o: sum(f.outcome is o for f in rest) for o in _ORDER}
    told = ", ".join(f"{n} {o.replace('_', ' ')}" for o, n in counts.items() if n)
    return shown, f"Not shown: {told}." if told else ""


def shown_cases(check: Check) -> list[CaseChange]:
    """The cases worth naming: the worst of what failed; of what passed, those that moved most."""
    failed = [f for f in sorted_findings(check.findings) if f.outcome.failed and f.worst]
    moved = [f for f in check.findings if f.worst and f.gated]
    found: dict[tuple[object, ...], CaseChange] = {}
    for change in (c for f in failed or moved[:1] for c in f.worst[:MOST_CASES]):
        key = (change.case, change.region, change.metric, change.dim)
        if key not in found or (found[key].now is None and change.now is not None):
            found[key] = change  # a miss with what it counts as says more than without
    return list(found.values())[:_ALL_CASES]


def changed_facts(check: Check) -> dict[str, Then]:
    """Circumstances that differ, and the fingerprints of the data in any case."""
    return {
        name: fact for name, fact in check.facts.items() if fact.then != fact.now or _ALWAYS in name
    }


def finding_cells(finding: Finding) -> list[str]:
    """Gate, quantity, outcome, then, now, difference, interval, margin, cases."""
    note = "" if finding.gated else " (informs)"
    return [
        finding.gate,
        harmless(finding.name),
        finding.outcome.replace("_", " ") + note,
        value(finding.then),
        value(finding.now),
        difference(finding.difference),
        f"[{difference(finding.low)}, {difference(finding.high)}]"
        if finding.low is not None and finding.high is not None
        else NONE,
        value(finding.margin),
        str(finding.n_cases) if finding.n_cases else NONE,
    ]


def case_values(change: CaseChange) -> list[str]:
    """Quantity, case, what happened to its status, then, now."""
    parts = [change.region, change.metric, f"({change.dim})" if change.dim else ""]
    statuses = change.status_then or "absent", change.status_now or "absent"
    status = statuses[0] if statuses[0] == statuses[1] else " -> ".join(statuses)
    said = {"missing": "missing now", "new": "new", "geometry": "geometry differs"}
    return [
        harmless(" ".join(part for part in parts if part)) or "all",
        harmless(change.case),
        harmless("; ".join(part for part in (said.get(change.what, ""), status) if part)),
        value(change.then),
        value(change.now),
    ]


def value(number: float | None) -> str:
    """Four decimals; more where these would hide what there is."""
    if number is None or not math.isfinite(number):
        return NONE
    if number and abs(number) < 5e-4:
        return f"{number:.2g}"
    return f"{number:.4f}"


def difference(number: float | None) -> str:
    """The same with a sign; nothing at all is 0."""
    if number is None or not math.isfinite(number):
        return NONE
    return "0" if number == 0 else f"{'+' if number > 0 else ''}{value(number)}"


def bounds(fact: object) -> str:
    """A fact as short text: hashes by their first digits, long texts without their end."""
    if fact is None:
        return "unknown"
    if isinstance(fact, Mapping):
        return _cut(", ".join(f"{k} {bounds(v)}" for k, v in sorted(fact.items())) or "none")
    if isinstance(fact, list | tuple | set | frozenset):
        return _cut(", ".join(map(str, fact)) or "none")
    text = str(fact)
    hashed = len(text) >= 32 and all(c in "0123456789abcdef" for c in text)
    return text[:12] if hashed else _cut(text)


def _cut(text: str) -> str:
    flat = harmless(text)
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def harmless(text: object) -> str:
    """A stranger's words on one line, without what a terminal would act on."""
    flat = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)
