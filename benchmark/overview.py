"""A few lines about one score table: what ``bench score`` prints when it is done."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
_COLUMNS = ["case", "region", "metric", "dim", "value", "worst", "status", "unit", "better",
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
        metrics: Those that were asked for, which are shown instead; of surface distances in 3d.
    """
    shown = _SHOWN
    if metrics:
        shown = tuple((name, dim) for name in dict.fromkeys(metrics) for dim in (None, "3d"))
    table = pd.read_parquet(scores, columns=_COLUMNS, filters=[("level", "==", "volume")])
    rows = resolve(table, policy)
    lines = []
    for region in dict.fromkeys(rows["region"]):
        for metric, dim in shown:
            here = (rows["region"] == region) & (rows["metric"] == metric)
            here &= rows["dim"].isna() if dim is None else rows["dim"] == dim
            found = rows[here]
            if found.empty:
                continue
            defined = found["value"].dropna()
            lines.append(
                Line(
                    str(region),
                    metric if dim is None else f"{metric} ({dim})",
                    str(found["unit"].iloc[0]),
                    float(defined.mean()) if len(defined) else None,
                    len(defined),
                    int((found["status"] == "ok").sum()),
                    len(found),
                )
            )
    return lines
