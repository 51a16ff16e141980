"""Volumes over some slices of each case: each method's own successful ones, all, or common ones.

fahmy2021 measures each model over the slices that this model segmented successfully. That flatters
the model that fails more often; all slices, and the slices that both segmented, stand beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ..clinical.volumes import MYOCARDIAL_DENSITY
from ..results import Run
from .cohort import PAIR, cases_of
from .fahmy2021_slices import segmented_slices

__all__ = ["FEATURES", "PROTOCOLS", "pairs_by_protocol"]

#: Name -> what it says in a title.
PROTOCOLS: Mapping[str, str] = {"own": "", "all": "all slices", "common": "common slices"}
FEATURES = ("scar_percent", "myocardium_ml", "scar_mass_g")
_AREAS = {"myocardium_area_mm2": "myocardium", "scar_area_mm2": "scar"}


def pairs_by_protocol(
    runs: Mapping[str, Sequence[Run]], roles: Collection[str]
) -> Mapping[tuple[str, str, str], pd.DataFrame]:
    """Reference and prediction of each case, by method, protocol and feature.

    Of several seeds, the mean over those that have a successful slice; the reference is measured
    over the same slices, so it has a mean too. Common slices are those of two runs of the same
    seed; where seeds differ, of the first with the first and so on.

    Args:
        runs: By method; with one method alone there are no common slices.
        roles: Cases of which roles.

    Returns:
        As :func:`benchmark.papers.cohort.feature_pairs`.
    """
    measured = {name: [_Slices(run, roles) for run in of] for name, of in runs.items()}
    found: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    for name, own in measured.items():
        others = [one for other, of in measured.items() if other != name for one in of]
        for one, other in zip(own, _partners(own, others), strict=True):
            masks = {"own": one.successful, "all": None}
            if other is not None:
                masks["common"] = one.successful.intersection(other.successful)
            for protocol, mask in masks.items():
                for feature, values in one.features(mask).items():
                    found.setdefault((name, protocol, feature), []).append(values)
    cases = cases_of([run for of in runs.values() for run in of], roles)
    return {key: cases.join(_mean(frames)) for key, frames in found.items()}


class _Slices:
    """The slices of one run: their areas, and which were segmented successfully."""

    def __init__(self, run: Run, roles: Collection[str]) -> None:
        self.seed = run.record.seed
        cases = cases_of([run], roles)
        rows = run.features[run.features["case"].isin(cases.index).to_numpy(bool)]
        rows = rows.assign(value=pd.to_numeric(rows["value"]).astype("float64"))
        of_slices = rows[
            ((rows["level"] == "slice") & rows["feature"].isin(list(_AREAS))).to_numpy()
        ]
        of_slices = of_slices.assign(what=of_slices["feature"].map(_AREAS))
        by = of_slices.groupby(["case", "slice", "source", "what"], sort=True)["value"].first()
        self.areas = by.unstack(["source", "what"])
        whole = rows[((rows["level"] == "volume") & (rows["source"] == "reference")
                      & (rows["feature"] == "myocardium_ml")).to_numpy(bool)]  # fmt: skip
        ml = whole.set_index("case")["value"]
        area = self.areas["reference", "myocardium"].groupby("case").sum()
        # From one slice to the next; a heart without myocardium has no volume to be scaled.
        self.mm = (1000.0 * ml / area.where(area > 0)).dropna()
        slices = segmented_slices([run], roles)
        self.successful: pd.MultiIndex = slices.index[(slices["success"] > 0.5).to_numpy(bool)]

    def features(self, slices: pd.MultiIndex | None) -> Mapping[str, pd.DataFrame]:
        """By feature and case, over ``slices`` alone; NaN where a case has none of them."""
        areas = self.areas
        if slices is not None:
            areas = areas[areas.index.isin(slices)]
        sums = areas.groupby("case").sum(min_count=1)
        columns: dict[str, dict[str, pd.Series[float]]] = {name: {} for name in FEATURES}
        for source in PAIR:
            myocardium, scar = (
                sums[source, what] if (source, what) in sums else pd.Series(np.nan, sums.index)
                for what in ("myocardium", "scar")
            )
            # An answer without myocardium has no share of it that is scar.
            columns["scar_percent"][source] = 100 * scar / myocardium.where(myocardium > 0)
            columns["myocardium_ml"][source] = myocardium * self.mm / 1000
            columns["scar_mass_g"][source] = scar * self.mm / 1000 * MYOCARDIAL_DENSITY
        return {name: pd.DataFrame(of, columns=PAIR) for name, of in columns.items()}


def _partners(own: Sequence[_Slices], others: Sequence[_Slices]) -> list[_Slices | None]:
    """The other method's run beside each of ours: of the same seed, or else in their order."""
    if not others:
        return [None] * len(own)
    by_seed = {one.seed: one for one in others}
    if {one.seed for one in own} == by_seed.keys():
        return [by_seed[one.seed] for one in own]
    return [others[min(i, len(others) - 1)] for i in range(len(own))]


def _mean(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames).groupby(level=0, sort=True).mean()
