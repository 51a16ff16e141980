"""Overlap of two masks, from voxel counts alone.

One mask empty is a complete miss and scores 0; with both empty there is nothing to score, so the
value is null and the case belongs to the scar-free panel.
"""

from __future__ import annotations

from .definition import COMPUTE, Card, Pair, metric

__all__ = ["balanced_accuracy", "dice", "iou", "precision", "recall"]


@metric(
    Card(
        name="dice",
        title="Dice coefficient",
        formula="2 tp / (2 tp + fp + fn)",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="Dice 1945; Sorensen 1948",
        notes="Equals 2 IoU / (1 + IoU).",
    )
)
def dice(pair: Pair) -> float:
    """Share of the two masks' mean size that they have in common."""
    return 2 * pair.tp / (2 * pair.tp + pair.fp + pair.fn)


@metric(
    Card(
        name="iou",
        title="Intersection over union (Jaccard index)",
        formula="tp / (tp + fp + fn)",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="Jaccard 1912",
    )
)
def iou(pair: Pair) -> float:
    """Share of the union that is in both masks."""
    return pair.tp / (pair.tp + pair.fp + pair.fn)


@metric(
    Card(
        name="precision",
        title="Precision (positive predictive value)",
        formula="tp / (tp + fp)",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="xing2023, with the names the usual way round",
        notes="An empty answer to a reference that is not empty is a miss: 0, not 0/0.",
    )
)
def precision(pair: Pair) -> float:
    """Share of the compared mask that is right."""
    return pair.tp / (pair.tp + pair.fp) if pair.compared else 0.0


@metric(
    Card(
        name="recall",
        title="Recall (sensitivity)",
        formula="tp / (tp + fn)",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="xing2023, with the names the usual way round",
        notes="An answer where the reference is empty is a false alarm: 0, not 0/0.",
    )
)
def recall(pair: Pair) -> float:
    """Share of the reference mask that is found."""
    return pair.tp / (pair.tp + pair.fn) if pair.reference else 0.0


@metric(
    Card(
        name="balanced_accuracy",
        title="Balanced accuracy",
        formula="(tp / (tp + fn) + tn / (tn + fp)) / 2",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        field="whole field of view: tn, and so the value, depends on it",
        both_empty=None,
        pred_empty=COMPUTE,
        ref_empty=None,
        best=1.0,
        worst=0.0,
        source="popescu2022, Results (which states no region: its network's image is 192 x 192)",
        notes="An empty answer has sensitivity 0 and specificity 1: 0.5. Without reference voxels "
        "there is no sensitivity: null. Where the reference fills the field, specificity is 1.",
    )
)
def balanced_accuracy(pair: Pair) -> float:
    """Mean of sensitivity and specificity over the field of view."""
    negatives = pair.tn + pair.fp
    specificity = pair.tn / negatives if negatives else 1.0
    return (pair.tp / (pair.tp + pair.fn) + specificity) / 2
