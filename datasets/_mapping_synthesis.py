"""One case of the mapping cohort, from its index to arrays: a scan, its map, and the drawings.

Both maps of a patient show one heart, each in a breath-hold of its own. Everything is computed in
double precision from operations that IEEE 754 fixes, and rounded at the end: images and maps to
int16, contours to 1/64 of a pixel. So the result is the same on every machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from . import _phantom as ph
from ._mapping_anatomy import Subject, draw_subject
from ._mapping_imaging import Section, acquire, fit_map
from ._mapping_protocol import (
    KEY,
    LEVELS,
    MAPS,
    MATRIX,
    PIXEL,
    VERSION,
    MapName,
    Patient,
    cases,
)
from ._mapping_readers import ANNOTATORS, READERS, Reader, draw, errors
from ._portable import Stream
from ._prints import Arrays
from ._sampling import Grid
from ._torso import Torso, draw_torso

__all__ = ["Setup", "drawings", "setup", "synthesise"]

_DESIGN, _PLACE, _SCAN, _READERS = range(1, 5)
#: Samples per pixel and axis.
_FINE = 2


@dataclass(frozen=True)
class Setup:
    """What is fixed before anything is scanned or drawn.

    Attributes:
        patient, name: Whose map, and which.
        subject: Heart and tissues.
        torso: What lies around.
        sections: The slices, apex first, where this scan's breath-holds put them.
        squeeze: Contraction at the trigger.
        heart_rate: Beats per minute.
        positions, pitch: Of the slices as planned, mm; the same for both maps.
    """

    patient: Patient
    name: MapName
    subject: Subject
    torso: Torso
    sections: list[Section]
    squeeze: float
    heart_rate: float
    positions: list[float]
    pitch: float


def setup(index: int) -> Setup:
    """The anatomy and the slices of the case with this index in :func:`cases`."""
    patient, name = tuple(cases().values())[index]
    stream = Stream(KEY, VERSION, patient.number, _DESIGN)
    torso = draw_torso(stream)
    subject = draw_subject(stream, patient.pathology)
    heart_rate = float(round(stream.uniform(52.0, 88.0)))
    squeeze = ph.contraction(stream.uniform(0.62, 0.80))
    centre = (stream.normal(0.0, 5.0), stream.normal(0.0, 5.0))
    base = subject.heart.length - subject.heart.descent * squeeze
    low, _, high = LEVELS.values()
    start, pitch = round(low * base, 1), round(0.5 * (high - low) * base, 1)
    positions = [round(start + i * pitch, 1) for i in range(len(LEVELS))]

    place = Stream(KEY, VERSION, patient.number, _PLACE, MAPS.index(name))
    moved = (centre[0] + place.normal(0.0, 1.5), centre[1] + place.normal(0.0, 1.5))
    sections = []
    for z in positions:
        at = (moved[0] + place.normal(0.0, 0.8), moved[1] + place.normal(0.0, 0.8))
        sections.append(Section(Grid(MATRIX, PIXEL, at, _FINE), z + place.normal(0.0, 1.0)))
    return Setup(patient, name, subject, torso, sections, squeeze, heart_rate, positions, pitch)


def drawings(made: Setup) -> Arrays:
    """Contours: ``reference_endo``, ``reference_epi`` and so on, each (slice, point, 2).

    What is trained on was drawn by one of two annotators. What is tested on is the outline without
    error, and what three readers drew.
    """
    hands: dict[str, Reader | None] = {"reference": None, **READERS}
    if made.patient.role != "test":
        hands = {"reference": ANNOTATORS[made.patient.number % len(ANNOTATORS)]}
    arrays: Arrays = {}
    which = MAPS.index(made.name)
    for i, (hand, reader) in enumerate(hands.items()):
        own = Stream(KEY, VERSION, made.patient.number, _READERS, which, i)
        drawn = [
            draw(made.subject.heart, section.grid, section.z, made.squeeze, error)
            for section, error in zip(made.sections, errors(reader, made.name, own), strict=True)
        ]
        for kind, contours in zip(("endo", "epi"), zip(*drawn, strict=True), strict=True):
            arrays[f"{hand}_{kind}"] = np.stack(contours)
    return arrays


def synthesise(index: int) -> tuple[Arrays, str]:
    """Arrays and description (JSON) of the case with this index in :func:`cases`.

    Arrays: ``map`` (slice, row, column) and ``weighted`` (frame, slice, row, column) int16, and
    those of :func:`drawings`.
    """
    made = setup(index)
    which = MAPS.index(made.name)
    scan = Stream(KEY, VERSION, made.patient.number, _SCAN, which)
    beat = round(60000.0 / made.heart_rate, 1)
    weighted, exact = acquire(
        made.name, made.subject, made.torso, made.sections, made.squeeze, beat, scan
    )
    times = tuple(round(t, 1) for t in exact)  # of whole tenths but for the last bit
    arrays: Arrays = {"map": fit_map(made.name, weighted, times), "weighted": weighted}
    described = {
        "slice_positions": made.positions,
        "pitch": made.pitch,
        "times_ms": times,
        "heart_rate_bpm": made.heart_rate,
    }
    return arrays | drawings(made), json.dumps(described, sort_keys=True)
