"""Clinical features of methods against the reference's, as a leaderboard and one run show them.

A few columns of :func:`benchmark.agreement.agreement_table`, whose statistics and rules they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .bootstrap import RESAMPLES
from .policies import Policy
from .results import Run
from .text import interval_text, number

__all__ = [
    "MAPPING",
    "SCAR",
    "FeatureAgreement",
    "agreement_cells",
    "agreement_header",
    "agreement_notes",
    "agreement_sentence",
    "feature_agreement",
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
        n_cases: Cases with a value on both sides, under the policy.
        n_total: Cases that the feature applies to.
        n_patients: Their patients.
        n_missing: Cases without a value of the method in at least one seed.
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
    n_total: int
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
    runs: Sequence[Run],
    roles: Sequence[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
    *,
    features: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[FeatureAgreement, ...]:
    """Each feature of each method against the reference.

    Args:
        runs: Of one data set.
        roles: Cases of which roles.
        policy: What an undefined value of a method counts as.
        features: Which; by default :func:`shown_features`.
        resamples: Of a slope's interval, where patients have several cases.
        seed: Of the resampling.

    Returns:
        By feature, then by method; nothing of features that no run holds, as older runs and entries
        may not, and nothing of methods that they do not apply to.
    """
    from .agreement import agreement_table

    held = {str(name) for run in runs for name in run.features["feature"].unique()}
    wanted = [f for f in (shown_features(runs) if features is None else features) if f in held]
    if not wanted:
        return ()
    table = agreement_table(
        runs, wanted, roles=roles, policy=policy, resamples=resamples, seed=seed
    )
    rows = [_row(row) for row in table.to_dict("records") if row["n_total"]]
    return tuple(sorted(rows, key=lambda row: wanted.index(row.feature)))


def _row(found: Mapping[Any, Any]) -> FeatureAgreement:
    def value(name: str) -> float | None:
        return None if pd.isna(found[name]) else float(found[name])

    # Cases of one patient are not independent: where there are several, patients were resampled.
    repeated = found["n_patients"] < found["n_defined"]
    slope = "slope_origin_cluster" if repeated else "slope_origin"
    return FeatureAgreement(
        label=str(found["label"]),
        feature=str(found["feature"]),
        unit=str(found["unit"]),
        n_cases=int(found["n_defined"]),
        n_total=int(found["n_total"]),
        n_patients=int(found["n_patients"]),
        n_missing=int(found["n_missing"]),
        slope=value("slope_origin"),
        slope_low=value(f"{slope}_low"),
        slope_high=value(f"{slope}_high"),
        r=value("r"),
        r_low=value("r_low"),
        r_high=value("r_high"),
        bias=value("bias"),
        bias_low=value("bias_low"),
        bias_high=value("bias_high"),
        lower=value("lower"),
        upper=value("upper"),
        note=str(found["note"]),
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
        f"{row.n_cases}/{row.n_total}",
        str(row.n_missing),
    ]


def agreement_sentence(policy: Policy) -> str:
    """What the table is."""
    missing = (
        "such cases are left out"
        if policy is Policy.EXCLUDE
        else "it counts as 0 where the feature is an amount, and is left out otherwise"
    )
    return (
        "Clinical features of whole volumes against the reference's, seeds averaged within each "
        "case: slope of the regression through the origin, Pearson's r, mean difference method - "
        "reference and limits of agreement (Bland-Altman); 95 % intervals in brackets. Cases: with "
        "a value on both sides/that the feature applies to. Missing: cases without an answer in "
        f"some seed; {missing}."
    )


def agreement_notes(rows: Sequence[FeatureAgreement]) -> tuple[str, ...]:
    """Why something that is shown could not be estimated, a line each; none where all was."""
    return tuple(
        f"{row.label}, {row.feature}: {row.note}"
        for row in rows
        if row.note and None in (row.slope, row.slope_low, row.r, row.r_low, row.bias, row.lower)
    )
