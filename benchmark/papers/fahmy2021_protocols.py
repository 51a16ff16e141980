"""Volumes over some slices of each case: each method's own successful ones, all, or common ones.

fahmy2021 measures each model over the slices that this model segmented successfully. That flatters
the model that fails more often; all slices, and the slices that both segmented, stand beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from ..clinical.volumes import MYOCARDIAL_DENSITY
from ..results import Run
from ..successful import successful_features
from .cohort import PAIR, cases_of

__all__ = ["FEATURES", "PROTOCOLS", "pairs_by_protocol"]

#: Name -> what it says in a title.
PROTOCOLS: Mapping[str, str] = {"own": "", "all": "all slices", "common": "common slices"}
FEATURES = ("scar_percent", "myocardium_ml", "scar_mass_g")


def pairs_by_protocol(
    runs: Mapping[str, Sequence[Run]], roles: Collection[str]
) -> Mapping[tuple[str, str, str], pd.DataFrame]:
    """Reference and prediction of each case, by method, protocol and feature.

    Of several seeds, the mean over those that have a value; the reference is measured over the
    same slices, so it has a mean too. Common slices are those of two runs of the same seed; where
    seeds differ, of the first with the first and so on.

    Args:
        runs: By method; with one method alone there are no common slices.
        roles: Cases of which roles.

    Returns:
        As :func:`benchmark.papers.cohort.feature_pairs`.

    Raises:
        DataError: A run has no counts or areas by slice, or two hold different cases.
    """
    parts = []
    for name, own in runs.items():
        others = [run for other, of in runs.items() if other != name for run in of]
        for run, partner in zip(own, _partners(own, others), strict=True):
            found = successful_features(run, partner)
            found = found[(found["run"] == "a").to_numpy(bool)]
            if partner is None:
                found = found[(found["slices"] != "common").to_numpy(bool)]
            parts.append(found.assign(method=name))
    rows = pd.concat(parts)
    rows = rows.assign(scar_mass_g=rows["scar_ml"] * MYOCARDIAL_DENSITY)
    means = rows.groupby(["method", "slices", "case", "source"], sort=True)[list(FEATURES)].mean()
    cases = cases_of([run for of in runs.values() for run in of], roles)
    return {
        (str(method), str(protocol), feature): cases.join(
            part.droplevel(["method", "slices"])[feature].unstack("source").reindex(columns=PAIR)
        )
        for (method, protocol), part in means.groupby(level=["method", "slices"], sort=True)
        for feature in FEATURES
    }


def _partners(own: Sequence[Run], others: Sequence[Run]) -> list[Run | None]:
    """The other method's run beside each of ours: of the same seed, or else in their order."""
    if not others:
        return [None] * len(own)
    by_seed = {(run.record.seed, run.record.fold): run for run in others}
    mine = [(run.record.seed, run.record.fold) for run in own]
    if set(mine) <= by_seed.keys():
        return [by_seed[key] for key in mine]
    return [others[min(i, len(others) - 1)] for i in range(len(own))]
