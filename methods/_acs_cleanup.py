"""Erosion, opening and closing of predicted enhancement, with radii learned from the training set.

popescu2022, Stage 2: "The enhanced regions were minimally cleaned up using an automated series of
morphological operations - erosion, opening, and closing - with parameter choices determined by
maximizing training data average Dice coefficient using a greedy grid search."

The operations run in the order in which they are named, each with a disk of its own radius, 0
leaving a mask as it is. Where the paper is silent:

* The grid is :data:`RADII`, in pixels of the network's grid: none, the four neighbours, the eight
  neighbours, and disks of 2 and 3 pixels; scar is seldom thicker than the last.
* Greedy means coordinate by coordinate, in the order erosion, opening, closing, from no clean-up
  at all: each radius is set to the best of its grid while the others stay, over and over until a
  whole round changes nothing. So the Dice never falls, and it is never below that of no clean-up.
* Of radii that are equally good the smallest is taken, for the clean-up is a minimal one; but
  never one other than the present radius unless it is better than that.
* The average is over slices. Where a slice has no enhancement and none is left, Dice is 1, so that
  removing a false speck from a healthy slice counts.

Beyond the image there is nothing: an erosion eats what touches its edge, a closing does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError

from ._postprocess import disk

__all__ = ["RADII", "STEPS", "Cleanup", "greedy_search", "mean_dice"]

Mask = NDArray[np.bool_]
#: Radii tried for each step, in pixels.
RADII: tuple[float, ...] = (0.0, 1.0, 1.5, 2.0, 3.0)
#: The steps, in the order in which they are done and searched.
STEPS = ("erosion", "opening", "closing")


@dataclass(frozen=True)
class Cleanup:
    """Three morphological steps; calling it cleans masks.

    Attributes:
        erosion: Radius of the disk that erodes, in pixels; 0 is no erosion.
        opening: Radius of the disk that opens.
        closing: Radius of the disk that closes.

    Raises:
        DataError: A radius is negative or not finite.
    """

    erosion: float = 0.0
    opening: float = 0.0
    closing: float = 0.0

    def __post_init__(self) -> None:
        for name in STEPS:
            radius = float(getattr(self, name))
            if not 0 <= radius < math.inf:
                raise DataError(f"The radius of the {name} is {radius}; it is 0 or more pixels.")
            object.__setattr__(self, name, radius)

    def __call__(self, masks: NDArray[Any]) -> Mask:
        """Clean ``(..., y, x)`` masks, every plane by itself; returns new ones."""
        from scipy import ndimage

        given = np.asarray(masks).astype(bool)
        window = _window(given)
        if window is None:
            return given
        # Room for the closing to grow into, else its erosion would eat what lies at the edge.
        room = math.floor(self.closing)
        planes = given[(..., *window)].reshape(-1, *(s.stop - s.start for s in window))
        planes = np.pad(planes, ((0, 0), (room, room), (room, room)))
        if self.erosion:
            planes = ndimage.binary_erosion(planes, disk(self.erosion)[None])
        if self.opening:
            planes = ndimage.binary_opening(planes, disk(self.opening)[None])
        if self.closing:
            planes = ndimage.binary_closing(planes, disk(self.closing)[None])
        inner = slice(room, -room or None)
        cleaned = np.zeros_like(given)
        inside = cleaned[(..., *window)]
        inside[...] = planes[:, inner, inner].reshape(inside.shape)
        return cleaned

    def state_dict(self) -> dict[str, float]:
        """Plain numbers, for a file."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, float]) -> Cleanup:
        """What :meth:`state_dict` gave.

        Raises:
            DataError: A radius is missing, unknown, or no number that a radius can be.
        """
        if set(state) != set(STEPS):
            raise DataError(f"A clean-up has the radii {', '.join(STEPS)}, not {sorted(state)}.")
        return cls(**{name: float(state[name]) for name in STEPS})


def mean_dice(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """Average over the planes of ``(n, y, x)`` masks of their Dice; 1 where both are empty.

    Raises:
        DataError: There is no plane, or the two differ in shape.
    """
    a, b = np.asarray(predicted).astype(bool), np.asarray(truth).astype(bool)
    if a.shape != b.shape or a.ndim != 3 or not len(a):
        raise DataError(
            f"Predicted masks have shape {a.shape} and true ones {b.shape}.",
            "Give both as (n, y, x) with at least one plane.",
        )
    both = (a & b).sum(axis=(1, 2))
    total = a.sum(axis=(1, 2)) + b.sum(axis=(1, 2))
    return float(np.where(total > 0, 2 * both / np.maximum(total, 1), 1.0).mean())


def greedy_search(
    predicted: NDArray[Any], truth: NDArray[Any], radii: Sequence[float] = RADII
) -> Cleanup:
    """The clean-up whose mean Dice no change of a single radius improves.

    Args:
        predicted: ``(n, y, x)`` enhancement as the network gave it on the training slices.
        truth: ``(n, y, x)`` as it was drawn.
        radii: What each step may be; 0, where the search starts, is always among them.

    Raises:
        DataError: As :func:`mean_dice`, or a radius is negative or not finite.
    """
    seen: dict[Cleanup, float] = {}

    def score(cleanup: Cleanup) -> float:
        if cleanup not in seen:
            seen[cleanup] = mean_dice(cleanup(predicted), truth)
        return seen[cleanup]

    grid = sorted({0.0, *map(float, radii)})
    best, before = Cleanup(), None
    while best != before:
        before = best
        for name in STEPS:
            candidates = [replace(best, **{name: radius}) for radius in grid]
            winner = max(candidates, key=score)  # the first, so the smallest, of equals
            if score(winner) > score(best):
                best = winner
    return best


def _window(masks: Mask) -> tuple[slice, slice] | None:
    """The rows and columns that hold anything in any plane; None where there is nothing.

    No step adds anything outside it: what is closed never leaves the rectangle about it.
    """
    from scipy import ndimage

    held = masks.reshape(-1, *masks.shape[-2:]).any(axis=0)
    found = ndimage.find_objects(held.astype(np.uint8))
    return (found[0][0], found[0][1]) if found else None
