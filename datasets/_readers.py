"""Three readers who draw what they see of the same heart, each in a way of their own.

A reader moves both outlines by a habit (bias) and a smooth random error in millimetres, follows the
scar with a habitual threshold, and may leave out the most basal slice. The sizes give Dice between
readers near those published for expert observers: myocardium 0.8-0.9, scar 0.6-0.85.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._phantom import Plane
from ._portable import Floats, Stream
from ._scar import Scar, scar_field

__all__ = ["READERS", "Drawer", "Reader"]


@dataclass(frozen=True)
class Reader:
    """A reader's habits.

    Attributes:
        endo, epi: Mean shift of the two outlines, mm outwards.
        error: Standard deviation of the random error of an outline, mm.
        threshold: Shift of the scar threshold in half widths of its border zone; positive is
            stricter, and so draws less.
        base_left_out: How often the most basal slice is not drawn.
    """

    endo: float
    epi: float
    error: float
    threshold: float
    base_left_out: float


READERS: dict[str, Reader] = {
    "reader_1": Reader(endo=-0.3, epi=0.2, error=0.5, threshold=-0.25, base_left_out=0.05),
    "reader_2": Reader(endo=0.5, epi=-0.3, error=0.7, threshold=0.55, base_left_out=0.20),
    "reader_3": Reader(endo=0.1, epi=0.7, error=0.9, threshold=-0.7, base_left_out=0.10),
}


class Drawer:
    """One reader at work on one case; slices must come in order, as errors drift from one to next.

    Args:
        reader: Whose habits.
        stream: The random part.
        scar: The patient's scar, or None.
        level: Threshold of the scar's field in the reference.
        mvo_level: The same of the no-reflow core.
    """

    def __init__(
        self, reader: Reader, stream: Stream, scar: Scar | None, level: float, mvo_level: float
    ) -> None:
        self._reader, self._stream, self._scar = reader, stream, scar
        soft = scar.soft if scar is not None else 0.0
        self._level = level + soft * (reader.threshold + stream.normal(0.0, 0.3))
        self._mvo_level = mvo_level + 0.1 * stream.normal()
        self._errors = stream.normals(14)
        self.leaves_base_out = stream.chance(reader.base_left_out)

    def draw(self, p: Plane) -> NDArray[np.uint8]:
        """Labels of one slice, cut at its middle."""
        self._errors = 0.7 * self._errors + 0.714 * self._stream.normals(14)
        e = self._errors * self._reader.error
        endo = np.maximum(0.0, p.endo + self._reader.endo + _outline(p, e[:7]))
        epi = np.maximum(endo + 2.0, p.epi + self._reader.epi + _outline(p, e[7:]))
        labels = np.zeros(p.r.shape, dtype=np.uint8)
        wall = (p.r < epi) & (p.r >= endo)
        labels[wall] = 2
        labels[p.r < endo] = 1
        if self._scar is not None:
            where = np.nonzero(wall)
            inner, outer = endo[where], epi[where]
            depth = (p.r[where] - inner) / (outer - inner)
            field, core = scar_field(self._scar, p.u[where], p.v[where], depth, p.height)
            kind = np.full(len(depth), 2, dtype=np.uint8)
            kind[field >= self._level] = 3
            kind[(field >= self._level) & (core >= self._mvo_level)] = 4
            labels[where] = kind
        return labels


def _outline(p: Plane, e: Floats) -> Floats:
    """A smooth closed error: harmonics 0 to 3 with falling amplitude, about 1 in all."""
    u, v = p.u, p.v
    c2, s2 = u * u - v * v, 2.0 * u * v
    c3, s3 = u * c2 - v * s2, u * s2 + v * c2
    w = [float(value) for value in e]
    first = 0.5 * w[0] + 0.55 * (w[1] * u + w[2] * v)
    return np.asarray(first + 0.5 * (w[3] * c2 + w[4] * s2) + 0.4 * (w[5] * c3 + w[6] * s3))
