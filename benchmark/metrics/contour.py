"""Definitions of what is measured between contours (``dim=contour``), not between masks.

``hd``, ``masd``, ``dice`` and ``iou`` of contours share their names with metrics of masks, and are
told from them by their dim, by their regions ``endo`` and ``epi``, which no mask has, and by cards
of their own: :attr:`Card.key` is ``hd@contour``. So the definitions of masks, and the hashes that
accepted entries name, are what they were before there were contours.

The arithmetic is in :mod:`benchmark.contours`; like all cards, these import no array library.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from .definition import Card

__all__ = ["CONTOUR_CARDS"]

_CONTOUR = (
    "A closed polygon through ordered points in one slice, endo around the cavity or epi around "
    "the whole ventricle, in the slice's plane, in mm. Those that are given; of an answer with "
    "labels alone, those fitted to them (mapping2023, section 3.6): boundary midpoints, Teh-Chin "
    "dominant points, roundness filter 1:3, largest piece, convex hull of a C, smoothing B-spline."
)
_OVER = (
    "A volume, or a third of it, is the mean of its slices in which either side has a contour; "
    "the tables of mapping2023, of single slices, print the mean of endo and epi."
)
_NOT_DRAWN = "A slice whose reference has labels there but no contour is left out."
_distance = partial(
    Card,
    unit="mm",
    better="lower",
    bounds=(0.0, None),
    reads="contours",
    dims=("contour",),
    surface=_CONTOUR,
    field="does not matter",
    best=0.0,
    worst="diagonal",
)
_NULL = (
    f"{_OVER} As soon as one of them lacks a value so does the volume; the policy worst_case puts "
    f"the in-plane diagonal of the field of view in that slice's place. {_NOT_DRAWN}"
)
_CURVES = (
    "Polygons are sampled at most 0.1 mm apart and each sample is measured to the edges of the "
    "other polygon."
)
_overlap = partial(
    Card,
    unit="",
    better="higher",
    bounds=(0.0, 1.0),
    reads="contours",
    dims=("contour",),
    pred_empty=0.0,
    ref_empty=0.0,
    best=1.0,
    worst=0.0,
    source="mapping2023, sections 3.4 and 3.6",
    notes=(
        "endo is the closed disk of the cavity, epi the ring of the myocardium between the two "
        "contours, not the disk of the ventricle. The reference's pixels are always those whose "
        "centres its contours surround; the compared side's are its labels, or where it has none, "
        f"made in the same way, so this does not depend on how contours are fitted. {_OVER} "
        f"{_NOT_DRAWN} So is the ring of one with labels of a cavity but no endo contour."
    ),
)

_CARDS = (
    _distance(
        name="hd_points",
        title="Hausdorff distance between the discrete points of contours",
        formula="max(max d(R -> P), max d(P -> R)), d from point to nearest point",
        source="mapping2023, section 3.6 and its ablation (Table 8)",
        notes=(
            "As published. It falls as points lie denser, on either side, whatever the contours: "
            f"compare only what was drawn or fitted alike, and rank by hd or masd. {_NULL}"
        ),
    ),
    _distance(
        name="hd",
        title="Hausdorff distance between contours",
        formula="max(max d(R -> P), max d(P -> R)), d from point of the curve to the other curve",
        source="Huttenlocher 1993; mapping2023",
        notes=f"{_CURVES} It is within 0.05 mm of its limit. {_NULL}",
    ),
    _distance(
        name="masd",
        title="Mean distance between contours",
        formula="(mean d(R -> P) + mean d(P -> R)) / 2, means over the length of each curve",
        source="mapping2023, its mean surface distance, which it does not define further",
        notes=f"{_CURVES} It is within 0.075 mm of its limit. {_NULL}",
    ),
    _overlap(
        name="dice",
        title="Dice coefficient of the disk in the endocardium or the ring in the epicardium",
        formula="2 tp / (2 tp + fp + fn)",
    ),
    _overlap(
        name="iou",
        title="Jaccard index of the disk in the endocardium or the ring in the epicardium",
        formula="tp / (tp + fp + fn)",
    ),
)
#: By name, in the order of rows.
CONTOUR_CARDS: Mapping[str, Card] = MappingProxyType({card.name: card for card in _CARDS})
