"""Slices in which most of a region was found."""

from __future__ import annotations

from .definition import COMPUTE, Card, Pair, metric

__all__ = ["slice_success"]

#: fahmy2021: a slice failed where "<50% of myocardium area was correctly segmented".
_FOUND = 0.5


@metric(
    Card(
        name="slice_success",
        title="Share of slices successfully segmented",
        formula="slices with tp >= 0.5 (tp + fn), over slices with tp + fn > 0",
        unit="",
        better="higher",
        bounds=(0.0, 1.0),
        reads="masks",
        pred_empty=COMPUTE,
        best=1.0,
        worst=0.0,
        source="fahmy2021, Statistical Analysis and Table 2 (successful segmentation)",
        notes="Of the slices that have the region in the reference. What is marked beside it costs "
        "nothing, so a mask that fills the image has 1: read it beside an overlap.",
    )
)
def slice_success(pair: Pair) -> float:
    """Share of the reference's slices in which at least half of its area was found."""
    reference, compared = pair.masks()
    area = reference.sum(axis=(1, 2))
    found = (reference & compared).sum(axis=(1, 2))
    there = area > 0
    return float((found[there] >= _FOUND * area[there]).mean())
