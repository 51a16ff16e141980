"""One case of the mapping cohort, from its index to arrays: a scan, its map, and the drawings.

Both maps of a patient show one heart, each in a breath-hold of its own. Everything is computed in
double precision from operations that IEEE 754 fixes, and rounded at the end: images and maps to
int16, contours to 1/64 of a pixel. So the result is the same on every machine.
"""

from __future__ import annotations

import json

import numpy as np

from . import _phantom as ph
from ._mapping_anatomy import draw_subject
from ._mapping_imaging import Section, acquire, fit_map
from ._mapping_protocol import KEY, LEVELS, MAPS, MATRIX, PIXEL, VERSION, cases
from ._mapping_readers import ANNOTATORS, READERS, Reader, draw, errors
from ._portable import Stream
from ._prints import Arrays
from ._sampling import Grid
from ._torso import draw_torso

__all__ = ["synthesise"]

_DESIGN, _PLACE, _SCAN, _READERS = range(1, 5)
#: Samples per pixel and axis.
_FINE = 2


def synthesise(index: int) -> tuple[Arrays, str]:
    """Arrays and description (JSON) of the case with this index in :func:`cases`.

    Arrays: ``map`` (slice, row, column) and ``weighted`` (frame, slice, row, column) int16;
    ``reference_endo``, ``reference_epi`` (slice, point, 2) and on test cases the same of each
    reader.
    """
    patient, name = tuple(cases().values())[index]
    which = MAPS.index(name)
    stream = Stream(KEY, VERSION, patient.number, _DESIGN)
    torso = draw_torso(stream)
    subject = draw_subject(stream, patient.pathology)
    rate = float(round(stream.uniform(52.0, 88.0)))
    beat = round(60000.0 / rate, 1)
    squeeze = ph.contraction(stream.uniform(0.62, 0.80))
    centre = (stream.normal(0.0, 5.0), stream.normal(0.0, 5.0))
    heart = subject.heart
    base = heart.length - heart.descent * squeeze
    low, _, high = LEVELS.values()
    start, pitch = round(low * base, 1), round(0.5 * (high - low) * base, 1)
    positions = [round(start + i * pitch, 1) for i in range(len(LEVELS))]

    place = Stream(KEY, VERSION, patient.number, _PLACE, which)
    moved = (centre[0] + place.normal(0.0, 1.5), centre[1] + place.normal(0.0, 1.5))
    sections = []
    for z in positions:
        at = (moved[0] + place.normal(0.0, 0.8), moved[1] + place.normal(0.0, 0.8))
        sections.append(Section(Grid(MATRIX, PIXEL, at, _FINE), z + place.normal(0.0, 1.0)))
    scan = Stream(KEY, VERSION, patient.number, _SCAN, which)
    weighted, exact = acquire(name, subject, torso, sections, squeeze, beat, scan)
    times = tuple(round(t, 1) for t in exact)  # of whole tenths but for the last bit
    arrays: Arrays = {"map": fit_map(name, weighted, times), "weighted": weighted}

    # What is trained on was drawn by one of two; what is tested on is the outline without error,
    # and three readers.
    hands: dict[str, Reader | None] = {"reference": None, **READERS}
    if patient.role != "test":
        hands = {"reference": ANNOTATORS[patient.number % 2]}
    for i, (hand, reader) in enumerate(hands.items()):
        own = Stream(KEY, VERSION, patient.number, _READERS, which, i)
        drawn = [
            draw(heart, section.grid, section.z, squeeze, error)
            for section, error in zip(sections, errors(reader, name, own), strict=True)
        ]
        for kind, contours in zip(("endo", "epi"), zip(*drawn, strict=True), strict=True):
            arrays[f"{hand}_{kind}"] = np.stack(contours)
    described = {
        "slice_positions": positions,
        "pitch": pitch,
        "times_ms": times,
        "heart_rate_bpm": rate,
    }
    return arrays, json.dumps(described, sort_keys=True)
