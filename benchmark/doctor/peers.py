"""Other packages that measure masks, and what each of their functions is taken for.

None of them is needed. How they are asked is in :mod:`~benchmark.doctor.asking`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import asking
from .asking import Ask
from .conformance import Case

__all__ = ["PEERS", "Peer", "Question"]


@dataclass(frozen=True)
class Question:
    """One function of a peer.

    Args:
        name: The peer's name for it.
        metric: What its name is taken for: ``dice``, ``iou`` or one of
            :data:`~benchmark.doctor.conformance.DISTANCES`, between surfaces in space.
        why: What it does instead, where no stored definition says so.
    """

    name: str
    metric: str
    why: str = ""


@dataclass(frozen=True)
class Peer:
    """A package that may be installed.

    Args:
        name: Its distribution, as pip knows it.
        module: What is imported.
        questions: What it is asked.
        ask: From the imported module and a pair to a function for each question's name.
        notes: What its users have to know beside.
    """

    name: str
    module: str
    questions: tuple[Question, ...]
    ask: Callable[[Any, Case], Mapping[str, Ask]]
    notes: str = ""


_VOXEL_SETS = "between sets of voxels, inner ones included, not surfaces"
_ITK_SURFACES = "surfaces of 26 neighbours that the edge of the image is no part of"

#: Every package that is asked, whether it is installed or not.
PEERS = (
    Peer(
        "medpy",
        "medpy.metric.binary",
        (
            Question("dc", "dice"),
            Question("jc", "iou"),
            Question("hd", "hd"),
            Question("hd95", "hd95"),
            Question("assd", "assd"),
            Question("asd", "asd_pred_to_ref"),
        ),
        asking.medpy,
        "voxelspacing defaults to 1: without it distances are in voxels",
    ),
    Peer(
        "monai",
        "monai.metrics",
        (
            Question("compute_dice", "dice"),
            Question("compute_iou", "iou"),
            Question("compute_hausdorff_distance", "hd"),
            Question("compute_hausdorff_distance(95)", "hd95"),
            Question("compute_average_surface_distance(symmetric)", "assd"),
            Question("compute_average_surface_distance", "assd"),
            Question("compute_surface_dice(2.0)", "nsd@2mm"),
        ),
        asking.monai,
        "NaN leaves its means, and a mean of nothing is 0.0; spacing defaults to 1",
    ),
    Peer(
        "surface-distance",
        "surface_distance",
        (
            Question("compute_dice_coefficient", "dice"),
            Question("compute_robust_hausdorff(100)", "hd"),
            Question("compute_robust_hausdorff(95)", "hd95"),
            Question("compute_average_surface_distance[0]", "asd_ref_to_pred"),
            Question("compute_average_surface_distance[1]", "asd_pred_to_ref"),
            Question("compute_surface_dice_at_tolerance(2)", "nsd@2mm"),
        ),
        asking.surface_distance,
    ),
    Peer(
        "SimpleITK",
        "SimpleITK",
        (
            Question("GetDiceCoefficient", "dice"),
            Question("GetJaccardCoefficient", "iou"),
            Question("GetHausdorffDistance", "hd", _VOXEL_SETS),
            Question("GetAverageHausdorffDistance", "masd", _VOXEL_SETS),
        ),
        asking.simpleitk,
    ),
    Peer(
        "panoptica",
        "panoptica",
        (
            Question("DSC", "dice"),
            Question("IOU", "iou"),
            Question("HD", "hd"),
            Question("HD95", "hd95"),
            Question("ASSD", "assd"),
            Question("NSD(threshold=2)", "nsd@2mm"),
        ),
        asking.panoptica,
        "in its evaluator the threshold of NSD is the smallest spacing and cannot be given",
    ),
    Peer(
        "nnunetv2",
        "nnunetv2.evaluation.evaluate_predictions",
        (Question("compute_metrics Dice", "dice"), Question("compute_metrics IoU", "iou")),
        asking.nnunet,
        "NaN leaves its means without a count; it measures no distances",
    ),
    Peer(
        "MetricsReloaded",
        "MetricsReloaded.metrics.pairwise_measures",
        (
            Question("dsc", "dice"),
            Question("intersection_over_union", "iou"),
            Question("measured_hausdorff_distance", "hd"),
            Question("measured_hausdorff_distance_perc", "hd95"),
            Question("measured_average_distance", "assd"),
            Question("measured_masd", "masd"),
            Question("normalised_surface_distance", "nsd@2mm"),
        ),
        asking.metrics_reloaded,
        "pixdim defaults to none: distances in voxels; the tolerance of NSD to 1",
    ),
    Peer(
        "seg-metrics",
        "seg_metrics.seg_metrics",
        (
            Question("dice", "dice"),
            Question("jaccard", "iou"),
            Question("hd", "hd", _ITK_SURFACES),
            Question("hd95", "hd95", f"{_ITK_SURFACES}; percentile of both directions POOLED"),
            Question("msd", "assd", _ITK_SURFACES),
        ),
        asking.seg_metrics,
        "spacing defaults to 1",
    ),
)
