"""Overlap of two masks, from voxel counts alone.

One mask empty is a complete miss and scores 0; with both empty there is nothing to score, so the
value is null and the case belongs to the scar-free panel.
"""

from __future__ import annotations

import math

from .definition import COMPUTE, Card, Pair, metric

__all__ = ["balanced_accuracy", "dice", "iou", "mcc", "precision", "recall", "specificity"]


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
        name="specificity",
        title="Specificity (true negative rate)",
        formula="tn / (tn + fp)",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        field="whole field of view: tn, and so the value, depends on it",
        both_empty=COMPUTE,
        pred_empty=COMPUTE,
        ref_empty=COMPUTE,
        best=1.0,
        worst=0.0,
        source="Yerushalmy 1947; Taha and Hanbury 2015",
        notes="An empty answer marks nothing falsely: 1, as the formula has it and as balanced "
        "accuracy takes it. Small structures score nearly 1 whatever is drawn. Read it beside "
        "recall and precision, never alone. Where the reference fills the field nothing can be "
        "falsely marked: 1.",
    )
)
def specificity(pair: Pair) -> float:
    """Share of what lies outside the reference that is left alone."""
    negatives = pair.tn + pair.fp
    return pair.tn / negatives if negatives else 1.0


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


@metric(
    Card(
        name="mcc",
        title="Matthews correlation coefficient (phi)",
        formula="(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))",
        unit="",
        better="higher",
        bounds=(-1.0, 1.0),
        field="whole field of view: tn, and so the value, depends on it",
        pred_empty=0.0,
        ref_empty=0.0,
        best=1.0,
        worst=0.0,
        source="Matthews 1975; Chicco and Jurman 2020 (where the formula is 0/0)",
        notes="It is the correlation of the two masks. A mask that is empty or fills the field is "
        "constant and correlates with nothing: 0/0, taken as 0, the value of chance, so a miss "
        "and a false alarm are 0. Both empty: nothing to score, null. Two masks that both fill "
        "the field agree: 1. Disjoint masks are slightly below 0, and so below a miss.",
    )
)
def mcc(pair: Pair) -> float:
    """Correlation of the two masks over the field of view."""
    if not pair.fp and not pair.fn:
        return 1.0
    # Whole numbers, so that the product of four counts is exact before its root is taken.
    sides = pair.compared * pair.reference * (pair.tn + pair.fp) * (pair.tn + pair.fn)
    return (pair.tp * pair.tn - pair.fp * pair.fn) / math.sqrt(sides) if sides else 0.0
