"""What surrounds the heart in a short-axis slice: chest wall, lung, liver, stomach, aorta, spine.

Soft shapes painted at pixel resolution; their edges cover pixels in part. It need not be right in
detail, only give a method the distractors that real images have: fat as bright as scar beside the
heart, bright round vessels, a dark lung against the lateral wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ._portable import Floats, Stream

__all__ = ["Torso", "draw_torso", "paint_torso"]


@dataclass(frozen=True)
class Torso:
    """One patient's trunk; mm from the LV axis, columns right, rows down.

    Attributes:
        centre, half: Middle and half axes of the trunk's ellipse (column, row).
        lean: Skew of the ellipse: oblique planes cut the chest at an angle.
        fat, muscle: Thickness under the skin, and of the chest wall inside it.
        diaphragm, dome, rise: Row of the diaphragm under the heart, its curvature per mm, and how
            much higher it lies per mm towards the apex.
        stomach: Column where the liver ends and the stomach starts.
        aorta, spine: Middle (column, row) and radius.
        pad: Fat between heart and chest wall: middle (column, row) and half axes.
        vessels: Lung vessels (column, row, radius, height of their plane).
        ribs: Rows of ribs along the chest wall: spacing and offset of their columns.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    lean: float
    fat: float
    muscle: float
    diaphragm: float
    dome: float
    rise: float
    stomach: float
    aorta: tuple[float, float, float]
    spine: tuple[float, float, float]
    pad: tuple[float, float, float, float]
    vessels: tuple[tuple[float, float, float, float], ...]
    ribs: tuple[float, float]


def draw_torso(stream: Stream) -> Torso:
    """A random trunk."""
    s = stream
    fat = s.uniform(7.0, 24.0)
    half = (s.uniform(125.0, 150.0), s.uniform(98.0, 118.0))
    top = -s.uniform(52.0, 64.0) - fat - 8.0
    return Torso(
        centre=(s.normal(-22.0, 8.0), top + half[1]),
        half=half,
        lean=s.normal(0.12, 0.1),
        fat=fat,
        muscle=s.uniform(6.0, 11.0),
        diaphragm=s.uniform(40.0, 50.0),
        dome=s.uniform(0.001, 0.005),
        rise=s.uniform(0.05, 0.25),
        stomach=s.uniform(5.0, 35.0),
        aorta=(s.uniform(42.0, 58.0), s.uniform(38.0, 56.0), s.uniform(9.0, 13.0)),
        spine=(s.uniform(0.0, 30.0), s.uniform(92.0, 108.0), s.uniform(16.0, 20.0)),
        pad=(
            s.normal(-38.0, 8.0),
            s.normal(-42.0, 5.0),
            s.uniform(14.0, 30.0),
            s.uniform(6.0, 13.0),
        ),
        vessels=tuple(
            (s.uniform(25.0, 90.0), s.uniform(-70.0, 60.0), s.uniform(0.8, 2.6), s.uniform(0, 90.0))
            for _ in range(26)
        ),
        ribs=(s.uniform(26.0, 34.0), s.uniform(0.0, 30.0)),
    )


def paint_torso(
    torso: Torso, signal: Mapping[str, float], x: Floats, y: Floats, z: float, pixel: float
) -> Floats:
    """Signal of everything but the heart in one plane.

    Args:
        torso: Whose.
        signal: Of each tissue, by name.
        x: Columns in mm from the LV axis, shape (1, columns).
        y: Rows, shape (rows, 1).
        z: Height of the plane above the apex, mm.
        pixel: In-plane spacing, mm: the width of an edge.
    """
    t = torso
    b = (y - t.centre[1] + t.lean * (x - t.centre[0])) / t.half[1]
    a = (x - t.centre[0]) / t.half[0]
    skin = (1.0 - np.sqrt(a * a + b * b)) * (0.5 * (t.half[0] + t.half[1]))
    image = np.full(skin.shape, signal["air"])

    def paint(inside: Floats, tissue: str) -> None:
        """Paint where ``inside`` (mm from the edge, positive within) says."""
        nonlocal image
        cover = np.minimum(1.0, np.maximum(0.0, inside / pixel + 0.5))
        image = image + cover * (signal[tissue] - image)

    def disc(column: float, row: float, radius: float) -> Floats:
        return radius - np.sqrt((x - column) * (x - column) + (y - row) * (y - row))

    paint(skin, "muscle")
    paint(np.minimum(skin - 1.5, t.fat - skin), "fat")
    chest = t.fat + t.muscle
    place = (x + y * 0.4 + t.ribs[1]) / t.ribs[0]
    swing = place - np.floor(place) - 0.5
    rib = 4.0 - np.sqrt((swing * swing) * (t.ribs[0] * t.ribs[0]) + (skin - chest) * (skin - chest))
    paint(skin - chest, "lung")
    paint(rib, "fat")
    for column, row, radius, height in t.vessels:
        off = abs(z - height)
        if off < 14.0:
            paint(np.minimum(disc(column, row, radius), skin - chest - 4.0), "blood")
    surface = t.diaphragm + t.rise * (z - 45.0) + t.dome * (x + 20.0) * (x + 20.0)
    under = np.minimum(y - surface, skin - chest)
    low = y - 60.0
    side = x - t.stomach - 0.35 * low + 0.008 * low * low  # curved borders between the organs
    paint(under + 3.0 * (y > surface - 3.0), "fat")
    paint(np.minimum(under, -side), "liver")
    paint(np.minimum(np.minimum(under - 3.0, side - 3.0), 30.0 - side), "muscle")
    paint(np.minimum(under - 4.0, side - 33.0), "spleen")
    for i in range(3):
        paint(np.minimum(disc(-70.0 + 32.0 * i, 62.0 + 9.0 * i, 3.2), under - 5.0), "blood")
    paint(disc(t.spine[0], t.spine[1], t.spine[2] + 3.0), "muscle")
    paint(disc(*t.spine), "liver")
    paint(disc(t.aorta[0], t.aorta[1], t.aorta[2] + 1.5), "muscle")
    paint(disc(*t.aorta), "blood")
    p = t.pad
    q = np.sqrt((x - p[0]) * (x - p[0]) / (p[2] * p[2]) + (y - p[1]) * (y - p[1]) / (p[3] * p[3]))
    paint(np.minimum((1.0 - q) * p[3], skin - chest), "fat")
    return image
