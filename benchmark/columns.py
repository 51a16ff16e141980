"""What tables of methods show where nobody says what: the first column decides the rank."""

from __future__ import annotations

from collections.abc import Sequence

from .ceiling import has_readers
from .results import Run
from .table import Quantity
from .types import Region

__all__ = ["COLUMNS", "CONTOURS", "WITHOUT_SCAR", "default_columns"]

#: What a leaderboard shows by default; the first decides the rank.
COLUMNS = (
    Quantity("scar", "dice"),
    Quantity("scar", "hd95", "3d"),
    Quantity("scar", "assd", "3d"),
    Quantity("scar", "absolute_volume_error_ml"),
    Quantity("myocardium", "dice"),
    Quantity("myocardium", "hd95", "3d"),
)
#: The same of data whose reference says nothing about scar. No volume: maps have gaps between
#: slices that hold most of the heart.
WITHOUT_SCAR = (
    Quantity("myocardium", "dice"),
    Quantity("myocardium", "hd95", "3d"),
    Quantity("myocardium", "assd", "3d"),
    Quantity("cavity", "dice"),
    Quantity("cavity", "hd95", "3d"),
)
#: What follows where several readers drew contours: what they were held against each other by.
CONTOURS = (
    Quantity("endo", "dice", "contour"),
    Quantity("endo", "masd", "contour"),
    Quantity("epi", "dice", "contour"),
    Quantity("epi", "masd", "contour"),
)


def default_columns(runs: Sequence[Run]) -> tuple[Quantity, ...]:
    """What is shown by default of runs of one data set: regions that it annotates, as they say."""
    annotated = {str(region) for run in runs for region in run.record.annotates}
    read = CONTOURS if any(has_readers(run.scores) for run in runs) else ()
    if Region.SCAR in annotated:
        return COLUMNS + read
    return (tuple(c for c in WITHOUT_SCAR if c.region in annotated) or COLUMNS) + read
