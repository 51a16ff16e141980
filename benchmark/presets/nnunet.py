"""The evaluator of nnU-Net v2 (summary.json), on regions."""

from __future__ import annotations

import math

from .definition import Preset, Quantity, Spacing, Value
from .masks import Mask, by_structure, counts, mean_defined, of_structures

__all__ = ["PRESET"]

_WHY = "NaN where both masks are empty, which its mean leaves out without a count"
_COUNT = "a count of voxels"


def _of_masks(reference: Mask, prediction: Mask, spacing: Spacing) -> dict[str, Value]:
    n = counts(reference, prediction)
    union = n.tp + n.fp + n.fn
    return {
        "Dice": 2 * n.tp / (union + n.tp) if union else math.nan,
        "IoU": n.tp / union if union else math.nan,
        "FP": float(n.fp),
        "TP": float(n.tp),
        "FN": float(n.fn),
        "TN": float(n.tn),
        "n_pred": float(n.tp + n.fp),
        "n_ref": float(n.tp + n.fn),
    }


PRESET = Preset(
    name="nnunet",
    summary="nnU-Net v2's evaluate_predictions.py (summary.json): Dice, IoU and counts.",
    source="github.com/MIC-DKFZ/nnUNet, nnunetv2/evaluation/evaluate_predictions.py; here over "
    "regions, as regions_class_order makes it",
    wrong=(
        "A case where neither mask has the region is NaN and leaves the mean, which does not say "
        "of how many cases it is: with scar-free hearts that depends on the method.",
        "The list of predictions drives unless it is told otherwise: a missing one is not missed.",
        "foreground_mean is a mean over regions of means over different cases.",
        "There are no distances and no spacing in it.",
    ),
    quantities=of_structures(
        (
            Quantity("Dice", (), ours=("dice", None), why=_WHY),
            Quantity("IoU", (), ours=("iou", None), why=_WHY),
            *(Quantity(n, (), "voxel", why=_COUNT)
              for n in ("FP", "TP", "FN", "TN", "n_pred", "n_ref")),
        )
    ),
    compute=by_structure(_of_masks),
    mean=mean_defined,
)  # fmt: skip
