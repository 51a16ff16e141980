"""Remote myocardium without a reader, and what is enhanced against it.

A reader draws a region in myocardium that looks normal, away from the scar. Scar follows coronary
territories: in one direction from the centre of the ventricle it may be in any slice, and the
opposite wall is normal in all of them. So the slices are looked at together, from every direction,
and the 60 degrees that are darkest on average are taken: a contiguous region, as a reader's is,
whose spread holds the noise and shading of real myocardium, which that of a fitted mode would not.

Its limits: in a heart without scar the darkest sixth is a little darker than the rest, by choice;
in one whose every wall is scarred nothing is remote; and no-reflow is dark, though the bright rim
it comes with should keep its direction from being the darkest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["enhanced", "remote_region"]

Mask = NDArray[np.bool_]
#: Directions tried, and how many of them make the 60 degrees.
_DIRECTIONS, _WIDTH = 36, 6
#: With fewer voxels in a slice (their SD would be a fifth off), those of all slices stand in.
_FEW = 10


def remote_region(voxels: NDArray[Any], mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Where myocardium is remote; at least one voxel.

    Args:
        voxels: The image, ``(slice, row, column)``.
        mask: Its myocardium, somewhere true; directions are from its centre in each slice.
        spacing: (z, y, x) in mm.
    """
    values = voxels[mask].astype(np.float64)
    directions = _directions(mask, spacing)
    counts = _windows(np.bincount(directions, minlength=_DIRECTIONS))
    sums = _windows(np.bincount(directions, values - values.mean(), _DIRECTIONS))
    # Where the mask is torn, a direction with hardly a voxel would be a matter of chance.
    enough = counts >= len(values) * _WIDTH / _DIRECTIONS / 2
    means = np.where(enough, sums / np.maximum(counts, 1), np.inf)
    first = int(np.argmin(means))
    remote = np.zeros_like(mask)
    remote[mask] = (directions - first) % _DIRECTIONS < _WIDTH
    return remote


def enhanced(voxels: NDArray[Any], mask: Mask, remote: Mask, n: float) -> Mask:
    """Where myocardium exceeds the remote of its slice by more than ``n`` standard deviations.

    The same slice, as the brightness of slices differs with their inversion and their distance to
    the coil; where too little of it is remote, the remote myocardium of all slices.

    Args:
        voxels: The image, ``(slice, row, column)``.
        mask: Its myocardium.
        remote: Of it, somewhere true.
        n: How many standard deviations.
    """
    values = voxels.astype(np.float64)
    found = np.zeros_like(mask)
    for z, here in enumerate(remote):
        of = values[z][here] if here.sum() >= _FEW else values[remote]
        found[z] = mask[z] & (values[z] > of.mean() + n * of.std())
    return found


def _directions(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.int64]:
    """For each voxel of the mask, in order, which of the directions it lies in."""
    z, y, x = np.nonzero(mask)
    counts = np.maximum(np.bincount(z), 1)
    up, right = (
        mm * (at - (np.bincount(z, at) / counts)[z])
        for at, mm in ((y, spacing[1]), (x, spacing[2]))
    )
    turns = np.arctan2(up, right) / (2 * np.pi) % 1.0
    return np.minimum((turns * _DIRECTIONS).astype(np.int64), _DIRECTIONS - 1)


def _windows(each: NDArray[Any]) -> NDArray[Any]:
    """The sum over each direction and those after it that make a window."""
    around = np.concatenate([each, each[: _WIDTH - 1]])
    return np.asarray(np.convolve(around, np.ones(_WIDTH), mode="valid"))
