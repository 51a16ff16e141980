"""The two scans: tissues to signal, through the coils and the noise, to int16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import _phantom as ph
from ._portable import Floats, Stream, box3
from ._protocol import Site
from ._sampling import Grid, Slab, SlabSamples
from ._scar import Scar
from ._signal import TISSUES, balanced_ssfp, inversion_recovery
from ._torso import Torso, paint_torso

__all__ = [
    "acquire_cine",
    "acquire_lge",
    "coil_shading",
    "detected",
    "mixed",
    "ramp",
    "smooth_field",
]

_OFFSET = 2048.0  # of phase-sensitive images, so that negative magnetisation can be stored
_CINE_GAIN = 7500.0
_CINE_NOISE = 0.0060
_CINE_FLIP = 0.87


def acquire_lge(
    site: Site,
    torso: Torso,
    slabs: Sequence[SlabSamples],
    grids: Sequence[tuple[Grid, float]],
    scar: Scar | None,
    levels: tuple[float, float],
    timing: tuple[float, float, float],
    stream: Stream,
) -> NDArray[np.int16]:
    """The LGE stack (slice, row, column).

    Args:
        site: How it is scanned.
        torso: What lies around the heart.
        slabs: Tissue counts, a slice each.
        grids: Pixels and height of each slice.
        scar: The patient's scar, or None.
        levels: Thresholds of scar and no-reflow in the scar's fields.
        timing: Inversion time and inversion interval in ms, and the factor of all T1.
        stream: Texture, shading and noise.
    """
    ti, repetition, factor = timing
    signal = {
        name: tissue.density * inversion_recovery(tissue.t1_gadolinium * factor, ti, repetition)
        for name, tissue in TISSUES.items()
    }
    shading = 0.3 * site.shading if site.phase_sensitive else site.shading
    coil = coil_shading(stream, slabs[0].grid.shape, shading)
    stack = []
    for slab, (grid, z) in zip(slabs, grids, strict=True):
        image = paint_torso(torso, signal, *grid.points(grid.everything, 1), z, grid.pixel)
        image = image * (1.0 + 0.05 * smooth_field(stream, grid.shape, 14))
        wall = signal["myocardium"] * slab.counts[ph.WALL]
        if scar is not None and len(slab.where):
            enhanced = ramp(slab.field, levels[0], scar.soft)
            dark = np.minimum(enhanced, ramp(slab.core, levels[1], 0.1))
            wall = wall + (signal["scar"] - signal["myocardium"]) * slab.sum(enhanced)
            wall = wall + (signal["mvo"] - signal["scar"]) * slab.sum(dark)
        # Myocardium is not one grey: flow, diffuse fibrosis and coils make slow waves in it.
        wave = smooth_field(stream, grid.shape, 9)[slab.box]
        wall = wall + (0.075 * (signal["scar"] - signal["myocardium"])) * (
            wave * slab.counts[ph.WALL]
        )
        flow = 1.0 + 0.05 * smooth_field(stream, grid.shape, 8)[slab.box]
        image[slab.box] = mixed(image[slab.box], slab, signal, wall, flow)
        stack.append(image)
    clean = box3(np.stack(stack), site.blur) * coil
    return detected(clean, site.noise, site.blur, site.gain, site.phase_sensitive, stream)


def acquire_cine(
    site: Site,
    torso: Torso,
    heart: ph.Heart,
    heights: Sequence[float],
    squeezes: Sequence[float],
    centre: tuple[float, float],
    stream: Stream,
) -> NDArray[np.int16]:
    """The cine stack (frame, slice, row, column), from breath-holds of its own.

    Args:
        site: How it is scanned.
        torso: What lies around the heart.
        heart: The heart, at end diastole.
        heights: Of the slices above the apex, mm.
        squeezes: Contraction of each frame.
        centre: LV axis from the middle of the image in the LGE scan (column, row), mm.
        stream: Breath-holds, texture, shading and noise.
    """
    signal = {name: balanced_ssfp(tissue, _CINE_FLIP) for name, tissue in TISSUES.items()}
    coil = coil_shading(stream, site.cine_matrix, site.shading)
    moved = (centre[0] + stream.normal(0.0, 1.6), centre[1] + stream.normal(0.0, 1.6))
    slices = []
    for z in heights:
        at = (moved[0] + stream.normal(0.0, 0.9), moved[1] + stream.normal(0.0, 0.9))
        grid = Grid(site.cine_matrix, site.cine_pixel, at, 2)
        still = paint_torso(torso, signal, *grid.points(grid.everything, 1), z, grid.pixel)
        still = still * (1.0 + 0.05 * smooth_field(stream, grid.shape, 12))
        flow = 1.0 + 0.05 * smooth_field(stream, grid.shape, 7)
        moving = Slab(heart, grid, z, site.thickness, 2)
        frames = []
        for squeeze in squeezes:
            slab = moving.sample(squeeze)
            image = still.copy()
            wall = signal["myocardium"] * slab.counts[ph.WALL]
            image[slab.box] = mixed(image[slab.box], slab, signal, wall, flow[slab.box])
            frames.append(image)
        slices.append(np.stack(frames))
    clean = box3(np.stack(slices, axis=1), site.blur) * coil
    return detected(clean, _CINE_NOISE, site.blur, _CINE_GAIN, False, stream)


def ramp(values: Floats, level: float, soft: float) -> Floats:
    """0 to 1 across the border zone of half width ``soft`` around ``level``."""
    return np.asarray(np.minimum(1.0, np.maximum(0.0, 0.5 + (values - level) / (2.0 * soft))))


def mixed(
    behind: Floats, slab: SlabSamples, signal: dict[str, float], wall: Floats, flow: Floats
) -> Floats:
    """Each pixel's tissues in proportion; ``wall`` is already summed over its samples."""
    n = slab.counts
    blood = signal["blood"] * flow
    mixed = behind * n[ph.OUTSIDE] + wall + blood * (n[ph.CAVITY] + n[ph.OTHER_BLOOD])
    mixed = mixed + signal["myocardium"] * (n[ph.PAPILLARY] + n[ph.OTHER_MUSCLE])
    return np.asarray((mixed + signal["fat"] * n[ph.FAT]) / slab.total)


def coil_shading(stream: Stream, shape: tuple[int, int], amount: float) -> Floats:
    """Receive sensitivity: falls away from the chest, with slow waves."""
    rows = (np.arange(shape[0], dtype=np.float64) / (shape[0] - 1) - 0.5)[:, None]
    columns = (np.arange(shape[1], dtype=np.float64) / (shape[1] - 1) - 0.5)[None, :]
    slope, side = stream.normal(-1.6, 0.3), stream.normal(0.0, 0.7)
    curve = slope * rows + side * columns - 0.8 * rows * columns + 0.6 * rows * rows
    return np.maximum(0.25, 1.0 + amount * (curve + 0.3 * smooth_field(stream, shape, 3)))


def detected(
    clean: Floats, noise: float, blur: float, gain: float, real: bool, stream: Stream
) -> NDArray[np.int16]:
    """Complex noise, then magnitude (Rician) or the real part, as int16 in 0-4095."""
    centre = 1.0 - 2.0 * blur
    spread = noise / (centre * centre + 2.0 * blur * blur)  # the point spread also averages noise

    def channel() -> Floats:
        return spread * box3(stream.normals(clean.size).reshape(clean.shape), blur)

    image = clean + channel()
    if real:
        image = gain * image + _OFFSET
    else:
        other = channel()
        image = gain * np.sqrt(image * image + other * other)
    return np.rint(np.minimum(4095.0, np.maximum(0.0, image))).astype(np.int16)


def smooth_field(stream: Stream, shape: tuple[int, int], cells: int) -> Floats:
    """A random field with waves of about 1/``cells`` of the image: a cubic B-spline, about unit.

    Args:
        stream: Of the coefficients.
        shape: Rows, columns.
        cells: Spline cells along each axis.
    """
    knots = stream.normals((cells + 3) * (cells + 3)).reshape(cells + 3, cells + 3)
    taps = [_spline(n, cells) for n in shape]
    (row_cell, row_weights), (column_cell, column_weights) = taps
    along = np.zeros((cells + 3, shape[1]))
    for j, weight in enumerate(column_weights):
        along = along + knots[:, column_cell + j] * weight
    field = np.zeros(shape)
    for i, weight in enumerate(row_weights):
        field = field + along[row_cell + i] * weight[:, None]
    return field * 2.0  # a B-spline of unit coefficients has a standard deviation near a half


def _spline(n: int, cells: int) -> tuple[NDArray[np.intp], list[Floats]]:
    """Cell and the four B-spline weights of each of ``n`` points."""
    place = (np.arange(n, dtype=np.float64) + 0.5) / n * cells
    cell = np.floor(place)
    t = place - cell
    q = 1.0 - t
    weights = [
        q * q * q / 6.0,
        (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
        (3.0 * q * q * q - 6.0 * q * q + 4.0) / 6.0,
        t * t * t / 6.0,
    ]
    return cell.astype(np.intp), weights
