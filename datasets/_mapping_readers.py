"""Hand-drawn contours: ordered, closed, sub-pixel, by the protocol and with a reader's errors.

The protocol (mapping2023, section 3.3) leaves out the border zones, in which blood or fat share a
pixel with muscle: so an endocardial contour runs a little outside of the endocardium, an epicardial
one a little inside of the epicardium. Papillary muscles and trabeculae stay in the cavity.

A reader moves both outlines by a habit and by a smooth random error. Sizes aim at the agreement of
the paper's Tables 2 to 4: larger errors at the apex, and on T1 maps, which are noisier (its section
4.1). The least experienced reader errs most, and draws the narrowest wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from . import _phantom as ph
from ._mapping_protocol import LEVELS, MapName
from ._portable import PI, Floats, Stream, cos_sin
from ._sampling import Grid

__all__ = ["ANNOTATORS", "POINTS", "READERS", "Reader", "draw", "errors"]

#: Points of a contour, at equal angles: about a millimetre apart.
POINTS = 120
#: Border zones left out, mm: half a pixel, within which tissues mix, or a little more where
#: trabeculae roughen the outline.
_BORDER_ENDO, _BORDER_EPI = 0.9, 0.7
_THINNEST = 2.5
#: Amplitudes of the harmonics 0 to 5 of an error; their squares add up to 1.
_HARMONICS = (0.52, 0.52, 0.43, 0.36, 0.29, 0.23)
_COEFFICIENTS = 2 * (2 * len(_HARMONICS) - 1)
_AT_LEVEL = {"apex": 1.3, "middle": 1.0, "base": 0.92}
_ON_MAP: dict[MapName, float] = {"t1": 1.12, "t2": 0.86}
#: Part of an error that goes on into the next slice.
_CARRIED = 0.45


@dataclass(frozen=True)
class Reader:
    """A reader's habits.

    Attributes:
        endo, epi: Mean shift of the two outlines, mm outwards.
        error: Standard deviation of the random error of an outline, mm.
    """

    endo: float
    epi: float
    error: float


#: Section 3.3: one, five and four years of experience.
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "reader_1": Reader(endo=0.40, epi=-0.30, error=0.95),
        "reader_2": Reader(endo=0.00, epi=0.05, error=0.75),
        "reader_3": Reader(endo=-0.30, epi=0.30, error=0.82),
    }
)
#: The two experienced observers who drew what is trained on.
ANNOTATORS = (Reader(endo=0.05, epi=0.10, error=0.75), Reader(endo=-0.15, epi=-0.05, error=0.8))


def errors(reader: Reader | None, name: MapName, stream: Stream) -> list[tuple[Floats, Floats]]:
    """A reader's error at each point of endo and epi, mm outwards, from the apex up.

    Args:
        reader: Whose; None errs nowhere.
        name: Of the map that is drawn on.
        stream: The random part.
    """
    if reader is None:
        return [(np.zeros(POINTS), np.zeros(POINTS)) for _ in LEVELS]
    found = []
    w = stream.normals(_COEFFICIENTS)
    fresh = float(np.sqrt(1.0 - _CARRIED * _CARRIED))
    for level in LEVELS:
        w = _CARRIED * w + fresh * stream.normals(_COEFFICIENTS)
        size = reader.error * _AT_LEVEL[level] * _ON_MAP[name]
        half = _COEFFICIENTS // 2
        found.append((reader.endo + size * _wave(w[:half]), reader.epi + size * _wave(w[half:])))
    return found


def draw(
    heart: ph.Heart, grid: Grid, z: float, squeeze: float, error: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Endo and epi of one slice: (``POINTS``, 2) row and column in pixels, once around.

    Args:
        heart: Whose.
        grid: Of the slice.
        z: Height above the apex, mm.
        squeeze: Contraction.
        error: Of endo and epi at each point, mm outwards.
    """
    c, s = _directions()
    drift = z - 0.5 * heart.length
    middle = (heart.tilt[0] * drift, heart.tilt[1] * drift)
    # One point in each direction is enough: the outlines there do not depend on its distance.
    points = ph.rays(heart, z, middle[0] + 10.0 * c, middle[1] + 10.0 * s)
    cut = ph.plane(heart, points, squeeze)
    endo = np.maximum(2.0, cut.endo + _BORDER_ENDO + error[0])
    epi = np.maximum(endo + _THINNEST, cut.epi - _BORDER_EPI + error[1])
    drawn = []
    for radius in (endo, epi):
        place = []
        for axis, direction in ((0, s), (1, c)):
            mm = middle[1 - axis] + radius * direction + grid.centre[1 - axis]
            place.append(mm / grid.pixel + 0.5 * (grid.shape[axis] - 1))
        # To 1/64 of a pixel, with which filling computes exactly.
        drawn.append(np.rint(64.0 * np.stack(place, axis=1)) / 64.0)
    return drawn[0], drawn[1]


def _directions() -> tuple[Floats, Floats]:
    pairs = [cos_sin(2.0 * PI * i / POINTS) for i in range(POINTS)]
    return np.array([c for c, _ in pairs]), np.array([s for _, s in pairs])


def _wave(w: Floats) -> Floats:
    """A smooth closed curve of unit variance, from its harmonics' coefficients."""
    total = np.full(POINTS, _HARMONICS[0] * float(w[0]))
    c, s = _directions()
    ck, sk = c, s
    for k, amplitude in enumerate(_HARMONICS[1:], start=1):
        total = total + amplitude * (float(w[2 * k - 1]) * ck + float(w[2 * k]) * sk)
        ck, sk = ck * c - sk * s, ck * s + sk * c
    return total
