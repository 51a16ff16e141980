"""Where the voxels of an image lie, and whether two images lie in the same place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from .types import Volume

__all__ = ["Grid", "same_grid"]

#: Relative; float32 headers and tools that round to a few decimals stay below it.
SPACING_TOLERANCE = 2e-3
#: Of a direction cosine: about 0.1 degrees.
DIRECTION_TOLERANCE = 2e-3
#: Of the first voxel's position, as a share of the smallest spacing.
ORIGIN_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape, spacing and affine of an image.

    Attributes:
        shape: (slice, row, column).
        spacing: (z, y, x) in mm, the spacing that holds.
        affine: 4x4, from (column, row, slice) indices to RAS mm.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64]

    @classmethod
    def of(cls, volume: Volume) -> Grid:
        """The grid of a volume; one without an affine gets the plain one of its spacing."""
        affine = volume.affine
        if affine is None:
            affine = np.diag([*volume.spacing[::-1], 1.0])
        return cls(volume.shape, volume.spacing, affine)

    @property
    def affine_spacing(self) -> tuple[float, float, float]:
        """(z, y, x) in mm as the affine has it: the lengths of its columns."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def disagreement(self) -> str | None:
        """What the affine says about the spacing where that is not the spacing; None if it is."""
        if np.allclose(self.affine_spacing, self.spacing, rtol=SPACING_TOLERANCE, atol=0):
            return None
        return (
            f"The affine says a spacing of {_mm(self.affine_spacing)}, pixdim says "
            f"{_mm(self.spacing)} (x, y, z): pixdim is used, the affine only for orientation."
        )

    @property
    def directions(self) -> NDArray[np.float64]:
        """3x3: unit vectors (columns) along x, y and z of the file, in RAS."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return np.asarray(self.affine[:3, :3] / lengths, dtype=np.float64)

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape[::-1]))
        origin = ", ".join(f"{v:g}" for v in np.round(self.affine[:3, 3], 3) + 0.0)
        axes = ", ".join(_heading(column) for column in self.directions.T)
        return f"{shape} voxels of {_mm(self.spacing)} (x, y, z), axes to {axes}, from ({origin})"


def same_grid(a: Grid, b: Grid) -> str | None:
    """None if ``a`` and ``b`` are one grid, else a sentence that says how they differ.

    Positions are compared only where both affines carry the true spacing: one that does not
    (EMIDEC) is often repaired by the tool that wrote the other file.

    Args:
        a: What is to lie on the grid of ``b``, a prediction say.
        b: The grid it should have.
    """
    what = _difference(a, b)
    return None if what is None else f"{what}: it has {a}; expected is {b}."


def _difference(a: Grid, b: Grid) -> str | None:
    if (a.shape, a.spacing) == (b.shape, b.spacing) and np.array_equal(a.affine, b.affine):
        return None  # nearly every pair, and many times cheaper than what follows
    if a.shape != b.shape:
        return _swapped(a, b) or "its shape is another"
    if not np.allclose(a.spacing, b.spacing, rtol=SPACING_TOLERANCE, atol=0):
        return _swapped(a, b) or "its spacing is another"
    cosines = a.directions.T @ b.directions
    if not np.allclose(cosines, b.directions.T @ b.directions, atol=DIRECTION_TOLERANCE):
        return _turned(cosines)
    if a.disagreement is None and b.disagreement is None:
        apart = float(np.linalg.norm(a.affine[:3, 3] - b.affine[:3, 3]))
        if apart > ORIGIN_TOLERANCE * min(b.spacing):
            return f"its first voxel lies {apart:.3g} mm away"
    return None


def _swapped(a: Grid, b: Grid) -> str | None:
    """Whether a permutation of the axes explains the shape, preferring one that explains both."""
    # The reversal first: it is what a transpose leaves.
    orders = [p for p in ((2, 1, 0), *permutations(range(3))) if p != (0, 1, 2)]
    fits = [p for p in orders if tuple(b.shape[::-1][i] for i in p) == a.shape[::-1]]
    fully = [
        p
        for p in fits
        if np.allclose([b.spacing[::-1][i] for i in p], a.spacing[::-1], rtol=SPACING_TOLERANCE)
    ]
    found = fully or (fits if a.shape != b.shape else [])
    if not found:
        return None
    return f"its axes look swapped, ({', '.join('xyz'[i] for i in found[0])}) for (x, y, z)"


def _turned(cosines: NDArray[np.float64]) -> str:
    """How the axes of one grid run in another: flipped, swapped or rotated."""
    nearest = np.abs(cosines).argmax(axis=1)
    aligned = np.abs(cosines).max(axis=1) > 1 - DIRECTION_TOLERANCE
    if aligned.all() and nearest.tolist() == [0, 1, 2]:
        axes = [name for name, c in zip("xyz", np.diag(cosines), strict=True) if c < 0]
        return f"its {' and '.join(axes)} {'axes run' if len(axes) > 1 else 'axis runs'} backwards"
    if aligned.all() and sorted(nearest.tolist()) == [0, 1, 2]:
        return f"its axes look swapped, ({', '.join('xyz'[i] for i in nearest)}) for (x, y, z)"
    return "its axes point elsewhere"


def _heading(direction: NDArray[np.float64]) -> str:
    """The anatomical direction nearest to a vector, with ~ if it is not along an axis."""
    axis = int(np.abs(direction).argmax())
    name = ("LR", "PA", "IS")[axis][int(direction[axis] > 0)]
    return name if abs(direction[axis]) > 1 - DIRECTION_TOLERANCE else f"~{name}"


def _mm(spacing: tuple[float, float, float]) -> str:
    return "x".join(f"{v:.4g}" for v in spacing[::-1]) + " mm"
