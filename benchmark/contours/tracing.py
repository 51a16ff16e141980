"""From a mask to ordered points: walk along the cracks between its pixels and the others.

A pixel is the unit square around its centre, whose coordinates are whole numbers, so cracks lie at
half-integers. One walk gives three contours:

* ``midpoints``: the middle of each crack, the 0.5 level of the mask interpolated linearly. It
  favours neither side of the boundary, and is what everything here uses by default.
* ``edges``: the corners of the cracks, the very outline of the squares; encloses as much area as
  the mask has pixels.
* ``centres``: the centres of the boundary pixels, as OpenCV's border following gives them. It lies
  half a pixel inside of the mask; mapping2023 names OpenCV, so its numbers hold that offset.

Foreground is connected across corners (8 neighbours), background is not (4 neighbours).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, near_misses

__all__ = ["Points", "Through", "signed_area", "trace"]

Points = NDArray[np.float64]
Through = Literal["midpoints", "edges", "centres"]

#: Headings, clockwise on the screen: towards greater columns, greater rows, and back. The
#: foreground is always on the right-hand side.
_STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
#: From the corner where a crack begins to the pixel at its right: corner (i, j) is the upper left
#: one of pixel (i, j).
_INSIDE = np.array([(0, 0), (0, -1), (-1, -1), (-1, 0)])


def signed_area(points: Points) -> float:
    """The enclosed area in square pixels; positive where the points run clockwise on the screen.

    Args:
        points: ``(n, 2)`` (row, column), closed from the last to the first.
    """
    # Relative to the first point, or far from the origin the differences would lose digits.
    rows, columns = (points - points[0]).T
    return 0.5 * float(columns @ np.roll(rows, -1) - rows @ np.roll(columns, -1))


def trace(mask: NDArray[Any], through: Through = "midpoints") -> tuple[Points, ...]:
    """The outer boundary of each piece of a mask, holes left out.

    Filling what this returns (:func:`benchmark.contours.filling.fill`) gives the mask again, its
    holes filled, whichever ``through`` is.

    Args:
        mask: ``(row, column)``; whatever is not zero is foreground.
        through: Which points stand for the boundary; see the module.

    Returns:
        Per piece ``(n, 2)`` (row, column) in pixels, clockwise on the screen, beginning at its
        uppermost, then leftmost pixel; pieces in the order of those pixels. By ``midpoints`` and
        ``edges`` neighbouring points are at most one pixel apart and n >= 4; by ``centres`` a piece
        of one or two pixels has one or two points, which enclose nothing.

    Raises:
        DataError: The mask is not two-dimensional.
        UsageError: No such ``through``.
    """
    if through not in get_args(Through):
        known = near_misses(str(through), get_args(Through))
        raise UsageError(f"A boundary is not traced through {through!r}.", known)
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise DataError(
            f"A contour is traced in one slice; this mask has shape {mask.shape}.",
            "Give (row, column), one slice at a time.",
        )
    traced = []
    for corners, headings in _loops(mask != 0):
        outline: Points = corners.astype(np.float64) - 0.5
        # The walk goes clockwise around pieces and the other way around holes.
        if signed_area(outline) < 0:
            continue
        if through == "midpoints":
            outline = outline + 0.5 * _STEPS[headings]
        elif through == "centres":
            pixels = corners + _INSIDE[headings]
            moved = (pixels != np.roll(pixels, -1, axis=0)).any(axis=1)
            outline = (pixels[moved] if moved.any() else pixels[:1]).astype(np.float64)
        traced.append(outline)
    return tuple(traced)


def _loops(mask: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Every boundary of ``mask``: the corner where each crack begins, and its heading."""
    padded = np.pad(mask, 1)
    # Each loop has a crack with foreground below and background above.
    starts = np.argwhere(padded[1:, :] & ~padded[:-1, :]) - (0, 1)
    # A list of lists: the walk reads single pixels, which an array is slow at.
    pixels = padded.tolist()
    seen: set[tuple[int, int]] = set()
    loops = []
    for row, column in starts.tolist():
        if (row, column) in seen:
            continue
        i, j, heading = row, column, 0
        walked: list[tuple[int, int, int]] = []
        while True:
            walked.append((i, j, heading))
            if heading == 0:
                seen.add((i, j))
            di, dj = _MOVES[heading]
            i, j = i + di, j + dj
            (li, lj), (ri, rj) = _AHEAD[heading]
            if pixels[i + li][j + lj]:
                heading = (heading - 1) % 4  # also where only a corner joins the two pixels
            elif not pixels[i + ri][j + rj]:
                heading = (heading + 1) % 4
            if (i, j, heading) == (row, column, 0):
                break
        loop = np.array(walked, dtype=np.intp)
        loops.append((loop[:, :2], loop[:, 2]))
    return loops


_MOVES = [(int(i), int(j)) for i, j in _STEPS]
#: Per heading, from a corner to the pixels ahead of it at the left and at the right, in the padded
#: mask, where corner (i, j) is the lower right one of pixel (i, j).
_AHEAD = [((0, 1), (1, 1)), ((1, 1), (1, 0)), ((1, 0), (0, 0)), ((0, 0), (0, 1))]
