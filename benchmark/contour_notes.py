"""Which cases the contour rows of a table of scores leave out, or measure by fitted contours.

It is read off the finished table, as what an earlier, interrupted scoring had done is in it too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from .contour_scoring import FITTED
from .metrics.cards import select_contour

__all__ = ["contour_notes"]

_NAMED = 5
_COLUMNS = ["case", "level", "dim", "status", "message"]


def contour_notes(
    scores: Path,
    cases: Sequence[str],
    *,
    predicted: Collection[str],
    metrics: Collection[str] | None,
    promised: bool,
    drawn: bool,
) -> tuple[str, ...]:
    """What a reader of the means over contours should know.

    Args:
        scores: A ``scores.parquet``.
        cases: Every case in it, in order.
        predicted: Those with a prediction.
        metrics: Names of metrics; all but extras by default.
        promised: Whether contours of references were given, or asked for by a metric's name.
        drawn: Whether contours of predictions were given.
    """
    if not select_contour(metrics):
        return ()
    measured, fitted, lost = _found(scores)
    without = [case for case in cases if case not in measured]
    if not measured:
        told = promised or drawn
        return ("No reference has contours: nothing was measured between any.",) if told else ()
    notes = []
    if without:
        notes.append(
            f"{len(without)} of {len(cases)} references have no contours: they are in no mean of "
            f"endo and epi ({_some(without)})."
        )
    compared = [c for c in cases if c in measured and c in predicted and c not in lost]
    own = [case for case in compared if case in fitted]
    if drawn and own:
        notes.append(
            f"{len(own)} of {len(compared)} predictions have no contours of their own: distances "
            f"are those of contours fitted to their labels ({_some(own)})."
        )
    return tuple(notes)


def _found(scores: Path) -> tuple[set[str], set[str], set[str]]:
    """Cases with rows of contours; of them, those with fitted ones, and those not readable."""
    measured: set[str] = set()
    fitted: set[str] = set()
    lost: set[str] = set()
    with pq.ParquetFile(scores) as file:
        for group in range(file.num_row_groups):  # all rows at once would need gigabytes
            table = file.read_row_group(group, columns=_COLUMNS)
            rows = table.filter((pc.field("level") == "volume") & (pc.field("dim") == "contour"))
            measured.update(rows["case"].to_pylist())
            by_fit = pc.match_substring(rows["message"], FITTED)
            fitted.update(rows.filter(by_fit)["case"].to_pylist())
            lost.update(rows.filter(pc.field("status") == "error")["case"].to_pylist())
    return measured, fitted, lost


def _some(cases: Sequence[str]) -> str:
    more = len(cases) - _NAMED
    return ", ".join(cases[:_NAMED]) + (f" and {more} more" if more > 0 else "")
