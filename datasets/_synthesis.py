"""One patient of the cohort, from its number to arrays: anatomy, scar, two scans, four drawings.

Everything is computed in double precision from operations that IEEE 754 fixes, and quantised to
int16 at the end, so that the result is the same on every machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _phantom as ph
from ._imaging import acquire_cine, acquire_lge
from ._portable import Floats, Stream
from ._prints import Arrays, fingerprint
from ._protocol import SITES, VERSION, Patient, Site
from ._readers import READERS, Drawer
from ._sampling import Grid, Slab, SlabSamples
from ._scar import TERRITORIES, Scar, draw_scar
from ._signal import null_time
from ._torso import draw_torso

__all__ = ["fingerprint", "synthesise"]

_DESIGN, _SHIFTS, _LGE, _CINE, _READERS = range(1, 6)


@dataclass(frozen=True)
class _Scan:
    """When and where this patient was scanned: what neither heart nor site fixes."""

    heart_rate: float
    phase: float
    ti_error: float
    centre: tuple[float, float]
    start: float
    margin: float
    cine_start: float
    t1_factor: float


def synthesise(patient: Patient) -> tuple[Arrays, str]:
    """The arrays of one case, and its description as JSON.

    Arrays: ``lge`` (slice, row, column) and ``cine`` (frame, slice, row, column) int16; ``labels``
    and one array per reader, uint8 on the grid of ``lge``.
    """
    site = SITES[patient.site]
    stream = Stream(VERSION, patient.number, _DESIGN)
    ischaemic = patient.pathology == "ischaemic"
    torso = draw_torso(stream)
    scan = _Scan(
        heart_rate=float(round(stream.uniform(52.0, 92.0))),
        phase=stream.uniform(0.64, 0.80),
        ti_error=min(0.16, max(-0.12, stream.normal(site.ti_bias, 0.045))),
        centre=_within(stream.normal(0.0, 9.0), stream.normal(0.0, 9.0), 20.0),
        start=stream.uniform(3.0, 8.5),
        margin=stream.uniform(-5.0, 4.0),
        cine_start=stream.uniform(-2.0, 6.0),
        t1_factor=site.t1_factor * stream.uniform(0.95, 1.05),
    )
    stiffness = stream.uniform(0.3, 0.9) if ischaemic and patient.burden > 0.05 else 0.0
    insertion = stream.uniform(0.95, 1.2)
    scar = None
    if patient.burden > 0.0:
        scar = draw_scar(stream, patient.pathology, patient.burden, insertion)
    angle = scar.infarcts[0].angle if scar is not None and ischaemic else TERRITORIES["LAD"]
    heart = ph.draw_heart(stream, patient.pathology, stiffness, angle, insertion)

    rr = 60000.0 / scan.heart_rate
    delay = float(round(scan.phase * rr))
    squeeze = ph.contraction(delay / rr)
    base = heart.length - heart.descent * squeeze
    heights = _stack(scan.start, site.pitch, base + scan.margin)
    shifts = Stream(VERSION, patient.number, _SHIFTS)
    slabs, grids = [], []
    for z in heights:
        grid = Grid(
            site.matrix,
            site.pixel,
            (scan.centre[0] + shifts.normal(0.0, 1.1), scan.centre[1] + shifts.normal(0.0, 1.1)),
            2 if site.pixel < 1.45 else 3,
        )
        moved = z + shifts.normal(0.0, 0.7)
        grids.append((grid, moved))
        slabs.append(Slab(heart, grid, moved, site.thickness, 3).sample(squeeze, scar))

    labels = np.stack([slab.outline_labels() for slab in slabs])
    level, mvo_level = _mark_scar(labels, slabs, scar, patient.burden)
    ti = null_time(470.0 * scan.t1_factor, 2.0 * rr) * (1.0 + scan.ti_error)
    ti = 5.0 * round(ti / 5.0)
    noise = Stream(VERSION, patient.number, _LGE)
    lge = acquire_lge(
        site, torso, slabs, grids, scar, (level, mvo_level), (ti, 2.0 * rr, scan.t1_factor), noise
    )
    cine_heights = _stack(scan.cine_start, site.cine_pitch, heart.length + 3.0)
    times = [round(i * rr / site.frames, 1) for i in range(site.frames)]
    cine = acquire_cine(
        site,
        torso,
        heart,
        cine_heights,
        [ph.contraction(t / rr) for t in times],
        scan.centre,
        Stream(VERSION, patient.number, _CINE),
    )
    arrays: Arrays = {"lge": lge, "cine": cine, "labels": labels}
    for i, (name, reader) in enumerate(READERS.items()):
        own = Stream(VERSION, patient.number, _READERS, i)
        drawer = Drawer(reader, own, scar, level, mvo_level)
        arrays[name] = _drawn(drawer, labels, [(heart, g, z, squeeze) for g, z in grids])
    if site.apex == "last":
        arrays = {
            name: np.ascontiguousarray(np.flip(array, axis=array.ndim - 3))
            for name, array in arrays.items()
        }
    described = {
        "lge_positions": _positions(heights, site),
        "cine_positions": _positions(cine_heights, site),
        "cine_times_ms": times,
        "trigger_delay_ms": delay,
        "inversion_time_ms": ti,
        "heart_rate_bpm": scan.heart_rate,
    }
    return arrays, json.dumps(described, sort_keys=True)


def _within(x: float, y: float, limit: float) -> tuple[float, float]:
    scale = min(1.0, limit / max(1.0, float(np.sqrt(x * x + y * y))))
    return x * scale, y * scale


def _stack(start: float, pitch: float, end: float) -> list[float]:
    """Heights of 8-12 slices from ``start`` up to about ``end``, in mm to one decimal."""
    count = min(12, max(8, int((end - start) / pitch) + 1))
    return [round(start + i * pitch, 1) for i in range(count)]


def _positions(heights: list[float], site: Site) -> list[float]:
    """Slice positions that rise with the slice index, whichever end the apex is at."""
    if site.apex == "first":
        return heights
    return [round(120.0 - z, 1) for z in reversed(heights)]


def _mark_scar(
    labels: NDArray[np.uint8], slabs: list[SlabSamples], scar: Scar | None, burden: float
) -> tuple[float, float]:
    """Write scar and no-reflow into ``labels``; return the two thresholds that do it."""
    if scar is None:
        return 0.0, 0.0
    wall = labels == 2
    field = np.stack([slab.mean_field for slab in slabs])
    core = np.stack([slab.mean_core for slab in slabs])
    level = _threshold(field[wall], max(3, round(burden * int(wall.sum()))))
    marked = wall & (field > level)
    labels[marked] = 3
    if scar.mvo_share == 0.0:
        return level, 1e9
    mvo_level = _threshold(core[marked], max(2, round(scar.mvo_share * int(marked.sum()))))
    labels[marked & (core > mvo_level)] = 4
    return level, mvo_level


def _threshold(values: Floats, count: int) -> float:
    """A value that exactly ``count`` of ``values`` exceed."""
    ordered = np.sort(values)
    return float(0.5 * (ordered[-count] + ordered[-count - 1]))


def _drawn(
    drawer: Drawer,
    labels: NDArray[np.uint8],
    cuts: list[tuple[ph.Heart, Grid, float, float]],
) -> NDArray[np.uint8]:
    """One reader's labels of the whole stack; slices without heart stay empty."""
    drawn = np.zeros_like(labels)
    holding = [i for i in range(len(labels)) if labels[i].any()]
    for i in holding:
        heart, grid, z, squeeze = cuts[i]
        box = grid.heart_box(heart)
        x, y = grid.points(box, 1)
        drawn[i][box] = drawer.draw(ph.plane(heart, ph.rays(heart, z, x, y), squeeze))
    if drawer.leaves_base_out:
        drawn[holding[-1]] = 0
    return drawn
