"""The assessment code of the MYOSAIQ challenge (cavity, myocardium, infarction, MVO)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..regions import Labels
from .definition import Preset, Quantity, Spacing, Value
from .masks import Mask, border, counts, distances, mean_defined

__all__ = ["PRESET"]

_LABELS = {"LV": 1, "MYO": 2, "MI": 3, "MVO": 4}
_METRICS = ("VOLUME", "VOLUME MAE", "DICE", "HD", "ASSD")
#: What its distance map holds where there is nothing to be near to: the root of float32's greatest.
_NOWHERE = math.sqrt(3.4028234663852886e38)
_VOXEL = (1.0, 1.0, 1.0)


def _compute(reference: Labels, prediction: Labels, spacing: Spacing) -> dict[str, Value]:
    found: dict[str, Value] = {}
    voxel_ml = math.prod(spacing) * 0.001
    for name, label in _LABELS.items():
        values = _of_label(reference == label, prediction == label, spacing, voxel_ml)
        found |= {f"{name} {metric}": v for metric, v in zip(_METRICS, values, strict=True)}
    return found


def _of_label(ours: Mask, theirs: Mask, spacing: Spacing, voxel_ml: float) -> tuple[float, ...]:
    n = counts(ours, theirs)
    if not n.tp + n.fn:
        return (math.nan,) * len(_METRICS)  # only labels of the reference are looked at
    if not n.tp + n.fp:
        # Volume and Hausdorff distance raise, are caught, and stay at the NaN they began with.
        return math.nan, math.nan, 0.0, math.nan, _NOWHERE
    volumes = (n.tp + n.fn) * voxel_ml, (n.tp + n.fp) * voxel_ml
    return (
        volumes[1],
        abs(volumes[0] - volumes[1]),
        2 * n.tp / (2 * n.tp + n.fp + n.fn),
        _hausdorff(ours, theirs, spacing),
        _assd(ours, theirs),
    )


def _hausdorff(ours: Mask, theirs: Mask, spacing: Spacing) -> float:
    """Between the masks as sets of voxels, in mm: what lies inside the other is at distance 0."""
    return float(max(distances(*p, spacing).max() for p in ((ours, theirs), (theirs, ours))))


def _assd(ours: Mask, theirs: Mask) -> float:
    """Pooled mean of both directed distances between borders, in voxels whatever their size.

    The surface that distances are measured from has six neighbours, the one that they are measured
    to, which is a distance map's, has 26; the edge of the image is part of neither.
    """
    pooled = np.concatenate([_to_surface(ours, theirs), _to_surface(theirs, ours)])
    pooled[np.isinf(pooled)] = _NOWHERE
    return float(pooled.mean()) if len(pooled) else math.nan


def _to_surface(start: Mask, goal: Mask) -> NDArray[np.float64]:
    goals = border(goal, image_edge=False, corners=True)
    return distances(border(start, image_edge=False), goals, _VOXEL)


_WHY = {
    "VOLUME": "NaN, so left out of the mean, where either mask is empty",
    "VOLUME MAE": "NaN, so left out of the mean, where either mask is empty: misses cost nothing",
    "DICE": "NaN, so left out of the mean, where the reference is empty: false alarms cost nothing",
    "HD": "between sets of voxels, not surfaces: holes hardly count; NaN where a mask is empty",
    "ASSD": "in VOXELS, not mm, to a surface of 26 neighbours that ends at the image's edge; "
    "1.8e19 where the prediction is empty, NaN where the reference is",
}


def _quantities() -> tuple[Quantity, ...]:
    facts = {
        "VOLUME": ("mL", None),
        "VOLUME MAE": ("mL", ("absolute_volume_error_ml", None)),
        "DICE": ("", ("dice", None)),
        "HD": ("mm", ("hd", "3d")),
        "ASSD": ("voxel", ("assd", "3d")),
    }
    return tuple(
        Quantity(f"{name} {metric}", (label,), unit, ours, why=_WHY[metric])  # type: ignore[arg-type]  # literals
        for name, label in _LABELS.items()
        for metric, (unit, ours) in facts.items()
    )


PRESET = Preset(
    name="myosaiq-official",
    summary="The MYOSAIQ challenge's myosaiq.py: volumes, Dice, Hausdorff distance, ASSD.",
    source="github.com/creatis-myriad/myosaiq-challenge, myosaiq.py, version that averages with "
    "nanmean (2023); distances as SimpleITK 2.5 computes them",
    wrong=(
        "Its ASSD is in voxels, the distance map being asked for without the spacing: 0.161 where "
        "0.2415 mm is right, and a step to the next slice counts as much as one to the next pixel.",
        "It measures from a surface of six neighbours to one of 26, and the image's edge is in "
        "neither: the apical and basal face of a heart that fills the stack do not count.",
        "Its Hausdorff distance is between sets of voxels, not surfaces: a filled hole costs only "
        "the way to its rim.",
        "A label that the reference lacks is never looked at: a false alarm, Dice 0, is NaN and "
        "leaves the mean. A label that the prediction lacks has Dice 0, but volume error and "
        "Hausdorff distance NaN: a missed scar improves both means.",
        "MYO and MI are the single labels 2 and 3, without what lies in them: its MYO is no "
        "myocardium where there is scar.",
    ),
    quantities=_quantities(),
    compute=_compute,
    mean=mean_defined,
)
