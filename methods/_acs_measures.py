"""What there is to measure of the shape of one myocardium, a ring, a C or a solid disk.

A C, the ring that the valve plane opens at the base, is closed along its convex hull, across its
opening, and then measured as the ring it comes from. A solid disk, the tip of the apex, is a ring
whose pool has shrunk to its deepest pixel: its wall is as thick as that pixel lies deep.

Pieces are 8-connected and holes 4-connected, so that a wall one pixel thin that runs diagonally is
one piece and holds. Beyond the image there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

__all__ = ["Measures", "Spacing", "is_c_shaped", "measure"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Pixels = NDArray[np.intp]
Spacing = Sequence[float]

_EIGHT = np.ones((3, 3), dtype=bool)
#: What may be rounding where places are compared, in pixels or mm.
_NOISE = 1e-6
#: A line drawn with steps along rows, columns and diagonals is longer than the line; this makes its
#: length right on average over directions (Kulpa, Area and perimeter measurement of blobs in
#: discrete binary pictures, 1977).
_KULPA = math.pi * (1 + math.sqrt(2)) / 8
#: Of a 2 x 2 cell by its pixels (upper left 1, upper right 2, lower left 4, lower right 8): how
#: much of it the contour through the middles of pixel edges encloses, in eighths, and how much of
#: a row's step, a column's step and a half diagonal runs through it.
_EIGHTHS = np.array([0, 1, 1, 4, 1, 4, 6, 7, 1, 6, 4, 7, 4, 7, 7, 8])
_ALONG_ROW = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
_ALONG_COLUMN = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
_DIAGONAL = np.array([0, 1, 1, 0, 1, 0, 2, 1, 1, 2, 0, 1, 0, 1, 1, 0])


@dataclass(frozen=True)
class Measures:
    """What the checks look at, of one myocardium.

    Attributes:
        objects: Its pieces. What is not one piece has no outline: all else is then left as it is.
        holes: Holes beside the blood pool.
        c_shaped: Whether it is open, see :func:`is_c_shaped`.
        defect_mm: How deep the deepest dent of the outline is: the greatest distance of one of its
            pixels from the boundary of its convex hull, both through pixel centres. The outline is
            the mask with its holes filled, a C closed.
        circularity: 4 pi A / P^2 of the outline, 1 for a disk. A and P are area and length of the
            contour through the middles of pixel edges, the length by Kulpa's correction. Some
            hundredths from the true value, up to a tenth for a disk of a radius of 8 pixels;
            it may exceed 1.
        thinnest_mm: The least distance from a wall pixel at the pool to a pixel outside of the
            outline: a straight wall of n pixels is n pixels thick. A C tapers towards its opening,
            so that pixels no farther from it than the wall is thick, by the median, do not count.
        thickest_mm: The greatest distance from a wall pixel at the pool to the nearest pixel
            outside, or from a wall pixel at the outside to the nearest of the pool.
    """

    objects: int
    holes: int = 0
    c_shaped: bool = False
    defect_mm: float = 0.0
    circularity: float = 0.0
    thinnest_mm: float = 0.0
    thickest_mm: float = 0.0


def is_c_shaped(mask: NDArray[Any]) -> bool:
    """Whether a myocardium is an open ring.

    That is: one piece without any hole, and the centre of gravity of its convex hull is not in it.
    A ring may lack up to half of its circumference, and a gap of one pixel opens it. A disk is not
    a C, whatever its dents, as long as they do not reach its centre.
    """
    return measure(mask, (1.0, 1.0)).c_shaped


def measure(mask: NDArray[Any], spacing: Spacing) -> Measures:
    """All measures of one myocardium, ``(row, column)`` with its ``(row, column)`` pixel in mm."""
    wall = _cropped(np.asarray(mask) != 0)
    objects = int(ndimage.label(wall, structure=_EIGHT)[1]) if wall.size else 0
    if objects != 1:
        return Measures(objects)
    regions, n = ndimage.label(~wall)
    outline = regions != 1  # the outside comes first, at the corner
    border = _touching(~outline, outline)
    # Of each row's pixels only the first and the last can be corners of the hull.
    turns = np.diff(border[:, 0], prepend=-1, append=-1) != 0
    hull = _hull(border[turns[1:] | turns[:-1]] * np.asarray(spacing))
    if n > 1:
        sizes = np.bincount(regions.ravel())
        sizes[:2] = 0  # wall and outside
        pool = (sizes == sizes.max())[regions]
    else:
        pool = _opening(wall, hull, spacing)
        outline = outline | pool
        border = _touching(~outline, outline) if pool.any() else border
    area, length = _contour(outline, spacing)
    thinnest, thickest = _thickness(wall, pool, outline, n == 1, spacing)
    return Measures(
        objects,
        holes=max(n - 2, 0),
        c_shaped=bool(n == 1 and pool.any()),
        defect_mm=_depth(border * np.asarray(spacing), hull),
        circularity=4 * math.pi * area / length**2,
        thinnest_mm=thinnest,
        thickest_mm=thickest,
    )


def _cropped(mask: Mask) -> Mask:
    """The box around a mask with one pixel of background on every side; empty if the mask is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((0, 0), dtype=bool)
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    padded = np.zeros((box.shape[0] + 2, box.shape[1] + 2), dtype=bool)
    padded[1:-1, 1:-1] = box
    return padded


def _touching(region: Mask, of: Mask) -> Pixels:
    """``(n, 2)``: the pixels of ``of`` that share an edge with a pixel of ``region``."""
    near = np.zeros_like(region)
    near[1:] |= region[:-1]
    near[:-1] |= region[1:]
    near[:, 1:] |= region[:, :-1]
    near[:, :-1] |= region[:, 1:]
    return np.argwhere(near & of)


def _hull(points: Floats) -> Any:
    """The convex hull of points in the plane, or None where they lie on one line."""
    if len(points) < 3 or (points == points[0]).all(axis=0).any():
        return None
    try:
        return ConvexHull(points)
    except QhullError:  # a diagonal line
        return None


def _inside(points: Floats, hull: Any) -> Floats:
    """``(n,)``: how far inside of its hull each point lies; negative outside."""
    equations = hull.equations
    return np.asarray(-(points @ equations[:, :2].T + equations[:, 2]).max(axis=1))


def _depth(points: Floats, hull: Any) -> float:
    return 0.0 if hull is None else max(0.0, float(_inside(points, hull).max()))


def _opening(wall: Mask, hull: Any, spacing: Spacing) -> Mask:
    """What lies in the hull of an open ring as its pool; nothing if ``wall`` is no open ring."""
    nothing = np.zeros_like(wall)
    if hull is None:
        return nothing
    corners = hull.points[hull.vertices]
    after = np.roll(corners, -1, axis=0)
    twice = corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0]
    centre = ((corners + after) * twice[:, None]).sum(axis=0) / (3 * twice.sum())
    # The pixel it lies in; where it lies between pixels all of them, so that a mirrored mask is
    # seen alike.
    low = np.ceil(centre / np.asarray(spacing) - 0.5 - _NOISE).astype(int)
    high = np.floor(centre / np.asarray(spacing) + 0.5 + _NOISE).astype(int)
    if wall[low[0] : high[0] + 1, low[1] : high[1] + 1].any():
        return nothing
    free = np.argwhere(~wall)
    dents = nothing.copy()
    dents[tuple(free[_inside(free * np.asarray(spacing), hull) > -_NOISE].T)] = True
    regions, _ = ndimage.label(dents)
    return np.asarray((regions == regions[tuple(low)]) & dents)


def _contour(outline: Mask, spacing: Spacing) -> tuple[float, float]:
    """Area and corrected length of the contour through the middles of pixel edges, in mm."""
    dy, dx = spacing
    bits = outline.astype(np.uint8)
    cells = bits[:-1, :-1] + 2 * bits[:-1, 1:] + 4 * bits[1:, :-1] + 8 * bits[1:, 1:]
    counts = np.bincount(cells.ravel(), minlength=16)
    length = counts @ (_ALONG_ROW * dx + _ALONG_COLUMN * dy + _DIAGONAL * math.hypot(dy, dx) / 2)
    return float(counts @ _EIGHTHS) / 8 * dy * dx, float(length) * _KULPA


def _thickness(
    wall: Mask, pool: Mask, outline: Mask, opened: bool, spacing: Spacing
) -> tuple[float, float]:
    """The thinnest and the thickest of the wall in mm."""
    if not pool.any():
        deepest = float(ndimage.distance_transform_edt(wall, sampling=spacing).max())
        return deepest, deepest
    inner, outer = _touching(pool, wall), _touching(~outline, wall)
    beyond = _touching(outline, ~outline)
    from_pool = _distances(inner, beyond, spacing)
    across = from_pool.min(axis=1)
    if opened:
        # Pixels outside of the outline that lie before the opening, not before the wall.
        mouth = np.zeros_like(wall)
        mouth[tuple(_touching(pool, ~outline).T)] = True
        before = mouth[tuple(beyond.T)]
        if not before.all():
            across = from_pool[:, ~before].min(axis=1)
        far = from_pool[:, before].min(axis=1) > np.median(across)
        across = across[far] if far.any() else across
    thickest = across.max()
    if len(outer):
        to_pool = _distances(outer, _touching(wall, pool), spacing).min(axis=1)
        thickest = max(thickest, to_pool.max())
    return float(across.min()), float(thickest)


def _distances(a: Pixels, b: Pixels, spacing: Spacing) -> Floats:
    """``(len(a), len(b))`` in mm; the same for the same way, wherever it begins."""
    return np.asarray(cdist(a, b, w=np.square(spacing)))
