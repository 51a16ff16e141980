"""``bench check``, the engine gate: the same predictions must give the same numbers.

What re-scoring gave (:mod:`benchmark.rescoring`) is held against what was accepted, value by value
and status by status, for every quantity there is and not those of a leaderboard alone. A metric
whose definition card is the same must give the same bits. One whose card has changed is another
metric: its numbers cannot be compared, and the gate stays closed until they are accepted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import UsageError
from ..results import Run
from ..table import Quantity
from .cases import common_cases, geometry
from .circumstances import cards, changed_cards, data, facts
from .exact import differing
from .pairing import Pairing
from .sides import ABSENT, Side, side_of
from .tolerances import EngineRule, Tolerances, default_tolerances
from .verdict import CaseChange, Check, Finding, Outcome

__all__ = ["check_engine"]

_SHOWN = 5
#: Differing quantities with a finding of their own; the others are counted.
_FINDINGS = 20


def check_engine(
    rescored: Sequence[Run], entry: Sequence[Run], tolerances: Tolerances | None = None
) -> Check:
    """Compare predictions scored by this version with what was accepted of them.

    Args:
        rescored: What :mod:`benchmark.rescoring` gave, of some or all seeds of the entry.
        entry: The accepted runs, or those of the run folder that was scored again.
        tolerances: Of which ``engine`` counts; the package's defaults, 0, by default.

    Raises:
        DataError: Either side holds no run.
        UsageError: They are of different methods or data sets.
    """
    tolerances = tolerances or default_tolerances()
    then, now = side_of(entry, "entry"), side_of(rescored, "re-scored run")
    first, ours = entry[0], rescored[0]
    if (first.method, first.dataset) != (ours.method, ours.dataset):
        raise UsageError(
            f"{ours.source} is of {ours.method} on {ours.dataset}, {first.source} of "
            f"{first.method} on {first.dataset}.",
            "Score the entry's own predictions again.",
        )
    seeds = tuple(seed for seed in now.seeds if seed in then.seeds)
    cases = common_cases(then, now)
    changed = changed_cards(then, now)
    current = cards(now)
    gone = tuple(card for card in cards(then) if card not in current)
    found = [
        replace(one, gate="engine")
        for one in (geometry(then, now, cases), data(then, now))
        if one is not None and one.outcome is Outcome.CHANGED
    ]
    if changed or gone:
        found.append(_definitions(changed, gone))
    comparable = tuple(q for q in then.quantities
                       if q.card not in changed and q.card not in gone)  # fmt: skip
    if not seeds or not cases or not comparable:
        what = "seed" if not seeds else "case" if not cases else "quantity with one definition"
        reason = f"No {what} in common with what was scored again."
        found.append(
            Finding("engine", None, Outcome.NOT_MEASURED, subject="all values", reason=reason)
        )
    else:
        found += _values(then, now, seeds, comparable, cases, tolerances)
    return Check(ours.label, ours.dataset, first.source, tuple(found), facts(then, now))


def _definitions(changed: Sequence[str], gone: Sequence[str]) -> Finding:
    parts = [f"{word} {', '.join(names)}" for word, names in
             (("defined otherwise:", changed), ("no longer measured:", gone)) if names]  # fmt: skip
    text = "; ".join(parts)
    return Finding(
        "engine", None, Outcome.CHANGED, subject="definitions",
        reason=f"{text[0].upper()}{text[1:]}. Not comparable until accepted anew.",
    )  # fmt: skip


def _values(
    then: Side, now: Side, seeds: tuple[int, ...], quantities: tuple[Quantity, ...],
    cases: Sequence[str], tolerances: Tolerances,
) -> list[Finding]:  # fmt: skip
    """A finding for each quantity that differs by more than is tolerated, and one for all."""
    pairing = Pairing(seeds, seeds, True, True, "the same predictions")
    known = set(now.quantities)
    lost = [q for q in quantities if q not in known and _has_rows(then, q, cases, seeds)]
    both = tuple(q for q in quantities if q in known)
    changes = differing(then, now, pairing, both, cases)
    beyond = [c for c in changes if not _tolerated(c, tolerances)]
    total = len(both) * len(cases) * len(seeds)
    found = [_differs(q, [c for c in beyond if _of(c) == q], len(cases), tolerances.engine)
             for q in list(dict.fromkeys(map(_of, beyond)))[:_FINDINGS]]  # fmt: skip
    if lost:
        names = ", ".join(map(str, lost[:_SHOWN]))
        found.append(Finding(
            "engine", None, Outcome.REGRESSION, subject="rows",
            reason=f"{len(lost)} quantities have no row any more: {names}.",
        ))  # fmt: skip
    if beyond:
        top = Counter(str(_of(c)) for c in beyond)
        reason = f"{len(beyond)} values of {len(top)} quantities differ, of {total:,} compared."
        outcome = Outcome.REGRESSION
    elif changes:
        outcome = Outcome.EQUAL
        reason = (
            f"{len(changes)} of {total:,} values differ, within the engine's tolerance of "
            f"{tolerances.engine}."
        )
    else:
        outcome = Outcome.SAME if both else Outcome.NOT_MEASURED
        reason = f"All {total:,} values are the same to the last bit."
    found.append(Finding("engine", None, outcome, n_cases=len(cases), reason=reason,
                         worst=tuple(beyond[:_SHOWN]), subject="all values"))  # fmt: skip
    return found


def _of(change: CaseChange) -> Quantity:
    return Quantity(change.region, change.metric, change.dim)


def _tolerated(change: CaseChange, tolerances: Tolerances) -> bool:
    """Whether it is a matter of rounding: the same status, and two numbers near each other."""
    if change.status_then != change.status_now or change.then is None or change.now is None:
        return False
    rule = tolerances.engine
    return abs(change.now - change.then) <= max(rule.absolute, rule.relative * abs(change.then))


def _differs(
    quantity: Quantity, changes: Sequence[CaseChange], n_cases: int, rule: EngineRule
) -> Finding:
    sizes = [abs(c.now - c.then) for c in changes if c.then is not None and c.now is not None]
    largest = f", by up to {max(sizes):.3g}" if sizes else ""
    order = sorted(changes, key=_severity)
    return Finding(
        "engine", quantity, Outcome.REGRESSION, n_cases=n_cases,
        difference=max(sizes) if sizes else None, tolerance=rule.absolute,
        reason=f"{len(changes)} of {n_cases} cases have another value or status{largest}, though "
        "prediction and definition are the same.",
        worst=tuple(order[:_SHOWN]),
    )  # fmt: skip


def _severity(change: CaseChange) -> tuple[bool, float, str]:
    size = abs((change.now or 0.0) - (change.then or 0.0))
    return (change.status_then == change.status_now, -size, change.case)


def _has_rows(side: Side, quantity: Quantity, cases: Sequence[str], seeds: Sequence[int]) -> bool:
    return bool(np.any(side.of(quantity, cases, seeds).status != ABSENT))
