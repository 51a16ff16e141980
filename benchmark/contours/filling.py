"""From contours to masks.

The rule: a pixel belongs to a contour if its centre lies inside of it or on it. So nothing is
rounded: a contour keeps its sub-pixel position, and one whose points are half-integers, between the
centres, gives exactly the pixels it surrounds. On the contour counts as inside because that is the
only choice under which a mirrored contour gives the mirrored mask. Where a contour crosses itself,
as hand-drawn ones do where they close, what it winds around twice is inside as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..regions import Label, Labels, Region
from ..types import Contour
from .tracing import Points

__all__ = ["MADE", "OUTLINED", "contours_to_labels", "fill", "outlined"]

#: The regions about which contours alone say everything.
OUTLINED = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
#: What a result says that rests on labels which were not given.
MADE = "labels made from contours (mapping2023, section 3.4)"


def fill(points: Points, shape: Sequence[int]) -> NDArray[np.bool_]:
    """The pixels whose centres lie inside of a closed polygon, or on it.

    Exact where coordinates are multiples of a small power of two (whole and half pixels are);
    elsewhere right but for centres within rounding of the polygon.

    Args:
        points: ``(n, 2)`` (row, column) in pixels, closed from the last to the first; any n >= 1.
        shape: Rows and columns of the image; what lies outside of it is cut off.
    """
    height, width = shape
    begin, end = points, np.roll(points, -1, axis=0)
    # A slanted edge meets the rows of centres from its lower end (inclusive) to its upper one
    # (exclusive), so that a row through a vertex counts it once.
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    first = np.clip(np.ceil(low[:, 0]), 0, height).astype(np.intp)
    last = np.clip(np.ceil(high[:, 0]), 0, height).astype(np.intp)
    count = last - first
    edge = np.repeat(np.arange(len(points)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (y0, x0), (y1, x1) = begin[edge].T, end[edge].T
    nearest = np.rint(x0 + (row - y0) * (x1 - x0) / (y1 - y0))
    # On which side of the edge the nearest centre is, without dividing: exact where inputs are.
    side = (nearest - x0) * (y1 - y0) - (row - y0) * (x1 - x0)
    side *= np.sign(y1 - y0)
    beyond = np.where(side > 0, nearest, nearest + 1)
    winding = np.zeros((height, width + 1), dtype=np.intp)
    columns = np.clip(beyond, 0, width).astype(np.intp)
    np.add.at(winding, (row, columns), np.where(y1 > y0, 1, -1))
    mask: NDArray[np.bool_] = np.cumsum(winding, axis=1)[:, :width] != 0
    on = (side == 0) & (nearest >= 0) & (nearest < width)
    mask[row[on], nearest[on].astype(np.intp)] = True
    # What lies along a row of centres, and vertices, which the rule for rows leaves out.
    flat = (low[:, 0] == high[:, 0]) & (low[:, 0] == np.rint(low[:, 0]))
    for y, left, right in zip(low[flat, 0], low[flat, 1], high[flat, 1], strict=True):
        if 0 <= y < height:
            mask[int(y), max(0, int(np.ceil(left))) : max(0, int(np.floor(right)) + 1)] = True
    inside = (points >= 0).all(axis=1) & (points <= (height - 1, width - 1)).all(axis=1)
    corner = points[inside & (points == np.rint(points)).all(axis=1)].astype(np.intp)
    mask[corner[:, 0], corner[:, 1]] = True
    return mask


def contours_to_labels(contours: Iterable[Contour], shape: Sequence[int]) -> Labels:
    """Labels as mapping2023 makes them (its section 3.4): cavity and myocardium.

    What an ``endo`` contour surrounds is cavity, what else an ``epi`` contour surrounds is
    myocardium. Contours of one kind in one slice are united. A slice with an endocardium alone has
    cavity alone.

    Args:
        contours: In any order.
        shape: (slice, row, column) of the image they were drawn on.

    Raises:
        DataError: A contour lies in a slice that is not there, or a point more than a pixel
            outside of the image.
    """
    labels: Labels = np.zeros(tuple(shape), dtype=np.uint8)
    if labels.ndim != 3:
        raise DataError(f"Labels have a shape (slice, row, column); this is {tuple(shape)}.")
    cavity = np.zeros(labels.shape, dtype=np.bool_)
    for contour in contours:
        checked_on_grid(contour, labels.shape)
        inside = fill(contour.points, labels.shape[1:])
        if contour.kind == "endo":
            cavity[contour.slice] |= inside
        else:
            labels[contour.slice][inside] = Label.MYOCARDIUM
    labels[cavity] = Label.CAVITY
    return labels


def outlined(
    contours: Collection[Contour], shape: Sequence[int], produces: Collection[Region]
) -> Labels | None:
    """The labels of an answer of contours alone, where contours can say all it should.

    mapping2023 makes its labels from contours in the same way (its section 3.4). An answer that
    should tell scar gets none: its contours would say, unasked, that there is no scar.

    Args:
        contours: The answer.
        shape: (slice, row, column) of its image.
        produces: What its method says something about.

    Raises:
        DataError: A contour lies off the image.
    """
    given = bool(contours) and OUTLINED.issuperset(produces)
    return contours_to_labels(contours, shape) if given else None


def checked_on_grid(contour: Contour, shape: Sequence[int]) -> None:
    """Refuse a contour that was drawn on another image, or in other units or axes.

    Raises:
        DataError: It was.
    """
    n_slices, height, width = shape
    if not 0 <= contour.slice < n_slices:
        raise DataError(
            f"An {contour.kind} contour lies in slice {contour.slice}, "
            f"but the image has slices 0 to {n_slices - 1}.",
            "Slices are counted from 0.",
        )
    # Half a pixel is the image's edge; a spline may overshoot it a little.
    least, most = contour.points.min(axis=0), contour.points.max(axis=0)
    if (least < -1.5).any() or (most > (height + 0.5, width + 0.5)).any():
        raise DataError(
            f"The {contour.kind} contour of slice {contour.slice} reaches from {least.tolist()} to "
            f"{most.tolist()}, outside of an image of {height} rows and {width} columns.",
            "Give (row, column), not (x, y), in pixels, not mm.",
        )
