"""One call of a kernel: what it is given, where it counts, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import twin
from .steps import Steps, squares, table

__all__ = ["Histogram", "Job", "columns_contiguous"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Surface distances of all regions, counted.

    Attributes:
        distances: ``(m,)`` mm, ascending.
        counts: ``(slices or 1, 2 * regions, m)``: voxels of the reference's surfaces by their
            distance to the compared ones, region by region, then the other way. Nothing is
            counted where either surface is empty.
        faces: ``(slices, 2 * regions)``: all surface voxels, in the same order.
        far: ``(n,)`` further distances, each greater than all in ``distances``; those of one place
            (one slice or 1, and one column) stand together and ascend.
        far_starts: ``(places + 1,)`` where those of each place start, and their end.
    """

    distances: Floats
    counts: Ints
    faces: Ints
    far: Floats
    far_starts: Ints


@dataclass(frozen=True, eq=False)
class Job:
    """Arguments of a kernel, and where it counts."""

    maps: tuple[Bytes, Bytes]
    lut: Bytes
    n_regions: int
    spacing: tuple[float, float, float]
    in_plane: bool
    per_slice: bool
    steps: Steps
    counts: Ints
    faces: Ints

    @classmethod
    def of(
        cls,
        reference: NDArray[np.uint8] | NDArray[np.bool_],
        compared: NDArray[np.uint8] | NDArray[np.bool_],
        lut: Bytes,
        n_regions: int,
        spacing: tuple[float, float, float],
        in_plane: bool,
        per_slice: bool,
    ) -> Job:
        """With nothing counted; arguments as :func:`benchmark.metrics.kernel.distances` has them.

        Only how a slice of a stack lies among others makes it 3-D: one alone is measured in plane.
        """
        n_slices = reference.shape[0]
        flat = n_slices == 1
        steps = table(spacing, per_slice or flat)
        places = n_slices if per_slice else 1
        counts: Ints = np.zeros((places, 2 * n_regions, len(steps.distances)), dtype=np.int64)
        faces: Ints = np.zeros((n_slices, 2 * n_regions), dtype=np.int64)
        maps = columns_contiguous(reference), columns_contiguous(compared)
        return cls(maps, lut, n_regions, spacing, in_plane or flat, per_slice, steps, counts, faces)

    def arguments(self) -> tuple[Any, ...]:
        """For the C kernel, which gives what :meth:`histogram` takes."""
        axes = [squares(s, n) for s, n in zip(self.spacing, self.maps[0].shape, strict=True)]
        steps = self.steps
        return (
            *self.maps, self.lut, self.n_regions, self.in_plane, self.per_slice, steps.steps,
            steps.rank, steps.squared, *axes, self.counts, self.faces,
        )  # fmt: skip

    def by_twin(self) -> tuple[Ints, Floats]:
        """Count by NumPy; gives what :meth:`histogram` takes."""
        return twin.distances(
            *self.maps, self.lut, self.n_regions, self.in_plane, self.per_slice, self.steps,
            self.spacing, self.counts, self.faces,
        )  # fmt: skip

    def histogram(self, listed: Any, squared: Any) -> Histogram:
        """With what is past the table: how many there are at each place, and what."""
        places, columns, _ = self.counts.shape
        starts: Ints = np.zeros(places * columns + 1, dtype=np.int64)
        far: Floats = np.sqrt(np.frombuffer(squared))
        if len(far):
            np.cumsum(np.frombuffer(listed, dtype=np.int64), out=starts[1:])
            for start, end in pairwise(starts.tolist()):
                far[start:end].sort()
        return Histogram(self.steps.distances, self.counts, self.faces, far, starts)


def columns_contiguous(array: NDArray[np.uint8] | NDArray[np.bool_]) -> Bytes:
    """``array`` as bytes, copied only if its columns do not lie side by side."""
    found: Bytes = array.view(np.uint8)
    return found if found.strides[2] == 1 else np.ascontiguousarray(found)
