"""The wall along rays from the centre of each slice: how thick it is, and how much of it is scar.

Rays from the centre of the cavity, equally spaced in angle, are how viewers of cardiac MR measure
the wall in sectors. A ray's wall is its longest unbroken stretch of myocardium: a papillary muscle
or a stray island on the same ray is not added to it. The stretch is measured on the outlines of the
pixels, not on their centres, to a small part of a pixel; one ray still errs by the staircase of the
mask, which averages out over rays. Where the wall does not cross a ray at right angles, as on the
long side of an oval cavity, the ray is longer than the wall is thick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Labels, Region
from .planes import Floats, Planes

__all__ = ["RAYS", "Walls", "walls"]

#: Of each slice, 3 degrees apart. The first lies half a step off, so that of a heart with its
#: insertion at a whole multiple of a step no ray lies on the border of two segments.
RAYS = 120
#: Samples along a ray, in parts of the shorter side of a pixel.
_FINENESS = 4
#: Neighbouring rays over which a thickness is averaged before the greatest is taken: 15 degrees.
_WINDOW = 5
_BORDER = ((1, 1), (1, 1), (1, 1))


@dataclass(frozen=True, eq=False)
class Walls:
    """What the rays of a stack met.

    Attributes:
        angles: ``(RAYS,)`` radians from 0 on, told as by
            :func:`benchmark.clinical.planes.angles_of`.
        thickness: ``(slice, RAYS)`` mm; NaN where a ray meets no wall, or starts inside it.
        scar: ``(slice, RAYS)`` mm of scar in that wall; NaN where there is none.
        pixel: mm; scar shorter than half of this is the corner of a pixel.
    """

    angles: Floats
    thickness: Floats
    scar: Floats
    pixel: float

    @property
    def transmurality(self) -> Floats:
        """``(slice, RAYS)``: percent of the wall that is scar; NaN where there is no wall."""
        return 100.0 * self.scar / self.thickness

    @property
    def scarred(self) -> NDArray[np.bool_]:
        """``(slice, RAYS)``: which rays meet scar, by half a pixel or more."""
        return np.asarray(np.nan_to_num(self.scar) >= 0.5 * self.pixel)

    def mean_thickness(self) -> float | None:
        """Mean over all rays that meet a wall, in mm; None if none does."""
        held = ~np.isnan(self.thickness)
        return float(self.thickness[held].mean()) if held.any() else None

    def greatest_thickness(self) -> float | None:
        """The greatest mean over 15 degrees of one slice, in mm; None if no ray meets a wall.

        The greatest of single rays would grow with the number of rays and slices by the staircase
        of the mask alone.
        """
        held = ~np.isnan(self.thickness)
        if not held.any():
            return None
        filled, half = np.where(held, self.thickness, 0.0), _WINDOW // 2
        steps = range(-half, half + 1)
        totals = sum(np.roll(filled, step, axis=1) for step in steps)
        rays = sum(np.roll(held, step, axis=1).astype(int) for step in steps)
        # Around the end of an open ring there are fewer rays; of those beyond it none counts.
        means = np.where(held, totals / np.maximum(rays, 1), -np.inf)
        return float(means.max())

    def mean_transmurality(self) -> float | None:
        """Mean over all rays that meet scar, in percent; None if none does."""
        met = self.scarred
        return float(self.transmurality[met].mean()) if met.any() else None


def walls(labels: Labels, spacing: tuple[float, float, float], seen: Planes) -> Walls:
    """Cast the rays.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        spacing: (z, y, x) in mm.
        seen: What :func:`benchmark.clinical.planes.planes` gave for them.
    """
    _, dy, dx = spacing
    angles: Floats = (np.arange(RAYS, dtype=np.float64) + 0.5) * (2 * np.pi / RAYS)
    step = min(dy, dx) / _FINENESS
    thickness, scar = (np.full((len(labels), RAYS), np.nan) for _ in range(2))
    # Background all around, so that what leaves the image can be clipped to it.
    wall, marked = (np.pad(r.mask(labels), _BORDER) for r in (Region.MYOCARDIUM, Region.SCAR))
    for z in np.flatnonzero(wall[1:-1].any(axis=(1, 2)) & ~seen.closed):
        row, column = seen.centres[z] + 1.0
        rows, columns = np.nonzero(wall[z + 1])
        reach = np.hypot((rows - row) * dy, (columns - column) * dx).max() + dy + dx
        # Samples lie in the middle of their steps; the last are outside the wall.
        along: Floats = np.arange(0.5, math.ceil(reach / step)) * step
        at = _pixels(wall.shape[1:], row, column, np.sin(angles) / dy, np.cos(angles) / dx, along)
        first, last = _longest(wall[z + 1].ravel()[at])
        # From a centre that is wall itself, nobody knows where the wall begins.
        known = (last > first) & (first > 0)
        thickness[z] = np.where(known, (last - first) * step, np.nan)
        scar[z] = np.where(known, 0.0, np.nan)
        if marked[z + 1].any():
            places = np.arange(len(along))
            within = (places >= first[:, None]) & (places < last[:, None])
            length = (marked[z + 1].ravel()[at] & within).sum(axis=1) * step
            scar[z] = np.where(known, length, np.nan)
    return Walls(angles, thickness, scar, min(dy, dx))


def _pixels(
    shape: tuple[int, ...], row: float, column: float, up: Floats, right: Floats, along: Floats
) -> NDArray[np.int32]:
    """``(RAYS, samples)``: the pixel, counted row by row, of each sample of each ray."""
    rows = np.rint(row - up[:, None] * along).clip(0, shape[0] - 1).astype(np.int32)
    columns = np.rint(column + right[:, None] * along).clip(0, shape[1] - 1).astype(np.int32)
    return rows * np.int32(shape[1]) + columns


def _longest(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """``(RAYS,)`` each: where the longest run of True begins, and where it has ended."""
    places = np.arange(inside.shape[1], dtype=np.int32)
    # The last sample before, or at, each place that is outside; -1 before any.
    outside = np.maximum.accumulate(np.where(inside, np.int32(-1), places), axis=1)
    run = places - outside
    last = run.argmax(axis=1).astype(np.int32)
    longest = np.take_along_axis(run, last[:, None], axis=1)[:, 0]
    return last + np.int32(1) - longest, last + np.int32(1)
