"""The surface of a mask in pieces: where each lies and how large it is.

A cell is the block of two voxels along each axis (eight in space, four in a slice) that meet in a
corner; one that holds both foreground and background has a piece of surface (a surfel) at that
corner. Which of its voxels are foreground says how large the piece is: the surface cuts each edge
between a foreground and a background voxel in its middle, as marching cubes does, and the piece is
what of it lies in the cell (Nikolov et al. 2021, surface Dice). Outside the image is background.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .pairs import Mask

__all__ = ["Surfels", "areas", "lengths", "surfels"]

Floats = NDArray[np.float64]
Corner = tuple[int, int, int]
Triangle = Floats
#: The voxels of a cell, in the order of the bits of its code.
_CORNERS: tuple[Corner, ...] = tuple((z, y, x) for z, y, x in product((0, 1), repeat=3))


class Surfels(NamedTuple):
    """The surfels of both masks, by distance.

    Attributes:
        reference: ``(n,)`` mm from each surfel of the reference to the nearest of the compared
            mask, ascending.
        reference_areas: ``(n,)`` mm2, or mm in a single slice, of the same.
        compared: ``(m,)`` mm the other way.
        compared_areas: ``(m,)`` of the same.
    """

    reference: Floats
    reference_areas: Floats
    compared: Floats
    compared_areas: Floats


def surfels(reference: Mask, compared: Mask, spacing: tuple[float, float, float]) -> Surfels:
    """Distances between the surfaces of two masks, with the area that stands for each.

    Args:
        reference: ``(slice, row, column)``, not empty; a single slice is measured as an outline.
        compared: The same shape, not empty.
        spacing: (z, y, x) in mm.
    """
    flat = len(reference) == 1
    masks = [mask[0] if flat else mask for mask in _cropped(reference, compared)]
    steps = spacing[1:] if flat else spacing
    table = lengths(spacing[1:]) if flat else areas(spacing)
    codes = [_codes(mask) for mask in masks]
    ours, theirs = ((code > 0) & (code < len(table) - 1) for code in codes)
    return Surfels(
        *_sorted(_distances(theirs, steps)[ours], table[codes[0][ours]]),
        *_sorted(_distances(ours, steps)[theirs], table[codes[1][theirs]]),
    )


@lru_cache(maxsize=64)
def areas(spacing: tuple[float, float, float]) -> Floats:
    """``(256,)``: the area in mm2 of the surface in a cell, by its code.

    Bit ``4 z + 2 y + x`` of a code says whether the voxel at ``(z, y, x)`` of the cell is
    foreground.

    Args:
        spacing: (z, y, x) in mm.
    """
    z, y, x = spacing
    # An area vector's components are areas seen along each axis.
    seen = np.array([y * x, z * x, z * y])
    found = [np.linalg.norm(_vectors(code) * seen, axis=1).sum() for code in range(256)]
    return np.array(found)


@lru_cache(maxsize=64)
def lengths(spacing: tuple[float, float]) -> Floats:
    """``(16,)``: the length in mm of the outline in a cell of a slice, by its code.

    Bit ``2 y + x`` of a code says whether the pixel at ``(y, x)`` of the cell is foreground.

    Args:
        spacing: (y, x) in mm.
    """
    y, x = spacing
    slanted = float(np.hypot(y, x)) / 2  # around one corner, from middle to middle of two sides
    found = np.full(16, slanted)
    found[[0b0000, 0b1111]] = 0.0
    found[[0b0011, 0b1100]] = x
    found[[0b0101, 0b1010]] = y
    found[[0b0110, 0b1001]] = 2 * slanted
    return found


def _cropped(reference: Mask, compared: Mask) -> tuple[Mask, Mask]:
    """Both masks in the box that holds them.

    Masks that fill one slice of a stack are still bodies in space, with a top and a bottom.
    """
    from scipy import ndimage

    box = ndimage.find_objects((reference | compared).view(np.uint8))[0]
    return reference[box], compared[box]


def _codes(mask: Mask) -> NDArray[np.uint8]:
    """The code of each cell, one more of them than voxels along every axis."""
    padded = np.pad(mask, 1).view(np.uint8)
    shape = tuple(n - 1 for n in padded.shape)
    codes = np.zeros(shape, dtype=np.uint8)
    for bit, corner in enumerate(product((0, 1), repeat=mask.ndim)):
        here = tuple(slice(c, c + n) for c, n in zip(corner, shape, strict=True))
        codes |= padded[here] << np.uint8(bit)
    return codes


def _distances(surface: Mask, spacing: tuple[float, ...]) -> Floats:
    """Distance in mm from each cell to the nearest of ``surface``."""
    from scipy import ndimage

    found: Floats = ndimage.distance_transform_edt(~surface, sampling=spacing)
    return found


def _sorted(distances: Floats, weights: Floats) -> tuple[Floats, Floats]:
    # By area where distances are equal, so that sums do not depend on the order of the axes.
    order = np.lexsort((weights, distances))
    return distances[order], weights[order]


@cache
def _vectors(code: int) -> Floats:
    """``(n, 3)``: area vectors, for voxels of 1 mm, of the triangles in a cell.

    The surface goes around the corners that are fewer, foreground or not, and around each of their
    groups (joined along edges) by itself: it is the hull of the group's corners and of the middles
    of the edges that leave it, but for what lies in the cell's own sides.
    """
    held = [corner for bit, corner in enumerate(_CORNERS) if code >> bit & 1]
    others = [corner for corner in _CORNERS if corner not in held]
    fewer = min(held, others, key=len)
    triangles = [t for group in _groups(fewer) for t in _around(group, fewer)]
    sides = [np.cross(b - a, c - a) / 2 for a, b, c in triangles]
    return np.array(sides, dtype=np.float64).reshape(-1, 3)


def _around(group: list[Corner], fewer: list[Corner]) -> list[Triangle]:
    chain = _twisted(group)
    if chain is not None:
        return _split(chain)
    from scipy.spatial import ConvexHull

    middles = [_middle(a, b) for a in group for b in _neighbours(a) if b not in fewer]
    points = np.array([*group, *middles], dtype=np.float64)
    hull: Any = ConvexHull(points)
    return [t for t in points[hull.simplices] if not _in_a_side(t)]


def _twisted(group: list[Corner]) -> list[Corner] | None:
    """Four corners in a chain that leaves the plane, from end to end; None for any other group."""
    ends = [c for c in group if sum(n in group for n in _neighbours(c)) == 1]
    if len(group) != 4 or len(ends) != 2:
        return None
    chain = [ends[0]]
    while len(chain) < 4:
        chain.append(next(n for n in _neighbours(chain[-1]) if n in group and n not in chain))
    return chain


def _split(chain: list[Corner]) -> list[Triangle]:
    """The surface at a twisted chain: a hexagon that is not plane, as a fan of triangles.

    The four other corners are such a chain as well. The fan starts at the middle of an edge between
    an end of one and an end of the other; there are two, and both give the same areas.
    """
    other = _twisted([c for c in _CORNERS if c not in chain])
    assert other is not None
    cut = [(a, b) for a in chain for b in _neighbours(a) if b in other]
    hexagon = [next((a, b) for a, b in cut if a == chain[0] and b in (other[0], other[3]))]
    while len(hexagon) < 6:
        hexagon.append(next(e for e in cut if e not in hexagon and _share_a_side(e, hexagon[-1])))
    start, *rest = (_middle(a, b) for a, b in hexagon)
    return [np.array([start, one, two]) for one, two in pairwise(rest)]


def _share_a_side(one: tuple[Corner, Corner], two: tuple[Corner, Corner]) -> bool:
    """Whether two edges lie in one of the six sides of the cell."""
    return any(len({c[axis] for c in (*one, *two)}) == 1 for axis in range(3))


def _groups(corners: list[Corner]) -> list[list[Corner]]:
    """The corners in groups joined along edges of the cell."""
    left, groups = list(corners), []
    while left:
        group = [left.pop(0)]
        for corner in group:  # grows while it is walked
            joined = [n for n in _neighbours(corner) if n in left]
            group += joined
            left = [c for c in left if c not in joined]
        groups.append(group)
    return groups


def _neighbours(corner: Corner) -> list[Corner]:
    z, y, x = corner
    return [(1 - z, y, x), (z, 1 - y, x), (z, y, 1 - x)]


def _middle(a: Corner, b: Corner) -> Floats:
    return np.array([(i + j) / 2 for i, j in zip(a, b, strict=True)])


def _in_a_side(triangle: Triangle) -> bool:
    return bool(((triangle == 0).all(axis=0) | (triangle == 1).all(axis=0)).any())
