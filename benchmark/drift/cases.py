"""The method gate, case by case: missing and new ones, other grids, values that became undefined.

None of this is a matter of size: a case without a result is a regression however well the others
do, and one that lies on another grid is another case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..table import Quantity
from .measured import statuses
from .pairing import Pairing
from .sides import Side, Values
from .verdict import CaseChange, Finding, Outcome

__all__ = ["common_cases", "geometry", "missing_and_new", "undefined"]

_GRID = 1e-6


def common_cases(entry: Side, run: Side) -> list[str]:
    """Cases that count on both sides, in order."""
    return [str(case) for case in entry.cases.index if case in run.cases.index]


def missing_and_new(entry: Side, run: Side) -> Finding:
    """Cases that only one side has."""
    there, here = set(entry.cases.index), set(run.cases.index)
    missing = tuple(_change(case, "missing", then="ok") for case in sorted(there - here))
    new = tuple(_change(case, "new", now="ok") for case in sorted(here - there))
    common = len(there & here)
    if not common:
        return Finding(
            "method", None, Outcome.NOT_MEASURED, worst=missing + new, subject="cases",
            reason=f"No case in common: the entry has {len(there)}, the run {len(here)}.",
        )  # fmt: skip
    outcome, reason = Outcome.SAME, f"The same {common} cases."
    if missing:
        outcome = Outcome.REGRESSION
        reason = f"{len(missing)} of {len(there)} cases are missing: {_names(missing)}."
    elif new:
        outcome = Outcome.CHANGED
        reason = f"{len(new)} cases are new: {_names(new)}. {common} are compared."
    return Finding("method", None, outcome, n_cases=common, reason=reason, worst=missing + new,
                   subject="cases")  # fmt: skip


def geometry(entry: Side, run: Side, cases: Sequence[str]) -> Finding | None:
    """Cases whose field of view has another size, in whichever seed; None where none is known."""
    known, changed = 0, []
    for case in cases:
        then, now = entry.diagonals.get(case, ()), run.diagonals.get(case, ())
        if not then or not now:
            continue
        known += 1
        other = [size for size in now if not any(_same_size(size, one) for one in then)]
        if other:
            changed.append(
                CaseChange(case, "", "diagonal_mm", None, then[0], other[0], "", "", "geometry")
            )
    if not known:
        return None
    if not changed:
        return Finding("method", None, Outcome.SAME, n_cases=known, subject="geometry",
                       reason=f"The same field of view in {known} cases.")  # fmt: skip
    return Finding(
        "method", None, Outcome.CHANGED, n_cases=known, worst=tuple(changed), subject="geometry",
        reason=f"Another field of view in {len(changed)} of {known} cases: {_names(changed)}.",
    )  # fmt: skip


def undefined(
    entry: Side, run: Side, pairing: Pairing, quantities: Sequence[Quantity], cases: Sequence[str]
) -> Finding:
    """Cases whose value became undefined.

    An error, no prediction or a row that is not there is a regression wherever the entry had none.
    A region that was missed counts as one where the same model missed it not; where models were
    trained anew, it counts by its value, as the worst one there is.
    """
    changed: dict[str, CaseChange] = {}
    compared = 0
    for quantity in quantities:
        then = entry.of(quantity, cases, pairing.then)
        now = run.of(quantity, cases, pairing.now)
        compared += int(then.applies.sum())
        was, is_ = (_lost(side, pairing.exact) for side in (then, now))
        # Of seeds that are no pairs, as many may be lost as there were.
        more = is_.mean(axis=0) > was.mean(axis=0)
        hit = np.asarray((is_ & ~was).any(axis=0) if pairing.matched else more)
        for i, case in enumerate(cases):
            if hit[i]:
                old, new = (_mean(side.value[:, i]) for side in (then, now))
                changed.setdefault(case, CaseChange(
                    case, quantity.region, quantity.metric, quantity.dim, old, new,
                    statuses(then.status[:, i]), statuses(now.status[:, i]), "status",
                ))  # fmt: skip
    found = tuple(changed[case] for case in sorted(changed))
    if not compared:
        return Finding("method", None, Outcome.NOT_MEASURED, subject="defined values",
                       reason="The entry has no value that could become undefined.")  # fmt: skip
    if not found:
        return Finding("method", None, Outcome.SAME, n_cases=len(cases), subject="defined values",
                       reason="No case failed that did not fail before.", gated=False)  # fmt: skip
    told = ", ".join(sorted({f"{c.status_then} -> {c.status_now}" for c in found}))
    return Finding(
        "method", None, Outcome.REGRESSION, n_cases=len(cases), worst=found,
        subject="defined values",
        reason=f"{len(found)} of {len(cases)} cases became undefined ({told}): {_names(found)}.",
    )  # fmt: skip


def _lost(values: Values, exact: bool) -> NDArray[np.bool_]:
    missed = values.status.astype(str) == "pred_empty"
    return values.failed | missed if exact else values.failed


def _same_size(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_GRID)


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _change(case: str, what: str, then: str = "", now: str = "") -> CaseChange:
    return CaseChange(case, "", "", None, None, None, then, now,
                      "missing" if what == "missing" else "new")  # fmt: skip


def _names(changes: Sequence[CaseChange]) -> str:
    names = [change.case for change in changes]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
