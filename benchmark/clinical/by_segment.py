"""Scar and wall in each of the 17 segments.

``scar_percent`` is the share of a segment's area that is scar, over all of its slices;
``wall_thickness_mm`` the mean over its rays; ``transmurality_percent`` the mean share of the wall
that is scar over those of its rays that meet scar, and 0 where none does, as readers grade it (0,
1-25, 26-50, 51-75, 76-100 %: Kim et al., N Engl J Med 2000; 343:1445). The tip has no inner border
in its slices, and so an area only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..metrics.definition import Status
from ..types import Labels, Region
from .aha import SEGMENTS, TIP
from .burden import PRESENCE_PERCENT
from .feature import Feature, undrawn
from .walls import Walls

__all__ = ["BY_SEGMENT", "INVOLVED", "segment_features", "unsegmented"]

#: Feature of a segment -> (unit, regions it needs).
BY_SEGMENT: Mapping[str, tuple[str, tuple[Region, ...]]] = {
    "scar_percent": ("%", (Region.SCAR, Region.MYOCARDIUM)),
    "transmurality_percent": ("%", (Region.SCAR, Region.MYOCARDIUM)),
    "wall_thickness_mm": ("mm", (Region.MYOCARDIUM,)),
}
#: Feature of the volume: how many segments hold more scar than counts as scar at all.
INVOLVED = "scar_segments"


def segment_features(
    labels: Labels,
    of_voxel: NDArray[np.uint8],
    of_ray: NDArray[np.uint8],
    walls: Walls,
    regions: Collection[Region],
    empty: Status,
) -> Iterator[Feature]:
    """How many segments are involved, then each segment's features.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        of_voxel: ``(slice, row, column)`` segments (:func:`benchmark.clinical.aha.segments`).
        of_ray: ``(slice, ray)`` segments (:func:`benchmark.clinical.aha.ray_segments`).
        walls: What the rays met.
        regions: Regions the segmentation says something about.
        empty: Status of a segment without myocardium, or without a ray that meets its wall.
    """
    scar = Region.SCAR.mask(labels)
    area = np.bincount(of_voxel.ravel(), minlength=TIP + 1)
    marked = np.bincount(of_voxel[scar], minlength=TIP + 1)
    reasons = {name: undrawn(needed, regions) for name, (_, needed) in BY_SEGMENT.items()}
    why = reasons["scar_percent"]
    if why is not None:
        yield Feature("volume", None, INVOLVED, None, "not_applicable", "", why)
    elif not area[1:].any():
        yield Feature("volume", None, INVOLVED, None, empty, "", "there is no myocardium")
    else:
        involved = 100.0 * marked[1:] > PRESENCE_PERCENT * area[1:]
        yield Feature("volume", None, INVOLVED, float(involved.sum()), "ok", "", "")
    for number in SEGMENTS:
        rays = (of_ray == number) & ~np.isnan(walls.thickness)
        values = _values(number, int(area[number]), int(marked[number]), rays, walls)
        for (name, (unit, _)), value in zip(BY_SEGMENT.items(), values, strict=True):
            status: Status = "ok"
            message = reasons[name] or ""
            if message:
                status = "not_applicable"
            elif not area[number]:
                status, message = empty, "there is no myocardium in this segment"
            elif value is None and number == TIP:
                status, message = "not_applicable", "the wall is closed in the slices of the tip"
            elif value is None:
                status, message = empty, "no ray meets a wall in this segment"
            given = value if status == "ok" else None
            yield Feature("segment", None, name, given, status, unit, message, number)


def unsegmented(status: Status, message: str, *, each: bool = False) -> Iterator[Feature]:
    """What stands in the place of :func:`segment_features` where there are none.

    Args:
        status: Why.
        message: The reason in words.
        each: A row for each segment, of a segmentation that is missing; else one for all.
    """
    yield Feature("volume", None, INVOLVED, None, status, "", message)
    for number in SEGMENTS if each else (None,):
        for name, (unit, _) in BY_SEGMENT.items():
            yield Feature("segment", None, name, None, status, unit, message, number)


def _values(
    number: int, area: int, marked: int, rays: NDArray[np.bool_], walls: Walls
) -> tuple[float | None, float | None, float | None]:
    """Of one segment, in the order of :data:`BY_SEGMENT`."""
    if not area:
        return None, None, None
    share = 100.0 * marked / area
    if number == TIP or not rays.any():
        return share, None, None
    met = rays & walls.scarred
    depth = float(walls.transmurality[met].mean()) if met.any() else 0.0
    return share, depth, float(walls.thickness[rays].mean())
