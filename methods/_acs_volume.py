"""Volumetric checks: which slices of a segmented stack show the ventricle, and why others go.

popescu2022, Stage 3: "additional automatic volumetric checks were applied to remove segmentations
from images located below the apex or above the base of the LV. We compared ratios of myocardium to
blood pool areas of each slice to identify the longest subsequence of slices in the stack. The
threshold used to determine whether to include a slice in the subsequence was approximately a 40%
maximum decrease in LV area. Segmented volumes were truncated at the index i = max(iM, min(iC + 1,
iD)), where iM refers to the final index in the subsequence; iC represents the index of the first
"C"-shaped slice [...]; and iD represents the index of a large deviation (drop to 60% or increase of
60%) in LV area between successive slices. This check allowed incorporation of at most 1 "C"-shaped
slice and excluded slices above the base with no true ROI."

Read so that all of its sentences hold at once, slices counted from 0 at the apex:

* All three indices say where to cut: slices below ``i`` stay. ``iC + 1`` then lets the C-shaped
  slice in, ``iD`` leaves the slice after the jump out, and ``iM`` is the end of the subsequence as
  a half-open range has it, the index after its last slice; otherwise one true slice of every stack
  would go.
* A subsequence is a run of successive slices with myocardium. Each has at least 60 % of the LV area
  (myocardium and blood pool) of the one before it; and a ratio of myocardium to blood pool that is
  at most a multiple of that one's, for towards the base the cavity opens and does not vanish. A
  slice without blood pool has an infinite ratio: the cap of the apex may have none, a slice above
  one that has some may not.
* A run begins and ends with a slice that is no C, and holds one C at most, a torn wall between
  whole ones; or else ``max`` would let in any number.
* Of runs of equal length the one with more LV volume is the ventricle, and then the first.
* ``iC`` is the first C from the run's first slice on, ``iD`` the first deviation from ``iM`` on:
  the area of a ventricle grows by more than 60 % between slices near its apex, and what lies below
  the run is no base. Without a C, or without a deviation, the index is that of the stack's end.
* What lies below the run is below the apex, and goes.

Applied to what it leaves, it leaves all of it: no run becomes longer by what went, the longest is
whole, and the first slice that went above it is empty, which is a deviation at the same index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError

__all__ = ["Kept", "Reason", "Stack", "VolumeLimits", "discarded_share", "kept_slices"]

Mask = NDArray[np.bool_]
#: LV masks and myocardium masks of one heart, ``(slice, y, x)`` from apex to base.
Stack = tuple[NDArray[Any], NDArray[Any]]
#: Why a slice stays or goes.
Reason = Literal["kept", "empty", "below the apex", "above the base"]


@dataclass(frozen=True)
class VolumeLimits:
    """What may change between successive slices of a ventricle, from apex to base.

    Attributes:
        decrease: Share of its LV area that a slice of the run may have lost: "approximately a 40%
            maximum decrease".
        drop: A fall of the LV area below this share of the slice before is a deviation: "drop to
            60%".
        increase: So is a growth by more than this share: "increase of 60%".
        ratio_rise: Multiple of the slice before that a slice's ratio of myocardium to blood pool
            may reach. Not in the paper; in the references it reaches 1.04 in the training cases of
            ``lge`` and 1.8 in the 64 cases of EMIDEC that were at hand.

    Raises:
        DataError: A limit that no stack could meet, or that every stack would.
    """

    decrease: float = 0.4
    drop: float = 0.6
    increase: float = 0.6
    ratio_rise: float = 2.5

    def __post_init__(self) -> None:
        for name, low, high in (
            ("decrease", 0, 1), ("drop", 0, 1), ("increase", 0, np.inf), ("ratio_rise", 1, np.inf),
        ):  # fmt: skip
            if not low <= getattr(self, name) < high:
                raise DataError(
                    f"{name} is {getattr(self, name)}; it is at least {low} and below {high}."
                )


class Kept(NamedTuple):
    """Which slices stay.

    Attributes:
        slices: ``(slice,)`` bool.
        reasons: For each slice why it stays or goes.
        first: Index of the first slice of the run.
        run_end: ``iM``, the index after its last.
        c_shaped: ``iC``; the number of slices where there is no C from ``first`` on.
        deviation: ``iD``; the number of slices where there is none from ``run_end`` on.
        end: ``i``, the index after the last slice that stays.
    """

    slices: Mask
    reasons: tuple[Reason, ...]
    first: int
    run_end: int
    c_shaped: int
    deviation: int
    end: int


def kept_slices(
    lv_masks: NDArray[Any],
    myocardium_masks: NDArray[Any],
    limits: VolumeLimits | None = None,
    *,
    is_c_shaped: Callable[[Mask], bool] | None = None,
) -> Kept:
    """Find the slices of the ventricle in a stack ordered from apex to base.

    In a stack of C shapes alone nothing says where the ventricle is, and nothing stays.

    Args:
        lv_masks: ``(slice, y, x)``: myocardium and blood pool; myocardium counts without it too.
        myocardium_masks: On the same grid. A slice without myocardium counts as empty.
        limits: By default the paper's.
        is_c_shaped: Whether a ``(y, x)`` myocardium is an open ring; by default
            ``_acs_anatomy.is_c_shaped``. Asked of slices with myocardium only.

    Raises:
        DataError: The masks are not two stacks on one grid.
    """
    limits = limits or VolumeLimits()
    is_open = _anatomical() if is_c_shaped is None else is_c_shaped
    lv, wall = _checked(lv_masks, myocardium_masks)
    areas, ratios = _measured(lv, wall)
    n = len(areas)
    cs = [bool(areas[k]) and is_open(wall[k]) for k in range(n)]
    run = _longest_run(areas, ratios, cs, limits)
    beyond = range(run.stop, n) if run else range(0)
    c_shaped = next((k for k in range(run.start, n) if cs[k]), n)
    deviation = next((k for k in beyond if _deviates(areas[k - 1], areas[k], limits)), n)
    end = max(run.stop, min(c_shaped + 1, deviation)) if run else 0
    slices = np.zeros(n, dtype=bool)
    slices[run.start : end] = True
    reasons = tuple(_reason(k, bool(areas[k]), run.start, end) for k in range(n))
    return Kept(slices, reasons, run.start, run.stop, c_shaped, deviation, end)


def discarded_share(
    stacks: Iterable[Stack],
    limits: VolumeLimits | None = None,
    *,
    is_c_shaped: Callable[[Mask], bool] | None = None,
) -> float:
    """Share of the slices with myocardium that the checks would discard.

    "The numerical values for the thresholds were determined by ensuring no more than 5% of the
    ground truth segmented slices would be discarded": of those of training this is to be 0.05 or
    less. The defaults discard none of 370 slices that train in ``lge`` and of 441 in EMIDEC.

    Raises:
        DataError: As :func:`kept_slices`, or no stack holds myocardium.
    """
    drawn = discarded = 0
    for lv, wall in stacks:
        kept = kept_slices(lv, wall, limits, is_c_shaped=is_c_shaped)
        shown = np.asarray(wall).astype(bool).any(axis=(1, 2))
        drawn += int(shown.sum())
        discarded += int((shown & ~kept.slices).sum())
    if not drawn:
        raise DataError("No slice of these stacks has myocardium.", "Give stacks that have some.")
    return discarded / drawn


def _anatomical() -> Callable[[Mask], bool]:
    from . import _acs_anatomy

    return _acs_anatomy.is_c_shaped


def _checked(lv_masks: NDArray[Any], myocardium_masks: NDArray[Any]) -> tuple[Mask, Mask]:
    wall = np.asarray(myocardium_masks).astype(bool)
    lv = np.asarray(lv_masks).astype(bool)
    if lv.shape != wall.shape or wall.ndim != 3:
        raise DataError(
            f"LV masks have shape {lv.shape} and myocardium masks {wall.shape}.",
            "Give both as (slice, y, x).",
        )
    return lv | wall, wall


def _measured(lv: Mask, wall: Mask) -> tuple[list[int], list[float]]:
    """Each slice's LV area in pixels, and its ratio of myocardium to blood pool."""
    walls = wall.sum(axis=(1, 2)).tolist()
    whole = lv.sum(axis=(1, 2)).tolist()
    areas = [b if a else 0 for a, b in zip(walls, whole, strict=True)]
    ratios = [a / (b - a) if b > a else np.inf for a, b in zip(walls, areas, strict=True)]
    return areas, ratios


def _longest_run(
    areas: Sequence[int], ratios: Sequence[float], cs: Sequence[bool], limits: VolumeLimits
) -> range:
    """The run of slices that is the ventricle; an empty one if all are empty or C-shaped."""
    best, most = range(0), (0, 0)  # length, area
    for first in range(len(areas)):
        torn = 0
        for k in range(first, len(areas)):
            torn += cs[k]
            follows = k == first or (
                areas[k] >= (1 - limits.decrease) * areas[k - 1]
                and ratios[k] <= limits.ratio_rise * ratios[k - 1]
            )
            if not areas[k] or not follows or cs[first] or torn > 1:
                break
            size = (k + 1 - first, sum(areas[first : k + 1]))
            if not cs[k] and size > most:
                best, most = range(first, k + 1), size
    return best


def _deviates(before: int, after: int, limits: VolumeLimits) -> bool:
    return after < limits.drop * before or after > (1 + limits.increase) * before


def _reason(k: int, shown: bool, first: int, end: int) -> Reason:
    if first <= k < end:
        return "kept"
    if not shown:
        return "empty"
    return "below the apex" if k < first else "above the base"
