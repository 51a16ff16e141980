"""To the last bit: which values of the same seeds and cases are not the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ..table import Quantity
from .pairing import Pairing, paired_seeds
from .sides import STATUS_NAMES, Side
from .verdict import CaseChange, Finding, Outcome

__all__ = ["all_values", "differing", "sharpest"]

_SHOWN = 5


def sharpest(entry: Side, run: Side, cases: Sequence[str], redefined: Collection[str]) -> Pairing:
    """The pairing; that of seed with seed where all values are the same, whatever was trained.

    Args:
        entry: What was accepted.
        run: What is checked.
        cases: In common.
        redefined: Metric cards that differ, whose values say nothing.
    """
    pairing = paired_seeds(entry, run)
    if pairing.exact or not cases or not set(run.seeds) <= set(entry.seeds):
        return pairing
    seeds = ", ".join(map(str, run.seeds))
    exact = Pairing(run.seeds, run.seeds, True, True, f"seeds {seeds}, trained anew: the same")
    shared = _shared(entry, run, redefined)
    same = bool(shared) and not differing(entry, run, exact, shared, cases)
    return exact if same else pairing


def all_values(
    entry: Side, run: Side, pairing: Pairing, deciding: Collection[Quantity],
    cases: Sequence[str], redefined: Collection[str], counts: bool,
) -> Finding:  # fmt: skip
    """Everything that decides nothing: whether really all is the same.

    Args:
        entry: What was accepted.
        run: What is checked.
        pairing: The seeds.
        deciding: Quantities that have findings of their own.
        cases: In common.
        redefined: Metric cards that differ.
        counts: Whether anything that decides was measured; equal values of others are no success.
    """
    if not pairing.matched:
        return Finding("method", None, Outcome.EQUAL, subject="all values", gated=False,
                       reason=f"Not compared bit by bit: {pairing.says}.")  # fmt: skip
    others = tuple(q for q in _shared(entry, run, redefined) if q not in deciding)
    changes = differing(entry, run, pairing, others, cases)
    if not changes:
        return Finding("method", None, Outcome.SAME, n_cases=len(cases), subject="all values",
                       gated=counts, reason=f"The other {len(others)} quantities are the same to "
                       "the last bit.")  # fmt: skip
    names = list(dict.fromkeys(str(Quantity(c.region, c.metric, c.dim)) for c in changes))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Finding(
        "method", None, Outcome.EQUAL, n_cases=len(cases), worst=tuple(changes[:_SHOWN]),
        gated=counts, subject="all values",
        reason=f"{len(names)} of the {len(others)} quantities that do not decide differ: "
        f"{', '.join(names[:_SHOWN])}{more}.",
    )  # fmt: skip


def _shared(entry: Side, run: Side, redefined: Collection[str]) -> tuple[Quantity, ...]:
    known = set(run.quantities)
    return tuple(q for q in entry.quantities if q in known and q.card not in redefined)


def differing(
    entry: Side,
    run: Side,
    pairing: Pairing,
    quantities: Sequence[Quantity],
    cases: Sequence[str],
) -> list[CaseChange]:
    """Per quantity and case that is not the same in value or status: the first seed of which."""
    if not quantities or not cases:
        return []
    old_value, old_status = _taken(entry, quantities, cases, pairing.then)
    new_value, new_status = _taken(run, quantities, cases, pairing.now)
    same = (old_value == new_value) | (np.isnan(old_value) & np.isnan(new_value))
    same &= old_status == new_status
    changes = []
    for q, c in np.argwhere(~same.all(axis=1)):
        s = int(np.flatnonzero(~same[q, :, c])[0])
        values = [
            None if np.isnan(v) else float(v) for v in (old_value[q, s, c], new_value[q, s, c])
        ]
        told = [STATUS_NAMES[side[q, s, c]] for side in (old_status, new_status)]
        quantity = quantities[q]
        changes.append(CaseChange(
            cases[c], quantity.region, quantity.metric, quantity.dim, values[0], values[1], told[0],
            told[1], "value" if told[0] == told[1] else "status",
        ))  # fmt: skip
    return changes


def _taken(
    side: Side, quantities: Sequence[Quantity], cases: Sequence[str], seeds: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Values and statuses, ``(quantity, seed, case)``."""
    at = {quantity: i for i, quantity in enumerate(side.quantities)}
    rows = np.array([at[quantity] for quantity in quantities], dtype=np.intp)[:, None, None]
    i, j = side.places(cases, seeds)
    return side.value[rows, i, j], side.status[rows, i, j]
