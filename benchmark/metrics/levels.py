"""Apex, middle and base: which slices belong to which third of the ventricle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

__all__ = ["LEVELS", "THIRDS", "Thirds", "thirds"]

#: Slice indices by third, or the reason why there are none.
Thirds = Mapping[str, tuple[int, ...]] | str

#: In the order of rows.
THIRDS = ("apex", "middle", "base")
LEVELS = ("volume", *THIRDS, "slice")
# Positions are rounded in files; a slice this near a border (as a share of the length) lies on it.
_TOLERANCE = 1e-6


def thirds(
    present: Sequence[bool],
    positions: Sequence[float],
    apex: Literal["first", "last"] | None,
) -> Thirds:
    """Slices of each third of the DISTANCE from the first to the last slice with reference LV.

    A slice exactly between two thirds is the middle's, so that the rule is the same from both
    ends. Slices beyond the reference LV belong to no third. Source: popescu2022, Results, where
    sections of the heart divide the short-axis distance equally.

    Args:
        present: Per slice, whether the reference has any left ventricle.
        positions: Per slice, mm along the normal.
        apex: Which end of the stack the apex is at.

    Returns:
        Slice indices by third, or the reason why there are none.
    """
    if apex is None:
        return "which end of the stack is the apex is not known"
    held = [i for i, there in enumerate(present) if there]
    if not held:
        return "the reference has no left ventricle"
    first, last = positions[held[0]], positions[held[-1]]
    length = last - first
    groups: dict[str, list[int]] = {name: [] for name in THIRDS}
    for i in range(held[0], held[-1] + 1):
        share = (positions[i] - first) / length if length else 0.5
        if apex == "last":
            share = 1.0 - share
        if share < 1 / 3 - _TOLERANCE:
            groups["apex"].append(i)
        elif share > 2 / 3 + _TOLERANCE:
            groups["base"].append(i)
        else:
            groups["middle"].append(i)
    return {name: tuple(slices) for name, slices in groups.items()}
