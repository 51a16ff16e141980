"""Slices segmented well enough: which of two methods fails where the other does not.

Counted are slices whose reference has the region. fahmy2021 counts a slice as a success where at
least half of its myocardium is right, and compares the counts of two methods. McNemar's test looks
at the slices where they differ. It takes slices as independent, which those of one heart are not:
its p is too small, and the paired tests over patients beside it are the ones to trust.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .table import Quantity, select

__all__ = ["METRIC", "with_mcnemar"]

METRIC = "slice_success"


def with_mcnemar(
    comparison: pd.DataFrame,
    table: pd.DataFrame,
    roles: Sequence[str] = ("test",),
) -> pd.DataFrame:
    """``comparison`` with what McNemar's test says of each pair that is of slice success.

    Adds ``mcnemar_p, both, only_a, only_b, neither`` (null on rows of other quantities, and where
    the runs hold no slices, as accepted entries do not) and says the counts in ``note``. Of several
    seeds, a slice is a success where more than half of them segment it well.

    Args:
        comparison: Rows of :func:`benchmark.compare.compare`.
        table: What was compared (:func:`benchmark.table.tidy`), with the scores of slices.
        roles: Cases of which roles.
    """
    from .significance import mcnemar

    names = ("mcnemar_p", "both", "only_a", "only_b", "neither")
    mine = (comparison["metric"] == METRIC).to_numpy(dtype=bool)
    if not mine.any():
        return comparison
    rates: dict[str, pd.DataFrame] = {}
    found: list[tuple[float | None, ...]] = []
    notes = list(comparison["note"])
    for i, row in enumerate(comparison.to_dict("records")):
        if not mine[i]:
            found.append((None,) * 5)
            continue
        region = str(row["region"])
        if region not in rates:
            rates[region] = _rates(table, region, roles)
        wide = rates[region].reindex(columns=[row["a"], row["b"]]).dropna()
        if wide.empty:
            found.append((None,) * 5)
            notes[i] = _joined(notes[i], "no McNemar test: no scores of slices")
            continue
        a, b = (wide[row[side]].to_numpy(dtype=np.float64) > 0.5 for side in ("a", "b"))
        counts = [int(x.sum()) for x in (a & b, a & ~b, ~a & b, ~a & ~b)]
        test = mcnemar(*counts)
        found.append((test.p, *counts))
        p = "none" if test.p is None else f"{test.p:.4f}" if test.p >= 0.0001 else "< 0.0001"
        notes[i] = _joined(
            notes[i],
            f"McNemar p {p}: of {len(wide)} slices {counts[1]} well by {row['a']} alone, "
            f"{counts[2]} by {row['b']} alone; slices of one heart are not independent",
        )
    columns = {
        name: pd.array([values[k] for values in found], dtype="Float64" if not k else "Int64")
        for k, name in enumerate(names)
    }
    return comparison.assign(note=notes, **columns)


def _rates(table: pd.DataFrame, region: str, roles: Sequence[str]) -> pd.DataFrame:
    """Slices whose reference has the region by methods: the share of seeds that segment it well."""
    rows = select(table, [Quantity(region, METRIC, None, "slice")], roles=roles)
    # Only slices whose reference has the region: elsewhere there is nothing to segment.
    keep = ~rows["status"].isin(["both_empty", "ref_empty", "not_applicable"])
    rows = rows[keep.to_numpy(dtype=bool)]
    # A slice that a method missed is none it segmented well.
    value = rows["value"].fillna(rows["worst"])
    keys = [rows["case"].astype(str), rows["slice"].astype("Int64"), rows["label"].astype(str)]
    means = value.groupby(keys).mean()
    return means.unstack("label")


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
