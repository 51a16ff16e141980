"""The two scans of a patient: weighted images by frame, and the map that a scanner fits to them.

Every image is sampled anew from the moving heart, so the partial volume of one image is that of its
own moment; what registration left of the motion between images is their difference in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _phantom as ph
from ._imaging import coil_shading, detected, mixed, ramp, smooth_field
from ._mapping_anatomy import Subject
from ._mapping_fit import fit_decay, fit_recovery, look_locker
from ._mapping_protocol import MATRIX, PIXEL, THICKNESS, MapName
from ._mapping_signal import molli, t2_prepared
from ._portable import Floats, Stream, box3
from ._sampling import Grid, Slab, SlabSamples
from ._torso import Torso, paint_torso

__all__ = ["STEP", "TOP", "Section", "acquire", "fit_map"]

#: Maps are whole multiples of this many ms, as scanners deliver them, ...
STEP: dict[MapName, float] = {"t1": 1.0, "t2": 0.1}
#: ... up to what twelve bits hold; what is longer is set to it, what cannot be fitted to 0.
TOP = 4095

_GAIN: dict[MapName, float] = {"t1": 8500.0, "t2": 5200.0}
#: Of one channel, relative to full magnetisation.
_NOISE: dict[MapName, float] = {"t1": 0.0090, "t2": 0.0110}
_BLUR = 0.09
_SHADING = 0.22
#: What registration leaves between images: mm, and share of the contraction.
_MOTION = 0.30
_SQUEEZE = 0.015
_LAYERS = 3


@dataclass(frozen=True)
class Section:
    """One breath-hold's slice.

    Attributes:
        grid: Its pixels, with the heart where this breath put it.
        z: Height above the apex, mm.
    """

    grid: Grid
    z: float


def acquire(
    name: MapName,
    subject: Subject,
    torso: Torso,
    sections: list[Section],
    squeeze: float,
    beat: float,
    stream: Stream,
) -> tuple[NDArray[np.int16], tuple[float, ...]]:
    """The weighted images (frame, slice, row, column), magnitudes, and the time of each frame.

    Args:
        name: Which scan.
        subject: Heart and tissues.
        torso: What lies around.
        sections: Slices, apex first.
        squeeze: Contraction at the trigger.
        beat: Between heart beats, ms.
        stream: Motion, texture, shading and noise.
    """
    scan = molli if name == "t1" else t2_prepared
    signals = {tissue: scan(value, beat)[1] for tissue, value in subject.tissues.items()}
    times = scan(subject.tissues["blood"], beat)[0]
    slabs = [
        [_sampled(subject, section, squeeze, stream, frame) for frame in range(len(times))]
        for section in sections
    ]
    level = _level(subject, [moved[0] for moved in slabs])
    images = np.empty((len(times), len(sections), *MATRIX))
    for i, (section, moved) in enumerate(zip(sections, slabs, strict=True)):
        texture = 1.0 + 0.04 * smooth_field(stream, MATRIX, 12)
        wave = smooth_field(stream, MATRIX, 9)
        flow = 1.0 + 0.02 * smooth_field(stream, MATRIX, 8)
        for frame, slab in enumerate(moved):
            at = {tissue: values[frame] for tissue, values in signals.items()}
            points = slab.grid.points(slab.grid.everything, 1)
            image = paint_torso(torso, at, *points, section.z, PIXEL) * texture
            wall = at["myocardium"] * slab.counts[ph.WALL]
            # Muscle is not even: coils, field and fine fibrosis make slow waves in its times.
            change = at["drifted"] - at["myocardium"]
            wall = wall + change * (wave[slab.box] * slab.counts[ph.WALL])
            if subject.lesion is not None and len(slab.where):
                share = slab.sum(ramp(slab.field, level, subject.lesion.soft))
                wall = wall + (at["lesion"] - at["myocardium"]) * share
            image[slab.box] = mixed(image[slab.box], slab, at, wall, flow[slab.box])
            images[frame, i] = image
    clean = box3(images, _BLUR) * coil_shading(stream, MATRIX, _SHADING)
    return detected(clean, _NOISE[name], _BLUR, _GAIN[name], False, stream), times


def fit_map(
    name: MapName, weighted: NDArray[np.int16], times: tuple[float, ...]
) -> NDArray[np.int16]:
    """The map (slice, row, column) in multiples of ``STEP``, 0 to ``TOP``.

    A pixel of which no time can be had is 0, a longer time than ``TOP`` is ``TOP``, as on a
    scanner: noise in air and lung gives anything between.
    """
    slices = []
    for i in range(weighted.shape[1]):
        magnitudes = weighted[:, i].reshape(len(times), -1).astype(np.float64)
        if name == "t1":
            found = look_locker(fit_recovery(magnitudes, times))
        else:
            found = fit_decay(magnitudes, times)[1]
        slices.append(found.reshape(weighted.shape[2:]))
    steps = np.rint(np.stack(slices) / STEP[name])
    return np.minimum(float(TOP), np.maximum(0.0, steps)).astype(np.int16)


def _sampled(
    subject: Subject, section: Section, squeeze: float, stream: Stream, frame: int
) -> SlabSamples:
    """Tissues of one image; the first is the one that the others were registered to."""
    grid, here = section.grid, squeeze
    if frame:
        column, row = grid.centre
        moved = (column + stream.normal(0.0, _MOTION), row + stream.normal(0.0, _MOTION))
        grid = Grid(grid.shape, grid.pixel, moved, grid.fine)
        here = min(1.0, max(0.0, squeeze + stream.normal(0.0, _SQUEEZE)))
    return Slab(subject.heart, grid, section.z, THICKNESS, _LAYERS).sample(here, subject.lesion)


def _level(subject: Subject, slabs: list[SlabSamples]) -> float:
    """The value of the lesion's field that as many samples exceed as its burden says."""
    if subject.lesion is None:
        return 0.0
    field: Floats = np.sort(np.concatenate([slab.field for slab in slabs]))
    count = max(1, round(subject.burden * len(field)))
    return float(0.5 * (field[-count] + field[-count - 1]))
