"""Stacks as overlapping slabs of three slices, and one answer of what is said of each slab.

fahmy2020, Segmentation of Variable Number of Slices: "a sliding window size of three was used to
create a subvolume from every three consecutive slices, resulting in n-2 volumes ... the resulting m
probability maps of each tissue type, excluding scar, were merged by calculating their pixelwise
average (Fig 2b). Scar probability maps were merged by taking their pixelwise maximum to increase
sensitivity for detecting scarred regions. Isolated scar regions of four or fewer pixels were
considered noise and were removed from the resulting segmentation. The final segmentation output was
computed by assigning each pixel a label corresponding to the tissue type with maximum probability."

Free of torch. Maps are float32; their axis of tissues is 0 background, 1 blood, 2 normal
myocardium, 3 scar, the numbers of the canonical labels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmark import Label

from ._postprocess import without_small_islands

__all__ = ["DEPTH", "loss_weight", "merged", "normalised", "slabs", "without_islands"]

#: Slices in a slab: "the minimum anticipated number of LGE slices in a protocol".
DEPTH = 3

Floats = NDArray[np.float32]


def slabs(n: int, depth: int = DEPTH) -> NDArray[np.int64]:
    """Which slices each slab of a stack of ``n`` holds.

    A stack of fewer slices than a slab, which the paper did not meet, goes on beyond either end
    with copies of its last slice there: 1 slice is seen as (0, 0, 0), and 2 as (0, 0, 1) and
    (0, 1, 1), so that turning the stack over changes nothing.

    Args:
        n: Slices of the stack, at least 1.
        depth: Slices of a slab; 1 gives each slice by itself.

    Returns:
        ``(slab, depth)``: n - depth + 1 slabs, if that is at least 1.
    """
    missing = depth - n
    # Too short a stack lies in the middle of its slab, or of two where it cannot in one.
    short = sorted({-((missing + 1) // 2), -(missing // 2)})
    starts = short if missing > 0 else range(n - depth + 1)
    at = np.array(starts)[:, None] + np.arange(depth)
    return np.unique(np.clip(at, 0, n - 1), axis=0)


def merged(maps: Floats, index: NDArray[np.int64]) -> Floats:
    """Each slice's maps over the slabs it is in: the mean, and of scar the maximum.

    Args:
        maps: ``(slab, tissue, depth, y, x)`` probabilities.
        index: ``(slab, depth)`` from :func:`slabs`; every slice is in one slab at least.

    Returns:
        ``(slice, tissue, y, x)``. The tissues sum to one where a slice is in one slab, and to one
        or more where it is in several.
    """
    size = (int(index.max()) + 1, maps.shape[1], *maps.shape[3:])
    sums, largest = np.zeros(size), np.zeros((size[0], *size[2:]), dtype=np.float32)
    times = np.bincount(index.ravel(), minlength=size[0])
    for slab, slices in zip(maps, index, strict=True):
        for depth, i in enumerate(slices):
            sums[i] += slab[:, depth]
            np.maximum(largest[i], slab[Label.SCAR, depth], out=largest[i])
    scores = (sums / times[:, None, None, None]).astype(np.float32)
    scores[:, Label.SCAR] = largest
    return scores


def normalised(scores: Floats) -> Floats:
    """Scores ``(slice, tissue, y, x)``, not all 0, divided by their sum over the tissues.

    The paper takes the largest of numbers that no longer sum to one. Dividing a pixel's four by one
    number leaves the largest the largest, and makes them probabilities again, of which those of a
    region can be added.
    """
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float32)


def without_islands(probabilities: Floats, max_pixels: int = 4) -> Floats:
    """Probabilities in which no scar is left where it would be an island of ``max_pixels`` or less.

    The islands can only be seen once every pixel has its most probable tissue; yet in the paper's
    text they go before the final labels are given. So there a pixel is no longer scar, its other
    probabilities are scaled to sum to one, and it gets the most probable of what is left; where
    nothing is left, background.

    Args:
        probabilities: ``(slice, tissue, y, x)``, which sum to one.
        max_pixels: The largest island, 8-connected in the slice, that is removed.
    """
    scar = probabilities.argmax(axis=1) == Label.SCAR
    slices, y, x = np.nonzero(scar & ~without_small_islands(scar, max_pixels))
    rest = probabilities[slices, :, y, x]
    rest[:, Label.SCAR] = 0
    rest[rest.sum(axis=1) == 0, Label.BACKGROUND] = 1
    cleared = probabilities.copy()
    cleared[slices, :, y, x] = rest / rest.sum(axis=1, keepdims=True)
    return cleared


def loss_weight(scar_ml: float) -> float:
    """What the loss of a slab counts: the natural logarithm of 10 + its scar in mL.

    fahmy2020, Convolutional Neural Network: "The loss of each volume was weighted by log(10 + scar
    volume) to compensate for the low percentage of cases with scar in the training set." Where it
    is silent: "each volume" is what the network is given, a slab; volumes are in cm3 throughout the
    paper; and of the logarithms the natural one is meant by ``log`` in what it was written in. Its
    base changes the size of all losses alike, of which Adam takes no notice.
    """
    return math.log(10 + scar_ml)
