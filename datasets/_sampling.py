"""From shapes to voxels: a slab is sampled on a fine grid and counted, which is partial volume.

Counts are integers and sums run in a fixed order, so no machine can differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import _phantom as ph
from ._portable import Floats
from ._scar import Scar, scar_field

__all__ = ["Box", "Grid", "Slab", "SlabSamples"]

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Grid:
    """Where the pixels of one slice lie.

    Attributes:
        shape: Rows, columns.
        pixel: In-plane spacing, mm.
        centre: Of the LV axis from the middle of the image (column, row), mm.
        fine: Samples per pixel and axis.
    """

    shape: tuple[int, int]
    pixel: float
    centre: tuple[float, float]
    fine: int

    def points(self, box: Box, fine: int) -> tuple[Floats, Floats]:
        """Columns (1, n) and rows (m, 1) in mm from the LV axis, ``fine`` to a pixel."""
        axes = []
        for axis, part in ((1, box[1]), (0, box[0])):
            n = (part.stop - part.start) * fine
            index = part.start + (np.arange(n, dtype=np.float64) + 0.5) / fine - 0.5
            middle = 0.5 * (self.shape[axis] - 1)
            axes.append((index - middle) * self.pixel - self.centre[1 - axis])
        return axes[0][None, :], axes[1][:, None]

    @property
    def everything(self) -> Box:
        """The box of the whole image."""
        return slice(0, self.shape[0]), slice(0, self.shape[1])

    def heart_box(self, heart: ph.Heart) -> Box:
        """Pixels that the heart with its fat can reach."""
        size = heart.cavity + heart.wall + 0.6 * heart.septal + 14.0
        left, right, half = -1.45 * size - 8.0, size + 4.0, size + 10.0

        def span(axis: int, low: float, high: float) -> slice:
            middle = 0.5 * (self.shape[axis] - 1) + self.centre[1 - axis] / self.pixel
            start = max(0, int(middle + low / self.pixel))
            stop = min(self.shape[axis], int(middle + high / self.pixel) + 2)
            return slice(start, stop)

        return span(0, -half, half), span(1, left, right)


@dataclass(frozen=True)
class SlabSamples:
    """Tissue counts of one slice inside a box of pixels, and the scar's field in its wall.

    Attributes:
        grid: Of the slice.
        box: The pixels counted.
        counts: (tissue code, row, column) number of samples.
        total: Samples per pixel.
        where: Flat pixel index of each wall sample.
        field, core: The scar's two fields there; empty without scar.
    """

    grid: Grid
    box: Box
    counts: NDArray[np.int64]
    total: int
    where: NDArray[np.intp]
    field: Floats
    core: Floats

    def outline_labels(self) -> NDArray[np.uint8]:
        """Cavity (papillary muscles in it, as is the convention) and myocardium, by majority."""
        wall, pool = self.counts[ph.WALL], self.counts[ph.CAVITY] + self.counts[ph.PAPILLARY]
        inside = 2 * (wall + pool) >= self.total
        drawn = np.where(inside, np.where(pool >= wall, 1, 2), 0).astype(np.uint8)
        labels = np.zeros(self.grid.shape, dtype=np.uint8)
        labels[self.box] = drawn
        return labels

    def mean(self, values: Floats) -> Floats:
        """Mean of a value per wall sample over each pixel's wall; whole image, -1e9 elsewhere."""
        wall = self.counts[ph.WALL]
        total = self.sum(values)
        image = np.full(self.grid.shape, -1e9)
        image[self.box] = np.where(wall > 0, total / np.maximum(wall, 1), -1e9)
        return image

    def sum(self, values: Floats) -> Floats:
        """Sum of a value per wall sample over each pixel of the box."""
        shape = self.counts.shape[1:]
        total = np.bincount(self.where, values, shape[0] * shape[1])
        return np.asarray(total, dtype=np.float64).reshape(shape)

    @property
    def mean_field(self) -> Floats:
        """The scar's field, per pixel."""
        return self.mean(self.field)

    @property
    def mean_core(self) -> Floats:
        """The no-reflow core's field, per pixel."""
        return self.mean(self.core)


@dataclass(frozen=True)
class Slab:
    """A slice ``thickness`` mm thick around a height, as layers of fine points.

    What does not move with the beat is computed once, for all frames of a cine slice.

    Args:
        heart: Whose.
        grid: Pixels, and how fine.
        z: Height of the middle above the apex, mm.
        thickness: In mm.
        layers: How many planes stand for it.
    """

    heart: ph.Heart
    grid: Grid
    z: float
    thickness: float
    layers: int

    @cached_property
    def box(self) -> Box:
        """The pixels that are sampled."""
        return self.grid.heart_box(self.heart)

    @cached_property
    def planes(self) -> list[ph.Rays]:
        """The points of each layer."""
        x, y = self.grid.points(self.box, self.grid.fine)
        steps = [(i + 0.5) / self.layers - 0.5 for i in range(self.layers)]
        return [ph.rays(self.heart, self.z + self.thickness * s, x, y) for s in steps]

    @cached_property
    def pixel(self) -> NDArray[np.intp]:
        """Flat index in the box of the pixel of each point."""
        rows, columns = self.box[0].stop - self.box[0].start, self.box[1].stop - self.box[1].start
        n = self.grid.fine
        row = (np.arange(rows * n) // n)[:, None]
        return np.asarray(row * columns + (np.arange(columns * n) // n)[None, :], dtype=np.intp)

    def sample(self, squeeze: float, scar: Scar | None = None) -> SlabSamples:
        """Count tissues at one moment; with a scar, note its fields in the wall."""
        rows, columns = self.box[0].stop - self.box[0].start, self.box[1].stop - self.box[1].start
        kinds = len(ph.TISSUE_CODES)
        counts = np.zeros((rows * columns, kinds), dtype=np.int64)
        where, fields, cores = [], [], []
        for points in self.planes:
            p = ph.plane(self.heart, points, squeeze)
            codes = ph.tissue_codes(self.heart, p)
            flat = np.bincount((self.pixel * kinds + codes).ravel(), minlength=counts.size)
            counts += flat.reshape(counts.shape)
            wall = np.nonzero(codes == ph.WALL)
            if scar is None or not len(wall[0]):
                continue
            inner, outer = p.endo[wall], p.epi[wall]
            depth = (p.r[wall] - inner) / (outer - inner)
            field, core = scar_field(scar, p.u[wall], p.v[wall], depth, p.height)
            where.append(self.pixel[wall])
            fields.append(field)
            cores.append(core)
        return SlabSamples(
            self.grid,
            self.box,
            np.ascontiguousarray(counts.reshape(rows, columns, kinds).transpose(2, 0, 1)),
            self.layers * self.grid.fine * self.grid.fine,
            np.concatenate(where) if where else np.zeros(0, dtype=np.intp),
            np.concatenate(fields) if fields else np.zeros(0),
            np.concatenate(cores) if cores else np.zeros(0),
        )
