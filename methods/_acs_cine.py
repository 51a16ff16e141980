"""Cine images turned into more training data for popescu2022, on the grid of their study's LGE.

The paper adds end-diastolic cine scans of other patients, which come with contours of their own.
The studies here have cine and LGE of one patient and one reference, drawn on LGE. So what is taken
is the cine frame at the LGE image's place in the heart beat (:mod:`._cine`), on which the reference
holds; it is laid on the LGE grid, and shifted in the plane to where blood is bright and the wall
dark under the reference: patients breathe between scans. Cine is interpolated for this, LGE never.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import Region, Study
from benchmark.types import Labels

from ._cine import header_offset, match, matched, reason
from ._slices import still_volume

__all__ = ["SHIFT_MM", "aligned_cine", "best_shift", "on_grid"]

Floats = NDArray[np.float64]

#: How far the heart may have moved between the scans, along rows and columns, either way.
SHIFT_MM = 8.0
#: Step of the search, in mm: about a pixel.
_STEP_MM = 2.0


def aligned_cine(study: Study, labels: Labels) -> tuple[Floats, NDArray[np.bool_]] | None:
    """The cine of a study on its LGE grid, moved to fit ``labels``; None if it cannot be matched.

    Args:
        study: With images ``lge`` and ``cine``.
        labels: ``(slice, row, column)`` canonical labels on the LGE grid.

    Returns:
        ``(slice, row, column)`` intensities, and which slices have a cine slice near enough.
    """
    if reason(study) is not None:
        return None
    found = match(study)
    stack = matched(study.images["cine"], found)
    present = np.array([s is not None for s in found.slices])
    shifts = np.arange(-SHIFT_MM, SHIFT_MM + _STEP_MM / 2, _STEP_MM)
    used = labels.any(axis=(1, 2)) & present
    candidates = [(float(dy), float(dx)) for dy in shifts for dx in shifts]
    candidates.sort(key=lambda d: d[0] ** 2 + d[1] ** 2)  # of equals the nearest wins
    shift = best_shift(study, stack, labels, used, candidates)
    return on_grid(study, stack, shift), present


def best_shift(
    study: Study,
    stack: NDArray[Any],
    labels: Labels,
    used: NDArray[np.bool_],
    candidates: list[tuple[float, float]],
) -> tuple[float, float]:
    """That of ``candidates``, (row, column) in mm, with the most contrast of cavity and wall.

    Args:
        study: As :func:`aligned_cine`.
        stack: ``(slice, row, column)``: the cine slices that go with the LGE slices.
        labels: On the LGE grid.
        used: Which slices to judge by; without any, or without cavity or wall, the first is taken.
        candidates: At least one.
    """
    blood = Region.CAVITY.mask(labels) & used[:, None, None]
    wall = Region.MYOCARDIUM.mask(labels) & used[:, None, None]
    if not blood.any() or not wall.any():
        return candidates[0]

    # Only where it matters: a whole stack at each shift would take a second for each study.
    places = [np.stack(np.nonzero(mask)) for mask in (blood, wall)]

    def contrast(shift: tuple[float, float]) -> float:
        inside, around = (_sampled(study, stack, at, shift).mean() for at in places)
        return round(float(inside - around), 9)

    return max(candidates, key=contrast)


def on_grid(study: Study, stack: NDArray[Any], shift: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """``stack`` at the pixels of the LGE grid, linear between its own; 0 outside it.

    Args:
        study: As :func:`aligned_cine`.
        stack: ``(LGE slice, row, column)`` on the cine's pixels.
        shift: Of the place that is looked at, (row, column) in mm.
    """
    shape = still_volume(study).shape
    at = np.indices(shape).reshape(3, -1)
    return _sampled(study, stack, at, shift).reshape(shape)


def _sampled(
    study: Study, stack: NDArray[Any], at: NDArray[np.integer[Any]], shift: tuple[float, float]
) -> Floats:
    """Values of ``stack`` at ``(3, n)`` voxels of the LGE grid."""
    from scipy import ndimage

    lge, cine = still_volume(study), study.images["cine"]
    places = at.astype(np.float64)
    for i, offset in enumerate(np.add(header_offset(lge, cine), shift), start=1):
        mm = (places[i] - (lge.shape[i] - 1) / 2) * lge.spacing[i] + offset
        places[i] = mm / cine.spacing[i] + (stack.shape[i] - 1) / 2
    values = ndimage.map_coordinates(stack.astype(np.float64), places, order=1)
    return np.asarray(values, dtype=np.float64)
