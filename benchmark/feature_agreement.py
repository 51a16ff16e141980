"""Clinical features of methods against the reference's, as a leaderboard and one run show them.

Seeds are averaged within the case, of those that have a value; a case without any, or whose
reference has none, is left out and counted. The statistics are :mod:`benchmark.agreement`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .results import Run
from .table import is_excluded
from .text import interval_text, number

__all__ = [
    "MAPPING",
    "SCAR",
    "FeatureAgreement",
    "agreement_cells",
    "agreement_header",
    "agreement_sentence",
    "feature_agreement",
    "feature_pairs",
    "shown_features",
]

#: What is shown where the reference has scar drawn, and of maps.
SCAR = ("scar_ml", "scar_percent")
MAPPING = ("myocardium_t1_median_ms", "myocardium_t2_median_ms")


@dataclass(frozen=True)
class FeatureAgreement:
    """One feature of one method over a cohort; None is not estimated, and ``note`` says why.

    Attributes:
        label: The method.
        feature: Such as ``scar_ml``.
        unit: Its unit.
        n_cases: Cases with a value on both sides.
        n_patients: Their patients.
        n_missing: Cases with a value in the reference and none of the method.
        slope: Of the regression through the origin of the method's on the reference's values.
        slope_low: Lower end of its 95 % interval.
        slope_high: Upper end.
        r: Pearson's correlation.
        r_low: Lower end of its 95 % interval.
        r_high: Upper end.
        bias: Mean difference, method - reference (Bland-Altman).
        bias_low: Lower end of its 95 % interval.
        bias_high: Upper end.
        lower: Lower limit of agreement.
        upper: Upper limit.
        note: What was not estimated, and why; empty otherwise.
    """

    label: str
    feature: str
    unit: str
    n_cases: int
    n_patients: int
    n_missing: int
    slope: float | None = None
    slope_low: float | None = None
    slope_high: float | None = None
    r: float | None = None
    r_low: float | None = None
    r_high: float | None = None
    bias: float | None = None
    bias_low: float | None = None
    bias_high: float | None = None
    lower: float | None = None
    upper: float | None = None
    note: str = ""


def shown_features(runs: Sequence[Run]) -> tuple[str, ...]:
    """What is shown of these runs: of scar where it is annotated, otherwise of maps."""
    annotated = {str(region) for run in runs for region in run.record.annotates}
    return SCAR if "scar" in annotated else MAPPING


def feature_agreement(
    groups: Mapping[str, Sequence[Run]],
    roles: Sequence[str] = ("test",),
    features: Sequence[str] | None = None,
) -> tuple[FeatureAgreement, ...]:
    """Each feature of each method against the reference.

    Args:
        groups: Runs of each experiment by label.
        roles: Cases of which roles.
        features: Which; by default :func:`shown_features`.

    Returns:
        By feature, then by method in the order of ``groups``; nothing of methods whose runs do not
        hold the feature, or do not give its region.
    """
    if features is None:
        features = shown_features([run for runs in groups.values() for run in runs])
    found = []
    for feature in features:
        for label, runs in groups.items():
            pairs = feature_pairs(runs, feature, roles)
            if len(pairs):
                found.append(_row(label, feature, pairs))
    return tuple(found)


def feature_pairs(
    runs: Sequence[Run], feature: str, roles: Sequence[str] = ("test",)
) -> pd.DataFrame:
    """One row per case to which the feature applies on both sides.

    Args:
        runs: Seeds and folds of one experiment.
        feature: Which, of whole volumes.
        roles: Cases of which roles; excluded cases do not count.

    Returns:
        ``patient, case, reference, prediction, unit``, sorted by patient and case; NaN is
        undefined. The prediction is the mean over the seeds that have a value.
    """
    parts = [_sides(run, feature, roles) for run in runs]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1])
    if rows.empty:
        return pd.DataFrame(columns=["patient", "case", "reference", "prediction", "unit"])
    by = rows.groupby(["patient", "case"], sort=True)
    means = by[["reference", "prediction"]].mean()
    return means.assign(unit=by["unit"].first()).reset_index()


def _sides(run: Run, feature: str, roles: Sequence[str]) -> pd.DataFrame:
    cases = run.cases[run.cases["role"].isin(list(roles)).to_numpy(dtype=bool)]
    if {"excluded", "status"} <= set(cases):
        cases = cases[~is_excluded(cases["excluded"], cases["status"])]
    rows = run.features
    keep = (rows["feature"] == feature) & (rows["level"] == "volume")
    keep &= rows["status"] != "not_applicable"
    rows = rows[keep.to_numpy(dtype=bool)]
    rows = rows.assign(value=pd.to_numeric(rows["value"]).astype("float64"))
    columns = ["case", "value", "unit"]
    truth = rows.loc[(rows["source"] == "reference").to_numpy(dtype=bool), columns]
    answer = rows.loc[(rows["source"] == "prediction").to_numpy(dtype=bool), columns[:2]]
    both = truth.rename(columns={"value": "reference"}).merge(
        answer.rename(columns={"value": "prediction"}), on="case"
    )
    of_case = cases.assign(
        case=cases["case"].astype("object"), patient=cases["patient"].astype(str)
    )
    both = both.assign(case=both["case"].astype("object"))
    return of_case[["case", "patient"]].merge(both, on="case")


def _row(label: str, feature: str, pairs: pd.DataFrame) -> FeatureAgreement:
    from .agreement import bland_altman, pearson, regression, slope_interval

    x, y = (pairs[side].to_numpy(dtype=np.float64) for side in ("reference", "prediction"))
    both = ~(np.isnan(x) | np.isnan(y))
    patients = pairs["patient"].to_numpy(dtype=str)
    line = regression(x[both], y[both], origin=True)
    correlation = pearson(x[both], y[both])
    limits = bland_altman(x[both], y[both], patients=patients[both])
    notes = [one.note for one in (line, correlation, limits)]
    n_patients = len(np.unique(patients[both]))
    slope = line.slope_low, line.slope_high
    if n_patients < both.sum():  # several cases of a patient are not independent
        slope = slope_interval(x[both], y[both], patients[both], origin=True)
    return FeatureAgreement(
        label=label,
        feature=feature,
        unit=str(pairs["unit"].dropna().iloc[0]) if pairs["unit"].notna().any() else "",
        n_cases=int(both.sum()),
        n_patients=n_patients,
        n_missing=int((np.isnan(y) & ~np.isnan(x)).sum()),
        slope=line.slope,
        slope_low=slope[0],
        slope_high=slope[1],
        r=correlation.r,
        r_low=correlation.low,
        r_high=correlation.high,
        bias=limits.bias,
        bias_low=limits.bias_low,
        bias_high=limits.bias_high,
        lower=limits.lower,
        upper=limits.upper,
        note="; ".join(dict.fromkeys(note for note in notes if note)),
    )


def agreement_header() -> list[str]:
    """Titles of :func:`agreement_cells`."""
    return ["feature", "method", "slope", "r", "bias", "limits of agreement", "cases", "missing"]


def agreement_cells(row: FeatureAgreement) -> list[str]:
    """One line of a table; plain text."""
    unit = f" ({row.unit})" if row.unit else ""
    return [
        f"{row.feature}{unit}",
        row.label,
        f"{number(row.slope)} {interval_text(row.slope_low, row.slope_high)}".strip(),
        f"{number(row.r)} {interval_text(row.r_low, row.r_high)}".strip(),
        f"{number(row.bias, 2)} {interval_text(row.bias_low, row.bias_high, 2)}".strip(),
        interval_text(row.lower, row.upper, 2) or number(None),
        str(row.n_cases),
        str(row.n_missing),
    ]


def agreement_sentence() -> str:
    """What the table is."""
    return (
        "Clinical features of whole volumes against the reference's, seeds averaged within each "
        "case: slope of the regression through the origin, Pearson's r, mean difference method - "
        "reference and limits of agreement (Bland-Altman), all with 95 % intervals where they were "
        "estimated. A missing prediction has no feature: such cases are counted, not averaged."
    )
