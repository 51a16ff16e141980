"""What a preset is: an evaluator, its quantities, and how it gets and averages them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..metrics.definition import Dim
    from ..regions import Labels

__all__ = ["Compute", "Mean", "Preset", "Quantity", "Spacing", "Value"]

Spacing = tuple[float, float, float]
#: What an evaluator answers: a number, NaN or an infinity as it returns them; None where it raises.
Value = float | None
Compute = Callable[["Labels", "Labels", Spacing], Mapping[str, Value]]
Mean = Callable[[Sequence[Value]], Value]


@dataclass(frozen=True)
class Quantity:
    """One number that an evaluator reports of a case.

    Args:
        name: What the evaluator calls it, with its structure: ``Myocardium HD``.
        labels: The canonical labels whose union it measures.
        unit: As the evaluator means it; empty, ``mm``, ``voxel``, ``mm3`` or ``mL``.
        ours: The metric of ours that means the same, and its ``dim``; None if there is none.
        factor: Ours in the evaluator's unit is ours times this.
        why: How and when its value is not ours; empty where it always is.
    """

    name: str
    labels: tuple[int, ...]
    unit: str = ""
    ours: tuple[str, Dim | None] | None = None
    factor: float = 1.0
    why: str = ""


@dataclass(frozen=True)
class Preset:
    """An evaluator whose numbers are reproduced.

    Args:
        name: As the command line takes it.
        summary: One line.
        source: What was read to reproduce it, with the version.
        wrong: What its users have to know, a sentence each.
        quantities: What it reports of a case, in its order.
        compute: From canonical labels ``(slice, row, column)`` of reference and prediction and
            (z, y, x) mm to a value for each of ``quantities``.
        mean: How it averages one quantity over cases.
    """

    name: str
    summary: str
    source: str
    wrong: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    compute: Compute
    mean: Mean

    def values(
        self, reference: NDArray[Any], prediction: NDArray[Any], spacing: Sequence[float]
    ) -> dict[str, Value]:
        """What the evaluator says of one case, by its own names.

        Args:
            reference: ``(slice, row, column)`` canonical labels.
            prediction: The same shape.
            spacing: (z, y, x) in mm, right; a preset that confuses the axes does so itself.

        Raises:
            DataError: Shapes, dtypes, spacing or label values do not fit.
        """
        from ..checks import checked_labels, checked_spacing
        from ..metrics.inputs import check_grids

        sampling = checked_spacing(spacing)
        ours, theirs = checked_labels(reference), checked_labels(prediction)
        check_grids(("Reference", "prediction"), (ours, theirs), sampling)
        found = self.compute(ours, theirs, sampling)
        return {quantity.name: found[quantity.name] for quantity in self.quantities}
