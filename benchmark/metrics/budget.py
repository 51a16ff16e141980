"""Where the Dice coefficient is lost: every wrong voxel in exactly one of four accounts.

Wrong is a voxel in exactly one of the two masks. In this order it is

1. missed or false: of a connected piece of its mask that does not meet the other mask at all;
2. boundary: no farther than 2 mm, in its slice, from the mask that it is not in, or next to it;
3. wrong class: in the heart in both maps, in another class of it in one of them;
4. missed (in the reference only) or false (in the compared mask only): all others.

So a lesion that is not found at all is missed whatever is drawn in its place, one that is drawn a
little too small is boundary, and a slice in which nothing is drawn is missed. The four accounts sum
to ``fp + fn``. What the masks are taken for changes places when they do: missed becomes false.
These are extras: scoring leaves them out unless they are asked for by name.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from .definition import COMPUTE, Card, Metric, Pair, metric
from .lesions import untouched
from .tolerance import within

if TYPE_CHECKING:
    from .pairs import Mask

__all__ = [
    "budget_boundary",
    "budget_boundary_ml",
    "budget_false",
    "budget_false_ml",
    "budget_missed",
    "budget_missed_ml",
    "budget_wrong_class",
    "budget_wrong_class_ml",
]

_WIDTH = 2.0
_WHAT = {
    "boundary": "voxels of exactly one mask, of pieces that meet the other mask, within "
    f"{_WIDTH:g} mm of it in the slice (or next to it across a face in the slice)",
    "missed": "voxels of the reference only: all of a piece that the compared mask does not meet; "
    f"of other pieces those more than {_WIDTH:g} mm from it in the slice where the compared map "
    "has no heart",
    "false": "voxels of the compared mask only: all of a piece that the reference does not meet; "
    f"of other pieces those more than {_WIDTH:g} mm from it in the slice where the reference map "
    "has no heart",
    "wrong_class": "voxels of exactly one mask, of pieces that meet the other mask, more than "
    f"{_WIDTH:g} mm from it in the slice, where the other map has another class of the heart",
}
_NOTES = (
    "The four accounts hold every wrong voxel exactly once. A piece is connected across faces, as "
    "a lesion of lesion_recall is: six neighbours in space, four where a single slice is measured; "
    "so the accounts of all slices need not sum to the volume's. Heart is every class that both "
    "sides speak about. Over a third of the ventricle it is the mean of the slices' values."
)
_card = partial(
    Card,
    better="lower",
    reads="heart",
    field="does not matter",
    pred_empty=COMPUTE,
    ref_empty=COMPUTE,
    best=0.0,
    worst="as_empty",
    extra=True,
)


class _Budget(NamedTuple):
    """Voxels in each account."""

    boundary: int
    missed: int
    false: int
    wrong_class: int


#: Eight metrics ask for the same pair.
_known: WeakKeyDictionary[Pair, _Budget] = WeakKeyDictionary()


def _budget(pair: Pair) -> _Budget:
    if not pair.tp:
        return _Budget(0, pair.fn, pair.fp, 0)  # no piece meets the other mask
    if pair not in _known:
        # Imported here, since metrics are listed without an array library.
        from scipy import ndimage

        ours, theirs = pair.masks()
        # All that is counted, and all that it may be near to, lies in the box of both.
        box = ndimage.find_objects((ours | theirs).view("uint8"))[0]
        ours, theirs = ours[box], theirs[box]
        heart, their_heart = (side[box] for side in pair.heart)
        missed = _accounts(ours, theirs, their_heart, pair.spacing)
        false = _accounts(theirs, ours, heart, pair.spacing)
        _known[pair] = _Budget(
            missed[0] + false[0], missed[1], false[1], missed[2] + false[2]
        )  # fmt: skip
    return _known[pair]


def _accounts(
    mask: Mask, other: Mask, other_heart: Mask, spacing: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Voxels of ``mask`` alone: at the boundary, without a counterpart, of another class."""
    alone = untouched(mask, other)
    rest = mask & ~other & ~alone
    near = _near(rest, other, spacing)
    deep = rest & ~near
    other_class = int((deep & other_heart).sum())
    return int(near.sum()), int(alone.sum()) + int(deep.sum()) - other_class, other_class


def _near(voxels: Mask, mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Those of ``voxels`` that are near ``mask``, slice by slice."""
    # Only here, since metrics are listed without an array library.
    import numpy as np

    _, y, x = spacing
    far = within(_WIDTH)
    # Wide enough that no step from a voxel leaves the padded slice: all may then be added to flat
    # indices. A step to the next voxel is always near, however large voxels are.
    rows = min(max(int(far / y), 1), mask.shape[1])
    columns = min(max(int(far / x), 1), mask.shape[2])
    margin = ((0, 0), (rows, rows), (columns, columns))
    line = mask.shape[2] + 2 * columns
    flat = np.pad(mask, margin).ravel()
    padded = np.pad(voxels, margin)
    held = np.flatnonzero(padded)
    found = np.zeros(len(held), dtype=bool)
    for down in range(-rows, rows + 1):
        for right in range(-columns, columns + 1):
            if abs(down) + abs(right) == 1 or math.hypot(down * y, right * x) <= far:
                found |= flat[held + (down * line + right)]
    near = np.zeros(padded.size, dtype=bool)
    near[held[found]] = True
    return near.reshape(padded.shape)[:, rows:-rows, columns:-columns]


def _volume(account: str, title: str) -> Metric:
    """The volume in an account."""

    @metric(
        _card(
            name=f"budget_{account}_ml",
            title=f"{title}, volume",
            formula=f"voxel volume * number of {_WHAT[account]}",
            unit="mL",
            bounds=(0.0, None),
            both_empty=0.0,
            source="defined here; pieces as in lesion-wise detection",
            notes=f"The four volumes sum to (fp + fn) * voxel volume. {_NOTES}",
        )
    )
    def volume(pair: Pair) -> float:
        return int(getattr(_budget(pair), account)) * pair.voxel_ml

    return volume


def _share(account: str, title: str) -> Metric:
    """What an account costs of the Dice coefficient."""

    @metric(
        _card(
            name=f"budget_{account}",
            title=f"{title}, loss of Dice",
            formula=f"number of {_WHAT[account]} / (2 tp + fp + fn)",
            unit="",
            bounds=(0.0, 1.0),
            both_empty=None,
            source="defined here; pieces as in lesion-wise detection",
            notes=f"The four losses sum to 1 - dice. {_NOTES}",
        )
    )
    def share(pair: Pair) -> float:
        return int(getattr(_budget(pair), account)) / (2 * pair.tp + pair.fp + pair.fn)

    return share


_TITLES = {
    "boundary": "Errors at the boundary",
    "missed": "Missed region",
    "false": "False region",
    "wrong_class": "Wrong class inside the heart",
}
budget_boundary_ml, budget_missed_ml, budget_false_ml, budget_wrong_class_ml = (
    _volume(account, title) for account, title in _TITLES.items()
)
budget_boundary, budget_missed, budget_false, budget_wrong_class = (
    _share(account, title) for account, title in _TITLES.items()
)
