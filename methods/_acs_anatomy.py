"""The five anatomical checks of popescu2022 on the myocardium of one slice.

"These checked for convexity defects, holes in myocardium, circularity, number of objects, and
myocardial wall thickness." The mathematics is in a supplement that was not to be had, so each is
defined here, by :class:`._acs_measures.Measures`. Thresholds follow the one principle the paper
states, for its volumetric checks: "determined by ensuring no more than 5% of the ground truth
segmented slices would be discarded"; see :meth:`Limits.from_masks`.

A myocardium is one of three shapes, all of them anatomical: a ring around the blood pool, which is
the largest hole; a C, which the autoencoder "allows for ... which can occur in the ventricle's
base", and of which the checks of the volume keep one; a solid disk, the tip of the apex.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError

from ._acs_measures import Measures, Spacing, is_c_shaped, measure

__all__ = ["CHECKS", "Limits", "Measures", "Spacing", "failed", "is_c_shaped", "measure"]

#: The names of the checks, in the order of the paper's sentence.
CHECKS = ("convexity", "holes", "circularity", "objects", "thickness")


@dataclass(frozen=True)
class Limits:
    """How far each measure may go; a value at its limit passes.

    A myocardium is one object without a hole beside its pool: that is no matter of degree. The
    defaults are the laxer of what :meth:`from_masks` makes of the 370 slices with myocardium that
    train in the synthetic cohort `lge`, on their own pixels and on pixels of 1.5 mm, and of the 441
    of the 64 EMIDEC cases that were at hand, rounded to let pass. They discard 1 % of the first and
    2.5 % of the last.

    Attributes:
        defect_mm: The deepest dent: an outline is nearly convex, for the wall follows the pool.
        circularity: The least: a short-axis section is nearly a circle.
        thinnest_mm: The thinnest wall: thin after an infarct, but never a thread.
        thickest_mm: The thickest wall, that of hypertrophy.
    """

    defect_mm: float = 2.5
    circularity: float = 0.91
    thinnest_mm: float = 2.0
    thickest_mm: float = 24.0

    @classmethod
    def from_masks(
        cls, masks: Sequence[NDArray[Any]], spacings: Sequence[Spacing], share: float = 0.05
    ) -> Limits:
        """The tightest limits, all equally tight, that discard no more than ``share`` of ``masks``.

        Equally tight: the four limits are the values of one rank, counted from the worst mask, of
        their measures; the rank is the greatest at which the masks that fail any check at all are
        still few enough. Masks in pieces or with a hole in the wall are among these whatever the
        limits; where they alone are too many, the limits discard no other mask.

        Args:
            masks: ``(row, column)`` each; empty ones are left out.
            spacings: ``(row, column)`` mm of each mask.
            share: Of the masks that are not empty.

        Raises:
            DataError: No mask is one object without a hole in its wall.
        """
        measured = [measure(m, s) for m, s in zip(masks, spacings, strict=True) if np.any(m)]
        # The greater the worse.
        worse = np.array(
            [
                (m.defect_mm, -m.circularity, -m.thinnest_mm, m.thickest_mm)
                for m in measured
                if m.objects == 1 and m.holes == 0
            ]
        )
        if not len(worse):
            raise DataError(
                f"None of the {len(measured)} masks of myocardium is one ring, C or disk.",
                "Calibrate the anatomical checks on reference segmentations.",
            )
        allowed = math.floor(share * len(measured) + 1e-9) - (len(measured) - len(worse))
        ordered = np.sort(worse, axis=0)[::-1]
        # A mask is lost at a rank beyond those of all that are as bad as it by one of the measures.
        ranks = np.array([(worse >= w).sum(axis=0).min() - 1 for w in worse])
        lost = np.sort(ranks)
        rank = int(lost[allowed]) if 0 <= allowed < len(lost) else 0
        defect, roundness, thin, thick = (float(v) for v in ordered[rank])
        return cls(defect, -roundness, -thin, thick)

    def numbers(self) -> tuple[float, ...]:
        """The limits in the order of the fields: ``Limits(*limits.numbers())`` is ``limits``."""
        return astuple(self)


def failed(mask: NDArray[Any], spacing: Spacing, limits: Limits) -> tuple[str, ...]:
    """Which of :data:`CHECKS` a myocardium fails; none means that it is anatomical.

    Args:
        mask: ``(row, column)``; an empty one has no object and fails by that, as what is in pieces.
        spacing: ``(row, column)`` in mm.
        limits: How far the measures may go.

    Returns:
        Names in the order of :data:`CHECKS`.
    """
    found = measure(mask, spacing)
    if found.objects != 1:
        return ("objects",)
    fails = {
        "convexity": found.defect_mm > limits.defect_mm,
        "holes": found.holes > 0,
        "circularity": found.circularity < limits.circularity,
        "thickness": found.thinnest_mm < limits.thinnest_mm
        or found.thickest_mm > limits.thickest_mm,
    }
    return tuple(name for name in CHECKS if fails.get(name))
