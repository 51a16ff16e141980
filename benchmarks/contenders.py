"""The tools that are timed: each computes what it can, in the fastest way its own functions give.

``covers`` says what a tool gives of Dice, HD, HD95, ASSD and NSD at 2 mm. Those that give all five
are full-set tools: MONAI, surface-distance (surfaces weighted by area) and panoptica's functions
by themselves. Three more are completed, and then do the work of the full set:

* panoptica's evaluator crops and computes distances once for all metrics, which its functions do
  not; its NSD is at the smallest spacing, never at 2 mm.
* medpy has no NSD, and its functions compute the distances anew each time; completed, all five are
  taken from one call of its inner function for each direction.
* SimpleITK's distance maps and contours are there for everybody to compose; five numbers are made
  of them with NumPy. Its own HausdorffDistanceImageFilter measures between sets, not surfaces.

Medpy as documented (three distances, no NSD) and nnU-Net's evaluator (Dice, IoU, counts, no
distances) are partial: shown, but never called the fastest.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from workloads import Workload, blob

from benchmark.metrics import arrays, kernel

__all__ = ["TOOLS", "Tool", "installed"]

Values = list[tuple[float, ...]]
Run = Callable[[Workload], Any]


@dataclass(frozen=True)
class Tool:
    """Something to time.

    Attributes:
        name: As the table calls it.
        distribution: As pip knows it.
        covers: What it gives of the five metrics.
        kind: ``full`` (all five by its own functions), ``completed`` (all five numbers, with help),
            ``partial``, ``ours``, or ``floor``.
        run: Computes everything of a workload.
    """

    name: str
    distribution: str
    covers: str
    kind: Literal["full", "completed", "partial", "ours", "floor"]
    run: Run


def ours(name: Literal["c", "numpy"]) -> Run:
    """Our engine with one of its kernels."""

    def run(work: Workload) -> Any:
        kernel.NAME = name
        dim = "slice" if work.slices else "3d"
        return [arrays.evaluate(a, b, work.spacing, work.regions, dim=dim) for a, b in work.pairs]

    return run


def floor(work: Workload) -> Any:
    """One read of both maps."""
    return [a.max() | b.max() for a, b in work.pairs]


def from_distances(there: np.ndarray, back: np.ndarray, dice: float) -> tuple[float, ...]:
    """All five metrics from both directions' distances."""
    both = np.concatenate([there, back])
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return dice, both.max(), hd95, both.mean(), (both <= 2.0).mean()


def medpy(work: Workload) -> Values:
    """Its functions as documented."""
    from medpy.metric import binary

    return [
        (binary.dc(b, a), *(f(b, a, voxelspacing=s) for f in (binary.hd, binary.hd95, binary.assd)))
        for pair, s in work.squeezed()
        for a, b in pair
    ]


def medpy_completed(work: Workload) -> Values:
    """Its distances computed once each way."""
    from medpy.metric import binary

    surface_distances = binary.__dict__["__surface_distances"]
    return [
        from_distances(
            surface_distances(a, b, voxelspacing=s),
            surface_distances(b, a, voxelspacing=s),
            binary.dc(a, b),
        )
        for pair, s in work.squeezed()
        for a, b in pair
    ]


def monai(work: Workload) -> Values:
    """Its functions as documented, all regions as channels of one batch."""
    import torch
    from monai import metrics as m

    torch.set_num_threads(1)
    found: Values = []
    for pair, s in work.squeezed():
        a, b = (torch.from_numpy(np.stack(side)[None]).float() for side in zip(*pair, strict=True))
        options = {"include_background": True, "spacing": list(s)}
        each = [
            m.compute_dice(b, a, include_background=True),
            m.compute_hausdorff_distance(b, a, **options),
            m.compute_hausdorff_distance(b, a, percentile=95, **options),
            m.compute_average_surface_distance(b, a, symmetric=True, **options),
            m.compute_surface_dice(b, a, [2.0] * len(pair), **options),
        ]
        found += zip(*(value[0].tolist() for value in each), strict=True)
    return found


def surface_distance(work: Workload) -> Values:
    """Its distances once, its five metrics from them; ASSD from its two directed means."""
    import surface_distance as package

    found: Values = []
    for pair, s in work.squeezed():
        for a, b in pair:
            distances = package.compute_surface_distances(a, b, s)
            means = package.compute_average_surface_distance(distances)
            found.append(
                (
                    package.compute_dice_coefficient(a, b),
                    package.compute_robust_hausdorff(distances, 100),
                    package.compute_robust_hausdorff(distances, 95),
                    sum(means) / 2,
                    package.compute_surface_dice_at_tolerance(distances, 2.0),
                )
            )
    return found


def panoptica(work: Workload) -> Values:
    """Its metrics called one by one, which is how a tolerance can be given."""
    from panoptica import Metric

    plain = (Metric.HD, Metric.HD95, Metric.ASSD)
    return [
        (
            Metric.DSC(a, b),
            *(metric(a, b, voxelspacing=s) for metric in plain),
            Metric.NSD(a, b, voxelspacing=s, threshold=2.0),
        )
        for pair, s in work.squeezed()
        for a, b in pair
    ]


@cache
def _evaluator() -> Any:
    from panoptica import InputType, Metric, Panoptica_Evaluator, disable_citation_reminder

    disable_citation_reminder()
    five = [Metric.DSC, Metric.HD, Metric.HD95, Metric.ASSD, Metric.NSD]
    return Panoptica_Evaluator(InputType.MATCHED_INSTANCE, instance_metrics=five, global_metrics=[])


def panoptica_evaluator(work: Workload) -> Values:
    """Its evaluator, a region of both masks being one instance that is matched already."""
    found: Values = []
    for pair, s in work.squeezed():
        for a, b in pair:
            result = _evaluator().evaluate(b.view(np.uint8), a.view(np.uint8), voxelspacing=s)
            (one,) = result.values()
            found.append((one.sq_dsc, one.sq_hd, one.sq_hd95, one.sq_assd, one.sq_nsd))
    return found


def simple_itk(work: Workload) -> Values:
    """Maurer distance maps of both contours, each computed once."""
    import SimpleITK as Itk

    Itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    found: Values = []
    for pair, s in work.squeezed():
        for masks in pair:
            images = [Itk.GetImageFromArray(m.view(np.uint8)) for m in masks]
            for image in images:
                image.SetSpacing(s[::-1])
            # Its contour leaves out what touches the border of the image.
            padded = [
                Itk.ConstantPad(i, [1] * i.GetDimension(), [1] * i.GetDimension()) for i in images
            ]
            faces = [Itk.LabelContour(i, fullyConnected=False) for i in padded]
            # Named, because a view does not keep its image alive.
            fields = [Itk.Abs(Itk.SignedMaurerDistanceMap(f, False, False, True)) for f in faces]
            maps = [Itk.GetArrayViewFromImage(f) for f in fields]
            first, second = (Itk.GetArrayViewFromImage(f) > 0 for f in faces)
            overlap = Itk.LabelOverlapMeasuresImageFilter()
            overlap.Execute(*images)
            found.append(
                from_distances(maps[1][first], maps[0][second], overlap.GetDiceCoefficient())
            )
    return found


def nnunet(work: Workload) -> Values:
    """What its evaluator does with the arrays of a case, region by region."""
    from nnunetv2.evaluation import evaluate_predictions as nn

    found: Values = []
    for a, b in work.pairs:
        for region in work.regions:
            masks = [nn.region_or_label_to_mask(m, tuple(region)) for m in (a, b)]
            tp, fp, fn, _ = nn.compute_tp_fp_fn_tn(*masks)
            found.append((2 * tp / (2 * tp + fp + fn),))
    return found


_ALL = "all five"
TOOLS = (
    Tool("floor", "numpy", "one read of both maps", "floor", floor),
    Tool("ours C", "scarbench", _ALL, "ours", ours("c")),
    Tool("ours NumPy", "scarbench", _ALL, "ours", ours("numpy")),
    Tool("surface-distance", "surface-distance", f"{_ALL}, by area", "full", surface_distance),
    Tool("MONAI", "monai", _ALL, "full", monai),
    Tool("panoptica", "panoptica", f"{_ALL}; HD95 pooled, ASSD is MASD", "full", panoptica),
    Tool("panoptica eval.", "panoptica", "four; NSD at the smallest spacing, not 2 mm",
         "completed", panoptica_evaluator),
    Tool("SimpleITK", "SimpleITK", "Dice and distance maps; five made of them", "completed",
         simple_itk),
    Tool("medpy once", "medpy", "four; five from its inner distances", "completed",
         medpy_completed),
    Tool("medpy", "medpy", "four; no NSD", "partial", medpy),
    Tool("nnU-Net", "nnunetv2", "Dice only", "partial", nnunet),
)  # fmt: skip


def installed(names: Iterable[str] = ()) -> list[Tool]:
    """The tools that can be run here, or those called ``names`` of them; says why others cannot."""
    wanted = set(names)
    if unknown := wanted - {tool.name for tool in TOOLS}:
        raise SystemExit(f"No tool {', '.join(sorted(unknown))}; there are: "
                         f"{', '.join(tool.name for tool in TOOLS)}")  # fmt: skip
    found = []
    small = Workload("", [(blob((4, 32, 32), 1), blob((4, 32, 32), 2))])
    for tool in TOOLS:
        if wanted and tool.name not in wanted:
            continue
        if tool.name == "ours C" and "c" not in kernel.KERNELS:
            print(f"{tool.name:<17} left out: {kernel.describe()}")
            continue
        try:
            version = importlib.metadata.version(tool.distribution)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MONAI's and surface-distance's about themselves
                tool.run(small)  # imports
        except importlib.metadata.PackageNotFoundError:
            print(f"{tool.name:<17} left out: {tool.distribution} is not installed")
        # Whatever a package that is installed may fail with, the others still count.
        except Exception as error:
            print(f"{tool.name:<17} left out: {type(error).__name__}: {error}")
        else:
            print(f"{tool.name:<17} {tool.distribution + ' ' + version:<22} {tool.covers}")
            found.append(tool)
    return found
