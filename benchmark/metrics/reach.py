"""Exact distances to voxels that are far: by a k-d tree for a few, columns first for many.

Both find the least of (dz2 + dy2) + dx2 in float64, as ``_kernel.c`` defines it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .steps import squares

__all__ = ["nearest"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: What a tree may be off by, relatively.
_TIE = 1e-9
#: How many voxels of the rows with queries are in memory at once.
_AREA = 1 << 22
#: A query in the tree costs about as much as this many voxels of the columns.
_QUERY = 400


def nearest(
    start: Ints,
    goal: Ints,
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    per_slice: bool,
) -> Floats:
    """Squared distance in mm2 from each of ``start`` to the nearest of ``goal``.

    Args:
        start: ``(n, 3)`` slice, row and column, in their order.
        goal: ``(m, 3)`` the same, in their order, at least one.
        shape: (slice, row, column) of the volume.
        spacing: (z, y, x) in mm.
        per_slice: Measure within each slice; each that has a start then has a goal.
    """
    axes = [squares(s, n) for s, n in zip(spacing, shape, strict=True)]
    goal_slices = int(np.count_nonzero(np.diff(goal[:, 0], prepend=-1)))
    width = int(np.ptp(goal[:, 2])) + 1
    slices = 1 if per_slice else goal_slices
    if len(start) * _QUERY < shape[1] * width * (goal_slices + slices):
        return _by_tree(start, goal, axes, shape, spacing, per_slice)
    return _by_columns(start, goal, axes, shape, per_slice)


def _by_tree(
    start: Ints,
    goal: Ints,
    axes: Sequence[Floats],
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    per_slice: bool,
) -> Floats:
    """By a k-d tree.

    It computes with rounded coordinates: all that it finds as near as the nearest, up to rounding,
    is measured again.
    """
    # Imported here because it costs as much as all the rest, and is not always needed.
    from scipy.spatial import cKDTree

    scale = np.array(spacing, dtype=np.float64)
    if per_slice:
        # One tree serves all slices: set so far apart that none is another's neighbour.
        scale[0] = 4.0 * float(np.dot(shape[1:], scale[1:]))

    def measured(ours: Ints, theirs: Ints) -> Floats:
        dz, dy, dx = np.moveaxis(np.abs(ours - theirs), -1, 0)
        d2: Floats = (axes[0][dz] + axes[1][dy]) + axes[2][dx]
        return np.where(dz == 0, d2, np.inf) if per_slice else d2

    tree = cKDTree(goal * scale, balanced_tree=False, compact_nodes=False)
    best: Floats = np.empty(len(start))
    waiting, k = np.arange(len(start)), min(2, len(goal))
    while len(waiting):
        found = tree.query(start[waiting] * scale, k=k)
        far, near = (np.reshape(part, (-1, k)) for part in found)
        best[waiting] = measured(start[waiting, None], goal[near]).min(axis=1)
        if k == len(goal):
            break
        # Where the last one found is a tie, there may be more.
        waiting = waiting[far[:, -1] <= far[:, 0] * (1 + _TIE)]
        k = min(4 * k, len(goal))
    return best


def _by_columns(
    start: Ints, goal: Ints, axes: Sequence[Floats], shape: tuple[int, ...], per_slice: bool
) -> Floats:
    """Along every column first, then over slices, then along the row (Saito and Toriwaki 1994)."""
    low, high = int(goal[:, 2].min()), int(goal[:, 2].max())
    y2 = _columns(goal - np.array([0, 0, low]), axes[1], shape[1], high - low + 1)
    best: Floats = np.empty(len(start))
    for part in _parts(start, high - low + 1):
        queries = start[part]
        own = np.clip(queries[:, 2], low, high)
        off = np.abs(queries[:, 2] - own)
        new = np.diff(queries[:, 0] * shape[1] + queries[:, 1], prepend=-1) != 0
        rows, row = queries[new], np.cumsum(new) - 1
        zy2 = np.full((len(rows), high - low + 1), np.inf)
        ends = np.flatnonzero(np.diff(rows[:, 0], prepend=-1, append=-1)).tolist()
        for a, b in pairwise(ends):
            asked = slice(*np.searchsorted(row, [a, b]).tolist())
            _add_slices(zy2[a:b], rows[a:b], y2, axes[0], per_slice,
                        row[asked] - a, own[asked] - low, axes[2][off[asked]])  # fmt: skip
        best[part] = _along(zy2, row, own - low, off, axes[2])
    return best


def _columns(goal: Ints, squared: Floats, n_rows: int, width: int) -> dict[int, Floats]:
    """By slice with a goal, ``(row, column)``: squared distance to the nearest in the column."""
    held, place = np.unique(goal[:, 0], return_inverse=True)
    steps = np.full((n_rows, len(held), width), n_rows, dtype=np.int32)
    steps[goal[:, 1], place, goal[:, 2]] = 0
    for y in range(1, n_rows):
        np.minimum(steps[y], steps[y - 1] + 1, out=steps[y])
    for y in range(n_rows - 2, -1, -1):
        np.minimum(steps[y], steps[y + 1] + 1, out=steps[y])
    lengths = np.append(squared[:n_rows], np.inf)
    return {z: lengths[steps[:, i]] for i, z in enumerate(held.tolist())}


def _parts(start: Ints, width: int) -> Iterator[slice]:
    """Ranges of queries, a few slices each."""
    z = start[:, 0]
    first = np.flatnonzero(np.diff(z, prepend=-1)).tolist()
    begin, area = 0, 0
    for at, end in zip(first, [*first[1:], len(z)], strict=True):
        area += int(np.count_nonzero(np.diff(start[at:end, 1], prepend=-1))) * width
        if area > _AREA:
            yield slice(begin, end)
            begin, area = end, 0
    if begin < len(z):
        yield slice(begin, len(z))


def _add_slices(
    zy2: Floats,
    rows: Ints,
    y2: dict[int, Floats],
    squared: Floats,
    per_slice: bool,
    row: Ints,
    column: Ints,
    x2: Floats,
) -> None:
    """Fill the rows of one slice with the least over slices, as far as it can matter."""
    z, worst = int(rows[0, 0]), np.inf
    for other in sorted(y2, key=lambda at: abs(at - z)):
        z2 = float(squared[abs(other - z)])
        if z2 >= worst or (per_slice and other != z):
            break
        columns = y2[other]
        there = columns if len(rows) == len(columns) else columns[rows[:, 1]]
        np.minimum(zy2, z2 + there, out=zy2)
        worst = float((zy2[row, column] + x2).max())


def _along(zy2: Floats, row: Ints, column: Ints, off: Ints, squared: Floats) -> Floats:
    """The least of ``zy2 + dx2`` over each query's row.

    Args:
        zy2: ``(rows, columns)``.
        row: ``(n,)`` each query's row.
        column: ``(n,)`` its column, or the nearest to it.
        off: ``(n,)`` columns between the two.
        squared: Squared distance by number of columns.
    """
    width, flat, first = zy2.shape[1], zy2.ravel(), row * zy2.shape[1]
    best: Floats = flat[first + column] + squared[off]
    floor, active = zy2.min(axis=1)[row], np.arange(len(row))
    for k in range(1, width):
        # Steps beyond either end repeat a column that was nearer: no harm.
        x2 = squared[np.minimum(off[active] + k, len(squared) - 1)]
        going = floor[active] + x2 < best[active]
        if not going.all():
            active, x2 = active[going], x2[going]
        if not len(active):
            break
        at, c = first[active], column[active]
        sides = np.minimum(flat[at + np.maximum(c - k, 0)], flat[at + np.minimum(c + k, width - 1)])
        best[active] = np.minimum(best[active], sides + x2)
    return best
