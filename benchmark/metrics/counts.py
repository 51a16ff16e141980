"""How often each pair of labels meets, slice by slice: all that overlap metrics need."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "confusion", "in_plane_box", "joint_counts"]

Counts = NDArray[np.int64]


def in_plane_box(*labels: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The rows and columns outside which all of ``labels`` ``(slice, row, column)`` are 0."""
    used = np.zeros(labels[0].shape[1:], dtype=bool)
    for array in labels:
        used |= array.any(axis=0)
    bounds = []
    for axis in (1, 0):
        held = np.flatnonzero(used.any(axis=axis))
        bounds.append(slice(int(held[0]), int(held[-1]) + 1) if len(held) else slice(0, 0))
    return bounds[0], bounds[1]


def joint_counts(
    reference: NDArray[np.uint8], compared: NDArray[np.uint8], n_labels: int
) -> Counts:
    """Joint histogram of two label maps per slice.

    Args:
        reference: ``(slice, row, column)``, values below ``n_labels``.
        compared: The same shape.
        n_labels: How many labels there are, background included; at most 16.

    Returns:
        ``(slice, reference label, compared label)`` voxel counts; each slice sums to its area.
    """
    n_slices, rows, columns = reference.shape
    box = (slice(None), *in_plane_box(reference, compared))
    codes = reference[box] * np.uint8(n_labels) + compared[box]
    size = n_labels * n_labels
    counts = np.stack([np.bincount(plane.ravel(), minlength=size) for plane in codes])
    counts = counts.astype(np.int64).reshape(n_slices, n_labels, n_labels)
    # What the box leaves out is background in both.
    counts[:, 0, 0] += rows * columns - counts.sum(axis=(1, 2))
    return counts


def confusion(joint: Counts, labels: Collection[int]) -> Counts:
    """``(slice, 4)``: tp, fp, fn, tn of the union of ``labels``, from :func:`joint_counts`."""
    inside = np.zeros(joint.shape[1], dtype=np.int64)
    inside[list(labels)] = 1
    outside = 1 - inside
    sides = ((inside, inside), (outside, inside), (inside, outside), (outside, outside))
    return np.stack([np.einsum("sab,a,b->s", joint, ours, theirs) for ours, theirs in sides], 1)
