"""What the rays say of the whole wall: its thickness, and how deep the scar goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..metrics.definition import Status
from ..types import Labels, Region
from .feature import Feature, undrawn
from .walls import Walls

__all__ = ["WALLS", "wall_features"]

#: Feature of the volume -> unit.
WALLS: Mapping[str, str] = {
    "wall_thickness_mean_mm": "mm",
    "wall_thickness_max_mm": "mm",
    "scar_transmurality_percent": "%",
}


def wall_features(
    labels: Labels, walls: Walls, regions: Collection[Region], empty: Status
) -> Iterator[Feature]:
    """Thickness of the wall, mean and greatest, and transmurality of the scar.

    Every ray weighs the same, in every slice. The slices of the tip, where the wall is closed, have
    no thickness in plane and take no part. Transmurality is the share of the wall that is scar, of
    the rays that meet scar: without scar it is undefined, never 0.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        walls: What :func:`benchmark.clinical.walls.walls` gave for them.
        regions: Regions the segmentation says something about.
        empty: Status where there is no wall, or no scar.
    """
    nothing = "no ray from the centre of the cavity meets a wall"
    if not Region.MYOCARDIUM.mask(labels).any():
        nothing = "there is no myocardium"
    no_scar = "no ray from the centre of the cavity meets scar"
    if not Region.SCAR.mask(labels).any():
        no_scar = "there is no scar"
    wall, both = (Region.MYOCARDIUM,), (Region.SCAR, Region.MYOCARDIUM)
    found = (
        (wall, walls.mean_thickness, nothing),
        (wall, walls.greatest_thickness, nothing),
        (both, walls.mean_transmurality, no_scar),
    )
    for (name, unit), (needed, measure, missing) in zip(WALLS.items(), found, strict=True):
        reason = undrawn(needed, regions)
        if reason is not None:
            yield Feature("volume", None, name, None, "not_applicable", unit, reason)
            continue
        value = measure()
        if value is None:
            yield Feature("volume", None, name, None, empty, unit, missing)
        else:
            yield Feature("volume", None, name, value, "ok", unit, "")
