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
from .exact import all_values, sharpest
from .measured import ALARM, Measured, measure, measure_alarms
from .pairing import Pairing
from .quantities import findings_of
from .sides import Side, side_of
from .tolerances import Tolerances, default_tolerances
from .verdict import Check, Finding, Outcome, Then

__all__ = ["check_method"]


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
    changed = changed_cards(then, now)
    pairing = sharpest(then, now, cases, changed)
    found = [missing_and_new(then, now)]
    found += [one for one in (geometry(then, now, cases), data(then, now),
                              definitions(then, now, gated)) if one is not None]  # fmt: skip
    comparable = [q for q in gated if q.card not in changed]
    found += [_redefined(q) for q in gated if q.card in changed]
    judged: list[Finding] = []
    if cases:
        found.append(undefined(then, now, pairing, comparable, cases))
        measured = _measured(then, now, pairing, tolerances, comparable, cases, first.dataset)
        judged = findings_of(measured, pairing, tolerances, seed)
    any_measured = any(one.outcome is not Outcome.NOT_MEASURED for one in judged)
    found += judged
    found = [_silent(one) if not any_measured and one.outcome is Outcome.SAME else one
             for one in found]  # fmt: skip
    if cases:
        found.append(all_values(then, now, pairing, gated, cases, changed, counts=any_measured))
    found += costs(then, now, tolerances.costs)
    told = {**facts(then, now), "compared": Then(_seeds(pairing.then), _seeds(pairing.now)),
            "pairing": Then(pairing.says, pairing.says)}  # fmt: skip
    return Check(ours.label, ours.dataset, first.source, tuple(found), told)


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


def _seeds(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
