"""What ``--metric``, ``--region``, ``--dim`` and ``--level`` name, held against what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..results import Run
    from ..table import Quantity

__all__ = ["named", "of_metrics"]


def named(metrics: Sequence[str]) -> list[tuple[str, str | None]]:
    """Name and dim of each metric; the dim only where the name says it, as ``hd@contour`` does.

    Raises:
        UsageError: There is no such metric.
    """
    from ..metrics.cards import contour_cards, select

    found: list[tuple[str, str | None]] = []
    for metric in dict.fromkeys(metrics):
        select([metric], contours=True)
        alone = contour_cards().get(metric)
        found.append((alone.name, "contour") if alone is not None else (metric, None))
    return found


def of_metrics(
    runs: Sequence[Run],
    metrics: Sequence[str],
    regions: Sequence[str] | None = None,
    dim: str | None = None,
    level: str = "volume",
) -> list[Quantity]:
    """The quantities of these metrics that the runs hold, by region and then by metric.

    Of a surface metric without ``dim``, the one in 3D.

    Args:
        runs: Of one data set.
        metrics: Names, as ``bench list metrics`` has them.
        regions: Only these; by default all that some method and the reference both have.
        dim: The surface rule of those metrics that have one.
        level: Of all.

    Raises:
        UsageError: A metric is unknown, or the runs hold none of this region, dim and level.
    """
    import pandas as pd

    from ..table import Quantity

    keys = ["region", "metric", "dim", "level"]
    parts = []
    for run in runs:
        scores = run.scores
        keep = (scores["status"] != "not_applicable") & (scores["level"] == level)
        dims = scores["dim"] if "dim" in scores else pd.Series(None, scores.index, dtype="object")
        parts.append(scores.assign(dim=dims)[keep.to_numpy(dtype=bool)][keys].drop_duplicates())
    rows = pd.concat(parts).drop_duplicates()
    there = {
        (str(r), str(m), None if pd.isna(d) else str(d))
        for r, m, d in zip(rows["region"], rows["metric"], rows["dim"], strict=True)
    }
    known = sorted({region for region, _, _ in there})
    found: list[Quantity] = []
    for region in regions or known:
        for name, fixed in named(metrics):
            wanted = fixed or dim
            choices = [wanted] if wanted else [None, "3d"]
            hit = [d for d in choices if (region, name, d) in there]
            if not hit and wanted and (region, name, None) in there and not fixed:
                hit = [None]  # --dim is for those metrics that have one
            if hit:
                found.append(Quantity(region, name, hit[0], level))
            elif regions:
                asked = Quantity(region, name, wanted, level)
                have = sorted({str(Quantity(*one, level=level)) for one in there if one[1] == name})
                raise UsageError(
                    f"These runs have no {asked}.",
                    f"There are: {', '.join(have)}." if have else "They hold no such metric.",
                )
    if not found:
        raise UsageError(
            f"These runs hold no {' or '.join(metrics)} at the level {level}"
            + (f" with the dim {dim}." if dim else "."),
            "'bench list metrics' shows metrics and their dims.",
        )
    return found
