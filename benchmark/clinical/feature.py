"""One number that describes a segmentation, with the reason where there is none."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..metrics.definition import Status
from ..types import Region

__all__ = ["Feature", "can_describe", "undrawn"]


class Feature(NamedTuple):
    """One number that describes a segmentation.

    Attributes:
        level: ``volume``, a third of the ventricle, ``slice`` or ``segment``.
        slice: Index of the slice, at level ``slice``.
        feature: Its name.
        value: None where there is none.
        status: Why, else ``ok``.
        unit: Of the value.
        message: The reason in words.
        segment: 1 to 17 at level ``segment``; None where segments are not known at all.
    """

    level: str
    slice: int | None
    feature: str
    value: float | None
    status: Status
    unit: str
    message: str
    segment: int | None = None


def can_describe(region: Region, given: Collection[Region]) -> bool:
    """Whether a segmentation that says something about ``given`` says something about ``region``.

    Core scar follows from scar and myocardium.
    """
    if region is Region.CORE_SCAR:
        return region in given or (Region.SCAR in given and Region.MYOCARDIUM in given)
    return region in given


def undrawn(needed: Collection[Region], given: Collection[Region]) -> str | None:
    """Why nothing is known that needs ``needed``; None if all of them are in ``given``."""
    for region in needed:
        if not can_describe(region, given):
            return f"{region.value} is not part of this segmentation"
    return None
