"""A cohort's features as pairs: the reference's value and each method's, seeds averaged."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..errors import DataError, UsageError, near_misses
from ..policies import Policy
from ..results import Run, ordered, unique_labels
from ..table import is_excluded

__all__ = ["METHOD", "READER", "feature_pairs", "reference_volumes"]

METHOD, READER = "method", "reader"
THIRDS = ("apex", "middle", "base")
#: Units in which an empty answer is a zero. A relaxation time or a thickness of nothing is none.
AMOUNTS = ("mL", "g", "%", "mm2")
#: Of a case table, what a cohort may be split by.
CASE_KEYS = ("patient", "role", "site", "vendor", "pathology", "map")
_SIZE = "lv_ml"
_KEY = ["dataset", "label", "kind", "feature", "level", "case", "slice"]


def feature_pairs(
    runs: Sequence[Run],
    features: Sequence[str],
    *,
    roles: Sequence[str] = ("test",),
    policy: Policy = Policy.WORST_CASE,
    readers: bool = False,
) -> pd.DataFrame:
    """One row per method, feature and case: what the reference says and what the method does.

    Every case of these roles that is not excluded counts, but where the feature does not apply to
    the method or the reference. Under ``worst_case`` and ``both_empty_is_perfect``, an empty or
    missing answer counts as 0 in every seed that has none, which is what an empty segmentation
    measures; under ``exclude`` it is left out of the mean over seeds. What has no zero (a
    relaxation time, a thickness) stays undefined under either. Where the reference has no value,
    there is no pair.

    Features of slices alone (areas) give a row per slice, several per patient.

    Args:
        runs: What :func:`benchmark.table.read_runs` read.
        features: Their names.
        roles: Cases of which roles.
        policy: What an undefined value of the method counts as.
        readers: Whether to add the data set's readers, each as if it were a method.

    Returns:
        Columns ``dataset, label, kind, feature, level, case, slice``, the case's columns, then
        ``unit, reference, value`` (NaN is undefined), ``answer`` (the mean over the seeds that
        answered, an empty answer as 0; NaN if none did), ``seeds``, ``missing`` (seeds without a
        value) and ``why`` (where the feature does not apply: such rows have ``seeds`` 0).

    Raises:
        UsageError: No run has such a feature, or none is named.
        DataError: There are no runs, or no cases of these roles.
    """
    if not runs:
        raise DataError("There are no runs to make a table of.", "Run `bench run` first.")
    known = sorted({str(name) for run in runs for name in run.features["feature"].unique()})
    if not features:
        raise UsageError(
            "No feature was named, or no run has any of the usual ones.",
            f"Name some of: {', '.join(known)}." if known else "Score the runs again.",
        )
    for name in features:
        if name not in known:
            raise UsageError(f"No run has a feature {name!r}.", near_misses(name, known))
    runs, labels = ordered(runs), unique_labels(runs)
    parts: dict[tuple[str, str], pd.DataFrame] = {}
    for i, run in enumerate(runs):
        label = labels[run.dataset, run.record.group]
        sources = {"prediction": (label, METHOD)}
        if readers:
            named = set(run.features["source"].astype(str)) - {"prediction", "reference"}
            sources |= {name: (name, READER) for name in sorted(named)}
        for source, (shown, kind) in sources.items():
            # A reader is the same in every run: the first that has the reader speaks.
            key = (run.dataset, shown if kind == READER else str(i))
            if key not in parts:
                rows = _of_run(run, source, features, roles)
                parts[key] = rows.assign(dataset=run.dataset, label=shown, kind=kind)
    rows = pd.concat([part for part in parts.values() if len(part)] or [*parts.values()][:1])
    if rows.empty:
        there = sorted({str(role) for run in runs for role in run.cases["role"].dropna()})
        raise DataError(
            f"No run has cases with the role {' or '.join(roles)}.",
            f"Roles there are: {', '.join(there)}.",
        )
    return _over_seeds(rows, policy)


def reference_volumes(runs: Sequence[Run], roles: Sequence[str]) -> dict[str, dict[str, float]]:
    """By data set and case: the reference's left-ventricular volume in mL, where it has one."""
    found: dict[str, dict[str, float]] = {}
    for run in runs:
        cases = set(_counted(run, roles)["case"])
        frame = run.features
        mine = (frame["source"] == "reference") & (frame["feature"] == _SIZE)
        rows = frame[(mine & (frame["level"] == "volume")).to_numpy(dtype=bool)]
        values = pd.to_numeric(rows["value"])
        of_run = found.setdefault(run.dataset, {})
        for case, value in zip(rows["case"], values, strict=True):
            if case in cases and pd.notna(value):
                of_run.setdefault(str(case), float(value))
    return found


def _counted(run: Run, roles: Sequence[str]) -> pd.DataFrame:
    """Cases of these roles that count for somebody."""
    cases = run.cases[run.cases["role"].isin(list(roles)).to_numpy()]
    if {"excluded", "status"} <= set(cases):
        cases = cases[~is_excluded(cases["excluded"], cases["status"]).to_numpy()]
    return cases.reindex(columns=["case", *CASE_KEYS])


def _of_run(run: Run, source: str, features: Sequence[str], roles: Sequence[str]) -> pd.DataFrame:
    """The pairs of one run: every case, with what it lacks as null."""
    cases, frame = _counted(run, roles), run.features
    mine = frame[
        (frame["feature"].isin(list(features)) & frame["case"].isin(cases["case"])).to_numpy()
    ]
    mine = mine.assign(value=pd.to_numeric(mine["value"]).astype("float64"))
    recorded = {(str(f), str(v)) for f, v in mine[["feature", "level"]].drop_duplicates().values}
    expected = []
    for feature in dict.fromkeys(features):
        none = pd.array([pd.NA] * len(cases), dtype="Int64")
        whole = cases[["case"]].assign(feature=feature, level="volume", slice=none)
        levels = [level for level in THIRDS if (feature, level) in recorded]
        if (feature, "volume") in recorded or (feature, "slice") not in recorded:
            expected += [whole.assign(level=level) for level in ("volume", *levels)]
        else:
            slices = mine[((mine["feature"] == feature) & (mine["level"] == "slice")).to_numpy()]
            keys = slices[["case", "feature", "level", "slice"]].drop_duplicates()
            expected.append(keys.astype({"slice": "Int64"}))
    keys = pd.concat(expected)
    on = ["case", "feature", "level", "slice"]
    sides = []
    for name, given in (("reference", "reference"), ("value", source)):
        side = mine[(mine["source"] == given).to_numpy()].astype({"slice": "Int64"})
        side = side[[*on, "value", "status", "unit", "message"]].drop_duplicates(on)
        sides.append(side.rename(columns={c: f"{name}_{c}" for c in side.columns.difference(on)}))
    rows = keys.merge(sides[0], "left", on).merge(sides[1], "left", on).merge(cases, on="case")
    rows["unit"] = rows["value_unit"].fillna(rows["reference_unit"])
    inapplicable = [rows[f"{side}_status"] == "not_applicable" for side in ("value", "reference")]
    # A T1 map has no T2: what neither side has a row of is no feature of the case.
    unrecorded = rows["value_status"].isna() & rows["reference_status"].isna()
    if source != "prediction":
        # Nor is a case that a reader did not read one that the reader found nothing in.
        unrecorded |= rows["value_status"].isna()
    why = rows["value_message"].where(inapplicable[0], rows["reference_message"])
    why = why.where(inapplicable[0] | inapplicable[1], None).mask(unrecorded, "not recorded")
    return rows.assign(why=why, seed=run.record.seed)


def _over_seeds(rows: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    there = rows["why"].isna()
    value = rows["value_value"].astype("float64")
    empty = rows["value_status"].isin(["pred_empty", "both_empty"]) & rows["unit"].isin(AMOUNTS)
    counted = value
    if policy is not Policy.EXCLUDE:
        counted = value.mask((value.isna() & rows["unit"].isin(AMOUNTS)).to_numpy(), 0.0)
    known = rows["reference_value"].notna()
    rows = rows.assign(
        reference=rows["reference_value"].where(there),
        value=counted.where(there & known),
        answer=value.mask((value.isna() & empty).to_numpy(), 0.0).where(there),
        seeds=there.astype(int),
        missing=(there & value.isna()).astype(int),
    )
    summed = {"unit": "first", "reference": "first", "value": "mean", "answer": "mean",
              "seeds": "sum", "missing": "sum", "why": "first"}  # fmt: skip
    how = {**dict.fromkeys(CASE_KEYS, "first"), **summed}
    return rows.groupby(_KEY, dropna=False, sort=True).agg(how).reset_index()
