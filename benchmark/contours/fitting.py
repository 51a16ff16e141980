"""The contour fitting of mapping2023 (its section 3.6 and Figure 4), step by step.

Trace the boundary of each piece of the mask; keep its dominant points; drop pieces that are too
elongated; keep the largest; replace a C by its convex hull; draw a B-spline. Each step can be left
out by name, which is all its ablation (Table 8) needs. What the paper leaves open is a field here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_labels, checked_spacing
from ..errors import UsageError, near_misses
from ..regions import Labels, Region
from ..types import Contour
from .dominant import Measure, dominant_points
from .shaping import QUANTISATION, area, convex_hull, elongation, spline
from .tracing import Points, Through, trace

__all__ = ["KINDS", "STEPS", "Fit", "Kind", "Step", "fit_contours", "fit_mask"]

Kind = Literal["endo", "epi"]
#: What each kind of contour is drawn around: the closed disk inside of it.
KINDS: dict[Kind, Region] = {"endo": Region.CAVITY, "epi": Region.LV}

Step = Literal["dominant_points", "roundness", "largest", "hull", "spline"]
#: Every step that may be left out, in the order in which they are taken.
STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True)
class Fit:
    """How contours are fitted to a mask; the default takes every step.

    Args:
        steps: Which of :data:`STEPS` to take; their order is that of :data:`STEPS`, whatever
            the order here.
        through: Which points stand for a boundary (:mod:`benchmark.contours.tracing`). The paper
            names OpenCV, whose contours run through ``centres``, half a pixel inside.
        measure: What makes a point dominant (:mod:`benchmark.contours.dominant`).
        ratio: ``roundness`` keeps pieces whose box has a longer side less than this many times the
            shorter one; 1:3 in the paper.
        solidity: ``hull`` replaces a contour that encloses less than this share of its hull. The
            paper decides by the two areas but gives no number. No reference contour of EMIDEC,
            endo or epi, encloses less than 0.95 of its own.
        sample: ``spline`` is sampled at least this densely, in pixels.
        smoothing: Of ``spline``, in pixels (:func:`benchmark.contours.shaping.spline`).

    Raises:
        UsageError: A step or a choice that does not exist, or a number out of its range.
    """

    steps: frozenset[Step] = frozenset(STEPS)
    through: Through = "midpoints"
    measure: Measure = "k_cosine"
    ratio: float = 3.0
    solidity: float = 0.9
    sample: float = 0.25
    smoothing: float = QUANTISATION

    def __post_init__(self) -> None:
        given: Any = self.steps
        steps: frozenset[Any] = frozenset([given] if isinstance(given, str) else given)
        object.__setattr__(self, "steps", steps)
        for step in sorted(steps):
            if step not in STEPS:
                raise UsageError(
                    f"No step of contour fitting is {step!r}.", near_misses(step, STEPS)
                )
        for name, choices in (("through", Through), ("measure", Measure)):
            value = getattr(self, name)
            if value not in get_args(choices):
                known = near_misses(str(value), get_args(choices))
                raise UsageError(f"{name} of a contour fit cannot be {value!r}.", known)
        for name, right, rule in (
            ("ratio", self.ratio >= 1, "at least 1"),
            ("solidity", 0 <= self.solidity <= 1, "from 0 to 1"),
            ("sample", 0 < self.sample < np.inf, "positive and finite"),
            ("smoothing", 0 <= self.smoothing < np.inf, "finite and not negative"),
        ):
            if not right:
                value = getattr(self, name)
                raise UsageError(f"{name} of a contour fit is {rule}, not {value}.")


def fit_mask(
    mask: NDArray[Any], fit: Fit | None = None, pixel_mm: tuple[float, float] = (1.0, 1.0)
) -> tuple[Points, ...]:
    """The outer contours of one mask in one slice.

    Args:
        mask: ``(row, column)``; whatever is not zero is foreground.
        fit: Which steps to take, and how.
        pixel_mm: Height and width of a pixel: pixels may be longer than wide.

    Returns:
        Per contour ``(n >= 3, 2)`` (row, column) in pixels. Without the step ``largest`` one for
        each piece; with ``roundness`` none where every piece is too elongated: the paper gives no
        second choice, and what has no contour is counted as a miss. By ``centres`` a piece of one
        or two pixels is its points, repeated until there are three.

    Raises:
        DataError: The mask is not two-dimensional.
    """
    fit = fit or Fit()
    pieces = trace(mask, fit.through)
    if "dominant_points" in fit.steps:
        pieces = tuple(dominant_points(piece, fit.measure) for piece in pieces)
    if "roundness" in fit.steps:
        margin = 1.0 if fit.through == "centres" else 0.0
        pieces = tuple(p for p in pieces if elongation(p, pixel_mm, margin) < fit.ratio)
    if "largest" in fit.steps and pieces:
        pieces = (max(pieces, key=area),)  # the first of several as large
    if "hull" in fit.steps:
        pieces = tuple(_closed(piece, fit.solidity) for piece in pieces)
    if "spline" in fit.steps:
        pieces = tuple(spline(piece, fit.sample, fit.smoothing) for piece in pieces)
    return tuple(p if len(p) >= 3 else np.resize(p, (3, 2)) for p in pieces)


def _closed(piece: Points, solidity: float) -> Points:
    hull = convex_hull(piece)
    return hull if len(hull) >= 3 and area(piece) < solidity * area(hull) else piece


def fit_contours(
    labels: Labels, spacing: tuple[float, float, float], fit: Fit | None = None
) -> tuple[Contour, ...]:
    """Endocardial and epicardial contours of a segmentation.

    The endocardium is drawn around the cavity, the epicardium around the whole ventricle, so that
    a hole or a gap between the two makes no contour of its own. Labels without a cavity have no
    endocardium here; fill the ring first where that is wanted.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        spacing: (z, y, x) in mm.
        fit: Which steps to take, and how.

    Returns:
        By slice, ``endo`` before ``epi``.

    Raises:
        DataError: Labels or spacing are not that.
    """
    labels = checked_labels(labels)
    _, height, width = checked_spacing(spacing)
    masks = {kind: region.mask(labels) for kind, region in KINDS.items()}
    return tuple(
        Contour(index, kind, points)
        for index in range(len(labels))
        for kind, mask in masks.items()
        for points in fit_mask(mask[index], fit, (height, width))
    )
