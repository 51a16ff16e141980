"""Volumes, masses and shares of the myocardium, and areas by slice.

Volumes are voxel counts times voxel volume. The slice spacing is from centre to centre, so that
the gap between slices is filled from the nearest slice (popescu2022, Methods).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from ..metrics.counts import joint_counts
from ..metrics.definition import Status
from ..types import Label, Labels, Region
from .core import CoreScar, gray_zone
from .feature import Feature, undrawn

__all__ = ["MYOCARDIAL_DENSITY", "VOLUMES", "volume_features"]

#: Of myocardium, in g/mL.
MYOCARDIAL_DENSITY = 1.05
_GRAY = "gray_zone"
#: Feature -> (unit, what is counted, of how much), in the order of rows.
_FEATURES: Mapping[str, tuple[str, str, str | None]] = {
    **{f"{region.value}_ml": ("mL", region.value, None) for region in Region},
    "myocardium_mass_g": ("g", "myocardium", None),
    "scar_percent": ("%", "scar", "myocardium"),
    "mvo_percent": ("%", "mvo", "myocardium"),
    "gray_zone_ml": ("mL", _GRAY, None),
    "core_scar_percent": ("%", "core_scar", "myocardium"),
    "gray_zone_percent": ("%", _GRAY, "myocardium"),
    "scar_mass_g": ("g", "scar", None),
}
#: Feature of the volume -> unit.
VOLUMES: Mapping[str, str] = {name: unit for name, (unit, _, _) in _FEATURES.items()}
_AREAS = {f"{region.value}_area_mm2": region.value for region in Region}

#: Voxels of each slice, or why they are not known.
_Counts = list[int] | str


def volume_features(
    labels: Labels,
    spacing: tuple[float, float, float],
    regions: Collection[Region],
    core: CoreScar | str,
    empty: Status,
) -> Iterator[Feature]:
    """Of the volume first, then areas by slice.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        spacing: (z, y, x) in mm.
        regions: Regions the segmentation says something about.
        core: Its core scar, or why there is none.
        empty: Status of a share of a myocardium that is empty.
    """
    counts = _counted(labels, regions, core)
    z, y, x = spacing
    voxel_ml = z * y * x / 1000.0
    for name, (unit, what, of) in _FEATURES.items():
        found = [counts[part] for part in (what, of) if part is not None]
        reasons = [part for part in found if isinstance(part, str)]
        if reasons:
            yield Feature("volume", None, name, None, "not_applicable", unit, reasons[0])
            continue
        totals = [sum(part) for part in found if not isinstance(part, str)]
        if of is None:
            value = totals[0] * voxel_ml * (MYOCARDIAL_DENSITY if unit == "g" else 1.0)
            yield Feature("volume", None, name, value, "ok", unit, "")
        elif not totals[1]:
            yield Feature("volume", None, name, None, empty, unit, "there is no myocardium")
        else:
            value = 100.0 * totals[0] / totals[1]
            yield Feature("volume", None, name, value, "ok", unit, "")
    # A region that is not drawn is reported once, over the volume.
    for z_index in range(len(labels)):
        for name, what in _AREAS.items():
            held = counts[what]
            if not isinstance(held, str):
                yield Feature("slice", z_index, name, held[z_index] * (y * x), "ok", "mm2", "")


def _counted(
    labels: Labels, regions: Collection[Region], core: CoreScar | str
) -> dict[str, _Counts]:
    """Voxels by slice of each region and of the gray zone."""
    by_label = joint_counts(labels, np.zeros_like(labels), len(Label))[:, :, 0]
    counts: dict[str, _Counts] = {}
    for region in Region:
        reason = undrawn([region], regions)
        if reason is not None:
            counts[region.value] = reason
        elif region is not Region.CORE_SCAR:
            counts[region.value] = by_label[:, list(region.labels)].sum(axis=1).tolist()
        else:
            counts[region.value] = core if isinstance(core, str) else _by_slice(core.mask)
    dense = counts[Region.CORE_SCAR.value]
    if isinstance(dense, str) or isinstance(core, str):
        counts[_GRAY] = dense
    else:
        counts[_GRAY] = _by_slice(gray_zone(labels, core))
    return counts


def _by_slice(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[int]:
    return [int(n) for n in mask.sum(axis=(1, 2))]
