"""What is done to masks after a network: closing, largest region, dilation, small islands removed.

All of it works in the plane, slice by slice, on the pixels of the grid that the network sees, as in
the papers, whose networks give slices. Disks hold the pixels whose centres lie within the radius;
regions are 8-connected: pixels that touch at a corner belong together, so that a wall one pixel
thin that runs diagonally is one region. Beyond the image there is nothing: a mask that reaches its
edge is closed as if the image went on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import Label

__all__ = ["disk", "tidied", "without_small_islands"]

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint8]

_EIGHT = np.ones((3, 3), dtype=bool)


def disk(radius: float) -> Mask:
    """Pixels within ``radius`` of the middle one: 1, 5, 13, 29 of them for 0, 1, 2, 3."""
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.asarray(y**2 + x**2 <= radius**2)


def without_small_islands(mask: NDArray[np.generic], max_pixels: int = 4) -> Mask:
    """``mask`` without its regions of ``max_pixels`` pixels or fewer.

    fahmy2020, Segmentation of Variable Number of Slices: "Isolated scar regions of four or fewer
    pixels were considered noise and were removed". Isolated is read as 8-connected in the slice,
    whatever lies in the slices above and below.

    Args:
        mask: ``(..., row, column)`` of 0 and 1; every plane by itself.
        max_pixels: The largest region that is removed; 0 removes none.

    Returns:
        A new mask of the same shape.
    """
    kept = np.zeros(mask.shape, dtype=bool)
    planes = mask.astype(bool).reshape(-1, *mask.shape[-2:])
    for plane, out in zip(planes, kept.reshape(planes.shape), strict=True):
        regions, sizes = _regions(plane)
        out[:] = (sizes > max_pixels)[regions] & plane
    return kept


def tidied(labels: Labels, closing: float = 3, dilation: float = 1) -> Labels:
    """Slices of normal myocardium and scar, as fahmy2021 leaves them.

    Section Image Postprocessing: "The segmented myocardium was first processed to fill small gaps
    within the myocardium (using a morphological closing operation, disk with radius = 3 pixels). If
    multiple disjoint myocardium regions were segmented, only the largest one was selected and all
    others deleted. Morphological dilation with 1 pixel was used to account for eroded boundaries".

    The myocardium is normal myocardium and scar together. Where the paper is silent: of regions of
    equal size the first in reading order stays; the dilation is by a disk of radius 1, the pixel
    and its four neighbours; what closing and dilation add is normal myocardium, for only the
    myocardium is said to be processed; so scar is never added, and goes only with its region.

    Args:
        labels: ``(slice, row, column)``; scar is 3, normal myocardium 2, no others are looked at.
        closing: Radius of the closing's disk in pixels; 0 leaves gaps open.
        dilation: Radius of the dilation's disk in pixels; 0 leaves the boundary.

    Returns:
        ``(slice, row, column)`` of 0, 2 and 3.
    """
    tidy = np.zeros(labels.shape, dtype=np.uint8)
    for plane, out in zip(labels, tidy, strict=True):
        scar = plane == Label.SCAR
        wall = scar | (plane == Label.MYOCARDIUM)
        if wall.any():
            wall = _dilated(_largest(_closed(wall, closing)), dilation)
            out[wall] = Label.MYOCARDIUM
            out[wall & scar] = Label.SCAR
    return tidy


def _regions(plane: Mask) -> tuple[NDArray[np.signedinteger[Any]], NDArray[np.signedinteger[Any]]]:
    """Each pixel's region number, 0 outside; and the size of each by number, that of 0 as 0."""
    from scipy import ndimage

    regions, n = ndimage.label(plane, structure=_EIGHT)
    sizes = np.bincount(regions.ravel(), minlength=n + 1)
    sizes[0] = 0
    return regions, sizes


def _largest(plane: Mask) -> Mask:
    regions, sizes = _regions(plane)
    return np.asarray(plane & (regions == sizes.argmax()))


def _dilated(plane: Mask, radius: float) -> Mask:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(plane, disk(radius)))


def _closed(plane: Mask, radius: float) -> Mask:
    from scipy import ndimage

    reach = int(radius)
    # Room to dilate into, else the erosion would eat what lies at the edge.
    wide = np.pad(plane, 2 * reach)
    wide = ndimage.binary_closing(wide, disk(radius))
    return np.asarray(wide[2 * reach : -2 * reach or None, 2 * reach : -2 * reach or None])
