"""Every feature of one segmentation."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from ..metrics.definition import Status
from ..metrics.levels import Thirds
from ..types import Labels, Region, Volume
from .aha import SEPTUM, Sectors, rings_of, segments
from .by_segment import segment_features, unsegmented
from .core import CoreScar, core_of
from .feature import Feature, undrawn
from .insertion import UNKNOWN, Insertion
from .planes import Floats, Planes, planes
from .volumes import VOLUMES, volume_features
from .wall_features import WALLS, wall_features
from .walls import walls

__all__ = ["features", "missing_features", "septum"]

#: In the order of rows.
_LEVELS = ("volume", "slice", "segment")
_UNKNOWN_THIRDS = "which slices are at the apex is not known"


def features(
    labels: Labels,
    spacing: tuple[float, float, float],
    *,
    regions: Collection[Region] = frozenset(Region),
    image: Volume | None = None,
    core: CoreScar | str | None = None,
    empty: Status = "pred_empty",
    thirds: Thirds = _UNKNOWN_THIRDS,
    insertion: Insertion | str = UNKNOWN,
) -> list[Feature]:
    """Every feature of one segmentation: of the volume, areas by slice, then by segment.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        spacing: (z, y, x) in mm.
        regions: Regions the segmentation says something about; others are ``not_applicable``.
        image: On the labels' grid, for core scar.
        core: What :func:`core_scar` gave, to spare computing it again.
        empty: Status of what needs a myocardium, or scar, that is empty: ``ref_empty`` for a
            reference.
        thirds: Slices of each third, or the reason why they are unknown; for segments.
        insertion: Of the right ventricle, or the reason why it is unknown; for segments.

    Raises:
        DataError: The image is not on the labels' grid.
    """
    if core is None:
        core = core_of(labels, image)
    found = list(volume_features(labels, spacing, regions, core, empty))
    # Rays and segments need nothing beyond the ventricle, and are many times faster there.
    box, corner = _around(labels)
    cropped = labels[box]
    seen = planes(cropped)
    rays = walls(cropped, spacing, seen)
    found += wall_features(cropped, rays, regions, empty)
    at = insertion if isinstance(insertion, str) else insertion.moved(corner)
    parted = undrawn([Region.MYOCARDIUM], regions) or _parted(cropped, spacing, seen, thirds, at)
    if isinstance(parted, str):
        found += unsegmented("not_applicable", parted)
    else:
        of_voxel, sectors = parted
        of_ray = sectors(rays.angles)
        found += segment_features(cropped, of_voxel, of_ray, rays, regions, empty)
    return sorted(found, key=lambda feature: _LEVELS.index(feature.level))


def missing_features(
    status: Status, message: str, *, insertion: Insertion | str = UNKNOWN
) -> list[Feature]:
    """What stands in the place of :func:`features` where there is no segmentation.

    Args:
        status: Why.
        message: The reason in words.
        insertion: As given to it; where it is known, each segment has its rows.
    """
    units = {**VOLUMES, **WALLS}
    found = [Feature("volume", None, n, None, status, units[n], message) for n in units]
    return [*found, *unsegmented(status, message, each=not isinstance(insertion, str))]


def septum(
    labels: Labels,
    spacing: tuple[float, float, float],
    thirds: Thirds,
    insertion: Insertion | str,
) -> NDArray[np.bool_] | str:
    """``(slice, row, column)``: myocardium of the segments of the septum; or why nobody knows.

    Args:
        labels: Canonical labels.
        spacing: (z, y, x) in mm.
        thirds: Slices of each third, or the reason why they are unknown.
        insertion: Of the right ventricle, or the reason why it is unknown.
    """
    parted = _parted(labels, spacing, planes(labels), thirds, insertion)
    return parted if isinstance(parted, str) else np.isin(parted[0], SEPTUM)


def _parted(
    labels: Labels,
    spacing: tuple[float, float, float],
    seen: Planes,
    thirds: Thirds,
    insertion: Insertion | str,
) -> tuple[NDArray[np.uint8], Callable[[Floats], NDArray[np.uint8]]] | str:
    """The segment of each voxel, and how to tell that of rays; or why nobody knows."""
    if isinstance(insertion, str):
        return insertion
    rings = rings_of(labels, seen, thirds)
    if isinstance(rings, str):
        return rings
    found = insertion.resolve(seen.centres, spacing)
    if isinstance(found, str):
        return found
    sectors = Sectors(rings, *found)
    return segments(labels, spacing, seen, sectors), sectors.of_rays


def _around(labels: Labels) -> tuple[tuple[slice, slice, slice], tuple[int, int]]:
    """The box in which all is that is not background, and its first row and column."""
    rows, columns = (np.flatnonzero(labels.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not rows.size:
        return (slice(None), slice(0, 1), slice(0, 1)), (0, 0)
    # A margin, so that nothing lies at the border of an image that does not end there.
    first = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    box = slice(None), slice(first[0], int(rows[-1]) + 2), slice(first[1], int(columns[-1]) + 2)
    return box, first
