"""Steps from a voxel to its neighbours, nearest first, and the distances they can have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Steps", "squares", "table"]

Floats = NDArray[np.float64]
#: How far to probe, in voxels (in the geometric mean of both in-plane spacings). Farther out there
#: are so many steps that it is faster to look for the nearest voxel row by row.
_PROBED = 4.6
#: How many different distances are counted; farther ones are listed one by one.
_RANKS = 192
#: Of how many steps to take the different distances.
_STEPS = 4000


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps to probe, and the distances that are counted.

    Attributes:
        steps: ``(n, 3)`` int32: slices, rows, columns; nearest first, so the first is no step.
        rank: ``(n,)`` int32: index of each step's distance in ``distances``.
        squared: ``(m,)`` the least squared distances that whole steps can have, in mm2, ascending.
        distances: ``(m,)`` their roots.
    """

    steps: NDArray[np.int32]
    rank: NDArray[np.int32]
    squared: Floats
    distances: Floats


@lru_cache(maxsize=256)
def squares(spacing: float, n: int) -> Floats:
    """Squared length in mm2 of 0 to ``n - 1`` voxels along an axis (at least two values)."""
    # Whole numbers of mm would give whole numbers, and the C kernel reads floats.
    lengths = np.arange(max(n, 2), dtype=np.float64) * float(spacing)
    found: Floats = lengths * lengths
    found.flags.writeable = False
    return found


@lru_cache(maxsize=64)
def table(spacing: tuple[float, float, float], flat: bool) -> Steps:
    """The steps of a grid.

    Args:
        spacing: (z, y, x) in mm.
        flat: Stay in the slice.
    """
    z, y, x = spacing
    in_plane = math.sqrt(y * x)
    reach = max(32 * in_plane, 0.0 if flat else 1.1 * z)
    while _expected(reach, spacing, flat) > _STEPS:
        reach *= 0.9
    axes = [
        np.arange(-k, k + 1, dtype=np.int32)
        for k in (0 if flat else int(reach / z), int(reach / y), int(reach / x))
    ]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.abs(steps) * np.array(spacing, dtype=np.float64)
    length *= length
    # In this order of additions; `_kernel.c` says why it matters.
    d2 = (length[:, 0] + length[:, 1]) + length[:, 2]
    near = d2 <= reach * reach
    steps, d2 = steps[near], d2[near]
    order = np.argsort(d2, kind="stable")
    squared, rank = np.unique(d2[order], return_inverse=True)
    squared = squared[:_RANKS]
    probed = min(float(squared[-1]), (_PROBED * in_plane) ** 2)
    n = int(np.searchsorted(d2[order], probed, side="right"))
    return Steps(
        np.ascontiguousarray(steps[order[:n]], dtype=np.int32),
        rank[:n].astype(np.int32),
        squared,
        np.sqrt(squared),
    )


def _expected(reach: float, spacing: tuple[float, float, float], flat: bool) -> float:
    """About how many steps there are within ``reach``."""
    z, y, x = spacing
    layers = 0 if flat else int(reach / z)
    if layers > 1000:
        return 4 / 3 * math.pi * reach**3 / (z * y * x)
    areas = (max(reach * reach - (k * z) ** 2, 0.0) for k in range(-layers, layers + 1))
    return math.pi * sum(areas) / (y * x)
