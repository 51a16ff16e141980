"""An evaluator's numbers of one case with ours beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .definition import Preset, Quantity, Value

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Row", "beside"]


@dataclass(frozen=True)
class Row:
    """One quantity of an evaluator beside ours.

    Attributes:
        name: The evaluator's name for it.
        unit: Its unit; ``ours`` is given in it too.
        theirs: What the evaluator says; None where it raises.
        ours: Our value; None where it is undefined or we have no such metric.
        metric: Our metric, with its ``dim``; empty if there is none.
        status: Status of our value; empty if there is none.
        why: How and when the two differ, by definition.
    """

    name: str
    unit: str
    theirs: Value
    ours: float | None
    metric: str
    status: str
    why: str

    @property
    def difference(self) -> float | None:
        """Theirs minus ours; None unless both are finite numbers."""
        if self.theirs is None or self.ours is None or not math.isfinite(self.theirs):
            return None
        return self.theirs - self.ours


def beside(
    preset: Preset, reference: NDArray[Any], prediction: NDArray[Any], spacing: Sequence[float]
) -> list[Row]:
    """Score one case with the preset and with our own metrics; ours are not touched by it.

    Args:
        preset: The evaluator.
        reference: ``(slice, row, column)`` canonical labels.
        prediction: The same shape.
        spacing: (z, y, x) in mm.

    Returns:
        A row for each of the preset's quantities, in its order.

    Raises:
        DataError: Shapes, dtypes, spacing or label values do not fit.
    """
    from ..checks import checked_spacing
    from ..scored_arrays import score

    theirs = preset.values(reference, prediction, spacing)
    regions = {_region(q): q.labels for q in preset.quantities if q.ours}
    metrics = {q.ours[0] for q in preset.quantities if q.ours}
    table = score(reference, prediction, checked_spacing(spacing), regions=regions, metrics=metrics)
    ours = _values(table)
    rows = []
    for q in preset.quantities:
        value, status = ours[_region(q), *q.ours] if q.ours else (None, "")
        rows.append(
            Row(
                name=q.name,
                unit=q.unit,
                theirs=theirs[q.name],
                ours=None if value is None else value * q.factor,
                metric="" if q.ours is None else " ".join(part for part in q.ours if part),
                status=status,
                why=q.why,
            )
        )
    return rows


def _region(quantity: Quantity) -> str:
    return "+".join(map(str, quantity.labels))


def _values(table: pd.DataFrame) -> dict[tuple[str, str, str | None], tuple[float | None, str]]:
    found = {}
    for row in table.to_dict("records"):
        dim = row["dim"] if isinstance(row["dim"], str) else None
        value = None if math.isnan(row["value"]) else float(row["value"])
        found[str(row["region"]), str(row["metric"]), dim] = value, str(row["status"])
    return found
