"""The tables that scoring leaves, and how measured values become their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .definition import Metric, Status
from .levels import Thirds
from .measure import blank, measure
from .pairs import RegionPair

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["COUNTS", "FEATURES", "FORMAT", "SCORES", "Row", "arrow_schema", "score_rows"]

#: One row of a table: a value for each of its columns.
Row = dict[str, Any]
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
        "best": "float64",
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
        "segment": "int32",
    }
)


def arrow_schema(columns: Mapping[str, str]) -> pa.Schema:
    """The Arrow schema of :data:`SCORES`, :data:`COUNTS` or :data:`FEATURES`."""
    import pyarrow as pa

    metadata = {"scarbench.format": str(FORMAT)}
    fields = [pa.field(name, pa.type_for_alias(kind)) for name, kind in columns.items()]
    return pa.schema(fields, metadata=metadata)


def score_rows(
    identity: Mapping[str, str],
    region: str,
    pair: RegionPair | str,
    metrics: Iterable[Metric],
    thirds: Thirds,
    levels: Collection[str],
    missing: tuple[Status, str] | None = None,
    *,
    unmeasured: Status = "not_applicable",
) -> Iterator[Row]:
    """Rows of :data:`SCORES` for one region: by metric, level, dim, slice.

    Args:
        identity: ``case``, ``reference`` and ``compared``.
        region: Its name.
        pair: Its masks, or the reason why there are none.
        metrics: What to measure.
        thirds: Slices of each third, or the reason why they are unknown.
        levels: Which levels.
        missing: Status and message, where ``pair`` only stands in for an answer that is missing.
        unmeasured: The status, where ``pair`` is a reason.
    """
    for metric in metrics:
        card = metric.card
        if isinstance(pair, str):
            samples = blank(metric, unmeasured, pair, levels)
        else:
            samples = measure(metric, pair, thirds, levels, missing)
        for s in samples:
            yield {
                "case": identity["case"],
                "region": region,
                "metric": card.name,
                "level": s.level,
                "slice": s.slice,
                "dim": s.dim,
                "reference": identity["reference"],
                "compared": identity["compared"],
                "value": s.value,
                "status": s.status,
                "message": s.message,
                "unit": card.unit,
                "better": card.better,
                "worst": s.worst,
                "best": card.best,
            }
