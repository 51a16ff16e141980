"""What is compared of a quantity: its values on both sides, over the cases where they say anything.

Compared are the cases whose reference has the region, so that the number of cases is fixed by the
data and not by what was predicted; there a miss counts as the worst value. Hearts whose reference
has none are judged by how often the region is found in them all the same, ``false_alarm``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..table import Quantity
from .pairing import Pairing
from .sides import Side, Values
from .tolerances import Rule

__all__ = ["ALARM", "Measured", "measure", "measure_alarms", "statuses"]

ALARM = "false_alarm"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """A quantity on both sides, over the same cases.

    Attributes:
        quantity: Which.
        rule: What is tolerated.
        cases: Ids.
        patients: Whose.
        then, now: ``(seed, case)``, as the policy has them.
        status_then, status_now: The statuses of each case, over the seeds.
        better: Its direction.
        same: Whether all values and statuses of the seeds are equal to the last bit.
    """

    quantity: Quantity
    rule: Rule
    cases: tuple[str, ...]
    patients: NDArray[np.str_]
    then: Floats
    now: Floats
    status_then: tuple[str, ...]
    status_now: tuple[str, ...]
    better: str
    same: bool


def measure(
    entry: Side,
    run: Side,
    pairing: Pairing,
    quantity: Quantity,
    rule: Rule,
    cases: Sequence[str],
    patients: NDArray[np.str_],
) -> Measured:
    """The values of a quantity that can be compared; of no case where there are none."""
    then = entry.of(quantity, cases, pairing.then)
    now = run.of(quantity, cases, pairing.now)
    old, new = then.resolved, now.resolved
    # Where nobody knows a worst value (the reference cannot be read, there is no row), the case
    # takes no part here; the finding about statuses says that it was lost.
    keep = then.applies & ~(then.empty_reference | now.empty_reference)
    keep &= ~np.isnan(old).any(axis=0) & ~np.isnan(new).any(axis=0)
    better = then.better
    if rule.capped and better == "lower" and not pairing.exact:
        found = then.value[:, keep]
        known = found[~np.isnan(found)]
        if known.size:
            old, new = (np.minimum(x, known.max()) for x in (old, new))
    return _measured(quantity, rule, cases, patients, keep, then, now, old, new, better, pairing)


def measure_alarms(
    entry: Side,
    run: Side,
    pairing: Pairing,
    region: str,
    rule: Rule,
    cases: Sequence[str],
    patients: NDArray[np.str_],
) -> Measured:
    """Hearts whose reference has no ``region``: 1 where it is found all the same, or no answer."""
    quantity = Quantity(region, "dice")
    then = entry.of(quantity, cases, pairing.then)
    now = run.of(quantity, cases, pairing.now)
    keep = (then.empty_reference | now.empty_reference) & then.applies
    old, new = (np.where(side.status.astype(str) == "both_empty", 0.0, 1.0) for side in (then, now))
    return _measured(Quantity(region, ALARM), rule, cases, patients, keep, then, now, old, new,
                     "lower", pairing)  # fmt: skip


def _measured(
    quantity: Quantity, rule: Rule, cases: Sequence[str], patients: NDArray[np.str_],
    keep: NDArray[np.bool_], then: Values, now: Values, old: Floats, new: Floats, better: str,
    pairing: Pairing,
) -> Measured:  # fmt: skip
    at = np.flatnonzero(keep)
    same = pairing.matched and (
        np.array_equal(then.value[:, at], now.value[:, at], equal_nan=True)
        and np.array_equal(then.status[:, at], now.status[:, at])
    )
    names = tuple(case for case, kept in zip(cases, keep, strict=True) if kept)
    return Measured(
        quantity, rule, names, patients[at], old[:, at], new[:, at],
        tuple(statuses(then.status[:, i]) for i in at),
        tuple(statuses(now.status[:, i]) for i in at),
        better, same,
    )  # fmt: skip


def statuses(column: NDArray[np.object_]) -> str:
    """The statuses of a case over seeds, each once, in order."""
    return ",".join(sorted({str(status) for status in column}))
