"""The kernel without a compiler: joint counts, surfaces and surface distances by NumPy and SciPy.

Gives the same bits as ``_kernel.c``, which says how that is possible. Voxels that no step of the
table leads to the other surface are left to ``reach.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .reach import nearest
from .steps import Steps

__all__ = ["distances", "joint"]

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: Voxels that are probed together, so that memory stays small.
_CHUNK = 1 << 16
#: After how many steps to give up probing where fewer than a tenth of so many voxels are near.
_TRIED, _MANY = 12, 2000


def joint(
    reference: Bytes, compared: Bytes, n_labels: int, counts: Ints
) -> tuple[int, int, int, int]:
    """Fill ``(slice, n_labels, n_labels)`` counts; return first and end row, then column, in use.

    Raises:
        ValueError: A label is not below ``n_labels``.
    """
    if max(int(reference.max(initial=0)), int(compared.max(initial=0))) >= n_labels:
        raise ValueError(f"a label is not below {n_labels}")
    used = np.any(reference | compared, axis=0)
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    _, n_rows, n_columns = reference.shape
    box = (0, 0, 0, 0)
    if len(rows):
        box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        crop = (slice(None), slice(*box[:2]), slice(*box[2:]))
        codes = reference[crop] * np.uint8(n_labels) + compared[crop]
        size = n_labels * n_labels
        for plane, out in zip(codes, counts, strict=True):
            out += np.bincount(plane.ravel(), minlength=size).reshape(out.shape)
    # What the box leaves out is background in both.
    counts[:, 0, 0] += n_rows * n_columns - counts.sum(axis=(1, 2))
    return box


def distances(
    reference: Bytes,
    compared: Bytes,
    lut: Bytes,
    n_regions: int,
    in_plane: bool,
    per_slice: bool,
    table: Steps,
    spacing: tuple[float, float, float],
    histogram: Ints,
    faces: Ints,
) -> tuple[Ints, Floats]:
    """Fill ``histogram`` and ``faces``; see :func:`benchmark.metrics.kernel.distances`.

    Returns:
        What is past the table: how many there are at each place (slice or 1, column), and their
        squared distances, place by place.
    """
    shape = reference.shape
    words = lut[:256][reference].astype(np.uint16)
    words |= lut[256:][compared].astype(np.uint16) << np.uint16(8)
    reach = np.maximum(table.steps.max(axis=0), 1)
    surface = np.pad(_surface(words, in_plane), [(int(k), int(k)) for k in reach])
    flat = surface.ravel()
    at = np.flatnonzero(flat)
    bits = flat[at]
    plane, row = surface.shape[1] * surface.shape[2], surface.shape[2]
    slices = at // plane - reach[0]
    n_slices = shape[0]
    for bit, column in _columns(n_regions):
        faces[:, column] += np.bincount(slices[(bits >> bit & 1).astype(bool)], minlength=n_slices)
    present = np.zeros(n_slices, dtype=np.uint16)
    np.bitwise_or.at(present, slices, bits)
    if not per_slice:
        present[:] = np.bitwise_or.reduce(present)
    wanted = _swapped(bits & (present & _swapped(present))[slices])
    jumps = table.steps @ np.array([plane, row, 1])
    left_at, left_bits = [], []
    for start in range(0, len(at), _CHUNK):
        part = slice(start, start + _CHUNK)
        rest = _probe(flat, at[part], wanted[part], jumps, table, histogram, n_regions,
                      slices[part] if per_slice else np.zeros_like(slices[part]))  # fmt: skip
        left_at.append(rest[0])
        left_bits.append(rest[1])
    far_at = np.concatenate([np.empty(0, dtype=at.dtype), *left_at])
    far_bits = np.concatenate([np.empty(0, dtype=np.uint16), *left_bits])
    places, d2 = _reach_far(surface, at, bits, far_at, far_bits, reach, shape, spacing, per_slice,
                            n_regions)  # fmt: skip
    near = d2 <= table.squared[-1]
    rank = np.searchsorted(table.squared, d2[near])
    np.add.at(histogram, (*np.divmod(places[near], 2 * n_regions), rank), 1)
    places, d2 = places[~near], d2[~near]
    listed = np.bincount(places, minlength=histogram.shape[0] * histogram.shape[1])
    return listed, d2[np.argsort(places, kind="stable")]


def _surface(words: Words, in_plane: bool) -> Words:
    """The bits of ``words`` that a face neighbour lacks; outside the array is background."""
    padded = np.pad(words, 1)
    middle = slice(1, -1)
    inner = words.copy()
    for axis in (1, 2) if in_plane else (0, 1, 2):
        for side in (slice(None, -2), slice(2, None)):
            window = [middle, middle, middle]
            window[axis] = side
            inner &= padded[tuple(window)]
    found: Words = words & ~inner
    return found


def _swapped(words: Words) -> Words:
    """Bits of the two maps exchanged."""
    found: Words = words >> np.uint16(8) | words << np.uint16(8)
    return found


def _columns(n_regions: int) -> list[tuple[int, int]]:
    """Bit of a word -> column of the histogram."""
    both = [(r, r) for r in range(n_regions)]
    return both + [(8 + r, n_regions + r) for r in range(n_regions)]


def _probe(
    flat: Words,
    at: Ints,
    wanted: Words,
    jumps: Ints,
    table: Steps,
    histogram: Ints,
    n_regions: int,
    slices: Ints,
) -> tuple[Ints, Words]:
    """Count the distances that steps of the table reach; return what they do not."""
    ranks = np.arange(table.rank[-1] + 1)
    ends = np.searchsorted(table.rank, ranks, side="right").tolist()
    found: list[tuple[Ints, Words, int]] = []
    start = 0
    keep = np.flatnonzero(wanted)
    at, wanted, slices = at[keep], wanted[keep], slices[keep]
    asked = len(at)
    for rank, end in enumerate(ends):
        # Where hardly anything is near, more steps are wasted: what is left is looked up anyway.
        if not len(at) or (start > _TRIED and len(at) > max(_MANY, 0.9 * asked)):
            break
        hit = flat[at + jumps[start]]
        for jump in jumps[start + 1 : end].tolist():
            hit |= flat[at + jump]
        start = end
        hit &= wanted
        where = np.flatnonzero(hit)
        if not len(where):
            continue
        hit = hit[where]
        found.append((slices[where], hit, rank))
        wanted[where] ^= hit
        if not wanted[where].all():
            keep = np.flatnonzero(wanted)
            at, wanted, slices = at[keep], wanted[keep], slices[keep]
    if found:
        n_ranks = len(table.distances)
        places = np.concatenate([s * n_ranks + rank for s, _, rank in found])
        hits = _swapped(np.concatenate([h for _, h, _ in found]))
        size = len(histogram) * n_ranks
        for bit, column in _columns(n_regions):
            inside = places[(hits >> bit & 1).astype(bool)]
            histogram[:, column] += np.bincount(inside, minlength=size).reshape(-1, n_ranks)
    return at, wanted


def _reach_far(
    surface: Words,
    at: Ints,
    bits: Words,
    far_at: Ints,
    far_bits: Words,
    reach: NDArray[np.int32],
    shape: tuple[int, ...],
    spacing: tuple[float, float, float],
    per_slice: bool,
    n_regions: int,
) -> tuple[Ints, Floats]:
    """Place and squared distance of each that no step leads to."""
    places, found = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for bit, column in _columns(n_regions):
        goal_bit = bit ^ 8
        start = far_at[(far_bits >> goal_bit & 1).astype(bool)]
        if not len(start):
            continue
        goal = at[(bits >> goal_bit & 1).astype(bool)]
        ours, theirs = _voxels(start, surface, reach), _voxels(goal, surface, reach)
        found.append(nearest(ours, theirs, shape, spacing, per_slice))
        slices = ours[:, 0] if per_slice else np.zeros(len(ours), dtype=np.int64)
        places.append(slices * 2 * n_regions + column)
    return np.concatenate(places), np.concatenate(found)


def _voxels(at: Ints, padded: Words, reach: NDArray[np.int32]) -> Ints:
    """``(n, 3)`` slice, row and column without the padding."""
    found = np.stack(np.unravel_index(at, padded.shape), axis=1).astype(np.int64)
    found -= reach
    return found
