"""Contours and masks: sub-pixel contours fitted to masks, masks from contours, and their metrics.

Contours are :class:`benchmark.types.Contour`: one slice, (row, column) in pixels, pixel centres at
whole numbers. Distances are in mm.
"""

from .distances import STEP_MM, Curve
from .files import read_contours
from .filling import contours_to_labels, fill
from .fitting import STEPS, Fit, fit_contours, fit_mask
from .means import ContourMean, mean_score
from .scores import METRICS, ContourScore, score_contours
from .studies import TABLE_8, ablation, achievable_best
from .tracing import trace

__all__ = [
    "METRICS",
    "STEPS",
    "STEP_MM",
    "TABLE_8",
    "ContourMean",
    "ContourScore",
    "Curve",
    "Fit",
    "ablation",
    "achievable_best",
    "contours_to_labels",
    "fill",
    "fit_contours",
    "fit_mask",
    "mean_score",
    "read_contours",
    "score_contours",
    "trace",
]
