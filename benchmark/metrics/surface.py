"""Distances between the surfaces of two masks.

``dim`` is part of each number's identity, and each number says which one it is:

* ``3d``: surface by all six faces (on a thin stack the whole first and last slice is surface),
  distances in space;
* ``inplane3d``: surface by the four faces in the slice, distances in space;
* ``slice``: surface by the four faces in the slice, distances within the slice; pooled over slices
  at the level of a volume. A slice with one mask empty is a failure: it makes the value null.

A stack of one slice is two-dimensional: the three agree.
"""

from __future__ import annotations

from functools import partial

from .definition import Card, Pair, metric

__all__ = [
    "SURFACE",
    "asd_pred_to_ref",
    "asd_ref_to_pred",
    "assd",
    "hd",
    "hd95",
    "hd95_pooled",
    "masd",
]

#: What counts as surface, and how far apart two voxels are.
SURFACE = (
    "A foreground voxel with a background voxel across a face (3d: six faces, slice and inplane3d: "
    "the four in the slice; a stack of one slice has only those); outside the image is background. "
    "Distances between voxel centres, in mm, in float64."
)
_NOTES = (
    "dim=slice over a volume pools the distances of all slices; if a slice has one mask empty the "
    "value is null with that status, and the policy worst_case gives each surface voxel of that "
    "slice the in-plane diagonal of the field of view. Over a third of the ventricle it is the "
    "mean of the slices' values, by the same rule."
)
_card = partial(
    Card,
    unit="mm",
    better="lower",
    bounds=(0.0, None),
    reads="distances",
    dims=("3d", "slice", "inplane3d"),
    surface=SURFACE,
    field="does not matter",
    best=0.0,
    worst="diagonal",
    notes=_NOTES,
)


@metric(
    _card(
        name="hd",
        title="Hausdorff distance",
        formula="max(max d(R -> P), max d(P -> R))",
        source="Huttenlocher 1993; popescu2022",
    )
)
def hd(pair: Pair) -> float:
    """The greatest distance from either surface to the other."""
    d = pair.distances
    return max(float(d.reference[-1]), float(d.compared[-1]))


@metric(
    _card(
        name="hd95",
        title="95th percentile Hausdorff distance, greater of the two directions",
        formula="max(P95 d(R -> P), P95 d(P -> R)), percentiles interpolated linearly",
        source="Maier-Hein et al. 2024 (Metrics Reloaded); MONAI",
    )
)
def hd95(pair: Pair) -> float:
    """The greater of the two directed 95th percentiles."""
    d = pair.distances
    return max(d.percentile(d.reference, 95.0), d.percentile(d.compared, 95.0))


@metric(
    _card(
        name="hd95_pooled",
        title="95th percentile Hausdorff distance, of both directions pooled",
        formula="P95 of d(R -> P) and d(P -> R) together, interpolated linearly",
        source="medpy, panoptica, seg-metrics",
    )
)
def hd95_pooled(pair: Pair) -> float:
    """The 95th percentile of the distances of both directions together."""
    d = pair.distances
    return d.percentile(d.pooled, 95.0)


@metric(
    _card(
        name="assd",
        title="Average symmetric surface distance",
        formula="(sum d(R -> P) + sum d(P -> R)) / (|R| + |P|)",
        source="Heimann et al. 2009",
    )
)
def assd(pair: Pair) -> float:
    """The mean of the distances of both directions together."""
    return float(pair.distances.pooled.mean())


@metric(
    _card(
        name="masd",
        title="Mean average surface distance",
        formula="(mean d(R -> P) + mean d(P -> R)) / 2",
        source="Maier-Hein et al. 2024 (Metrics Reloaded)",
    )
)
def masd(pair: Pair) -> float:
    """The mean of the two directed means."""
    d = pair.distances
    return (float(d.reference.mean()) + float(d.compared.mean())) / 2


@metric(
    _card(
        name="asd_ref_to_pred",
        title="Average surface distance from the reference to the compared mask",
        formula="mean d(R -> P)",
        source="Heimann et al. 2009, its average symmetric surface distance in one direction",
        notes=f"{_NOTES} Only the reference's surface is walked, so it sees what is missed and not "
        "what is drawn too much: rank by assd or masd.",
    )
)
def asd_ref_to_pred(pair: Pair) -> float:
    """The mean distance from the reference surface to the compared one."""
    return float(pair.distances.reference.mean())


@metric(
    _card(
        name="asd_pred_to_ref",
        title="Average surface distance from the compared mask to the reference",
        formula="mean d(P -> R)",
        source="Heimann et al. 2009, its average symmetric surface distance in one direction; "
        "medpy's asd",
        notes=f"{_NOTES} Only the compared surface is walked, so it sees what is drawn too much "
        "and not what is missed: rank by assd or masd.",
    )
)
def asd_pred_to_ref(pair: Pair) -> float:
    """The mean distance from the compared surface to the reference one."""
    return float(pair.distances.compared.mean())
