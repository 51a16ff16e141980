"""Surfaces of two masks and the exact distances between them.

Neighbours are found in a k-d tree and distances computed again from whole-voxel offsets, so that
they are right to the last bits of float64. All coordinates are relative to the box that holds both
masks: padding or cropping the image changes nothing, not even a rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .definition import Dim

__all__ = ["Distances", "Surfaces", "surface"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
_Found = tuple[NDArray[np.intp], Floats]


@dataclass(frozen=True, eq=False)
class Distances:
    """How far each surface voxel is from the other surface, in mm, ascending.

    Attributes:
        reference: From each reference surface voxel to the compared surface.
        compared: From each compared surface voxel to the reference surface.
    """

    reference: Floats
    compared: Floats

    @cached_property
    def pooled(self) -> Floats:
        """Both directions together, ascending."""
        return np.sort(np.concatenate([self.reference, self.compared]))

    @staticmethod
    def percentile(ascending: Floats, q: float) -> float:
        """The ``q``-th percentile of sorted values, interpolated linearly."""
        position = q / 100.0 * (len(ascending) - 1)
        below = int(position)
        low = float(ascending[below])
        if below + 1 == len(ascending):
            return low
        return low + (float(ascending[below + 1]) - low) * (position - below)

    def filled(self, extra: tuple[int, int], distance: float) -> Distances:
        """These and ``extra`` (reference, compared) voxels, all at the greatest ``distance``."""
        more = [np.full(n, distance) for n in extra]
        return Distances(
            np.concatenate([self.reference, more[0]]), np.concatenate([self.compared, more[1]])
        )


def surface(mask: Mask, in_plane: bool) -> Mask:
    """Voxels of ``mask`` with a background face neighbour; outside the array is background.

    Args:
        mask: ``(slice, row, column)``.
        in_plane: Look only at the four neighbours in the slice.
    """
    padded = np.pad(mask, 1)
    middle = slice(1, -1)
    inner = mask.copy()
    for axis in (1, 2) if in_plane else (0, 1, 2):
        for side in (slice(None, -2), slice(2, None)):
            window = [middle, middle, middle]
            window[axis] = side
            inner &= padded[tuple(window)]
    return mask & ~inner


class Surfaces:
    """Surface distances of one region's pair of masks, each geometry computed when asked for.

    Args:
        reference: ``(slice, row, column)`` bool.
        compared: The same.
        spacing: (z, y, x) in mm.

    A stack of one slice is two-dimensional, so its slice neighbours do not count.
    """

    def __init__(
        self, reference: Mask, compared: Mask, spacing: tuple[float, float, float]
    ) -> None:
        self._flat = reference.shape[0] == 1
        box = _box(reference | compared)
        self._first = box[0].start
        self._masks = reference[box], compared[box]
        self._spacing = np.array(spacing, dtype=np.float64)

    @cached_property
    def _in_plane(self) -> tuple[Mask, Mask]:
        return surface(self._masks[0], True), surface(self._masks[1], True)

    def volume(self, dim: Dim) -> Distances:
        """Distances over the whole stack: ``3d`` or ``inplane3d``; both masks hold a voxel."""
        return self._in_plane_volume if dim == "inplane3d" or self._flat else self._space_volume

    @cached_property
    def _space_volume(self) -> Distances:
        return self._of((surface(self._masks[0], False), surface(self._masks[1], False)))

    @cached_property
    def _in_plane_volume(self) -> Distances:
        return self._of(self._in_plane)

    def _of(self, faces: tuple[Mask, Mask]) -> Distances:
        there, back = self._both_ways(faces, self._spacing)
        return Distances(np.sort(there[1]), np.sort(back[1]))

    @cached_property
    def slices(self) -> dict[int, Distances]:
        """Distances within each slice that has both masks, by slice index."""
        first, second = self._in_plane
        both: Mask = np.logical_and(first.any(axis=(1, 2)), second.any(axis=(1, 2)))
        if not both.any():
            return {}
        # One tree serves all slices: they are set so far apart that none is another's neighbour.
        apart = self._spacing.copy()
        apart[0] = 4.0 * float(np.dot(first.shape[1:], self._spacing[1:]))
        where = both.reshape(-1, 1, 1)
        there, back = self._both_ways((first & where, second & where), apart)
        by_slice = zip(_by_slice(*there), _by_slice(*back), strict=True)
        return {self._first + z: Distances(ours, theirs) for (z, ours), (_, theirs) in by_slice}

    @cached_property
    def pooled_slices(self) -> Distances:
        """The distances of all slices that have both masks; may be empty."""
        parts = list(self.slices.values())
        empty = np.empty(0)
        return Distances(
            np.sort(np.concatenate([empty, *(d.reference for d in parts)])),
            np.sort(np.concatenate([empty, *(d.compared for d in parts)])),
        )

    @cached_property
    def one_sided(self) -> dict[int, tuple[int, int]]:
        """In-plane surface voxels (reference, compared) of each slice with one mask empty."""
        counts = [face.sum(axis=(1, 2)).tolist() for face in self._in_plane]
        return {
            self._first + z: (int(ours), int(theirs))
            for z, (ours, theirs) in enumerate(zip(*counts, strict=True))
            if bool(ours) != bool(theirs)
        }

    def _both_ways(self, faces: tuple[Mask, Mask], scale: Floats) -> tuple[_Found, _Found]:
        ours, theirs = faces
        there = _directed(ours, theirs, scale, self._spacing)
        return there, _directed(theirs, ours, scale, self._spacing)


def _directed(start: Mask, goal: Mask, scale: Floats, spacing: Floats) -> _Found:
    """Slice index and distance of each voxel of ``start`` to its nearest voxel of ``goal``.

    ``scale`` is the spacing in which neighbours are looked for, ``spacing`` that of the answer.
    """
    # Imported here because it costs as much as all the rest, and counts alone do not need it.
    from scipy.spatial import cKDTree

    shared = np.nonzero(start & goal)[0]
    lonely = np.argwhere(start & ~goal)
    if not len(lonely):
        return shared, np.zeros(len(shared))
    goals = np.argwhere(goal)
    tree = cKDTree(goals * scale, balanced_tree=False, compact_nodes=False)
    nearest = tree.query(lonely * scale)[1]
    steps = (lonely - goals[nearest]) * spacing
    far = np.sqrt(np.square(steps).sum(axis=1))
    return np.concatenate([lonely[:, 0], shared]), np.concatenate([far, np.zeros(len(shared))])


def _by_slice(slices: NDArray[np.intp], distances: Floats) -> Iterator[tuple[int, Floats]]:
    order = np.lexsort((distances, slices))
    slices, distances = slices[order], distances[order]
    present, starts = np.unique(slices, return_index=True)
    yield from zip(present.tolist(), np.split(distances, starts[1:]), strict=True)


def _box(mask: Mask) -> tuple[slice, slice, slice]:
    """The smallest box that holds all of ``mask``; empty for an empty mask."""
    bounds = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        held = np.flatnonzero(mask.any(axis=others))
        bounds.append(slice(int(held[0]), int(held[-1]) + 1) if len(held) else slice(0, 0))
    return bounds[0], bounds[1], bounds[2]
