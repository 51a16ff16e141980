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
* A subsequence is a run of successive slices. A slice is of it if it has myocardium, is no C, and
  has at least 60 % of the LV area (myocardium and blood pool) of the slice before it in the run;
  and if its ratio of myocardium to blood pool is at most a multiple of that slice's, for towards
  the base the cavity opens and does not vanish. A slice without blood pool has an infinite ratio:
  the cap of the apex may have none, a slice above one that has some may not. A C ends a run
  because else ``max`` would let any number in.
* Of runs of equal length the one with more LV volume is the ventricle, and then the first.
* ``iC`` and ``iD`` are the first at or after ``iM``: the area of a ventricle grows by more than 60
  % between slices near its apex, and what lies below the run is no base. Without a C, or without a
  deviation, the index is that of the end of the stack.
* What lies below the run is below the apex, and goes.

Applied to what it leaves, it leaves all of it: no slice that is kept becomes a C or changes its
neighbours, and the first that went is empty, which is a deviation at the same index.
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
            may reach. Not in the paper; in the references of the training cases of ``lge`` it
            reaches 1.1, in those of EMIDEC 1.8.

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
        c_shaped: ``iC``; the number of slices where there is no C from ``run_end`` on.
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

    In a stack without a single ring nothing says where the ventricle is, and nothing stays.

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
    rings = [bool(areas[k]) and not is_open(wall[k]) for k in range(n)]
    first, run_end = _longest_run(areas, ratios, rings, limits)
    found = first < run_end
    beyond = range(run_end, n)
    c_shaped = next((k for k in beyond if areas[k] and not rings[k]), n)
    deviation = next((k for k in beyond if found and _deviates(areas[k - 1], areas[k], limits)), n)
    end = max(run_end, min(c_shaped + 1, deviation)) if found else 0
    slices = np.zeros(n, dtype=bool)
    slices[first:end] = True
    reasons = tuple(_reason(k, bool(areas[k]), first, end) for k in range(n))
    return Kept(slices, reasons, first, run_end, c_shaped, deviation, end)


def discarded_share(
    stacks: Iterable[Stack],
    limits: VolumeLimits | None = None,
    *,
    is_c_shaped: Callable[[Mask], bool] | None = None,
) -> float:
    """Share of the slices with myocardium that the checks would discard.

    "The numerical values for the thresholds were determined by ensuring no more than 5% of the
    ground truth segmented slices would be discarded": of those of training this is to be 0.05 or
    less. The defaults discard none of the training cases of ``lge`` and of EMIDEC.

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
    areas: Sequence[int], ratios: Sequence[float], rings: Sequence[bool], limits: VolumeLimits
) -> tuple[int, int]:
    """First slice of the longest run and the index after its last; (0, 0) if there is no ring."""
    best, start = (0, 0, 0), 0  # length, area, minus the first
    for k, ring in enumerate(rings):
        joins = k > 0 and rings[k - 1] and (
            areas[k] >= (1 - limits.decrease) * areas[k - 1]
            and ratios[k] <= limits.ratio_rise * ratios[k - 1]
        )  # fmt: skip
        start = start if joins else k
        if ring:
            best = max(best, (k + 1 - start, sum(areas[start : k + 1]), -start))
    return -best[2], best[0] - best[2]


def _deviates(before: int, after: int, limits: VolumeLimits) -> bool:
    return after < limits.drop * before or after > (1 + limits.increase) * before


def _reason(k: int, shown: bool, first: int, end: int) -> Reason:
    if first <= k < end:
        return "kept"
    if not shown:
        return "empty"
    return "below the apex" if k < first else "above the base"
