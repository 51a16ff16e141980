"""What the arrays handed to :func:`benchmark.score` mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, near_misses
from ..types import Region

__all__ = ["canonical_regions", "check_grids", "own_regions"]


def check_grids(
    names: tuple[str, str],
    arrays: tuple[NDArray[Any], NDArray[Any]],
    spacing: tuple[float, float, float],
) -> None:
    """Whether two label arrays lie on one grid.

    Raises:
        DataError: They do not, or are no ``(slice, row, column)`` integers with a voxel in them.
    """
    for name, array in zip(names, arrays, strict=True):
        if array.ndim != 3 or not array.size:
            raise DataError(
                f"{name} has shape {array.shape}; masks and labels have axes (slice, row, column).",
                "Give a single slice a leading axis: array[None].",
            )
        if array.dtype.kind not in "biu":
            raise DataError(
                f"{name} has dtype {array.dtype}; masks are bool, labels integers.",
                "Threshold probabilities, or convert whole numbers with .astype('uint8').",
            )
    if arrays[0].shape != arrays[1].shape:
        z, y, x = spacing
        raise DataError(
            f"{names[0]} has shape {arrays[0].shape} and {names[1]} {arrays[1].shape} "
            f"(slice, row, column; spacing {z:g} x {y:g} x {x:g} mm).",
            "Bring both to one grid first.",
        )


def own_regions(
    reference: NDArray[Any],
    prediction: NDArray[Any],
    regions: Collection[str] | Mapping[str, Collection[int]] | None,
) -> dict[str, list[int]] | None:
    """Label values by region where these are masks or labels of somebody's own; else None.

    Raises:
        DataError: One array is a mask and the other has more than one value beside 0.
        UsageError: ``regions`` has a region without a label value, or names regions of a mask.
    """
    if isinstance(regions, Mapping):
        own = {str(name): [int(v) for v in values] for name, values in regions.items()}
        empty = [name for name, values in own.items() if not values]
        if empty or not own:
            raise UsageError(f"No label value is given for {empty or 'any region'}.")
        return own
    found = {
        name: {int(v) for v in np.unique(array)} - {0}
        for name, array in (("Reference", reference), ("prediction", prediction))
    }
    a_mask = reference.dtype.kind == "b" or prediction.dtype.kind == "b"
    if not a_mask and not any(255 in values for values in found.values()):
        return None
    if regions is not None:
        raise UsageError(
            f"Masks have no regions {sorted(regions)}.", "Leave out regions, or give labels."
        )
    for name, values in found.items():
        if len(values) > 1:
            raise DataError(
                f"{name} has values {sorted(values)}, which do not make a mask like the other.",
                "Compare masks with masks, labels with labels.",
            )
    return {"mask": sorted(set().union(*found.values())) or [1]}


def canonical_regions(regions: Collection[str] | None, with_image: bool) -> tuple[Region, ...]:
    """The named regions, or all that can be had, in their order.

    Raises:
        UsageError: A region is unknown.
    """
    if regions is None:
        return tuple(r for r in Region if with_image or r is not Region.CORE_SCAR)
    known = [r.value for r in Region]
    for name in regions:
        if name not in known:
            raise UsageError(f"There is no region {name!r}.", near_misses(name, known))
    return tuple(r for r in Region if r.value in regions)
