"""What the papers on scar make their cells of: which runs are which model, one value per case.

Of several seeds (or folds) a case has the mean of its values: of every seed its own answer is
measured, then averaged, so that a case counts once however many seeds there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UsageError
from ..policies import Policy, case_means
from ..results import Run
from ..table import is_excluded, tidy
from .selection import Column, Experiment, command, experiments, one_dataset

__all__ = ["PAIR", "Floats", "cases_of", "choose", "dice_of_scar", "feature_pairs", "seeds"]

Floats = NDArray[np.float64]
#: What a row of :func:`feature_pairs` holds beside what a case is.
PAIR = ["reference", "prediction"]
_CASE = ["patient", "role", "site", "vendor", "pathology"]
_NEEDED = ("myocardium", "scar")


def choose(
    runs: Sequence[Run], paper: str, methods: Sequence[str], roles: Collection[str]
) -> Mapping[str, Column]:
    """Which runs are of which of the paper's methods, or what to type for those without any.

    Args:
        runs: Of one data set.
        paper: Short name of the paper.
        methods: Names of the methods that its tables compare.
        roles: Cases of which roles its tables are filled from.

    Raises:
        DataError: None is of any of them, their data has no scar, or no case is of ``roles``.
        UsageError: They are of several data sets, or several experiments are of one method.
    """
    one_dataset(runs)
    known = experiments(runs)
    for experiment in known:
        lacking = sorted(set(_NEEDED) - set(experiment.record.annotates))
        if lacking:
            raise DataError(
                f"{experiment.runs[0].source}: the reference of {experiment.record.dataset.name!r} "
                f"has no {' and no '.join(lacking)}, which the tables of {paper} are about.",
                f"Type 'bench run -m {methods[0]} -d lge'.",
            )
    of = {name: [e for e in known if e.method == name] for name in methods}
    there = [e for found in of.values() for e in found]
    if not there:
        has = ", ".join(sorted({repr(e.method) for e in known}))
        typed = " and ".join(f"'{command(known[0], {}, name)}'" for name in methods)
        raise DataError(
            f"The tables of {paper} compare {' with '.join(map(repr, methods))}; these runs are "
            f"of {has}.",
            f"Type {typed}.",
        )
    for found in of.values():
        if len(found) > 1:
            names = " and ".join(repr(e.label) for e in found)
            raise UsageError(
                f"Each of {names} could fill the same cells of {paper}.",
                f"Name the runs of one of them: {', '.join(str(e.runs[0].source) for e in found)}.",
            )
    if cases_of([run for e in there for run in e.runs], roles).empty:
        raise DataError(
            f"{there[0].runs[0].source} has no cases of role {' or '.join(roles)}.",
            "Name other roles.",
        )
    base = there[0]
    profile = base.record.method.profile
    return {
        name: Column(found[0]) if found else Column(None, command(base, {}, name, profile))
        for name, found in of.items()
    }


def seeds(experiment: Experiment) -> str:
    """Which seeds (and folds) its runs are of, in words."""
    told = sorted({run.record.seed for run in experiment.runs})
    folds = {run.record.fold for run in experiment.runs} - {None}
    text = f"seed{'s' * (len(told) > 1)} {', '.join(map(str, told))}"
    return f"{text}, {len(folds)} fold{'s' * (len(folds) > 1)}" if folds else text


def cases_of(runs: Sequence[Run], roles: Collection[str]) -> pd.DataFrame:
    """The cases that count, by id: patient, role, site, vendor, pathology (as text, "" if none).

    Args:
        runs: Of one data set.
        roles: Cases of which roles.
    """
    parts = []
    for run in runs:
        cases = run.cases[run.cases["role"].isin(list(roles))]
        if {"excluded", "status"} <= set(cases):
            cases = cases[~is_excluded(cases["excluded"], cases["status"])]
        parts.append(cases.reindex(columns=["case", *_CASE]))
    found = pd.concat(parts).drop_duplicates("case").set_index("case").sort_index()
    return found.astype("object").where(found.notna(), "")


def feature_pairs(runs: Sequence[Run], feature: str, roles: Collection[str]) -> pd.DataFrame:
    """A feature of whole cases: ``reference`` and ``prediction`` beside what each case is.

    NaN where it is not defined, or not measured at all. Of several seeds, the mean over those that
    have a value.

    Args:
        runs: Of one experiment.
        feature: Such as ``scar_percent``.
        roles: Cases of which roles.
    """
    parts = [
        run.features[
            ((run.features["feature"] == feature) & (run.features["level"] == "volume")).to_numpy(
                bool
            )
        ]
        for run in runs
    ]
    rows = pd.concat(parts)
    rows = rows.assign(value=pd.to_numeric(rows["value"]).astype("float64"))
    means = rows.groupby(["case", "source"], sort=True)["value"].mean().unstack("source")
    cases = cases_of(runs, roles)
    return cases.join(means.reindex(index=cases.index, columns=PAIR).astype("float64"))


def dice_of_scar(runs: Sequence[Run], roles: Collection[str], policy: Policy) -> pd.DataFrame:
    """Dice of scar of each case that has scar in the reference: ``dice`` beside what it is.

    fahmy2020: "Cases without scar in both manual and automatic segmentation ... were excluded from
    DSC calculations, which were performed only for cases with manually identified scars."

    Args:
        runs: Of one experiment.
        roles: Cases of which roles.
        policy: What undefined values count as.
    """
    truth = feature_pairs(runs, "scar_ml", roles)["reference"]
    rows = tidy(runs)
    keep = (rows["region"] == "scar") & (rows["metric"] == "dice") & (rows["level"] == "volume")
    keep &= (rows["reference"] == "reference") & (rows["compared"] == "prediction")
    means = case_means(rows[keep.to_numpy(dtype=bool)], policy)
    found = means.set_index(means["case"].astype(str))["value"].astype("float64")
    cases = cases_of(runs, roles).loc[truth.index[(truth > 0).to_numpy(bool)]]
    return cases.assign(dice=found.reindex(cases.index))
