"""What a diagnosis does to the heart and to its muscle: sizes, relaxation times, focal lesions.

Sizes follow published ranges, as those of :func:`._phantom.draw_heart`. Relaxation times are true
ones at 1.5 T, of which the maps show about 88 % (T1) and 110 % (T2), as MOLLI and T2-prepared maps
do (:mod:`._mapping_signal`): a healthy muscle of 1155 and 44.5 ms reads about 1010 and 49 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from ._phantom import Heart, draw_heart
from ._portable import PI, Stream
from ._scar import TERRITORIES, Blob, Scar, draw_scar
from ._signal import TISSUES, Tissue

__all__ = ["DIAGNOSES", "Diagnosis", "Subject", "draw_subject"]

Span = tuple[float, float]
LesionKind = Literal["infarct", "patches", "midwall", "subepicardial"]


@dataclass(frozen=True)
class Diagnosis:
    """What one diagnosis changes; the defaults are healthy.

    Attributes:
        cavity, wall: Endocardial radius at the base and thickness of the wall there, mm.
        septal: Asymmetric thickening, mm.
        shortening: Fraction by which the endocardial radius shrinks.
        t1, t2: Added to the whole muscle's times, ms: diffuse fibrosis and oedema.
        lesion: Where focal lesions lie.
        chance: That there is one.
        burden: Share of the wall that it takes.
        lesion_t1, lesion_t2: Added within, ms.
    """

    cavity: Span = (24.0, 29.0)
    wall: Span = (6.8, 8.8)
    septal: Span = (0.0, 0.0)
    shortening: Span = (0.30, 0.36)
    t1: float = 0.0
    t2: float = 0.0
    lesion: LesionKind | None = None
    chance: float = 1.0
    burden: Span = (0.0, 0.0)
    lesion_t1: Span = (0.0, 0.0)
    lesion_t2: Span = (0.0, 0.0)


#: By the keys of :data:`._mapping_protocol.COUNTS`.
DIAGNOSES: Mapping[str, Diagnosis] = MappingProxyType(
    {
        "healthy_volunteer": Diagnosis(),
        # Large and even, with a lean muscle.
        "athlete": Diagnosis(cavity=(28.0, 32.0), wall=(8.5, 10.8), t1=-20.0, t2=-0.5),
        # Infarcts, old (fibrosis) or fresh (oedema): hence the wide spans.
        "ischaemic": Diagnosis(
            cavity=(26.0, 33.0), wall=(6.2, 8.8), shortening=(0.15, 0.28), t1=15.0, t2=0.8,
            lesion="infarct", burden=(0.05, 0.25), lesion_t1=(130.0, 330.0), lesion_t2=(4.0, 24.0),
        ),
        "dilated": Diagnosis(
            cavity=(31.0, 36.0), wall=(6.0, 7.6), shortening=(0.11, 0.2), t1=60.0, t2=2.0,
            lesion="midwall", chance=0.4, burden=(0.03, 0.08), lesion_t1=(100.0, 200.0),
            lesion_t2=(2.0, 6.0),
        ),
        "hypertrophic": Diagnosis(
            cavity=(23.0, 27.0), wall=(8.5, 11.0), septal=(6.0, 13.0), shortening=(0.33, 0.4),
            t1=40.0, t2=1.0, lesion="patches", chance=0.8, burden=(0.03, 0.15),
            lesion_t1=(80.0, 200.0), lesion_t2=(2.0, 9.0),
        ),
        "aspecific_cardiomyopathy": Diagnosis(
            cavity=(25.0, 32.0), wall=(6.5, 9.5), shortening=(0.2, 0.32), t1=30.0, t2=1.0,
            lesion="midwall", chance=0.3, burden=(0.02, 0.08), lesion_t1=(80.0, 180.0),
            lesion_t2=(2.0, 6.0),
        ),
        # Acute: oedema below the epicardium of the lateral wall, and a little everywhere.
        "myocarditis": Diagnosis(
            t1=30.0, t2=2.5, lesion="subepicardial", burden=(0.06, 0.2), lesion_t1=(150.0, 320.0),
            lesion_t2=(12.0, 26.0), shortening=(0.24, 0.34), wall=(7.2, 9.4),
        ),
        # From the large thin ventricle of regurgitation to the small thick one of stenosis.
        "valvular": Diagnosis(cavity=(24.0, 33.0), wall=(8.0, 12.0), t1=20.0, t2=0.5),
        "transplant": Diagnosis(wall=(8.0, 10.0), shortening=(0.25, 0.32), t1=45.0, t2=5.0),
        "aspecific_lge": Diagnosis(
            t1=5.0, lesion="midwall", burden=(0.02, 0.07), lesion_t1=(80.0, 180.0),
            lesion_t2=(2.0, 8.0),
        ),
        "hypertrophy": Diagnosis(cavity=(22.5, 26.5), wall=(11.0, 14.0), t1=15.0, t2=0.5),
        "no_alterations": Diagnosis(),
    }
)  # fmt: skip

_MUSCLE = Tissue(0.80, 1155.0, 44.5, 0.0)
_BLOOD = Tissue(0.92, 1690.0, 230.0, 0.0)


@dataclass(frozen=True)
class Subject:
    """One patient's heart and its tissues.

    Attributes:
        heart: At end diastole.
        tissues: Everything that is scanned, by name; ``drifted`` is myocardium with longer times,
            by which slow waves in it are made.
        lesion: Its shape, or None.
        burden: The share of the wall that it takes.
    """

    heart: Heart
    tissues: Mapping[str, Tissue]
    lesion: Scar | None
    burden: float


def draw_subject(stream: Stream, pathology: str) -> Subject:
    """A random patient with this diagnosis (a key of ``DIAGNOSES``)."""
    s, d = stream, DIAGNOSES[pathology]
    lesion, burden = None, 0.0
    insertion = s.uniform(0.95, 1.2)
    if d.lesion is not None and s.chance(d.chance):
        burden = s.uniform(*d.burden)
        lesion = _draw_lesion(s, d.lesion, burden, insertion)
    angle = lesion.infarcts[0].angle if lesion and lesion.infarcts else TERRITORIES["LAD"]
    stiff = s.uniform(0.2, 0.8) if lesion and lesion.infarcts else 0.0
    drawn = draw_heart(s, "normal", stiff, angle, insertion)
    size = s.normal(1.0, 0.06)
    shortening = s.uniform(*d.shortening)
    heart = replace(
        drawn,
        cavity=s.uniform(*d.cavity) * size,
        wall=s.uniform(*d.wall),
        septal=s.uniform(*d.septal),
        shortening=shortening,
        descent=s.uniform(0.28, 0.45) * shortening * 95.0,
        # Relaxed, in diastole, they lie flat; the eightfold pattern must not be what a map shows.
        trabeculae=(0.45 * drawn.trabeculae[0], 0.45 * drawn.trabeculae[1]),
    )
    # People differ by about 2 % (T1) and 3.5 % (T2); haematocrit moves the blood's.
    muscle = replace(
        _MUSCLE,
        t1=_MUSCLE.t1 + d.t1 + s.normal(0.0, 24.0),
        t2=_MUSCLE.t2 + d.t2 + s.normal(0.0, 1.5),
    )
    ill = replace(
        muscle,
        density=0.83,
        t1=muscle.t1 + s.uniform(*d.lesion_t1),
        t2=muscle.t2 + s.uniform(*d.lesion_t2),
    )
    tissues = {
        **TISSUES,
        "myocardium": muscle,
        "lesion": ill,
        "drifted": replace(muscle, t1=1.03 * muscle.t1, t2=1.03 * muscle.t2),
        "blood": replace(_BLOOD, t1=_BLOOD.t1 + s.normal(0.0, 70.0)),
    }
    return Subject(heart, MappingProxyType(tissues), lesion, burden)


def _draw_lesion(s: Stream, kind: LesionKind, burden: float, insertion: float) -> Scar:
    """A lesion's shape: infarcts and septal patches as in LGE, or blobs at their usual places."""
    if kind == "infarct":
        return replace(draw_scar(s, "ischaemic", burden, insertion), mvo_share=0.0)
    if kind == "patches":
        return draw_scar(s, "hypertrophic", burden, insertion)
    # Mid-wall lesions favour the septum (at PI), subepicardial ones the lateral wall (at 0).
    middle, depth = (PI, 0.5) if kind == "midwall" else (0.35, 0.85)
    blobs = tuple(
        Blob(
            angle=middle + s.normal(0.0, 0.5),
            depth=s.normal(depth, 0.08),
            height=s.uniform(0.25, 0.8),
            half_angle=s.uniform(0.35, 0.8),
            half_depth=s.uniform(0.25, 0.4),
            half_height=s.uniform(0.2, 0.5),
        )
        for _ in range(3)
    )
    ripple = tuple(
        (s.normal(0, 0.4 / k), s.normal(0, 0.4 / k), s.normal(0, 2.0), s.normal(0, 0.3))
        for k in range(1, 6)
    )
    return Scar(blobs=blobs, ripple=ripple, soft=s.uniform(0.25, 0.5))
