"""Other packages that measure masks: how each is asked, as its documentation says.

None of them is needed; a question is a function of its own, so that one that raises is one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conformance import Case

__all__ = ["PEERS", "Peer", "Question"]

Ask = Callable[[], float]


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


def _medpy(binary: Any, case: Case) -> dict[str, Ask]:
    pair, spacing = (case.prediction, case.reference), case.spacing
    return {
        "dc": lambda: binary.dc(*pair),
        "jc": lambda: binary.jc(*pair),
        "hd": lambda: binary.hd(*pair, voxelspacing=spacing),
        "hd95": lambda: binary.hd95(*pair, voxelspacing=spacing),
        "assd": lambda: binary.assd(*pair, voxelspacing=spacing),
        "asd": lambda: binary.asd(*pair, voxelspacing=spacing),
    }


def _monai(metrics: Any, case: Case) -> dict[str, Ask]:
    torch = import_module("torch")

    def tensor(mask: NDArray[np.bool_]) -> Any:
        return torch.from_numpy(mask[None, None].astype(np.float32))

    pair = tensor(case.prediction), tensor(case.reference)
    options: dict[str, Any] = {"include_background": True, "spacing": list(case.spacing)}
    hausdorff = metrics.compute_hausdorff_distance
    surface = metrics.compute_average_surface_distance
    return {
        "compute_dice": lambda: metrics.compute_dice(*pair),
        "compute_iou": lambda: metrics.compute_iou(*pair),
        "compute_hausdorff_distance": lambda: hausdorff(*pair, **options),
        "compute_hausdorff_distance(95)": lambda: hausdorff(*pair, percentile=95, **options),
        "compute_average_surface_distance(symmetric)": lambda: surface(
            *pair, symmetric=True, **options
        ),
        "compute_average_surface_distance": lambda: surface(*pair, **options),
        "compute_surface_dice(2.0)": lambda: metrics.compute_surface_dice(*pair, [2.0], **options),
    }


def _surface_distance(package: Any, case: Case) -> dict[str, Ask]:
    pair = case.reference, case.prediction

    def found() -> Any:
        return package.compute_surface_distances(*pair, case.spacing)

    return {
        "compute_dice_coefficient": lambda: package.compute_dice_coefficient(*pair),
        "compute_robust_hausdorff(100)": lambda: package.compute_robust_hausdorff(found(), 100),
        "compute_robust_hausdorff(95)": lambda: package.compute_robust_hausdorff(found(), 95),
        "compute_average_surface_distance[0]": lambda: package.compute_average_surface_distance(
            found()
        )[0],
        "compute_average_surface_distance[1]": lambda: package.compute_average_surface_distance(
            found()
        )[1],
        "compute_surface_dice_at_tolerance(2)": lambda: package.compute_surface_dice_at_tolerance(
            found(), 2
        ),
    }


def _simpleitk(sitk: Any, case: Case) -> dict[str, Ask]:
    def image(mask: NDArray[np.bool_]) -> Any:
        made = sitk.GetImageFromArray(mask.astype(np.uint8))
        made.SetSpacing(case.spacing[::-1])
        return made

    def asked(kind: str, name: str, *label: int) -> Ask:
        def ask() -> float:
            process = sitk.ProcessObject
            before = process.GetGlobalWarningDisplay()
            process.SetGlobalWarningDisplay(False)  # it writes to stderr itself
            try:
                made = getattr(sitk, kind)()
                made.Execute(image(case.reference), image(case.prediction))
                return float(getattr(made, name)(*label))
            finally:
                process.SetGlobalWarningDisplay(before)

        return ask

    overlap, hausdorff = "LabelOverlapMeasuresImageFilter", "HausdorffDistanceImageFilter"
    return {
        "GetDiceCoefficient": asked(overlap, "GetDiceCoefficient", 1),
        "GetJaccardCoefficient": asked(overlap, "GetJaccardCoefficient", 1),
        "GetHausdorffDistance": asked(hausdorff, "GetHausdorffDistance"),
        "GetAverageHausdorffDistance": asked(hausdorff, "GetAverageHausdorffDistance"),
    }


_VOXEL_SETS = "between sets of voxels, inner ones included, not surfaces"

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
        _medpy,
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
        _monai,
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
        _surface_distance,
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
        _simpleitk,
    ),
)
