"""Whether probabilities mean what they say: of the voxels given 0.7, are 70 % in the region?

Measured near the heart only. Over the whole image nearly every voxel is background that nobody
doubts, and any method looks calibrated.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .definition import COMPUTE, Card, Pair, metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MARGIN", "brier", "ece"]

#: How far the measured box reaches beyond the reference's left ventricle, in mm.
MARGIN = 10.0
_BINS = 15
_card = partial(
    Card,
    unit="",
    better="lower",
    bounds=(0.0, 1.0),
    reads="probabilities",
    field="Every slice, in the box of rows and columns that holds the reference's left ventricle "
    f"(all of its labels, in any slice) and {MARGIN:g} mm more on each side, cut off at the edge "
    "of the image. It does not depend on the prediction, so all methods are measured on the same "
    "voxels.",
    both_empty=COMPUTE,
    pred_empty=COMPUTE,
    ref_empty=COMPUTE,
    best=0.0,
    worst=1.0,
)
_NOTES = (
    "Of regions that come with probabilities; the labels do not enter. A region that is empty in "
    "the reference has a value like any other: what is promised of it is too much. not_applicable "
    "without probabilities of the region, or where "
    "the reference shows no left ventricle. Probabilities that a run has stored are in steps of "
    "1/255, and are read as k/255. Over a third of the ventricle it is the mean of the slices' "
    "values."
)


@metric(
    _card(
        name="brier",
        title="Brier score",
        formula="mean over voxels of (p - t)^2, p the probability of the region, t = 1 inside the "
        "reference's and 0 outside",
        source="Brier 1950 (for two classes, half of his sum over both)",
        notes=_NOTES,
    )
)
def brier(pair: Pair) -> float:
    """Mean squared difference of probability and truth."""
    truth, probabilities = pair.forecast
    return float(((probabilities - truth) ** 2).mean())


@metric(
    _card(
        name="ece",
        title=f"Expected calibration error, of {_BINS} bins",
        formula="sum over bins of n / N * |mean of p - share of the region|, bins of p: "
        f"[0, 1/{_BINS}], (1/{_BINS}, 2/{_BINS}], ..., ({_BINS - 1}/{_BINS}, 1]",
        source="Naeini et al. 2015 (probability of one class); Guo et al. 2017 (bins)",
        notes=f"Of the probability of the region itself, from 0 to 1, not of the more likely of "
        f"two answers, from 0.5 to 1, as Guo et al. have it for many classes. {_NOTES}",
    )
)
def ece(pair: Pair) -> float:
    """How far promised and found shares of the region lie apart, on average over voxels."""
    # Only here, since metrics are listed without an array library.
    import numpy as np

    truth, probabilities = (side.ravel() for side in pair.forecast)
    # A bound belongs to the bin below it, as whatever float type may have stored it.
    bounds: NDArray[np.float64] = np.arange(1, _BINS) / _BINS * (1 + 1e-6)
    bins = np.digitize(probabilities, bounds, right=True)
    promised = np.bincount(bins, probabilities, _BINS)
    found = np.bincount(bins, truth, _BINS)
    return float(np.abs(promised - found).sum() / len(bins))
