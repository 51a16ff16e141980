"""One segmentation against another, as arrays: a table for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError, near_misses
from .metrics.cards import select
from .metrics.inputs import canonical_regions, check_grids, own_regions
from .metrics.levels import LEVELS, Thirds
from .metrics.pairs import RegionPair
from .metrics.probabilities import regions_of
from .metrics.tables import SCORES, score_rows
from .scoring import ScoreTask, score_case
from .types import Volume, checked_spacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["score"]


def score(
    reference: NDArray[Any],
    prediction: NDArray[Any],
    spacing: tuple[float, float, float],
    *,
    regions: Collection[str] | Mapping[str, Collection[int]] | None = None,
    metrics: Collection[str] | None = None,
    levels: Collection[str] = ("volume",),
    apex: Literal["first", "last"] | None = None,
    slice_positions: tuple[float, ...] | None = None,
    image: NDArray[Any] | None = None,
    probabilities: Mapping[str, NDArray[Any]] | None = None,
    case: str = "",
) -> pd.DataFrame:
    """Score one segmentation against another.

    What the arrays mean follows from their type. Two masks (bool, or of values 0 and 255; one
    bool array makes the other, of 0 and one further value, a mask as well) are one region called
    ``mask``. Other integers are canonical labels (:class:`benchmark.Label`) and give every region
    of :class:`benchmark.Region`, ``core_scar`` only with ``image``; labels of your own need
    ``regions`` to say what they mean.

    Args:
        reference: ``(slice, row, column)``, in any memory order.
        prediction: The same shape.
        spacing: (z, y, x) in mm; z from slice centre to slice centre.
        regions: Names of canonical regions to keep, or ``{"scar": (3, 4)}`` for your own labels.
        metrics: Names of metrics; all but extras by default.
        levels: Which of ``volume``, ``apex``, ``middle``, ``base``, ``slice``.
        apex: Whether the ``first`` or the ``last`` slice is at the apex; needed for the thirds.
        slice_positions: Per slice, mm along the normal; by default multiples of z.
        image: Intensities on the same grid, for ``core_scar``.
        probabilities: By canonical region, floats in [0, 1] on the same grid, for calibration.
        case: What the column ``case`` should hold.

    Returns:
        One row per value, with the columns of :data:`SCORES`.

    Raises:
        DataError: Shapes, dtypes, spacing or label values do not fit.
        UsageError: A region, metric or level is unknown.
    """
    import pandas as pd

    select(metrics)
    spacing = checked_spacing(spacing)
    reference, prediction = np.asarray(reference), np.asarray(prediction)
    check_grids(("Reference", "prediction"), (reference, prediction), spacing)
    for level in levels:
        if level not in LEVELS:
            raise UsageError(f"There is no level {level!r}.", near_misses(level, LEVELS))
    own = own_regions(reference, prediction, regions)
    if own is None:
        wanted = canonical_regions(regions, image is not None)
        task = ScoreTask(
            case=case,
            reference=reference,
            prediction=prediction,
            spacing=spacing,
            apex=apex,
            slice_positions=slice_positions,
            image=None if image is None else Volume(np.asarray(image), spacing),
            describe=frozenset(),
            probabilities=regions_of(probabilities),
        )
        rows = score_case(task, metrics=metrics, levels=levels, regions=wanted).scores
    elif probabilities is not None:
        raise UsageError(
            "Probabilities are measured near the left ventricle, which masks do not show.",
            "Give canonical labels, without regions of your own.",
        )
    else:
        rows = []
        chosen = select(metrics)
        reason: Thirds = "thirds need canonical labels of the left ventricle"
        identity = {"case": case, "reference": "reference", "compared": "prediction"}
        for name, values in own.items():
            ours, theirs = np.isin(reference, values), np.isin(prediction, values)
            pair = RegionPair.of_masks(ours, theirs, spacing)
            rows += score_rows(identity, name, pair, chosen, reason, levels)
    frame = pd.DataFrame.from_records(rows, columns=list(SCORES))
    return frame.astype({"slice": "Int32", "value": "float64", "worst": "float64"})
