"""What popescu2022 does to the region of interest that its first network finds.

Stage 1: "ROI predictions were automatically cleaned up by discarding all but 1 connected component,
specifically the one closest to the center of the mass of objects in slices located between the 20th
and 80th percentiles (higher confidence) of the short-axis height. Lastly, slices close to the base
with very large jumps in ROI area were deemed likely above the ventricle and were automatically
pruned." Chosen where it is silent:

* Components are those of each slice (the network is one of slices), 8-connected; the centre of mass
  is that of all their pixels in the middle slices together, in the plane. Where the middle slices
  have none it is that of all slices.
* The height is that of the stack, which is all there is to know before there is a region.
* Close to the base is the last third of the slices that have a region. A jump is very large where
  the area more than doubles or falls to less than half of the slice before; it and all slices
  beyond it go. Stage 3 has a stricter threshold of its own, found on training data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["JUMP", "cleaned", "middle_centre", "nearest_component", "pruned"]

Mask = NDArray[np.bool_]

#: Percentiles of the stack's height between which slices are trusted.
MIDDLE = (20.0, 80.0)
#: By what factor the area may change from slice to slice close to the base.
JUMP = 2.0
#: Share of the slices that is close to the base.
BASAL = 1 / 3

_EIGHT = np.ones((3, 3), dtype=bool)


def cleaned(masks: Mask) -> Mask:
    """``(slice, row, column)`` from apex to base: one component a slice, none above the base."""
    centre = middle_centre(masks)
    if centre is None:
        return np.zeros_like(masks)
    return pruned(np.stack([nearest_component(mask, centre) for mask in masks]))


def middle_centre(masks: Mask) -> tuple[float, float] | None:
    """(row, column) of the centre of mass in the middle slices; None if there is no pixel at all.

    Args:
        masks: ``(slice, row, column)``.
    """
    heights = np.arange(len(masks))
    low, high = np.percentile(heights, MIDDLE)
    middle = masks[(heights >= low) & (heights <= high)]
    objects = middle if middle.any() else masks
    _, rows, columns = np.nonzero(objects)
    return (float(rows.mean()), float(columns.mean())) if len(rows) else None


def nearest_component(mask: Mask, centre: tuple[float, float]) -> Mask:
    """The 8-connected component of ``mask`` whose centre of mass is nearest to ``centre``.

    Of two equally near the first in reading order; an empty mask stays empty.
    """
    from scipy import ndimage

    components, n = ndimage.label(mask, structure=_EIGHT)
    if n < 2:
        return mask.copy()
    centres = np.array(ndimage.center_of_mass(mask, components, np.arange(1, n + 1)))
    distances = np.hypot(*(centres - centre).T)
    return np.asarray(components == 1 + int(np.argmin(np.round(distances, 6))))


def pruned(masks: Mask) -> Mask:
    """Without the slices from the first very large jump of the area close to the base on.

    Args:
        masks: ``(slice, row, column)`` from apex to base.
    """
    areas = masks.sum(axis=(1, 2))
    present = np.flatnonzero(areas)
    out = masks.copy()
    first = len(present) - int(len(present) * BASAL)
    for before, at in zip(present[first - 1 :], present[first:], strict=False):
        if not areas[before] / JUMP <= areas[at] <= areas[before] * JUMP:
            out[at:] = False
            break
    return out
