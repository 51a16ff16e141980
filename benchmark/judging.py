"""Whether the claims of papers hold in the runs at hand.

Every claim gets the same test, decided on before any result: values are averaged over seeds within
each case; the two methods' values are exchanged within patients, at random, to see how large a
difference chance makes; p values are corrected for the number of claims (Holm). The interval draws
patients and, of each method, seeds anew: a training repeated could have come out otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .claims import Claim, Statistic, Verdict
from .results import Run
from .significance import EXCHANGES as RESAMPLES
from .significance import exchange_p, holm
from .table import Quantity, select, tidy

#: RESAMPLES are exchanges of the test, and draws of the interval.
__all__ = ["RESAMPLES", "holm", "judge"]

Floats = NDArray[np.float64]


def judge(
    claims: Sequence[Claim],
    runs: Sequence[Run],
    roles: Sequence[str] = ("test",),
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Verdict]:
    """Test each claim on ``runs``, all of one data set.

    Args:
        claims: Which.
        runs: Of any methods; a claim about methods that are not among them is not tested.
        roles: Cases of which roles.
        resamples: Of test and interval.
        seed: Of their draws.
    """
    table = tidy(runs)
    found = [_verdict(claim, runs, table, roles, resamples, seed) for claim in claims]
    corrected = holm([verdict.p for verdict in found])
    return [replace(verdict, p=p) for verdict, p in zip(found, corrected, strict=True)]


def _verdict(
    claim: Claim,
    runs: Sequence[Run],
    table: pd.DataFrame,
    roles: Sequence[str],
    resamples: int,
    seed: int,
) -> Verdict:
    values = _predicted if claim.statistic == "slope" else _measured
    methods = (claim.better, claim.worse)
    for method in methods:
        ways = {run.record.group for run in runs if run.label == method}
        if len(ways) > 1:  # to average them would judge neither
            return Verdict(claim, note=f"{method} was run in {len(ways)} ways")
    sides = [values(claim, method, runs, table, roles) for method in methods]
    lacking = [m for m, s in zip(methods, sides, strict=True) if s.empty]
    if lacking:
        return Verdict(claim, note=f"no values of {' and '.join(lacking)}")
    sign = 1 if claim.statistic == "slope" else _sign(claim, table)
    if not sign:
        return Verdict(claim, note=f"{claim.metric} has no better and worse end")
    a, b = (side.dropna() for side in sides)
    cases = a.index.intersection(b.index).sort_values()
    lost = len(sides[0].index.union(sides[1].index)) - len(cases)
    note = f"{lost} left out: no value in every seed of both" if lost else ""
    if len(cases.get_level_values("patient").unique()) < 2:
        return Verdict(claim, n_cases=len(cases), note="fewer than 2 patients in common")
    a, b = a.loc[cases], b.loc[cases]
    weights = np.full(len(cases), 1 / len(cases))
    if claim.statistic == "slope":
        truth = cases.get_level_values("truth").to_numpy(dtype=np.float64)
        if not truth.any():
            return Verdict(claim, n_cases=len(cases), note="the reference has none of it anywhere")
        weights = truth / (truth**2).sum()
    names, patient = np.unique(cases.get_level_values("patient").astype(str), return_inverse=True)
    ours, theirs = (x.to_numpy(dtype=np.float64) for x in (a, b))
    rng = np.random.default_rng(seed)
    common = sorted(set(a.columns) & set(b.columns))
    order = [sign * float(weights @ (a[s] - b[s])) > 0 for s in common]
    observed = sign * float(weights @ (ours.mean(axis=1) - theirs.mean(axis=1)))
    ends = _interval(ours, theirs, patient, cases, claim.statistic, resamples, rng)
    low, high = sorted(sign * end for end in ends)
    return Verdict(
        claim=claim,
        values=(float(weights @ ours.mean(axis=1)), float(weights @ theirs.mean(axis=1))),
        difference=observed,
        low=low,
        high=high,
        p=_exchange_p(ours.mean(axis=1) - theirs.mean(axis=1), weights, patient, resamples, rng),
        seeds_in_order=(sum(order), len(order)),
        n_cases=len(cases),
        n_patients=len(names),
        note=note,
    )


def _sign(claim: Claim, table: pd.DataFrame) -> int:
    """1 where the greater value of the claim's metric is the better, -1 the lesser, 0 neither."""
    rows = Quantity(claim.region, claim.metric, claim.dim).rows(table)
    better = str(table["better"][rows].iloc[0])
    return {"higher": 1, "lower": -1}.get(better, 0)


def _exchange_p(
    difference: Floats, weights: Floats, patient: NDArray[Any], resamples: int,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Two-sided: how often methods exchanged within patients differ as much as they do.

    Both statistics are sums over cases of weights that only the reference decides, so to exchange
    the methods in a patient is to turn the sign of that patient's share.
    """
    shares = np.bincount(patient, weights=weights * difference).astype(np.float64)
    return exchange_p(shares, resamples, rng)


def _interval(
    ours: Floats, theirs: Floats, patient: NDArray[Any], cases: pd.Index[Any],
    statistic: Statistic, resamples: int, rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Percentile interval of the difference; patients, and seeds of each method, drawn anew."""
    n = int(patient.max()) + 1
    ones = np.ones(len(patient))
    x = ones
    if statistic == "slope":
        x = cases.get_level_values("truth").to_numpy(dtype=np.float64)
    # Per patient and seed; a resample is then counts of patients times counts of seeds.
    tops = [
        np.stack([np.bincount(patient, weights=x * column, minlength=n) for column in side.T])
        for side in (ours, theirs)
    ]
    below = np.bincount(patient, weights=x * x, minlength=n)
    found = np.empty(resamples)
    for i in range(resamples):
        drawn = np.bincount(rng.integers(0, n, n), minlength=n)
        sums = [
            (top[rng.integers(0, len(top), len(top))].mean(axis=0) * drawn).sum() for top in tops
        ]
        weight = (below * drawn).sum()
        found[i] = (sums[0] - sums[1]) / weight if weight else np.nan
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def _measured(
    claim: Claim, method: str, runs: Sequence[Run], table: pd.DataFrame, roles: Sequence[str]
) -> pd.DataFrame:
    """A metric by (patient, case) and seed, in the cases whose reference has the region.

    fahmy2020: Dice "calculations ... were performed only for cases with manually identified scars".
    A miss, and no prediction, count as the metric's worst value.
    """
    rows = select(table, [Quantity(claim.region, claim.metric, claim.dim)], roles=roles)
    there = set(rows["case"][rows["status"].isin(["ok", "pred_empty"])])
    rows = rows[rows["case"].isin(there).to_numpy() & _plain(rows["label"], method)]
    rows = rows[(rows["status"] != "not_applicable").to_numpy()]
    value = rows["value"].fillna(rows["worst"]).to_numpy(dtype=np.float64)
    return _wide(rows.assign(number=value), ["patient", "case"])


def _predicted(
    claim: Claim, method: str, runs: Sequence[Run], table: pd.DataFrame, roles: Sequence[str]
) -> pd.DataFrame:
    """A feature of the prediction by (patient, case, the reference's) and seed."""
    parts = []
    for run in runs:
        if run.label != method:
            continue
        frame = run.features
        mine = frame[
            ((frame["level"] == "volume") & (frame["feature"] == claim.feature)).to_numpy()
        ]
        values = mine.pivot_table(index="case", columns="source", values="value", dropna=False)
        if {"prediction", "reference"} <= set(values):
            cases = run.cases[run.cases["role"].isin(list(roles)).to_numpy()]
            joined = cases[["case", "patient"]].merge(values.reset_index(), on="case")
            parts.append(joined.assign(seed=run.record.seed, truth=joined["reference"],
                                       number=joined["prediction"]))  # fmt: skip
    if not parts:
        return pd.DataFrame()
    return _wide(pd.concat(parts), ["patient", "case", "truth"])


def _wide(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame()
    plain = rows[[*keys, "seed", "number"]].astype({k: str for k in keys if k != "truth"})
    wide: pd.DataFrame = plain.pivot_table(index=keys, columns="seed", values="number")
    return wide


def _plain(labels: pd.Series[Any], method: str) -> NDArray[np.bool_]:
    """Rows of the method itself, not of one with parameters asked for."""
    return (labels.astype(str) == method).to_numpy(dtype=bool)
