"""From runs to means over the slices of a heart, for the papers that average slices.

The slices of a heart are those in which the reference has its left ventricle: what a method answers
beyond them is no part of the papers' means.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .. import averages
from ..results import Run
from ..table import Quantity, select, tidy
from .layout import Cell

__all__ = ["cell_of_mean", "heart_slices", "slice_table", "slice_values"]

Floats = NDArray[np.float64]


def slice_table(
    runs: Sequence[Run], roles: Collection[str], quantities: Sequence[Quantity]
) -> pd.DataFrame:
    """Rows of ``quantities``; those of level ``slice`` only in :func:`heart_slices`.

    Args:
        runs: Of one data set.
        roles: Cases of which roles.
        quantities: Which: few of the very many rows that a run has.
    """
    thin = [
        replace(run, scores=run.scores[np.logical_or.reduce([q.rows(run.scores) for q in
                                                             quantities])])
        for run in runs
    ]  # fmt: skip
    rows = select(tidy(thin), roles=tuple(roles))
    inside = heart_slices(runs)
    if inside is None:
        return rows
    at = pd.MultiIndex.from_arrays([rows["case"].astype("object"), rows["slice"]])
    return rows[(rows["level"] != "slice").to_numpy(dtype=bool) | at.isin(inside)]


def heart_slices(runs: Sequence[Run]) -> pd.MultiIndex | None:
    """(case, slice) in which the reference has a left ventricle; None if that is not recorded.

    Of a data set that annotates no cavity, those with myocardium.
    """
    for feature in ("lv_area_mm2", "myocardium_area_mm2"):
        parts = []
        for run in runs:
            rows = run.features
            keep = (rows["feature"] == feature) & (rows["level"] == "slice")
            keep &= (rows["source"] == "reference") & (pd.to_numeric(rows["value"]) > 0)
            parts.append(rows.loc[keep.to_numpy(dtype=bool), ["case", "slice"]])
        found = pd.concat(parts).drop_duplicates()
        if len(found):
            found = found.assign(slice=found["slice"].astype("Int64"))
            return pd.MultiIndex.from_frame(found.astype({"case": "object"}))
    return None


def slice_values(resolved: pd.DataFrame, label: str, quantity: Quantity) -> Floats:
    """One value for each slice with one, over the seeds of one method.

    Args:
        resolved: Rows of :func:`slice_table`, as :func:`benchmark.policies.resolve` gives them.
        label: Of which method.
        quantity: Of level ``slice``.
    """
    rows = resolved[quantity.rows(resolved)]
    rows = rows[(rows["label"] == label).to_numpy(dtype=bool)]
    by = rows.astype({"case": "object"}).groupby(["case", "slice"])["value"].mean().dropna()
    return by.to_numpy(dtype=np.float64)


def cell_of_mean(mean: averages.Cell, scale: float = 1.0) -> Cell:
    """A mean over cases as a cell of a paper's table."""
    if mean.mean is None:
        return Cell(missing="no value" if mean.n_total else "not produced")
    low, high = (None if end is None else end * scale for end in (mean.low, mean.high))
    return Cell(mean.mean * scale, None, low, high, mean.n_defined)
