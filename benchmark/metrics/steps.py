"""Steps from a voxel to its neighbours, nearest first: the table that both kernels probe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Steps", "squares", "table"]

Floats = NDArray[np.float64]
#: Probing more steps than this takes longer than looking for the nearest voxel any other way.
_MOST = 4000


@dataclass(frozen=True, eq=False)
class Steps:
    """All steps up to some distance.

    Attributes:
        steps: ``(n, 3)`` int32: slices, rows, columns; nearest first, so the first is no step.
        rank: ``(n,)`` int32: index of each step's distance in ``distances``.
        distances: ``(m,)`` the different distances in mm, ascending.
    """

    steps: NDArray[np.int32]
    rank: NDArray[np.int32]
    distances: Floats


@lru_cache(maxsize=256)
def squares(spacing: float, n: int) -> Floats:
    """Squared length in mm2 of 0 to ``n - 1`` voxels along an axis (at least two values)."""
    lengths = np.arange(max(n, 2)) * spacing
    found: Floats = lengths * lengths
    found.flags.writeable = False
    return found


@lru_cache(maxsize=64)
def table(spacing: tuple[float, float, float], flat: bool) -> Steps:
    """Steps far enough that most surface voxels find the other surface with one of them.

    Args:
        spacing: (z, y, x) in mm.
        flat: Stay in the slice. Otherwise the steps reach past the next slice, which on a thin
            stack is farther than many in-plane steps.
    """
    z, y, x = spacing
    in_plane = math.sqrt(y * x)
    reach = 8 * in_plane if flat else max(6 * in_plane, 1.1 * z)
    while _expected(reach, spacing, flat) > _MOST:
        reach *= 0.9
    axes = [
        np.arange(-k, k + 1, dtype=np.int32)
        for k in (0 if flat else int(reach / z), int(reach / y), int(reach / x))
    ]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    length = np.abs(steps) * np.array(spacing)
    length *= length
    # In this order of additions; `_kernel.c` says why it matters.
    d2 = (length[:, 2] + length[:, 1]) + length[:, 0]
    near = d2 <= reach * reach
    steps, d2 = steps[near], d2[near]
    order = np.argsort(d2, kind="stable")
    different, rank = np.unique(d2[order], return_inverse=True)
    return Steps(
        np.ascontiguousarray(steps[order], dtype=np.int32),
        rank.astype(np.int32),
        np.sqrt(different),
    )


def _expected(reach: float, spacing: tuple[float, float, float], flat: bool) -> float:
    """About how many steps there are within ``reach``."""
    z, y, x = spacing
    layers = 0 if flat else int(reach / z)
    areas = (max(reach * reach - (k * z) ** 2, 0.0) for k in range(-layers, layers + 1))
    return math.pi * sum(areas) / (y * x)
