"""T1 and T2 of the myocardium, from a map and the labels of whoever drew on it.

Median and interquartile range of the pixels labelled myocardium, scar included, in milliseconds: of
the volume, of its thirds and of each slice. mapping2023 (its section 4.3) derives "myocardial T1
and T2 mapping values based on the contours" and does not say how the pixels of one contour become
one value. The median is taken here: blood or air along a border that is off by a pixel moves a mean
at once, and a median hardly.

The same of the septum, where guidelines measure (Messroghli et al., J Cardiovasc Magn Reson 2017;
19:75), which is segments 2, 3, 8, 9 and 14. No label says where the right ventricle is: unless the
study does (:mod:`benchmark.clinical.insertion`) the septum's values are ``not_applicable``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .clinical import Feature, can_describe, septum
from .clinical.insertion import UNKNOWN, Insertion
from .errors import DataError
from .metrics.definition import Status
from .metrics.levels import THIRDS, Thirds
from .types import Labels, Region, Study, Volume

__all__ = ["MAPS", "MapKind", "feature_names", "map_of", "missing_relaxation", "relaxation"]

MapKind = Literal["t1", "t2"]
Part = Literal["myocardium", "septum"]
#: The modalities whose pixels are relaxation times in ms.
MAPS: tuple[MapKind, ...] = ("t1", "t2")
_UNIT = "ms"


def map_of(study: Study) -> MapKind | None:
    """Which map the study's target image is; None if it is none."""
    for kind in MAPS:
        if study.images.get(kind) is study.target:
            return kind
    return None


def feature_names(kind: MapKind, part: Part = "myocardium") -> tuple[str, str]:
    """What tables call the median and the interquartile range."""
    return f"{part}_{kind}_median_ms", f"{part}_{kind}_iqr_ms"


def relaxation(
    labels: Labels,
    image: Volume,
    kind: MapKind,
    *,
    thirds: Thirds = "which slices are at the apex is not known",
    regions: Collection[Region] = frozenset(Region),
    empty: Status = "pred_empty",
    insertion: Insertion | str = UNKNOWN,
    spacing: tuple[float, float, float] | None = None,
) -> Iterator[Feature]:
    """Median and interquartile range: of the volume, of the thirds, by slice; then of the septum.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        image: The map, in ms, on the labels' grid.
        kind: Which map it is.
        thirds: Slices of each third, or the reason why they are unknown.
        regions: What the segmentation says something about; without the myocardium, every value
            is ``not_applicable``.
        empty: Status where no pixel is myocardium: ``ref_empty`` for a reference.
        insertion: Of the right ventricle, or the reason why it is unknown; for the septum.
        spacing: (z, y, x) in mm; by default the map's.

    Raises:
        DataError: The map has frames, or is not on the labels' grid.
    """
    if image.voxels.ndim != 3 or image.shape != labels.shape:
        raise DataError(
            f"A {kind.upper()} map has one value for each voxel: labels have shape {labels.shape}, "
            f"the map {image.voxels.shape}."
        )
    if not can_describe(Region.MYOCARDIUM, regions):
        yield from missing_relaxation(
            kind, "not_applicable", "myocardium is not part of this segmentation"
        )
        return
    yield from _by_level(image, Region.MYOCARDIUM.mask(labels), kind, "myocardium", thirds, empty)
    walls = septum(labels, spacing or image.spacing, thirds, insertion)
    if isinstance(walls, str):
        yield from _blank(kind, "volume", "not_applicable", walls, "septum")
    else:
        yield from _by_level(image, walls, kind, "septum", thirds, empty)


def missing_relaxation(kind: MapKind, status: Status, message: str) -> Iterator[Feature]:
    """What stands in the place of :func:`relaxation` where there is no segmentation."""
    yield from _blank(kind, "volume", status, message)
    yield from _blank(kind, "volume", status, message, "septum")


def _by_level(
    image: Volume,
    mask: NDArray[np.bool_],
    kind: MapKind,
    part: Part,
    thirds: Thirds,
    empty: Status,
) -> Iterator[Feature]:
    """Of one part of the wall: of the volume, of the thirds, then by slice."""
    everywhere = range(len(mask))
    yield from _of(kind, "volume", None, _pixels(image, mask, everywhere), empty, part)
    for third in THIRDS:
        if isinstance(thirds, str):
            yield from _blank(kind, third, "not_applicable", thirds, part)
        else:
            yield from _of(kind, third, None, _pixels(image, mask, thirds[third]), empty, part)
    for z in everywhere:
        yield from _of(kind, "slice", z, _pixels(image, mask, [z]), empty, part)


def _pixels(image: Volume, mask: NDArray[np.bool_], slices: Sequence[int]) -> NDArray[Any]:
    """The map's values in the mask, in these slices."""
    chosen = list(slices)
    return image.voxels[chosen][mask[chosen]].astype(np.float64)


def _of(
    kind: MapKind, level: str, z: int | None, pixels: NDArray[Any], empty: Status, part: Part
) -> Iterator[Feature]:
    median, spread = feature_names(kind, part)
    if not pixels.size:
        for name in (median, spread):
            yield Feature(level, z, name, None, empty, _UNIT, f"there is no {part}")
        return
    low, middle, high = np.percentile(pixels, [25, 50, 75])
    yield Feature(level, z, median, float(middle), "ok", _UNIT, "")
    yield Feature(level, z, spread, float(high - low), "ok", _UNIT, "")


def _blank(
    kind: MapKind, level: str, status: Status, message: str, part: Part = "myocardium"
) -> Iterator[Feature]:
    for name in feature_names(kind, part):
        yield Feature(level, None, name, None, status, _UNIT, message)
