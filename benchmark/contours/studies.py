"""The two studies mapping2023 makes of its contours: what each step brings, and the best there is.

Both are one call each, and neither rounds or averages: they return every number with its status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ..errors import UsageError
from ..types import Contour, Segmentation
from .distances import STEP_MM
from .filling import contours_to_labels
from .fitting import Fit, Step
from .scores import DISTANCES, ContourScore, score_contours

__all__ = ["TABLE_8", "ablation", "achievable_best"]

#: The rows of its Table 8, each adding to the one before. Steps keep their own order when taken:
#: the row that adds a filter to the spline filters before it draws the spline.
TABLE_8: Mapping[str, frozenset[Step]] = MappingProxyType(
    {
        "none": frozenset({"dominant_points"}),
        "+ interpolation": frozenset({"dominant_points", "spline"}),
        "+ filter": frozenset({"dominant_points", "spline", "roundness", "largest"}),
        "+ hull": frozenset({"dominant_points", "spline", "roundness", "largest", "hull"}),
    }
)


def ablation(
    reference: Segmentation,
    compared: Segmentation,
    shape: Sequence[int],
    spacing: tuple[float, float, float],
    *,
    rows: Mapping[str, Iterable[Step]] = TABLE_8,
    metrics: Sequence[str] = ("hd_points",),
    fit: Fit | None = None,
    step: float = STEP_MM,
) -> dict[str, tuple[ContourScore, ...]]:
    """Contour distances under one choice of fitting steps after another (Table 8).

    Args:
        reference: Its contours are taken as they are; where it has labels alone, they are fitted
            by the steps of the row, like the compared ones.
        compared: Labels, to which contours are fitted.
        shape: (slice, row, column) of both.
        spacing: (z, y, x) in mm.
        rows: By name, which steps to take.
        metrics: Distances; the table has ``hd_points``.
        fit: Everything but the steps.
        step: Sampling of the dense distances, in mm.

    Returns:
        By row, the scores of every slice and kind. Where a filter leaves no contour, the value is
        null; :func:`benchmark.contours.means.mean_score` counts it, or filtering everything
        would be best.

    Raises:
        UsageError: ``compared`` has contours already, or no labels; or an unknown name.
        DataError: As :func:`benchmark.contours.scores.score_contours` does.
    """
    if compared.labels is None or compared.contours:
        raise UsageError(
            "An ablation of contour fitting fits contours to labels; the compared segmentation "
            f"has {'contours' if compared.contours else 'no labels'}.",
            "Give its labels alone.",
        )
    base = fit or Fit()
    return {
        name: score_contours(
            reference,
            compared,
            shape,
            spacing,
            metrics=metrics,
            fit=replace(base, steps=frozenset(steps)),
            step=step,
        )
        for name, steps in rows.items()
    }


def achievable_best(
    contours: Iterable[Contour],
    shape: Sequence[int],
    spacing: tuple[float, float, float],
    *,
    metrics: Sequence[str] = tuple(DISTANCES),
    fit: Fit | None = None,
    step: float = STEP_MM,
) -> tuple[ContourScore, ...]:
    """What a perfect mask would score (Figure 9): contour to mask, to contour, against the first.

    A method that answers with labels cannot be expected to come nearer than this.

    Args:
        contours: The reference.
        shape: (slice, row, column) of the masks.
        spacing: (z, y, x) in mm.
        metrics: Which distances; the figure has ``hd_points``.
        fit: How contours are fitted to the masks.
        step: Sampling of the dense distances, in mm.

    Returns:
        Scores of every slice and kind. A contour so small that it holds no pixel centre has none:
        its status is ``pred_empty``.

    Raises:
        DataError: There are no contours, or they do not lie on the grid.
    """
    drawn = Segmentation(contours=tuple(contours))
    perfect = Segmentation(labels=contours_to_labels(drawn.contours, shape))
    return score_contours(drawn, perfect, shape, spacing, metrics=metrics, fit=fit, step=step)
