"""The slices of one left ventricle: where each one's centre lies, and which have a closed wall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import Label, Labels, Region

__all__ = ["Floats", "Planes", "angles_of", "planes"]

Floats = NDArray[np.float64]


class Planes(NamedTuple):
    """What each slice is seen from.

    Attributes:
        centres: ``(slice, 2)`` (row, column) in pixels, pixel centres at whole numbers; NaN where
            a slice has neither cavity nor myocardium.
        closed: ``(slice,)`` bool: myocardium without any cavity, as at the tip of the apex.
    """

    centres: Floats
    closed: NDArray[np.bool_]


def planes(labels: Labels) -> Planes:
    """Centre of each slice, and whether the wall is closed there.

    The centre is the centroid of the blood pool, from which readers and software draw their rays;
    if it lies on the wall, as in a cavity like a crescent, the pixel of the blood pool nearest to
    it. A segmentation that has no blood pool has the hole of its ring instead. Of myocardium
    without a hole it is the centre of the circle through its pixels (least squares): of a solid
    disk that is its middle, and of an open ring the middle of what it would close to. Such a slice
    is closed if its centre is myocardium; an open ring is not.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
    """
    from scipy.ndimage import binary_fill_holes

    wall = Region.MYOCARDIUM.mask(labels)
    pool = labels == Label.CAVITY
    centres = np.full((len(labels), 2), np.nan)
    closed = np.zeros(len(labels), dtype=bool)
    for z in range(len(labels)):
        inside = pool[z]
        if not inside.any():
            if not wall[z].any():
                continue
            inside = binary_fill_holes(wall[z]) & ~wall[z]
        if inside.any():
            centres[z] = _within(inside)
            continue
        centres[z] = _circle(np.argwhere(wall[z]).astype(np.float64))
        row, column = np.rint(centres[z]).astype(int)
        rows, columns = wall[z].shape
        closed[z] = 0 <= row < rows and 0 <= column < columns and bool(wall[z, row, column])
    return Planes(centres, closed)


def angles_of(offsets: Floats, spacing: tuple[float, float, float]) -> Floats:
    """Direction of (row, column) offsets in pixels: radians in ``(-pi, pi]``.

    From the image's right hand side (growing columns), counter-clockwise as the image is displayed
    with its rows downwards; angles are those of millimetres, so pixels need not be square.
    """
    _, dy, dx = spacing
    # Taken from 0, as a negated 0 would turn what points left by a whole circle.
    return np.asarray(np.arctan2(0.0 - offsets[..., 0] * dy, offsets[..., 1] * dx))


def _within(inside: NDArray[np.bool_]) -> Floats:
    """The centroid, or the pixel nearest to it where that is not inside."""
    pixels = np.argwhere(inside)
    middle = np.asarray(pixels.mean(axis=0))
    if inside[tuple(np.rint(middle).astype(int))]:
        return middle
    nearest = ((pixels - middle) ** 2).sum(axis=1).argmin()
    return np.asarray(pixels[nearest], dtype=np.float64)


def _circle(points: Floats) -> Floats:
    """Centre of the circle nearest to ``points`` (Kasa 1976); their mean if they lie on a line."""
    middle = points.mean(axis=0)
    offsets = points - middle
    design = np.column_stack([2 * offsets, np.ones(len(offsets))])
    found, _, rank, _ = np.linalg.lstsq(design, (offsets**2).sum(axis=1), rcond=1e-9)
    return np.asarray(middle if rank < 3 else middle + found[:2])
