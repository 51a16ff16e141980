"""One segmentation against another: every metric of every region at every level, as tidy rows.

:func:`score` is for people, :func:`score_case` for whatever scores many cases: it returns plain
rows, in an order and with columns that depend on nothing but its input.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .types import Label, Labels, Region, Volume

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "COUNTS",
    "FEATURES",
    "FORMAT",
    "SCORES",
    "CaseScores",
    "ScoreTask",
    "arrow_schema",
    "score",
    "score_case",
]

#: Version of the three tables below; columns are only ever added, at the end.
FORMAT = 1
#: Column name -> Arrow type of each table, in the order they are written.
SCORES: Mapping[str, str] = MappingProxyType(
    {
        "case": "string",
        "region": "string",
        "metric": "string",
        "level": "string",
        "slice": "int32",
        "dim": "string",
        "reference": "string",
        "compared": "string",
        "value": "float64",
        "status": "string",
        "message": "string",
        "unit": "string",
        "better": "string",
        "worst": "float64",
    }
)
COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "case": "string",
        "slice": "int32",
        "reference": "string",
        "compared": "string",
        "reference_label": "int32",
        "compared_label": "int32",
        "voxels": "int64",
    }
)
FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "case": "string",
        "source": "string",
        "level": "string",
        "slice": "int32",
        "feature": "string",
        "value": "float64",
        "status": "string",
        "unit": "string",
        "message": "string",
    }
)


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """The Arrow schema of :data:`SCORES`, :data:`COUNTS` or :data:`FEATURES`."""
    import pyarrow as pa

    metadata = {"scarbench.format": str(FORMAT)}
    fields = [pa.field(name, pa.type_for_alias(kind)) for name, kind in columns.items()]
    return pa.schema(fields, metadata=metadata)


Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ScoreTask:
    """All there is to know to score one case, as data (it pickles).

    Args:
        case: Id of the case.
        reference: ``(slice, row, column)`` canonical labels.
        prediction: The same for what is compared with it; None if there is none.
        spacing: (z, y, x) in mm; z from slice centre to slice centre.
        apex: Which end of the stack is the apex; None is unknown.
        slice_positions: Per slice, mm along the normal; by default multiples of z.
        annotates: Regions the reference says something about.
        produces: Regions the prediction says something about.
        status: Why there is no prediction, where there is none.
        message: The reason in words.
        reference_name: ``reference`` or a reader's name.
        compared_name: ``prediction`` or a reader's name.
        image: On the labels' grid, for what needs intensities (core scar).
        describe: Of which sides to give features: ``reference``, ``compared``.
    """

    case: str
    reference: Labels
    prediction: Labels | None
    spacing: tuple[float, float, float]
    apex: Literal["first", "last"] | None = None
    slice_positions: tuple[float, ...] | None = None
    annotates: frozenset[Region] = frozenset(Region)
    produces: frozenset[Region] = frozenset(Region)
    status: Literal["no_prediction", "error", "not_applicable"] = "no_prediction"
    message: str = ""
    reference_name: str = "reference"
    compared_name: str = "prediction"
    image: Volume | None = None
    describe: frozenset[str] = frozenset({"reference", "compared"})


@dataclass(frozen=True)
class CaseScores:
    """Rows of one case, each a dict with exactly the columns of its table, in a fixed order."""

    scores: list[Row] = field(default_factory=list)
    counts: list[Row] = field(default_factory=list)
    features: list[Row] = field(default_factory=list)


def score(
    reference: NDArray[Any],
    prediction: NDArray[Any],
    spacing: tuple[float, float, float],
    *,
    regions: Collection[str] | Mapping[str, Collection[int]] | None = None,
    metrics: Collection[str] | None = None,
    levels: Collection[str] | None = None,
    apex: Literal["first", "last"] | None = None,
    slice_positions: tuple[float, ...] | None = None,
    image: NDArray[Any] | Volume | None = None,
    case: str = "",
) -> pd.DataFrame:
    """Score one segmentation against another."""
    raise NotImplementedError


def score_case(task: ScoreTask, *, metrics: Collection[str] | None = None) -> CaseScores:
    """Score one case."""
    raise NotImplementedError
