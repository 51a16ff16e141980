"""``bench check``, the method gate: a run against the accepted entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..columns import default_columns
from ..errors import UsageError
from ..results import Run
from ..table import Quantity
from .cases import common_cases, geometry, missing_and_new, undefined
from .circumstances import changed_cards, costs, data, definitions, facts
from .pairing import Pairing, paired_seeds
from .quantities import ALARM, Measured, findings_of, measure, measure_alarms
from .sides import Side, side_of
from .tolerances import Tolerances, default_tolerances
from .verdict import CaseChange, Check, Finding, Outcome, Then

__all__ = ["check_method"]

_SHOWN = 5


def check_method(
    runs: Sequence[Run],
    entry: Sequence[Run],
    tolerances: Tolerances | None = None,
    *,
    seed: int = 0,
) -> Check:
    """Compare the runs of one experiment with the accepted entry of the same method.

    Args:
        runs: Seeds and folds of one experiment, in any order.
        entry: What :func:`benchmark.entries.load_entry` gave.
        tolerances: What is tolerated; the package's defaults by default.
        seed: Of the intervals.

    Raises:
        DataError: There are no runs, or the entry holds none; or a seed and fold is there twice.
        UsageError: They are of several experiments, or of another method or data set.
    """
    tolerances = tolerances or default_tolerances()
    then, now = side_of(entry, "entry"), side_of(runs, "run")
    first, ours = entry[0], runs[0]
    if (first.method, first.dataset) != (ours.method, ours.dataset):
        raise UsageError(
            f"{ours.source} is of {ours.method} on {ours.dataset}, the entry of {first.method} on "
            f"{first.dataset}.",
            "Check a run against its own method's entry; `bench compare` compares methods.",
        )
    gated = tolerances.gated(default_columns(entry), first.dataset)
    cases = common_cases(then, now)
    pairing = _sharpest(then, now, cases)
    changed = changed_cards(then, now)
    found = [missing_and_new(then, now)]
    found += [one for one in (geometry(then, now, cases), data(then, now),
                              definitions(then, now, gated)) if one is not None]  # fmt: skip
    comparable = [q for q in gated if q.card not in changed]
    found += [_redefined(q) for q in gated if q.card in changed]
    measured: Sequence[Measured] = ()
    if cases:
        found.append(undefined(then, now, pairing, comparable, cases))
        measured = _measured(then, now, pairing, tolerances, comparable, cases, first.dataset)
        found += findings_of(measured, pairing, tolerances, seed)
    any_measured = any(one.cases for one in measured)
    found = [_silent(one) if not any_measured and one.outcome is Outcome.SAME else one
             for one in found]  # fmt: skip
    if cases:
        found.append(_others(then, now, pairing, gated, cases, counts=any_measured))
    found += costs(then, now, tolerances.costs)
    told = {**facts(then, now), "compared": Then(_seeds(pairing.then), _seeds(pairing.now)),
            "pairing": Then(pairing.says, pairing.says)}  # fmt: skip
    return Check(ours.label, ours.dataset, first.source, tuple(found), told)


def _sharpest(then: Side, now: Side, cases: Sequence[str]) -> Pairing:
    """The pairing; that of seed with seed where all values are the same, whatever was trained."""
    pairing = paired_seeds(then, now)
    if pairing.exact or not cases or not set(now.seeds) <= set(then.seeds):
        return pairing
    exact = Pairing(now.seeds, now.seeds, True, True, f"seeds {_seeds(now.seeds)}, trained anew")
    quantities = sorted({*then.quantities, *now.quantities}, key=str)
    return pairing if any(_differing(then, now, exact, q, cases) for q in quantities) else exact


def _measured(
    then: Side, now: Side, pairing: Pairing, tolerances: Tolerances, gated: Sequence[Quantity],
    cases: Sequence[str], dataset: str,
) -> list[Measured]:  # fmt: skip
    patients = np.array([_patient(then, case) for case in cases], dtype=str)
    found = []
    for quantity in gated:
        rule = tolerances.rule(quantity, dataset)
        if rule is None or not then.of(quantity, cases, pairing.then).applies.any():
            continue  # neither the data nor the method speak of that region
        found.append(measure(then, now, pairing, quantity, rule, cases, patients))
    regions = dict.fromkeys(q.region for q in gated if q.dim != "contour")
    for region in regions:
        rule = tolerances.rule(Quantity(region, ALARM), dataset)
        if rule is None or rule.gated is False:
            continue
        alarms = measure_alarms(then, now, pairing, region, rule, cases, patients)
        if alarms.cases:
            found.append(alarms)
    return found


def _patient(side: Side, case: str) -> str:
    """Whose case it is; one that nobody names is a patient of its own."""
    name = side.cases["patient"].get(case) if "patient" in side.cases else None
    return case if name is None or name != name else str(name)


def _redefined(quantity: Quantity) -> Finding:
    return Finding(
        "method", quantity, Outcome.CHANGED,
        reason=f"{quantity.card} is defined otherwise: its numbers are not comparable until they "
        "are accepted anew.",
    )  # fmt: skip


def _silent(finding: Finding) -> Finding:
    """A finding that does not count: that the cases are the same measures nothing."""
    return replace(finding, gated=False)


def _others(
    then: Side, now: Side, pairing: Pairing, gated: Sequence[Quantity], cases: Sequence[str],
    counts: bool,
) -> Finding:  # fmt: skip
    """Everything that decides nothing, to the last bit: whether really all is the same."""
    known = set(now.quantities)
    others = [q for q in then.quantities if q not in gated and q in known]
    if not pairing.matched:
        return Finding("method", None, Outcome.EQUAL, subject="all values", gated=False,
                       reason=f"Not compared bit by bit: {pairing.says}.")  # fmt: skip
    differing: dict[Quantity, list[CaseChange]] = {}
    for quantity in others:
        changes = _differing(then, now, pairing, quantity, cases)
        if changes:
            differing[quantity] = changes
    if not differing:
        return Finding("method", None, Outcome.SAME, n_cases=len(cases), subject="all values",
                       gated=counts, reason=f"The other {len(others)} quantities are the same to "
                       "the last bit.")  # fmt: skip
    names = ", ".join(map(str, list(differing)[:_SHOWN]))
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    worst = [change for changes in differing.values() for change in changes][:_SHOWN]
    return Finding(
        "method", None, Outcome.EQUAL, n_cases=len(cases), worst=tuple(worst), gated=counts,
        subject="all values",
        reason=f"{len(differing)} of the {len(others)} quantities that do not decide differ: "
        f"{names}{more}.",
    )  # fmt: skip


def _differing(
    then: Side, now: Side, pairing: Pairing, quantity: Quantity, cases: Sequence[str]
) -> list[CaseChange]:
    """The cases in which a quantity is not the same to the last bit."""
    old = then.of(quantity, cases, pairing.then)
    new = now.of(quantity, cases, pairing.now)
    same = (old.value == new.value) | (np.isnan(old.value) & np.isnan(new.value))
    same &= old.status == new.status
    changes = []
    for i in np.flatnonzero(~same.all(axis=0)):
        j = int(np.flatnonzero(~same[:, i])[0])
        values = [None if np.isnan(v) else float(v) for v in (old.value[j, i], new.value[j, i])]
        told = [str(side.status[j, i]) for side in (old, new)]
        changes.append(CaseChange(
            cases[i], quantity.region, quantity.metric, quantity.dim, values[0], values[1], told[0],
            told[1], "value" if told[0] == told[1] else "status",
        ))  # fmt: skip
    return changes


def _seeds(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
