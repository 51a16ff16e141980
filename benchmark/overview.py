"""A few lines about one score table: what ``bench score`` prints when it is done."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .metrics.cards import contour_cards
from .policies import Policy, resolve

__all__ = ["Line", "overview"]

#: Metric and dim of the lines, for each region in this order.
_SHOWN: tuple[tuple[str, str | None], ...] = (
    ("dice", None),
    ("hd95", "3d"),
    ("assd", "3d"),
    ("absolute_volume_error_ml", None),
    ("brier", None),
    ("ece", None),
    ("dice", "contour"),
    ("hd", "contour"),
    ("masd", "contour"),
)
_COLUMNS = ["level", "region", "metric", "dim", "value", "worst", "status", "unit", "better",
            "best"]  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One quantity over all cases.

    Attributes:
        region, metric, unit: What it is; ``metric`` with its dim.
        mean: Under the policy; None if no case has a value.
        n_defined: Cases with a value under the policy.
        n_measured: Cases whose value was measured, not put in by the policy.
        n_total: Cases to which it applies.
    """

    region: str
    metric: str
    unit: str
    mean: float | None
    n_defined: int
    n_measured: int
    n_total: int


def overview(
    scores: Path, policy: Policy = Policy.WORST_CASE, *, metrics: Collection[str] | None = None
) -> list[Line]:
    """Means of the usual quantities of whole volumes.

    Args:
        scores: A ``scores.parquet``.
        policy: What an undefined value counts as.
        metrics: Those that were asked for, which are shown instead; of surface distances in 3d,
            and between contours, for which alone ``hd@contour`` asks.
    """
    shown = _SHOWN
    if metrics:
        shown = tuple(dict.fromkeys(one for name in metrics for one in _asked(name)))
    found: dict[tuple[str, str, str | None], _Sum] = {}
    wanted = {metric for metric, _ in shown}
    with pq.ParquetFile(scores) as file:
        # A row group at a time: all rows of ten thousand cases would need gigabytes.
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=_COLUMNS)
            table = table.filter(
                (pc.field("level") == "volume") & pc.field("metric").isin(sorted(wanted))
            )
            rows = resolve(table.to_pandas(), policy)
            for (region, metric, dim), part in rows.groupby(
                ["region", "metric", "dim"], dropna=False, sort=False
            ):
                key = (str(region), str(metric), dim if isinstance(dim, str) else None)
                found.setdefault(key, _Sum(str(part["unit"].iloc[0]))).add(part)
    return [
        found[region, metric, dim].line(region, metric, dim)
        for region in dict.fromkeys(region for region, _, _ in found)
        for metric, dim in shown
        if (region, metric, dim) in found
    ]


def _asked(name: str) -> list[tuple[str, str | None]]:
    """Metric and dim of the lines for a metric, by its name or its key."""
    alone = contour_cards().get(name)
    if alone is not None:
        return [(alone.name, "contour")]
    return [(name, None), (name, "3d"), (name, "contour")]


class _Sum:
    """A quantity of the cases so far."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.sums: list[float] = []
        self.defined = self.measured = self.total = 0

    def add(self, rows: pd.DataFrame) -> None:
        defined = rows["value"].dropna()
        self.sums.append(math.fsum(defined))
        self.defined += len(defined)
        self.measured += int((rows["status"] == "ok").sum())
        self.total += len(rows)

    def line(self, region: str, metric: str, dim: str | None) -> Line:
        return Line(
            region,
            metric if dim is None else f"{metric} ({dim})",
            self.unit,
            math.fsum(self.sums) / self.defined if self.defined else None,
            self.defined,
            self.measured,
            self.total,
        )
