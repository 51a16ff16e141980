"""Where the centre of the left ventricle lies in each slice: given, or found from a probability.

fahmy2021, Data Splitting and Preprocessing: "First, the center of the left ventricle (LV) was
manually selected in the LGE and cine images. Then, in-plane image translation was used to align the
selected centers." Here nobody selects; :mod:`._localiser` gives each pixel's probability of lying
in the ventricle, and the centre follows from that. A centre that somebody did select is used
instead:

* attribute ``lv_centre`` of the study: the centre in its target image (LGE),
* attribute ``lv_centre_cine``: in its cine image,

either as text ``row,column`` in pixels of that image, from 0 at the middle of the first pixel, or
one such pair for each of its slices, in order, parted by ``;``: ``"80.5,76"``, ``"80,76;81,75"``.

All other centres are ``(slice, 2)``: (row, column) in mm from the middle of the image.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError, Study

from ._slices import Floats, Points, Square

__all__ = ["ATTRIBUTES", "centres", "given"]

#: The attribute that may give the centre, by modality.
ATTRIBUTES = {"lge": "lv_centre", "cine": "lv_centre_cine"}
#: The ventricle is no smaller than this in a slice that shows it: a circle of 11 mm.
_LEAST_MM2 = 100.0
#: Half the width of the widest ventricle: what lies further from the stack's centre is not of it.
_REACH_MM = 50.0
#: How far a slice's centre may lie from the ventricle's axis: breath-holds differ by some mm.
_STRAY_MM = 8.0


def given(study: Study, modality: str) -> Points | None:
    """The centres that the study's attribute gives for its image of ``modality``, or None.

    Raises:
        DataError: The attribute is not in the format above, or a centre lies outside the image.
    """
    name = ATTRIBUTES[modality]
    text, volume = study.attributes.get(name), study.images[modality]
    if text is None:
        return None
    pairs = [_pair(part) for part in str(text).split(";")]
    n, rows, columns = volume.shape
    if len(pairs) not in (1, n) or None in pairs:
        raise DataError(
            f"Study {study.id!r}: {name} is {text!r}.",
            f"Give 'row,column' in pixels, or {n} such pairs parted by ';', one for each slice.",
        )
    pixels = np.array([pair for pair in pairs if pair is not None])
    if (pixels < -0.5).any() or (pixels > np.array([rows, columns]) - 0.5).any():
        raise DataError(
            f"Study {study.id!r}: {name} is {text!r}, which lies outside its image.",
            f"Give rows from 0 to {rows - 1} and columns from 0 to {columns - 1}.",
        )
    middle = (np.array([rows, columns]) - 1) / 2
    return np.broadcast_to((pixels - middle) * np.array(volume.spacing[1:]), (n, 2)).copy()


def _pair(text: str) -> tuple[float, float] | None:
    numbers = text.split(",")
    if len(numbers) != 2:
        return None
    try:
        row, column = (float(number) for number in numbers)
    except ValueError:
        return None
    return (row, column) if math.isfinite(row) and math.isfinite(column) else None


def centres(probability: Floats, square: Square, positions: NDArray[np.float64]) -> Points | None:
    """The ventricle's centre in each slice, from the probability that a pixel belongs to it.

    In each slice it is the centre of mass of the probability, of what lies near the stack's median.
    The ventricle's axis is nearly straight, so a line along the stack is laid through these
    centres, by least squares weighed by area, twice: the second time without the slices that lie
    far from the first line. A slice that shows no ventricle, or whose centre lies far from the
    line, takes the line's; the others keep theirs, for each is a breath-hold of its own.

    Args:
        probability: ``(slice, size, size)``.
        square: Where its pixels lie; about the middle of the image.
        positions: ``(slice,)`` of the slices along the stack, mm.

    Returns:
        ``(slice, 2)`` mm from the middle of the image; None if no slice shows a ventricle.
    """
    line = np.asarray((np.arange(square.size) - (square.size - 1) / 2) * square.pixel_mm, float)
    mass = np.where(probability >= 0.5, probability, 0).astype(np.float64)
    found, areas = _centres_of_mass(mass, line)
    seen = areas * square.pixel_mm**2 >= _LEAST_MM2
    if not seen.any():
        return None
    middle = np.median(found[seen], axis=0)
    near = np.hypot(line[:, None] - middle[0], line - middle[1]) <= _REACH_MM
    found, areas = _centres_of_mass(mass * near, line)
    seen = areas * square.pixel_mm**2 >= _LEAST_MM2
    if not seen.any():  # the median lies between two things that are both no ventricle
        return None
    axis = _axis(found, np.where(seen, areas, 0), positions)
    seen &= np.linalg.norm(found - axis, axis=1) <= _STRAY_MM
    if seen.any():
        axis = _axis(found, np.where(seen, areas, 0), positions)
        seen &= np.linalg.norm(found - axis, axis=1) <= _STRAY_MM
    return np.where(seen[:, None], found, axis)


def _centres_of_mass(mass: Points, line: Points) -> tuple[Points, Points]:
    """``(slice, 2)`` centres, (0, 0) where there is no mass, and ``(slice,)`` sums."""
    sums = mass.sum(axis=(1, 2))
    weighed = np.stack([mass.sum(axis=2) @ line, mass.sum(axis=1) @ line], axis=1)
    return weighed / np.maximum(sums, 1e-12)[:, None], sums


def _axis(points: Points, weights: Points, positions: NDArray[np.float64]) -> Points:
    """The line through ``points`` at ``positions``: constant where a single slice counts."""
    counted = weights > 0
    at = positions - np.average(positions, weights=weights)
    middle = np.average(points, axis=0, weights=weights)
    spread = np.sum(weights * at**2)
    if counted.sum() < 2 or spread <= 0:
        return np.broadcast_to(middle, points.shape)
    slope = (weights * at) @ (points - middle) / spread
    return np.asarray(middle + at[:, None] * slope)
