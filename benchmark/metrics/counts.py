"""How often each pair of labels meets, slice by slice: all that overlap metrics need."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from . import kernel

__all__ = ["Counts", "confusion", "joint_counts"]

Counts = NDArray[np.int64]


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
    return kernel.joint(reference, compared, n_labels)[0]


def confusion(joint: Counts, labels: Collection[int]) -> Counts:
    """``(slice, 4)``: tp, fp, fn, tn of the union of ``labels``, from :func:`joint_counts`."""
    inside = np.zeros(joint.shape[1], dtype=np.int64)
    inside[list(labels)] = 1
    outside = 1 - inside
    sides = ((inside, inside), (outside, inside), (inside, outside), (outside, outside))
    return np.stack([np.einsum("sab,a,b->s", joint, ours, theirs) for ours, theirs in sides], 1)
