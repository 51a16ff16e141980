"""The heart as analytic shapes in millimetres, at any height and any moment of the beat.

The heart's own frame: u to the lateral wall, v to the inferior wall, z from the epicardial apex (0)
to the base; the septum, and behind it the right ventricle, lie at u < 0. A beat moves the base
towards the apex, shrinks the cavity, and keeps the wall's volume.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._portable import PI, Floats, Stream, cos_sin, smoothstep

__all__ = [
    "CAVITY",
    "FAT",
    "OTHER_BLOOD",
    "OTHER_MUSCLE",
    "OUTSIDE",
    "PAPILLARY",
    "TISSUE_CODES",
    "WALL",
    "Heart",
    "Plane",
    "Rays",
    "contraction",
    "draw_heart",
    "plane",
    "rays",
    "tissue_codes",
]

OUTSIDE, WALL, CAVITY, PAPILLARY, OTHER_BLOOD, OTHER_MUSCLE, FAT = TISSUE_CODES = range(7)


@dataclass(frozen=True)
class Heart:
    """One patient's heart at end diastole; lengths in mm, angles in radians.

    Attributes:
        length: Epicardial apex to base.
        cavity, wall: Endocardial radius at the base, and mean thickness of the wall there.
        apex_cap: Thickness of the wall at the apex.
        septal, septal_angle, septal_height: Asymmetric hypertrophy: added thickness (mm), its
            direction, and the relative height where it is thickest.
        endo, epi: Relative amplitudes (c2, s2, c3, s3) of the two outlines.
        trabeculae: Amplitudes (c8, s8) of the ragged endocardium.
        rotation: Of the heart's frame in the image.
        tilt: In-plane drift of the axis (column, row) in mm per mm of height.
        shortening: Fraction by which the endocardial radius shrinks.
        descent: How far the base moves down.
        stiff, stiff_angle: Fraction of the motion that is missing, and where.
        papillary: Per muscle: angle, relative distance from the axis, radius.
        rv_width, rv_height, rv_insertion: Size relative to the LV, and the angle from the septal
            direction at which its wall meets the LV.
        fat: Epicardial fat (mean, c1, s1, c2) in mm.
    """

    length: float
    cavity: float
    wall: float
    apex_cap: float
    septal: float
    septal_angle: float
    septal_height: float
    endo: tuple[float, float, float, float]
    epi: tuple[float, float, float, float]
    trabeculae: tuple[float, float]
    rotation: float
    tilt: tuple[float, float]
    shortening: float
    descent: float
    stiff: float
    stiff_angle: float
    papillary: tuple[tuple[float, float, float], ...]
    rv_width: float
    rv_height: float
    rv_insertion: float
    fat: tuple[float, float, float, float]


def draw_heart(
    stream: Stream, kind: str, stiff: float, stiff_angle: float, insertion: float
) -> Heart:
    """A random heart of one kind: ``ischaemic``, ``hypertrophic``, ``dilated`` or ``normal``.

    Sizes follow published normal ranges: end-diastolic volume about 70-250 mL, walls of 6-11 mm,
    septa of 15-26 mm in hypertrophic cardiomyopathy.
    """
    s = stream
    size = s.normal(1.0, 0.07)
    cavity, wall, shortening, septal = s.uniform(25.0, 29.5), s.uniform(7.5, 9.5), 0.33, 0.0
    if kind == "ischaemic":
        cavity, wall, shortening = s.uniform(26.0, 33.0), s.uniform(6.8, 9.5), s.uniform(0.16, 0.29)
    elif kind == "hypertrophic":
        cavity, wall, shortening = s.uniform(23.0, 27.5), s.uniform(8.5, 11.5), s.uniform(0.33, 0.4)
        septal = s.uniform(6.0, 14.0)
    elif kind == "dilated":
        cavity, wall, shortening = s.uniform(31.0, 36.0), s.uniform(6.5, 8.0), s.uniform(0.12, 0.2)
    return Heart(
        length=s.uniform(86.0, 98.0) * size,
        cavity=cavity * size,
        wall=wall,
        apex_cap=s.uniform(5.0, 8.0),
        septal=septal,
        septal_angle=PI + s.normal(0.35, 0.35),
        septal_height=s.uniform(0.55, 0.8),
        endo=(s.normal(0, 0.03), s.normal(0, 0.03), s.normal(0, 0.015), s.normal(0, 0.015)),
        epi=(s.normal(0, 0.02), s.normal(0, 0.02), s.normal(0, 0.012), s.normal(0, 0.012)),
        trabeculae=(s.normal(0, 0.08), s.normal(0, 0.08)),
        rotation=s.normal(0.15, 0.2),
        tilt=(s.normal(-0.10, 0.06), s.normal(-0.08, 0.06)),
        shortening=shortening,
        descent=s.uniform(0.28, 0.45) * shortening * 95.0,
        stiff=stiff,
        stiff_angle=stiff_angle,
        papillary=(
            (s.normal(-0.85, 0.2), s.uniform(0.66, 0.78), s.uniform(3.2, 5.2)),
            (s.normal(1.25, 0.2), s.uniform(0.66, 0.78), s.uniform(3.2, 5.2)),
        ),
        rv_width=s.uniform(0.85, 1.1),
        rv_height=s.uniform(1.0, 1.25),
        rv_insertion=insertion,
        fat=(s.uniform(2.0, 5.0), s.normal(0, 1.5), s.normal(0, 1.5), s.normal(0, 1.5)),
    )


def contraction(phase: float) -> float:
    """How contracted the heart is at ``phase`` of the R-R interval: 0 at the R wave, 1 at systole.

    Systole ends at 0.36, early filling at 0.58; diastasis; then the atrial kick.
    """
    if phase < 0.36:
        return smoothstep(phase / 0.36)
    if phase < 0.58:
        return 1.0 - 0.78 * smoothstep((phase - 0.36) / 0.22)
    return 0.22 * (1.0 - smoothstep((phase - 0.82) / 0.15))


@dataclass(frozen=True)
class Plane:
    """The left ventricle in one plane: polar coordinates of the points, and the two outlines there.

    Attributes:
        r, u, v: Distance from the axis (mm) and direction cosines of each point.
        endo, epi: Radius of the outline in each point's direction (mm).
        height: Relative height, 0 apex to 1 base; above 1 lies the atrium.
        rv_scale: How wide the right ventricle is at this height and moment.
    """

    r: Floats
    u: Floats
    v: Floats
    endo: Floats
    epi: Floats
    height: float
    rv_scale: float


@dataclass(frozen=True)
class Rays:
    """What points of a plane have in common at every moment of the beat.

    Attributes:
        z: Height above the apex, mm.
        r, u, v: Distance from the axis (mm) and direction cosines.
        endo, epi: Shape of the two outlines relative to a circle.
        bump: Share of the asymmetric thickening.
        still: Fraction of the motion that is missing.
    """

    z: float
    r: Floats
    u: Floats
    v: Floats
    endo: Floats
    epi: Floats
    bump: Floats
    still: Floats


def rays(heart: Heart, z: float, x: Floats, y: Floats) -> Rays:
    """The points of a plane in the heart's own directions.

    Args:
        heart: Whose.
        z: Height in mm above the apex; may lie below it or above the base.
        x: Columns in mm from the LV axis at mid-height, to the right in the image.
        y: Rows in mm, downwards; broadcasts with ``x``.
    """
    drift = z - 0.5 * heart.length
    x, y = x - heart.tilt[0] * drift, y - heart.tilt[1] * drift
    c, s = cos_sin(heart.rotation)
    a, b = x * c + y * s, y * c - x * s
    r = np.sqrt(a * a + b * b) + 1e-6
    u, v = a / r, b / r
    c2, s2 = u * u - v * v, 2.0 * u * v
    c3, s3 = u * c2 - v * s2, u * s2 + v * c2
    e, f = heart.endo, heart.epi
    endo = 1.0 + e[0] * c2 + e[1] * s2 + e[2] * c3 + e[3] * s3
    epi = 1.0 + f[0] * c2 + f[1] * s2 + f[2] * c3 + f[3] * s3
    gc, gs = cos_sin(heart.septal_angle)
    facing = np.maximum(0.0, 0.35 + 0.65 * (u * gc + v * gs))
    gc, gs = cos_sin(heart.stiff_angle)
    still = heart.stiff * np.minimum(1.0, np.maximum(0.0, 0.1 + 1.3 * (u * gc + v * gs)))
    return Rays(z, r, u, v, endo, epi, facing * facing, still)


def plane(heart: Heart, points: Rays, squeeze: float) -> Plane:
    """The heart cut at these points, contracted by ``squeeze`` in [0, 1]."""
    base = heart.length - heart.descent * squeeze
    height = points.z / base
    cap = heart.apex_cap / heart.length
    inner = _ellipsoid((height - cap) / (1.0 - cap))
    outer = _ellipsoid(height)
    endo = (heart.cavity * inner) * points.endo
    epi = ((heart.cavity + heart.wall) * outer) * points.epi
    if heart.septal > 0.0:
        away = (height - heart.septal_height) / 0.62
        bump = (heart.septal * max(0.0, 1.0 - away * away) * outer) * points.bump
        endo = np.maximum(endo - 0.45 * bump, 0.35 * endo)
        epi = epi + 0.55 * bump
    epi = np.maximum(epi, endo + 3.5 * outer)
    # The wall keeps its volume: its area grows by as much as the ventricle shortens.
    area = (epi * epi - endo * endo) * (heart.length / base)
    endo = endo * (1.0 - heart.shortening * squeeze * (1.0 - points.still))
    epi = np.sqrt(endo * endo + area)
    rv = (1.0 - 0.22 * squeeze) * _ellipsoid(min(1.0, (height - 0.12) / 0.88))
    return Plane(points.r, points.u, points.v, endo, epi, height, rv)


def _ellipsoid(height: float) -> float:
    """Relative radius of a half ellipsoid that narrows a little towards the base."""
    if height <= 0.0:
        return 0.0
    h = min(height, 1.0)
    return math.sqrt(h * (2.0 - h)) * (1.0 - 0.10 * h * h * h)


def tissue_codes(heart: Heart, p: Plane) -> NDArray[np.uint8]:
    """Which tissue (``TISSUE_CODES``) each point of a plane lies in."""
    a, b = p.r * p.u, p.r * p.v
    codes = np.zeros(p.r.shape, dtype=np.uint8)
    size = heart.cavity + heart.wall
    f = heart.fat
    fat = np.maximum(0.0, f[0] + f[1] * p.u + f[2] * p.v + f[3] * (p.u * p.u - p.v * p.v))
    outer = p.epi if p.height <= 1.0 else np.minimum(p.epi, p.endo + 2.5)
    if p.height > -0.06:
        codes[p.r < outer + fat] = FAT
    if p.rv_scale > 0.05:
        _paint_rv(codes, heart, p, a, b, size)
    in_epi, in_endo = p.r < outer, p.r < p.endo
    if p.height <= 0.0:
        return codes
    if p.height > 1.0:  # the atrium: blood in a thin wall, neither of them the LV's
        codes[in_epi] = OTHER_MUSCLE
        codes[in_endo] = OTHER_BLOOD
        return codes
    codes[in_epi] = WALL
    codes[in_endo] = CAVITY
    c2, s2 = p.u * p.u - p.v * p.v, 2.0 * p.u * p.v
    c4, s4 = c2 * c2 - s2 * s2, 2.0 * c2 * s2
    c8, s8 = c4 * c4 - s4 * s4, 2.0 * c4 * s4
    ragged = np.maximum(0.0, heart.trabeculae[0] * c8 + heart.trabeculae[1] * s8)
    codes[in_endo & (p.r > p.endo * (1.0 - ragged))] = PAPILLARY
    if 0.22 < p.height < 0.72:
        scale = float(p.endo.min()) + 0.5 * (float(p.endo.max()) - float(p.endo.min()))
        for angle, distance, radius in heart.papillary:
            c, s = cos_sin(angle)
            da, db = a - distance * scale * c, b - distance * scale * s
            codes[in_endo & (da * da + db * db < radius * radius)] = PAPILLARY
    return codes


def _paint_rv(
    codes: NDArray[np.uint8], heart: Heart, p: Plane, a: Floats, b: Floats, size: float
) -> None:
    """The right ventricle: an ellipse that meets the LV at the two insertion points."""
    c, s = cos_sin(heart.rv_insertion)
    radius = size * min(1.0, max(0.2, _ellipsoid(p.height)))
    centre = -radius * (c + 0.25)
    half_width = size * heart.rv_width * p.rv_scale
    half_height = radius * s * heart.rv_height
    d = a - centre
    for grow, code in ((4.5 + 0.4 * heart.fat[0], FAT), (3.0, OTHER_MUSCLE), (0.0, OTHER_BLOOD)):
        w, h = half_width + grow, half_height + grow
        codes[(d * d) / (w * w) + (b * b) / (h * h) < 1.0] = code
