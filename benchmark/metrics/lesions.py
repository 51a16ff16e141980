"""Detection of lesions, each counted once however large it is.

A lesion is a connected piece of a mask. It is found if a single voxel of it is in the other mask:
how well it is drawn is what overlap and distances are for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from .definition import Card, Pair, metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairs import Mask

__all__ = [
    "lesion_f1",
    "lesion_precision",
    "lesion_recall",
    "lesions_compared",
    "lesions_reference",
    "untouched",
]

_NOTES = (
    "A lesion is a set of voxels connected across faces: six neighbours in space, four where a "
    "single slice is measured, where one arch may be two. Voxels that only meet in an edge or a "
    "corner are two lesions. None is too small to count, not even a stray voxel. Meant for scar "
    "and mvo; of other regions it counts pieces. Over a third of the "
    "ventricle it is the mean of the slices' values."
)
_share = partial(
    Card,
    unit="",
    better="higher",
    bounds=(0.0, 1.0),
    reads="masks",
    field="does not matter",
    pred_empty=0.0,
    ref_empty=0.0,
    best=1.0,
    worst=0.0,
    notes=f"A lesion is found if any voxel of it is in the other mask. {_NOTES}",
)
_count = partial(
    Card,
    unit="",
    better="none",
    bounds=(0.0, None),
    reads="masks",
    field="does not matter",
    both_empty=0.0,
    notes=f"A count ranks nobody: it says how many lesions recall and precision are of. {_NOTES}",
)


class _Lesions(NamedTuple):
    """How many lesions either mask has, and how many of them the other mask touches."""

    reference: int
    found: int
    compared: int
    right: int


#: Labelling costs more than all else here, and five metrics ask it of the same pair.
_known: WeakKeyDictionary[Pair, _Lesions] = WeakKeyDictionary()


def _lesions(pair: Pair) -> _Lesions:
    if pair not in _known:
        ours, theirs = pair.masks()
        _known[pair] = _Lesions(*_pieces(ours, theirs), *_pieces(theirs, ours))
    return _known[pair]


def untouched(mask: Mask, other: Mask) -> Mask:
    """The voxels of all pieces of ``mask`` that share none with ``other``."""
    pieces, touched = _labelled(mask, other)
    touched[0] = True  # what is no piece at all
    found: Mask = ~touched[pieces]
    return found


def _pieces(mask: Mask, other: Mask) -> tuple[int, int]:
    """How many pieces ``mask`` has, and how many of them share a voxel with ``other``."""
    _, touched = _labelled(mask, other)
    return len(touched) - 1, int(touched.sum())


def _labelled(mask: Mask, other: Mask) -> tuple[NDArray[Any], Mask]:
    """The number of each voxel's piece, from 1, and by number whether it meets ``other``."""
    # Imported here, since metrics are listed without an array library.
    import numpy as np
    from scipy import ndimage

    pieces, n = ndimage.label(mask)  # its default joins across faces only
    touched = np.zeros(n + 1, dtype=bool)
    touched[pieces[mask & other]] = True
    return pieces, touched


@metric(
    _share(
        name="lesion_recall",
        title="Lesion-wise recall (sensitivity)",
        formula="reference lesions that are found / reference lesions",
        source="Commowick et al. 2018 (detection of lesions), with any overlap as a hit",
    )
)
def lesion_recall(pair: Pair) -> float:
    """Share of the reference's lesions that the compared mask touches."""
    n = _lesions(pair)
    return n.found / n.reference


@metric(
    _share(
        name="lesion_precision",
        title="Lesion-wise precision (positive predictive value)",
        formula="compared lesions that touch the reference / compared lesions",
        source="Commowick et al. 2018 (detection of lesions), with any overlap as a hit",
    )
)
def lesion_precision(pair: Pair) -> float:
    """Share of the compared mask's lesions that touch the reference."""
    n = _lesions(pair)
    return n.right / n.compared


@metric(
    _share(
        name="lesion_f1",
        title="Lesion-wise F1",
        formula="2 recall precision / (recall + precision), both lesion-wise; 0 if both are 0",
        source="Commowick et al. 2018 (F1 score of detection), with any overlap as a hit",
    )
)
def lesion_f1(pair: Pair) -> float:
    """Harmonic mean of lesion-wise recall and precision."""
    n = _lesions(pair)
    if not n.found:
        return 0.0
    # 2 r p / (r + p) with both fractions brought to one denominator: no rounding in between.
    return 2 * n.found * n.right / (n.found * n.compared + n.right * n.reference)


@metric(
    _count(
        name="lesions_reference",
        title="Number of lesions in the reference",
        formula="connected pieces of R",
        pred_empty="compute",
        ref_empty=0.0,
        source="a plain count",
    )
)
def lesions_reference(pair: Pair) -> float:
    """How many lesions the reference has."""
    return float(_lesions(pair).reference)


@metric(
    _count(
        name="lesions_compared",
        title="Number of lesions in the compared mask",
        formula="connected pieces of P",
        pred_empty=0.0,
        ref_empty="compute",
        source="a plain count",
    )
)
def lesions_compared(pair: Pair) -> float:
    """How many lesions the compared mask has."""
    return float(_lesions(pair).compared)
