"""monai.metrics, given masks as one-hot tensors and the spacing in the order of their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .definition import Preset, Quantity, Spacing, Value
from .masks import Mask, border, by_structure, counts, distances, mean_defined, of_structures

__all__ = ["PRESET"]

_TOLERANCE_MM = 2.0
_REFERENCE = "NaN, so left out of the mean, where the reference is empty: false alarms cost nothing"
_SINGLE = "single precision; a stack of one slice is all surface"


def _of_masks(reference: Mask, prediction: Mask, spacing: Spacing) -> dict[str, Value]:
    n = counts(reference, prediction)
    if n.tp + n.fn:
        overlap = 2 * n.tp / (2 * n.tp + n.fp + n.fn), n.tp / (n.tp + n.fp + n.fn)
    else:
        overlap = math.nan, math.nan
    found: dict[str, Value] = {"Dice": overlap[0], "IoU": overlap[1]}
    return found | _distances(reference, prediction, spacing)


def _distances(reference: Mask, prediction: Mask, spacing: Spacing) -> dict[str, Value]:
    names = ("HD", "HD95", "ASD", "ASSD", "NSD@2mm")
    if not reference.any() and not prediction.any():
        return dict.fromkeys(names, math.nan)
    if not reference.any() or not prediction.any():
        # Infinite distances, whose quantile is interpolated as inf - inf.
        return dict(zip(names, (math.inf, math.nan, math.inf, math.inf, 0.0), strict=True))
    ours, theirs = border(reference), border(prediction)
    there = distances(theirs, ours, spacing).astype(np.float32)
    back = distances(ours, theirs, spacing).astype(np.float32)
    pooled = np.concatenate([there, back])
    return {
        "HD": float(pooled.max()),
        "HD95": float(max(np.percentile(there, 95), np.percentile(back, 95))),
        "ASD": float(there.mean()),
        "ASSD": float(pooled.mean()),
        "NSD@2mm": float(np.count_nonzero(pooled <= _TOLERANCE_MM) / len(pooled)),
    }


def _mean(values: Sequence[Value]) -> Value:
    """Of what is not NaN; 0 where all are, which for a distance is the best there is."""
    found = mean_defined(values)
    return 0.0 if found is not None and math.isnan(found) else found


PRESET = Preset(
    name="monai",
    summary="monai.metrics: Dice, IoU, Hausdorff distances, surface distances, surface Dice.",
    source="MONAI 1.6, monai/metrics (DiceMetric, MeanIoU, HausdorffDistanceMetric, "
    "SurfaceDistanceMetric, SurfaceDiceMetric) with their defaults but for spacing, which is given",
    wrong=(
        "Dice and IoU are NaN where the reference is empty and leave the mean: scar reported in "
        "scar-free hearts costs nothing.",
        "One mask empty gives an infinite HD and a NaN HD95; the mean leaves NaN out, and is 0.0, "
        "the best there is, where every case was missed.",
        "spacing defaults to none: distances in voxels. SurfaceDistanceMetric is directed unless "
        "asked for symmetric=True (here ASD and ASSD).",
        "All in single precision.",
    ),
    quantities=of_structures(
        (
            Quantity("Dice", (), ours=("dice", None), why=_REFERENCE),
            Quantity("IoU", (), ours=("iou", None), why=_REFERENCE),
            Quantity("HD", (), "mm", ("hd", "3d"), why=f"infinite if one mask is empty; {_SINGLE}"),
            Quantity("HD95", (), "mm", ("hd95", "3d"), why=f"NaN if a mask is empty; {_SINGLE}"),
            Quantity("ASD", (), "mm", ("asd_pred_to_ref", "3d"),
                     why=f"prediction to reference only; {_SINGLE}"),
            Quantity("ASSD", (), "mm", ("assd", "3d"),
                     why=f"infinite if one mask is empty; {_SINGLE}"),
            Quantity("NSD@2mm", (), ours=("nsd@2mm", "3d"),
                     why=f"of voxels, not area, without rounding slack; {_SINGLE}"),
        )
    ),
    compute=by_structure(_of_masks),
    mean=_mean,
)  # fmt: skip
