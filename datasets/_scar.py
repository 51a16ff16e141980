"""Scar as a level set in the wall: where a smooth field exceeds a threshold.

The threshold is chosen so that the scar has exactly the wanted share of the myocardium: burden is
set by construction, and is known before a pixel is made. Fields live in the ventricle's own
coordinates (direction, depth in the wall, relative height), so that a scar runs through
neighbouring slices and follows the wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._portable import PI, Floats, Stream, cos_sin

__all__ = ["TERRITORIES", "Blob", "Infarct", "Scar", "draw_scar", "scar_field"]

#: Direction of the middle of each coronary territory, in radians (0 lateral, pi/2 inferior).
TERRITORIES = {"LAD": -PI * 0.66, "LCX": PI * 0.12, "RCA": PI * 0.58}


@dataclass(frozen=True)
class Infarct:
    """An ischaemic scar: grows from the endocardium outwards, in one coronary territory.

    Attributes:
        angle, half_width: Of the territory, radians.
        height, half_height: Relative height of its middle, and how far it reaches.
        transmural: Depth that it favours at its middle; above 1 it prefers to reach the epicardium
            before it widens.
        handicap: How much later than the first this one appears as burden grows.
    """

    angle: float
    half_width: float
    height: float
    half_height: float
    transmural: float
    handicap: float


@dataclass(frozen=True)
class Blob:
    """A mid-wall patch of hypertrophic cardiomyopathy: middle and half sizes of an ellipsoid."""

    angle: float
    depth: float
    height: float
    half_angle: float
    half_depth: float
    half_height: float


@dataclass(frozen=True)
class Scar:
    """What one patient's scar looks like, before its size is fixed.

    Attributes:
        infarcts, blobs: Its parts; only one of the two is filled.
        ripple: Amplitudes of an irregular border: per harmonic 1-6 (cosine, sine, twist with
            height, weight of the depth).
        soft: Half width of the border zone, in units of the field.
        mvo_share: Share of the scar without reflow.
    """

    infarcts: tuple[Infarct, ...] = ()
    blobs: tuple[Blob, ...] = ()
    ripple: tuple[tuple[float, float, float, float], ...] = ()
    soft: float = 0.12
    mvo_share: float = 0.0


def draw_scar(stream: Stream, kind: str, burden: float, insertion: float) -> Scar:
    """A random scar of ``kind`` (``ischaemic`` or ``hypertrophic``) that can carry ``burden``.

    Args:
        stream: Where the random numbers come from.
        kind: Infarct, or the patches of hypertrophic cardiomyopathy.
        burden: Wanted share of the myocardium; large infarcts take two territories.
        insertion: Angle from the septal direction to the RV insertions, radians.
    """
    s = stream
    ripple = tuple(
        (s.normal(0, 0.5 / k), s.normal(0, 0.5 / k), s.normal(0, 2.5), s.normal(0, 0.4))
        for k in range(1, 7)
    )
    if kind == "ischaemic":
        names = [list(TERRITORIES)[i] for i in s.permutation(3)]
        count = 2 if burden > 0.28 or s.chance(0.12) else 1
        infarcts = tuple(
            Infarct(
                angle=TERRITORIES[name] + s.normal(0.0, 0.2),
                half_width=s.uniform(0.75, 1.15),
                height=s.uniform(0.2, 0.45) if name == "LAD" else s.uniform(0.4, 0.7),
                half_height=s.uniform(0.35, 0.6),
                transmural=s.uniform(0.55, 1.9),
                handicap=0.0 if i == 0 else s.uniform(0.1, 0.4),
            )
            for i, name in enumerate(names[:count])
        )
        share = s.uniform(0.10, 0.28) if burden > 0.07 and s.chance(0.55) else 0.0
        return Scar(infarcts=infarcts, ripple=ripple, soft=s.uniform(0.10, 0.2), mvo_share=share)
    blobs = [
        Blob(
            PI + side * insertion + s.normal(0, 0.1),
            s.uniform(0.4, 0.75),
            s.uniform(0.35, 0.75),
            s.uniform(0.2, 0.35),
            s.uniform(0.22, 0.4),
            s.uniform(0.15, 0.4),
        )
        for side in (-1.0, 1.0)
    ]
    blobs += [
        Blob(
            PI + s.normal(0.2, 0.95),
            s.normal(0.5, 0.13),
            s.uniform(0.2, 0.85),
            s.uniform(0.12, 0.38),
            s.uniform(0.15, 0.35),
            s.uniform(0.08, 0.25),
        )
        for _ in range(4 + int(s.uniform(0, 5)))
    ]
    return Scar(blobs=tuple(blobs), ripple=ripple, soft=s.uniform(0.25, 0.5))


def scar_field(
    scar: Scar, u: Floats, v: Floats, depth: Floats, height: float
) -> tuple[Floats, Floats]:
    """The field of the scar, and the field of the no-reflow core, at points of the wall.

    Args:
        scar: Whose.
        u: Direction cosine of each point.
        v: Direction sine of each point.
        depth: 0 at the endocardium to 1 at the epicardium.
        height: Relative height of the plane.
    """
    ripple = np.zeros_like(u)
    c, s = u, v
    for k, (a, b, twist, deep) in enumerate(scar.ripple, start=1):
        turn_c, turn_s = cos_sin(twist * height * 2.0 + k)
        wave = c * (a * turn_c - b * turn_s) + s * (a * turn_s + b * turn_c)
        ripple = ripple + wave * (1.0 + deep * (2.0 * depth - 1.0))
        c, s = c * u - s * v, c * v + s * u
    field = np.full_like(u, -50.0)
    core = np.full_like(u, -50.0)
    for part in scar.infarcts:
        gc, gs = cos_sin(part.angle)
        edge = cos_sin(part.half_width)[0]
        lateral = np.minimum(1.0, 2.0 * ((u * gc + v * gs) - edge) / (1.0 - edge))
        away = (height - part.height) / part.half_height
        spread = lateral - away * away - part.handicap + 0.22 * ripple
        field = np.maximum(field, part.transmural * spread - depth)
        off = depth - 0.32
        core = np.maximum(core, spread - 3.0 * (off * off))
    for blob in scar.blobs:
        gc, gs = cos_sin(blob.angle)
        turn = 2.0 * (1.0 - (u * gc + v * gs)) / (blob.half_angle * blob.half_angle)
        inward = (depth - blob.depth) / blob.half_depth
        up = (height - blob.height) / blob.half_height
        field = np.maximum(field, 1.0 - turn - inward * inward - up * up + 0.5 * ripple)
    return field, core
