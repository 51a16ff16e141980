"""What several evaluators do with two masks: counts, borders, distances, means.

Independent of our own engine on purpose, and as the evaluators do it: distance transforms of whole
grids, so that differences between the two are differences of definition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..regions import Labels, Region
from .definition import Compute, Quantity, Spacing, Value

__all__ = [
    "STRUCTURES",
    "Counts",
    "Mask",
    "border",
    "by_structure",
    "counts",
    "distances",
    "mean_defined",
    "mean_plain",
    "of_structures",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: What evaluators of plain masks are given: our regions that need no image.
STRUCTURES = tuple(region for region in Region if region is not Region.CORE_SCAR)


class Counts(NamedTuple):
    """Voxels of two masks."""

    tp: int
    fp: int
    fn: int
    tn: int


def counts(reference: Mask, prediction: Mask) -> Counts:
    """How the voxels of two masks agree."""
    tp = int(np.count_nonzero(reference & prediction))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(reference)) - tp
    return Counts(tp, fp, fn, reference.size - tp - fp - fn)


def border(mask: Mask, image_edge: bool = True, corners: bool = False) -> Mask:
    """Voxels of ``mask`` with a background voxel across one of the six faces.

    Args:
        mask: ``(slice, row, column)``.
        image_edge: Beyond the image is background; otherwise the image's edge is no border.
        corners: One of all 26 neighbours is enough.
    """
    from scipy.ndimage import binary_erosion, generate_binary_structure

    near = generate_binary_structure(3, 3 if corners else 1)
    inner = binary_erosion(mask, near, border_value=0 if image_edge else 1)
    return np.asarray(mask & ~inner, dtype=bool)


def distances(start: Mask, goal: Mask, sampling: Sequence[float]) -> Floats:
    """From each voxel of ``start`` to the nearest of ``goal``, infinite where there is none.

    Args:
        start: ``(slice, row, column)``.
        goal: The same.
        sampling: Step along each axis of the arrays, in the order that the evaluator takes it.
    """
    from scipy.ndimage import distance_transform_edt

    if not goal.any():
        return np.full(np.count_nonzero(start), np.inf)
    either = start | goal
    box = tuple(
        slice(int(held[0]), int(held[-1]) + 1)
        for held in (np.flatnonzero(either.any(axis=tuple({0, 1, 2} - {a}))) for a in range(3))
    )
    found = distance_transform_edt(~goal[box], sampling=sampling)
    return np.asarray(found, dtype=np.float64)[start[box]]


def mean_plain(values: Sequence[Value]) -> Value:
    """The mean as it comes: NaN and infinities spread, and a case that raised leaves no mean."""
    numbers = [v for v in values if v is not None]
    if len(numbers) < len(values) or not numbers:
        return None
    return sum(numbers) / len(numbers)


def mean_defined(values: Sequence[Value]) -> Value:
    """The mean of what is not NaN, as ``numpy.nanmean``: cases leave it without a trace."""
    numbers = [v for v in values if v is not None and not math.isnan(v)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def of_structures(quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Each quantity for each of :data:`STRUCTURES`: ``HD`` becomes ``scar HD``."""
    return tuple(
        Quantity(f"{s} {q.name}", tuple(map(int, s.labels)), q.unit, q.ours, q.factor, q.why)
        for s in STRUCTURES
        for q in quantities
    )


def by_structure(
    function: Callable[[Mask, Mask, Spacing], Mapping[str, Value]],
) -> Compute:
    """Apply a function of two masks to each of :data:`STRUCTURES`."""

    def compute(reference: Labels, prediction: Labels, spacing: Spacing) -> dict[str, Value]:
        found = {}
        for region in STRUCTURES:
            values = function(region.mask(reference), region.mask(prediction), spacing)
            found.update({f"{region} {name}": value for name, value in values.items()})
        return found

    return compute
