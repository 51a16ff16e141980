"""How other packages are asked: from a pair of masks to a function for each of their answers.

Each is called as its documentation says. Nothing is computed before a function is called, so that
one that raises is one answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .conformance import Case

__all__ = [
    "Ask",
    "medpy",
    "metrics_reloaded",
    "monai",
    "nnunet",
    "panoptica",
    "seg_metrics",
    "simpleitk",
    "surface_distance",
]

Ask = Callable[[], float]


def medpy(binary: Any, case: Case) -> dict[str, Ask]:
    """Its functions of masks, which take the prediction first."""
    pair, spacing = (case.prediction, case.reference), case.spacing
    return {
        "dc": lambda: binary.dc(*pair),
        "jc": lambda: binary.jc(*pair),
        "hd": lambda: binary.hd(*pair, voxelspacing=spacing),
        "hd95": lambda: binary.hd95(*pair, voxelspacing=spacing),
        "assd": lambda: binary.assd(*pair, voxelspacing=spacing),
        "asd": lambda: binary.asd(*pair, voxelspacing=spacing),
    }


def monai(metrics: Any, case: Case) -> dict[str, Ask]:
    """Its functions, on batches of one image with one channel."""
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


def surface_distance(package: Any, case: Case) -> dict[str, Ask]:
    """Its functions, all of what one of them finds."""
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


def simpleitk(sitk: Any, case: Case) -> dict[str, Ask]:
    """Its two filters that compare masks."""

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


def panoptica(package: Any, case: Case) -> dict[str, Ask]:
    """Its metrics by themselves; its evaluator has the same without a tolerance."""
    metric, pair = package.Metric, (case.reference, case.prediction)
    spaced: dict[str, Any] = {"voxelspacing": case.spacing}
    return {
        "DSC": lambda: metric.DSC(*pair),
        "IOU": lambda: metric.IOU(*pair),
        "HD": lambda: metric.HD(*pair, **spaced),
        "HD95": lambda: metric.HD95(*pair, **spaced),
        "ASSD": lambda: metric.ASSD(*pair, **spaced),
        "NSD(threshold=2)": lambda: metric.NSD(*pair, threshold=2.0, **spaced),
    }


class _Arrays:
    """Stands in for the reader of nnU-Net's evaluator, which is given names of files."""

    def __init__(self, case: Case) -> None:
        self._arrays = {"reference": case.reference, "prediction": case.prediction}

    def read_seg(self, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        return self._arrays[name].astype(np.uint8), {}


def nnunet(module: Any, case: Case) -> dict[str, Ask]:
    """The function that its evaluator maps over the files."""

    def asked(name: str) -> Ask:
        def ask() -> float:
            found = module.compute_metrics("reference", "prediction", _Arrays(case), [1])
            return float(found["metrics"][1][name])

        return ask

    return {"compute_metrics Dice": asked("Dice"), "compute_metrics IoU": asked("IoU")}


def metrics_reloaded(module: Any, case: Case) -> dict[str, Ask]:
    """The methods of its class of binary measures; distances are computed for each anew."""

    def asked(name: str) -> Ask:
        def ask() -> float:
            made = module.BinaryPairwiseMeasures(
                case.prediction.astype(int),
                case.reference.astype(int),
                pixdim=case.spacing,
                dict_args={"hd_perc": 95, "nsd": 2.0},
            )
            return float(getattr(made, name)())

        return ask

    names = (
        "dsc", "intersection_over_union", "measured_hausdorff_distance",
        "measured_hausdorff_distance_perc", "measured_average_distance", "measured_masd",
        "normalised_surface_distance",
    )  # fmt: skip
    return {name: asked(name) for name in names}


def seg_metrics(module: Any, case: Case) -> dict[str, Ask]:
    """Its one function, for one label and one metric at a time."""

    def asked(name: str) -> Ask:
        def ask() -> float:
            before = logging.root.manager.disable
            logging.disable(logging.WARNING)  # it tells the root logger of every empty mask
            try:
                (found,) = module.write_metrics(
                    labels=[1],
                    gdth_img=case.reference.astype(np.uint8),
                    pred_img=case.prediction.astype(np.uint8),
                    spacing=case.spacing,
                    metrics=[name],
                )
            finally:
                logging.disable(before)
            return float(found[name][0])

        return ask

    return {name: asked(name) for name in ("dice", "jaccard", "hd", "hd95", "msd")}
