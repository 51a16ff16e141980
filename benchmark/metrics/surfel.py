"""Surface distances in which each piece of surface counts by its area, not each voxel once.

What a piece is, where it lies and how large it is stands in :mod:`benchmark.metrics.cells`. These
are extras, for comparison with results that were computed this way: scoring leaves them out unless
they are asked for by name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .definition import Card, Metric, Pair, metric
from .tolerance import within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .cells import Floats, Surfels

__all__ = [
    "surfel_asd_pred_to_ref",
    "surfel_asd_ref_to_pred",
    "surfel_hd",
    "surfel_hd95",
    "surfel_nsd_1mm",
    "surfel_nsd_2mm",
    "surfel_nsd_3mm",
]

_SURFACE = (
    "At each corner where eight voxels meet (four pixels, where a single slice is measured), if "
    "some but not all of them are foreground: the piece of surface, of marching cubes with cuts in "
    "the middle of edges, in the cell of these voxels' centres. It lies at the corner and weighs "
    "its area in mm2 (the outline its length in mm); outside the image is background. Distances "
    "between corners, in mm."
)
_NOTES = (
    "Over a volume the surface is that of the body in space, with the top of the first and the "
    "bottom of the last slice; of a single slice, or a stack of one, it is the outline. Over a "
    "third of the ventricle it is the mean of the slices' values. The triangles of a cell follow "
    "the published table of areas: around the corners that are fewer, around each group of them by "
    "itself."
)
_SOURCE = "Nikolov et al. 2021 (surface Dice) and its published code, surface-distance"
_distance = partial(
    Card,
    unit="mm",
    better="lower",
    bounds=(0.0, None),
    reads="masks",
    surface=_SURFACE,
    field="does not matter",
    best=0.0,
    worst="diagonal",
    source=_SOURCE,
    extra=True,
)

#: Several metrics ask for the same pair.
_known: WeakKeyDictionary[Pair, Surfels] = WeakKeyDictionary()


def _surfels(pair: Pair) -> Surfels:
    if pair not in _known:
        # Imported here, since metrics are listed without an array library.
        from .cells import surfels

        _known[pair] = surfels(*pair.masks(), pair.spacing)
    return _known[pair]


def _nsd(tau: float) -> Metric:
    """The share of area within a tolerance of ``tau`` mm."""
    near = within(tau)

    @metric(
        Card(
            name=f"surfel_nsd@{tau:g}mm",
            title=f"Normalised surface distance at {tau:g} mm, by area (surface Dice of surfels)",
            formula=f"(area of R with d(R -> P) <= {tau:g} mm + area of P with d(P -> R) <= "
            f"{tau:g} mm) / (area of R + area of P)",
            unit="",
            better="higher",
            bounds=(0.0, 1.0),
            reads="masks",
            surface=_SURFACE,
            field="does not matter",
            pred_empty=0.0,
            ref_empty=0.0,
            best=1.0,
            worst=0.0,
            source=_SOURCE,
            notes=f"{_NOTES} Gives other numbers than nsd@{tau:g}mm, in which each surface voxel "
            "counts once. A distance is within tau up to a billionth of it.",
            extra=True,
        )
    )
    def nsd(pair: Pair) -> float:
        s = _surfels(pair)
        ours, theirs = s.reference_areas, s.compared_areas
        total = float(ours.sum()) + float(theirs.sum())
        close = float(ours[s.reference <= near].sum()) + float(theirs[s.compared <= near].sum())
        return min(close / total, 1.0)

    return nsd


surfel_nsd_1mm = _nsd(1.0)
surfel_nsd_2mm = _nsd(2.0)
surfel_nsd_3mm = _nsd(3.0)


@metric(
    _distance(
        name="surfel_hd",
        title="Hausdorff distance between surfels",
        formula="max(max d(R -> P), max d(P -> R))",
        notes=_NOTES,
    )
)
def surfel_hd(pair: Pair) -> float:
    """The greatest distance from a surfel of either mask to the other's."""
    s = _surfels(pair)
    return max(float(s.reference[-1]), float(s.compared[-1]))


@metric(
    _distance(
        name="surfel_hd95",
        title="95th percentile Hausdorff distance by area, greater of the two directions",
        formula="max over both directions of the least distance within which at least 95 % of the "
        "area lies",
        notes=f"{_NOTES} Nothing is interpolated: the value is a distance that occurs.",
    )
)
def surfel_hd95(pair: Pair) -> float:
    """The greater of the two directed 95th percentiles by area."""
    s = _surfels(pair)
    directed = (s.reference, s.reference_areas), (s.compared, s.compared_areas)
    return max(_percentile(d, areas, 0.95) for d, areas in directed)


@metric(
    _distance(
        name="surfel_asd_ref_to_pred",
        title="Average distance by area from the reference's surface to the compared one",
        formula="sum of d(R -> P) * area / area of R",
        notes=_NOTES,
    )
)
def surfel_asd_ref_to_pred(pair: Pair) -> float:
    """The mean distance of the reference's surface, by area."""
    s = _surfels(pair)
    return float((s.reference * s.reference_areas).sum() / s.reference_areas.sum())


@metric(
    _distance(
        name="surfel_asd_pred_to_ref",
        title="Average distance by area from the compared mask's surface to the reference's",
        formula="sum of d(P -> R) * area / area of P",
        notes=_NOTES,
    )
)
def surfel_asd_pred_to_ref(pair: Pair) -> float:
    """The mean distance of the compared mask's surface, by area."""
    s = _surfels(pair)
    return float((s.compared * s.compared_areas).sum() / s.compared_areas.sum())


def _percentile(distances: Floats, areas: Floats, share: float) -> float:
    upto: NDArray[Any] = areas.cumsum() / areas.sum()
    return float(distances[min(int(upto.searchsorted(share)), len(distances) - 1)])
