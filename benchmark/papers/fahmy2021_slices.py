"""Which slices were segmented successfully, and in which third of the ventricle they lie.

fahmy2021: "Slices with substantial errors such that <50% of myocardium area was correctly
segmented, were identified and removed from data analysis." A slice is one in which the reference
has myocardium. The paper does not say how it tells apical, mid-cavity and basal slices apart; ours
are thirds of the distance from the first to the last slice with a left ventricle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ..metrics.levels import THIRDS, thirds
from ..results import Run
from .cohort import cases_of

__all__ = ["WHERE", "segmented_slices"]

#: Column of Table 3 -> third of the ventricle.
WHERE = {"apical": "apex", "middle": "middle", "basal": "base"}
#: A slice without a value that has one of these was not segmented.
_MISSES = ("pred_empty", "no_prediction", "error")
#: Where a case's stack does not say which end is the apex.
UNKNOWN = "unknown"
_ENDS: tuple[Literal["first", "last"], ...] = ("first", "last")
#: What tells the ends apart: values of slices against those of thirds.
_TELLING = ("slice_success", "dice", "recall", "precision")
_Apex = Literal["first", "last"]


def segmented_slices(
    runs: Sequence[Run], roles: Collection[str], tellers: Sequence[Run] = ()
) -> pd.DataFrame:
    """Every slice of every case that the reference has myocardium in.

    Args:
        runs: Of one experiment.
        roles: Cases of which roles.
        tellers: All runs on the same cases, whose values tell where the apex is; by default
            ``runs``.

    Returns:
        By case and slice: ``success``, the share of the runs that segmented it successfully (of a
        run that has no answer for the case, none); ``third``.
    """
    parts = []
    for run in runs:
        rows = _rows(run)
        rows = rows[(rows["metric"] == "slice_success") & (rows["level"] == "slice")]
        rows = rows[rows["status"] != "not_applicable"]
        missed = rows["value"].isna() & rows["status"].isin(_MISSES)
        # Of a slice without the reference's myocardium there is no worst: nothing was missed.
        missed &= rows["worst"].notna()
        rows = rows.assign(success=rows["value"].astype("float64").mask(missed, 0.0))
        parts.append(rows.loc[rows["success"].notna(), ["case", "slice", "success"]])
    cases = cases_of(runs, roles)
    found = pd.concat(parts)
    found = found[found["case"].isin(cases.index)].astype({"case": str, "slice": "int64"})
    means = found.groupby(["case", "slice"], sort=True)["success"].mean().to_frame()
    where = _thirds(tellers or runs, means)
    return means.assign(third=where).join(cases, on="case")


def _rows(run: Run) -> pd.DataFrame:
    scores = run.scores
    keep = scores["region"] == "myocardium"
    for column, side in (("reference", "reference"), ("compared", "prediction")):
        if column in scores:
            keep &= scores[column] == side
    rows = scores[keep.to_numpy(dtype=bool)]
    return rows.astype({"metric": "object", "level": "object", "status": "object"})


def _thirds(runs: Sequence[Run], means: pd.DataFrame) -> pd.Series[str]:
    """Of each slice, its third: tables of runs do not say at which end of a stack the apex is.

    But they have the value of each slice and its mean over each third: the end whose thirds have
    the means that were recorded is the apex. Where both have, it is where that of most other
    cases is. Slices are taken to lie at equal distances.
    """
    tested = set(means.index.get_level_values("case"))
    ends: dict[str, set[_Apex]] = {}
    groups: dict[tuple[str, _Apex], dict[int, str]] = {}
    for run in runs:
        rows = _rows(run)
        rows = rows[rows["metric"].isin(_TELLING)]
        left = {c: s for c, s in _ventricle(run).items() if c in tested}
        for case, values in rows.groupby("case", sort=True):
            name = str(case)
            if name not in left or len(ends.get(name, set(_ENDS))) == 1:
                continue
            for apex in _ENDS:
                groups[name, apex] = _parted(left[name], apex)
            fits = {a for a in _ENDS if _fits(values, groups[name, a])}
            ends[name] = ends.get(name, set(_ENDS)) & fits
    votes = Counter(next(iter(found)) for found in ends.values() if len(found) == 1)
    usual = votes.most_common(1)[0][0] if votes else None
    told: list[str] = []
    for case, z in means.index:
        found = ends.get(case, set())
        end = next(iter(found)) if len(found) == 1 else usual if found else None
        told.append(groups[case, end].get(int(z), UNKNOWN) if end else UNKNOWN)
    return pd.Series(told, index=means.index, dtype="object")


def _ventricle(run: Run) -> dict[str, list[bool]]:
    """By case, whether the reference has any left ventricle in each slice."""
    rows = run.features
    keep = (rows["level"] == "slice") & (rows["source"] == "reference")
    keep &= rows["feature"].isin(["lv_area_mm2", "myocardium_area_mm2"])
    found: dict[str, list[bool]] = {}
    for case, of in rows[keep.to_numpy(dtype=bool)].groupby("case", sort=True):
        areas = of.groupby("slice")["value"].max().fillna(0.0)
        present = np.zeros(int(areas.index.max()) + 1, dtype=bool)
        present[areas.index.to_numpy(dtype=int)] = areas.to_numpy() > 0
        found[str(case)] = [bool(there) for there in present]
    return found


def _parted(present: Sequence[bool], apex: _Apex) -> dict[int, str]:
    """Third by slice."""
    found = thirds(present, list(range(len(present))), apex)
    if isinstance(found, str):
        return {}
    return {z: name for name, slices in found.items() for z in slices}


def _fits(values: pd.DataFrame, parted: dict[int, str]) -> bool:
    """Whether the means over these thirds are those that were recorded."""
    slices = values[values["level"] == "slice"]
    third = slices["slice"].astype("int64").map(parted)
    means = slices.groupby(["metric", third.rename("third")])["value"].mean()
    kept = values[values["level"].isin(THIRDS)].set_index(["metric", "level"])["value"]
    both = pd.concat([means, kept], axis=1, keys=["ours", "theirs"]).dropna()
    return bool(len(both)) and bool(np.allclose(both["ours"], both["theirs"], atol=1e-6))
