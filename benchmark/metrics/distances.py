"""Surfaces of masks and the exact distances between them.

``metrics/kernel.py`` counts the distances of all regions of two label maps at once, each geometry
when it is first asked for; here they become the distances of one region. They follow from
whole-voxel steps: padding or cropping the image changes nothing, not even a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import kernel
from .definition import Dim

__all__ = ["Distances", "LabelSurfaces", "Surfaces"]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


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


class LabelSurfaces:
    """Surface distances of several regions of two label maps.

    Args:
        reference: ``(slice, row, column)`` uint8 labels, or a mask.
        compared: The same.
        regions: Labels, not 0, of each region; at most 8 regions.
        spacing: (z, y, x) in mm.
    """

    def __init__(
        self,
        reference: NDArray[np.uint8] | Mask,
        compared: NDArray[np.uint8] | Mask,
        regions: Sequence[Sequence[int]],
        spacing: tuple[float, float, float],
    ) -> None:
        self._maps = reference, compared
        self._lut = kernel.membership(regions)
        self._n = len(regions)
        self._spacing = spacing
        self._flat = reference.shape[0] == 1

    def volume(self, dim: Dim) -> kernel.Histogram:
        """Distances over the whole stack: ``3d`` or ``inplane3d``."""
        return self._in_plane if dim == "inplane3d" or self._flat else self._space

    @cached_property
    def _space(self) -> kernel.Histogram:
        return self._measured(in_plane=False, per_slice=False)

    @cached_property
    def _in_plane(self) -> kernel.Histogram:
        return self._measured(in_plane=True, per_slice=False)

    @cached_property
    def slices(self) -> kernel.Histogram:
        """Distances within each slice."""
        return self._measured(in_plane=True, per_slice=True)

    def _measured(self, *, in_plane: bool, per_slice: bool) -> kernel.Histogram:
        return kernel.distances(
            *self._maps, self._lut, self._n, self._spacing, in_plane=in_plane, per_slice=per_slice
        )


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
        self._all = LabelSurfaces(reference, compared, [[1]], spacing)
        self._columns = 0, 1
        self._width = 2

    @classmethod
    def of(cls, shared: LabelSurfaces, region: int, n_regions: int) -> Surfaces:
        """The surfaces of one of several regions that are measured together."""
        found = cls.__new__(cls)
        found._all = shared
        found._columns = region, n_regions + region
        found._width = 2 * n_regions
        return found

    def volume(self, dim: Dim) -> Distances:
        """Distances over the whole stack: ``3d`` or ``inplane3d``; both masks hold a voxel."""
        return self._in_plane if dim == "inplane3d" else self._space

    @cached_property
    def _space(self) -> Distances:
        return self._both(self._all.volume("3d"), slice(None))

    @cached_property
    def _in_plane(self) -> Distances:
        return self._both(self._all.volume("inplane3d"), slice(None))

    @cached_property
    def slices(self) -> dict[int, Distances]:
        """Distances within each slice that has both masks, by slice index."""
        found = self._all.slices
        ours, theirs = found.faces[:, self._columns].T.astype(bool)
        held = np.flatnonzero(ours & theirs).tolist()
        return {z: self._both(found, slice(z, z + 1)) for z in held}

    @cached_property
    def pooled_slices(self) -> Distances:
        """The distances of all slices that have both masks; may be empty."""
        return self._both(self._all.slices, slice(None))

    @cached_property
    def one_sided(self) -> dict[int, tuple[int, int]]:
        """In-plane surface voxels (reference, compared) of each slice with one mask empty."""
        faces = self._all.slices.faces[:, self._columns].tolist()
        return {
            z: (ours, theirs)
            for z, (ours, theirs) in enumerate(faces)
            if bool(ours) != bool(theirs)
        }

    def _both(self, found: kernel.Histogram, where: slice) -> Distances:
        ours, theirs = (self._ascending(found, where, column) for column in self._columns)
        return Distances(ours, theirs)

    def _ascending(self, found: kernel.Histogram, where: slice, column: int) -> Floats:
        """The distances of one column in one place or, if ``where`` is everything, in all."""
        near = np.repeat(found.distances, found.counts[where, column].sum(axis=0))
        if not len(found.far):
            return near
        starts = found.far_starts
        places = range(len(found.counts)) if where.start is None else (where.start,)
        listed = (place * self._width + column for place in places)
        parts = [found.far[starts[i] : starts[i + 1]] for i in listed]
        return np.concatenate([near, np.sort(np.concatenate(parts))])
