"""Contour metrics per slice and kind, each a number or null with the status that says why.

As mapping2023 defines them: distances between contours of one kind; the Dice coefficient of
``epi`` on the myocardium, a ring, and of ``endo`` on the closed disk of the cavity. Its tables
print the mean of both kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_spacing
from ..errors import DataError, UsageError, near_misses
from ..regions import Region
from ..types import Contour, Segmentation
from .distances import STEP_MM, Curve, hd, hd_points, masd
from .filling import checked_on_grid, contours_to_labels
from .fitting import KINDS, Fit, Kind, fit_contours

__all__ = ["DISTANCES", "METRICS", "OVERLAPS", "ContourScore", "ContourStatus", "score_contours"]

ContourStatus = Literal["ok", "both_empty", "pred_empty", "ref_empty"]
#: Of two curves, in mm.
DISTANCES: Mapping[str, Callable[[Curve, Curve], float]] = MappingProxyType(
    {"hd_points": hd_points, "hd": hd, "masd": masd}
)
#: Of two masks, neither nor both empty, from the pixels in both, in the first and in the second.
OVERLAPS: Mapping[str, Callable[[int, int, int], float]] = MappingProxyType(
    {
        "dice": lambda both, first, second: 2 * both / (first + second),
        "iou": lambda both, first, second: both / (first + second - both),
    }
)
METRICS = (*DISTANCES, *OVERLAPS)
#: What overlap is measured on: the ring and the disk.
_MASKS: Mapping[Kind, Region] = MappingProxyType({"endo": Region.CAVITY, "epi": Region.MYOCARDIUM})


@dataclass(frozen=True)
class ContourScore:
    """One number.

    Attributes:
        slice: Index of the slice.
        kind: ``endo`` or ``epi``.
        metric: One of :data:`METRICS`.
        value: In mm for distances. None where it is not defined: one side without a contour, or
            neither side with a pixel; an overlap with one side empty is 0.
        status: ``ok``, or which side is empty.
        worst: ``value``; or, where one side alone has no contour, the diagonal of the slice's field
            of view in mm, so that a miss cannot better a mean.
    """

    slice: int
    kind: Kind
    metric: str
    value: float | None
    status: ContourStatus
    worst: float | None


def score_contours(
    reference: Segmentation,
    compared: Segmentation,
    shape: Sequence[int],
    spacing: tuple[float, float, float],
    *,
    metrics: Sequence[str] = METRICS,
    fit: Fit | None = None,
    step: float = STEP_MM,
) -> tuple[ContourScore, ...]:
    """Every metric of both kinds, in every slice in which either side has anything.

    Distances are between contours: those given, or else fitted to the labels. Overlaps are between
    labels: those given, or else made from the contours. So the overlap of a method that answers
    with labels does not depend on the fit.

    Args:
        reference: Labels, contours or both.
        compared: The same, on the same grid.
        shape: (slice, row, column) of that grid.
        spacing: (z, y, x) in mm.
        metrics: Some of :data:`METRICS`.
        fit: How contours are fitted where there are none.
        step: Sampling of the dense distances, in mm.

    Returns:
        By slice, ``endo`` before ``epi``, then as in ``metrics``.

    Raises:
        DataError: Labels of another shape, or contours off the grid.
        UsageError: No such metric.
    """
    for name in metrics:
        if name not in METRICS:
            known = near_misses(name, METRICS)
            raise UsageError(f"No metric of contours is {name!r}.", known)
    _, *pixel = checked_spacing(spacing)
    diagonal = math.hypot(shape[1] * pixel[0], shape[2] * pixel[1])
    sides = [_Side(side, shape, spacing, fit) for side in (reference, compared)]
    scores = []
    for index in range(shape[0]):
        if not any(side.present(index) for side in sides):
            continue
        for kind in KINDS:
            pieces = [[p * pixel for p in side.pieces(index, kind)] for side in sides]
            masks = [side.mask(index, kind) for side in sides]
            curves = [Curve(p, step) for p in pieces] if all(pieces) else []
            for name in metrics:
                if name in DISTANCES:
                    status = _status(*map(bool, pieces))
                    value = DISTANCES[name](*curves) if status == "ok" else None
                else:
                    status, value = _overlap(name, *masks)
                missed = value is None and status != "both_empty"
                worst = diagonal if missed else value
                scores.append(ContourScore(index, kind, name, value, status, worst))
    return tuple(scores)


class _Side:
    """Contours and masks of one segmentation, made where they are not given."""

    def __init__(
        self,
        given: Segmentation,
        shape: Sequence[int],
        spacing: tuple[float, float, float],
        fit: Fit | None,
    ) -> None:
        labels = given.labels
        if labels is not None and labels.shape != tuple(shape):
            raise DataError(f"Labels have shape {labels.shape}, not {tuple(shape)}.")
        for contour in given.contours:
            checked_on_grid(contour, shape)
        contours: Iterable[Contour] = given.contours
        if not given.contours and labels is not None:
            contours = fit_contours(labels, spacing, fit)
        self._contours: dict[tuple[int, Kind], list[NDArray[np.float64]]] = {}
        for contour in contours:
            self._contours.setdefault((contour.slice, contour.kind), []).append(contour.points)
        self._labels = contours_to_labels(given.contours, shape) if labels is None else labels

    def present(self, index: int) -> bool:
        return bool(self._labels[index].any()) or any((index, k) in self._contours for k in KINDS)

    def pieces(self, index: int, kind: Kind) -> list[NDArray[np.float64]]:
        return self._contours.get((index, kind), [])

    def mask(self, index: int, kind: Kind) -> NDArray[np.bool_]:
        return _MASKS[kind].mask(self._labels[index])


def _status(reference: bool, compared: bool) -> ContourStatus:
    if reference and compared:
        return "ok"
    if reference:
        return "pred_empty"
    return "ref_empty" if compared else "both_empty"


def _overlap(
    name: str, reference: NDArray[np.bool_], compared: NDArray[np.bool_]
) -> tuple[ContourStatus, float | None]:
    first, second = int(reference.sum()), int(compared.sum())
    status = _status(first > 0, second > 0)
    if status == "both_empty":
        return status, None
    if status != "ok":
        return status, 0.0
    return status, OVERLAPS[name](int((reference & compared).sum()), first, second)
