"""What a mean over hearts with scar cannot show: scar found at all, scar where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from .bootstrap import LEVEL, RESAMPLES, interval, resampled_means
from .results import Run
from .table import is_excluded

__all__ = ["PanelRow", "Proportion", "scar_free_panel", "wilson"]

#: The feature that says how much scar there is.
FEATURE = "scar_ml"


@dataclass(frozen=True)
class Proportion:
    """A share of ``n`` cases with its Wilson interval; all None where ``n`` is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class PanelRow:
    """One method on the presence of scar.

    Attributes:
        label: The method.
        sensitivity: Share of hearts with scar in the reference where any was predicted.
        specificity: Share of scar-free hearts where none was predicted.
        false_ml: Mean volume of scar predicted in scar-free hearts, in mL.
        low: Lower end of its 95 % interval over patients, None if not estimated.
        high: Upper end.
        n_missing: Cases without a prediction in at least one seed; they count as wrong.
    """

    label: str
    sensitivity: Proportion
    specificity: Proportion
    false_ml: float | None
    low: float | None
    high: float | None
    n_missing: int


def scar_free_panel(
    groups: Mapping[str, Sequence[Run]],
    roles: Sequence[str] = ("test",),
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PanelRow, ...]:
    """Detection of scar per case, for the methods that give scar.

    Any voxel of scar is presence. Seeds are averaged within each case. A missing prediction is
    wrong on either side, and has no volume: in the mean volume, a case weighs by the share of its
    seeds with a prediction.

    Args:
        groups: Runs of each experiment by label.
        roles: Cases of which roles.
        resamples: Of the interval of the volume.
        seed: Of the resampling.
    """
    truth = _reference([run for runs in groups.values() for run in runs])
    rows = []
    for label, runs in groups.items():
        frame = _answers(runs, roles)
        frame = frame[frame["case"].isin(list(truth))]
        if frame.empty:
            continue
        present = np.array([truth[case] > 0 for case in frame["case"]], dtype=bool)
        found = frame["value"].to_numpy(dtype=np.float64)
        # NaN compares false on both sides: no prediction is neither a find nor a clean heart.
        right = np.where(present, found > 0, found == 0).astype(np.float64)
        frame = frame.assign(present=present, right=right)
        frame = frame.assign(answered=frame["value"].notna())
        by_case = frame.groupby(["patient", "case"], sort=True)[
            ["present", "right", "value", "answered"]
        ].mean()
        scarred = by_case["present"].to_numpy() > 0
        false = by_case["value"].to_numpy(dtype=np.float64)[~scarred]
        patients = by_case.index.get_level_values("patient").to_numpy(dtype=str)[~scarred]
        known = ~np.isnan(false)
        share = by_case["answered"].to_numpy(dtype=np.float64)[~scarred]
        means = resampled_means(
            false[:, None], patients, share[:, None], resamples=resamples, seed=seed
        )
        low, high = interval(means[:, 0], len(np.unique(patients[known])))
        hits = by_case["right"].to_numpy(dtype=np.float64)
        rows.append(
            PanelRow(
                label=label,
                sensitivity=wilson(float(hits[scarred].sum()), int(scarred.sum())),
                specificity=wilson(float(hits[~scarred].sum()), int((~scarred).sum())),
                false_ml=float(np.average(false[known], weights=share[known]))
                if known.any()
                else None,
                low=low,
                high=high,
                n_missing=frame["case"][frame["value"].isna()].nunique(),
            )
        )
    return tuple(rows)


def wilson(successes: float, n: int, level: float = LEVEL) -> Proportion:
    """A proportion with Wilson's score interval (Wilson 1927).

    Args:
        successes: May be fractional: an average over seeds.
        n: Of how many; with 0 there is no proportion.
        level: Coverage of the interval.
    """
    if n == 0:
        return Proportion(None, None, None, 0)
    z = NormalDist().inv_cdf(1 - (1 - level) / 2)
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At p = 0 and 1 the ends are 0 and 1 exactly, whatever rounding makes of them.
    low = 0.0 if successes <= 0 else max(0.0, middle - half)
    high = 1.0 if successes >= n else min(1.0, middle + half)
    return Proportion(p, low, high, n)


def _reference(runs: Sequence[Run]) -> dict[str, float]:
    """Scar in the reference by case, in mL: all runs saw the same one."""
    truth: dict[str, float] = {}
    for run in runs:
        mine = _volumes(run, "reference")
        known = mine[mine["value"].notna()]
        truth.update(zip(known["case"], known["value"], strict=True))
    return truth


def _answers(runs: Sequence[Run], roles: Sequence[str]) -> pd.DataFrame:
    """Predicted scar in mL per run and case, NaN without a prediction; patients beside."""
    parts = []
    for run in runs:
        mine = _volumes(run, "prediction")
        mine = mine[(mine["status"] != "not_applicable").to_numpy()]
        cases = run.cases[run.cases["role"].isin(list(roles))]
        if {"excluded", "status"} <= set(cases):
            cases = cases[~is_excluded(cases["excluded"], cases["status"])]
        parts.append(cases[["case", "patient"]].merge(mine[["case", "value"]], on="case"))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["case", "patient", "value"])


def _volumes(run: Run, source: str) -> pd.DataFrame:
    frame = run.features
    keep = (frame["source"] == source) & (frame["feature"] == FEATURE)
    mine = frame[(keep & (frame["level"] == "volume")).to_numpy(dtype=bool)]
    return mine.assign(value=pd.to_numeric(mine["value"]).astype("float64"))
