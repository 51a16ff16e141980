"""medpy.metric.binary, given two masks and the spacing in the order of their axes."""

from __future__ import annotations

import numpy as np

from .definition import Preset, Quantity, Spacing, Value
from .masks import Mask, border, by_structure, counts, distances, mean_plain, of_structures

__all__ = ["PRESET"]

_RAISES = "raises where a mask is empty; a stack of one slice is all surface"


def _of_masks(reference: Mask, prediction: Mask, spacing: Spacing) -> dict[str, Value]:
    n = counts(reference, prediction)
    union = n.tp + n.fp + n.fn
    ours, theirs = n.tp + n.fn, n.tp + n.fp
    found: dict[str, Value] = {
        "dc": 2.0 * n.tp / (union + n.tp) if union else 1.0,
        "jc": n.tp / union if union else 1.0,
        "precision": n.tp / theirs if theirs else 0.0,
        "recall": n.tp / ours if ours else 0.0,
        "specificity": n.tn / (n.tn + n.fp) if n.tn + n.fp else 0.0,
        "ravd": (theirs - ours) / ours if ours else None,
    }
    return found | _distances(reference, prediction, spacing)


def _distances(reference: Mask, prediction: Mask, spacing: Spacing) -> dict[str, Value]:
    if not reference.any() or not prediction.any():
        return dict.fromkeys(("hd", "hd95", "assd", "asd"))
    ours, theirs = border(reference), border(prediction)
    there, back = distances(theirs, ours, spacing), distances(ours, theirs, spacing)
    pooled = np.hstack([there, back])
    return {
        "hd": float(pooled.max()),
        "hd95": float(np.percentile(pooled, 95)),
        "assd": float(pooled.mean()),
        "asd": float(there.mean()),
    }


PRESET = Preset(
    name="medpy",
    summary="medpy.metric.binary: dc, jc, hd, hd95, assd, asd and others.",
    source="medpy 0.5.2, medpy/metric/binary.py (ACDC, M&Ms and many papers use it)",
    wrong=(
        "hd95 is a percentile of both directions pooled, which a large border on one side dilutes: "
        "0.00 mm where the greater of the two directed percentiles is 33.37 mm.",
        "An empty mask raises in every distance; what a user catches it with (often 0) decides "
        "the table.",
        "Both masks empty is a Dice of 1; with a NumPy whose count_nonzero gives no Python integer "
        "it is NaN (seen with 2.4).",
        "voxelspacing defaults to 1: distances in voxels; here it is given, in the right order.",
        "asd is directed, from prediction to reference: a small answer inside the reference is "
        "forgiven.",
    ),
    quantities=of_structures(
        (
            Quantity("dc", (), ours=("dice", None), why="1 where both masks are empty"),
            Quantity("jc", (), ours=("iou", None), why="1 where both masks are empty"),
            Quantity("precision", (), ours=("precision", None), why="0 where both are empty"),
            Quantity("recall", (), ours=("recall", None), why="0 where both are empty"),
            Quantity("specificity", (), ours=("specificity", None),
                     why="grows with the field of view"),
            Quantity("ravd", (), ours=("volume_error_percent", None), factor=0.01,
                     why="a share, not percent; raises where the reference is empty"),
            Quantity("hd", (), "mm", ("hd", "3d"), why=_RAISES),
            Quantity("hd95", (), "mm", ("hd95", "3d"),
                     why=f"of both directions pooled (our hd95_pooled); {_RAISES}"),
            Quantity("assd", (), "mm", ("assd", "3d"), why=_RAISES),
            Quantity("asd", (), "mm", ("asd_pred_to_ref", "3d"),
                     why=f"prediction to reference only; {_RAISES}"),
        )
    ),
    compute=by_structure(_of_masks),
    mean=mean_plain,
)  # fmt: skip
