"""Clinical features of ONE segmentation: volumes, mass, scar burden, core scar.

Volumes are voxel counts times voxel volume. The slice spacing is from centre to centre, so that
the gap between slices is filled from the nearest slice (popescu2022, Methods).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from ..metrics.counts import joint_counts
from ..metrics.definition import Status
from ..types import Label, Labels, Region, Volume
from .core import CoreScar, core_of

__all__ = [
    "MYOCARDIAL_DENSITY",
    "Feature",
    "can_describe",
    "features",
    "missing_features",
]

#: Of myocardium, in g/mL.
MYOCARDIAL_DENSITY = 1.05
#: Feature -> (unit, regions it needs), in the order of rows.
_VOLUMES = {f"{region.value}_ml": ("mL", (region,)) for region in Region}
_SHARES = {
    "scar_percent": ("%", (Region.SCAR, Region.MYOCARDIUM)),
    "mvo_percent": ("%", (Region.MVO, Region.MYOCARDIUM)),
}
_WHOLE: dict[str, tuple[str, tuple[Region, ...]]] = {
    **_VOLUMES,
    "myocardium_mass_g": ("g", (Region.MYOCARDIUM,)),
    **_SHARES,
}
_AREAS = {f"{region.value}_area_mm2": ("mm2", region) for region in Region}


class Feature(NamedTuple):
    """One number that describes a segmentation; ``slice`` is None at level ``volume``."""

    level: str
    slice: int | None
    feature: str
    value: float | None
    status: Status
    unit: str
    message: str


def can_describe(region: Region, given: Collection[Region]) -> bool:
    """Whether a segmentation that says something about ``given`` says something about ``region``.

    Core scar follows from scar and myocardium.
    """
    if region is Region.CORE_SCAR:
        return region in given or (Region.SCAR in given and Region.MYOCARDIUM in given)
    return region in given


def features(
    labels: Labels,
    spacing: tuple[float, float, float],
    *,
    regions: Collection[Region] = frozenset(Region),
    image: Volume | None = None,
    core: CoreScar | str | None = None,
    empty: Status = "pred_empty",
) -> list[Feature]:
    """Every feature of one segmentation: of the volume first, then areas by slice.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        spacing: (z, y, x) in mm.
        regions: Regions the segmentation says something about; others are ``not_applicable``.
        image: On the labels' grid, for core scar.
        core: What :func:`core_scar` gave, to spare computing it again.
        empty: Status of a share of a myocardium that is empty: ``ref_empty`` for a reference.

    Raises:
        DataError: The image is not on the labels' grid.
    """
    if core is None:
        core = core_of(labels, image)
    by_label = joint_counts(labels, np.zeros_like(labels), len(Label))[:, :, 0]
    voxels: dict[Region, list[int] | str] = {}
    for region in Region:
        if not can_describe(region, regions):
            voxels[region] = f"{region.value} is not part of this segmentation"
        elif region is not Region.CORE_SCAR:
            voxels[region] = by_label[:, list(region.labels)].sum(axis=1).tolist()
        else:
            voxels[region] = core if isinstance(core, str) else core.mask.sum(axis=(1, 2)).tolist()
    return [*_of_volume(voxels, spacing, empty), *_by_slice(voxels, spacing, len(labels))]


def missing_features(status: Status, message: str) -> list[Feature]:
    """What stands in the place of :func:`features` where there is no segmentation."""
    return [
        Feature("volume", None, name, None, status, unit, message)
        for name, (unit, _) in _WHOLE.items()
    ]


def _of_volume(
    voxels: dict[Region, list[int] | str], spacing: tuple[float, float, float], empty: Status
) -> Iterator[Feature]:
    z, y, x = spacing
    voxel_ml = z * y * x / 1000.0
    for name, (unit, needed) in _WHOLE.items():
        found = [voxels[region] for region in needed]
        reasons = [counts for counts in found if isinstance(counts, str)]
        if reasons:
            yield Feature("volume", None, name, None, "not_applicable", unit, reasons[0])
            continue
        totals = [sum(counts) for counts in found if not isinstance(counts, str)]
        if name in _SHARES and not totals[1]:
            yield Feature("volume", None, name, None, empty, unit, "there is no myocardium")
            continue
        if name in _SHARES:
            value = 100.0 * totals[0] / totals[1]
        else:
            value = totals[0] * voxel_ml * (MYOCARDIAL_DENSITY if unit == "g" else 1.0)
        yield Feature("volume", None, name, value, "ok", unit, "")


def _by_slice(
    voxels: dict[Region, list[int] | str], spacing: tuple[float, float, float], n_slices: int
) -> Iterator[Feature]:
    """Areas of what there is; a region without them is reported once, over the volume."""
    pixel_mm2 = spacing[1] * spacing[2]
    for z in range(n_slices):
        for name, (unit, region) in _AREAS.items():
            counts = voxels[region]
            if not isinstance(counts, str):
                yield Feature("slice", z, name, counts[z] * pixel_mm2, "ok", unit, "")
