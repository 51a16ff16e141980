"""T1 and T2 of the myocardium, from a map and the labels of whoever drew on it.

Median and interquartile range of the pixels labelled myocardium, scar included, in milliseconds: of
the volume, of its thirds and of each slice. mapping2023 (its section 4.3) derives "myocardial T1
and T2 mapping values based on the contours" and does not say how the pixels of one contour become
one value. The median is taken here: blood or air along a border that is off by a pixel moves a mean
at once, and a median hardly.

The septum, where guidelines measure, has no feature: no label says where the right ventricle is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .clinical import Feature, can_describe
from .errors import DataError
from .metrics.definition import Status
from .metrics.levels import THIRDS, Thirds
from .types import Labels, Region, Study, Volume

__all__ = ["MAPS", "MapKind", "feature_names", "map_of", "missing_relaxation", "relaxation"]

MapKind = Literal["t1", "t2"]
#: The modalities whose pixels are relaxation times in ms.
MAPS: tuple[MapKind, ...] = ("t1", "t2")
_UNIT = "ms"


def map_of(study: Study) -> MapKind | None:
    """Which map the study's target image is; None if it is none."""
    for kind in MAPS:
        if study.images.get(kind) is study.target:
            return kind
    return None


def feature_names(kind: MapKind) -> tuple[str, str]:
    """What tables call the median and the interquartile range."""
    return f"myocardium_{kind}_median_ms", f"myocardium_{kind}_iqr_ms"


def relaxation(
    labels: Labels,
    image: Volume,
    kind: MapKind,
    *,
    thirds: Thirds = "which slices are at the apex is not known",
    regions: Collection[Region] = frozenset(Region),
    empty: Status = "pred_empty",
) -> Iterator[Feature]:
    """Median and interquartile range: of the volume, of the thirds, then by slice.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        image: The map, in ms, on the labels' grid.
        kind: Which map it is.
        thirds: Slices of each third, or the reason why they are unknown.
        regions: What the segmentation says something about; without the myocardium, every value
            is ``not_applicable``.
        empty: Status where no pixel is myocardium: ``ref_empty`` for a reference.

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
    myocardium = Region.MYOCARDIUM.mask(labels)
    everywhere = range(len(labels))
    yield from _of(kind, "volume", None, _pixels(image, myocardium, everywhere), empty)
    for third in THIRDS:
        if isinstance(thirds, str):
            yield from _blank(kind, third, "not_applicable", thirds)
        else:
            pixels = _pixels(image, myocardium, thirds[third])
            yield from _of(kind, third, None, pixels, empty)
    for z in everywhere:
        yield from _of(kind, "slice", z, _pixels(image, myocardium, [z]), empty)


def missing_relaxation(kind: MapKind, status: Status, message: str) -> Iterator[Feature]:
    """What stands in the place of :func:`relaxation` where there is no segmentation."""
    yield from _blank(kind, "volume", status, message)


def _pixels(image: Volume, mask: NDArray[np.bool_], slices: Sequence[int]) -> NDArray[Any]:
    """The map's values in the mask, in these slices."""
    chosen = list(slices)
    return image.voxels[chosen][mask[chosen]].astype(np.float64)


def _of(
    kind: MapKind, level: str, z: int | None, pixels: NDArray[Any], empty: Status
) -> Iterator[Feature]:
    median, spread = feature_names(kind)
    if not pixels.size:
        for name in (median, spread):
            yield Feature(level, z, name, None, empty, _UNIT, "there is no myocardium")
        return
    low, middle, high = np.percentile(pixels, [25, 50, 75])
    yield Feature(level, z, median, float(middle), "ok", _UNIT, "")
    yield Feature(level, z, spread, float(high - low), "ok", _UNIT, "")


def _blank(kind: MapKind, level: str, status: Status, message: str) -> Iterator[Feature]:
    for name in feature_names(kind):
        yield Feature(level, None, name, None, status, _UNIT, message)
