"""One experiment as a person wants to see it: what it is, what came out, where it went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .averages import Cell, cells
from .bootstrap import RESAMPLES
from .columns import default_columns
from .errors import DataError
from .feature_agreement import FeatureAgreement, feature_agreement
from .ledger import ledger
from .legible import is_there
from .policies import Policy, case_means
from .record import RunRecord
from .results import FEATURE_COLUMNS, Run, checked_run
from .table import Quantity, is_excluded, read_runs, select, tidy

__all__ = ["Shown", "WorstCase", "is_scores_folder", "read_shown", "show"]

#: How many of the worst cases are named.
WORST = 5
_SCORED = "scored masks"


@dataclass(frozen=True)
class WorstCase:
    """A case among the worst by the first quantity.

    Attributes:
        case: Its id.
        patient: Of whom.
        value: Under the policy, mean over the seeds that have one.
        statuses: Statuses of its values, each once.
        about: Role, site, vendor, pathology and map, where they are known.
    """

    case: str
    patient: str
    value: float
    statuses: tuple[str, ...]
    about: str


@dataclass(frozen=True)
class Shown:
    """One experiment: all of a run, or of its seeds and folds.

    Attributes:
        label: The method with what was asked of it.
        runs: Its runs, in order.
        policy: What undefined values count as.
        roles: Cases of these roles.
        n_cases: How many of them count.
        n_patients: Of how many patients.
        columns: The quantities that are averaged; the first decides which cases are the worst.
        units: Their units.
        cells: Their means.
        statuses: By quantity, how many values have which status.
        worst: The worst cases by the first quantity, the worst first.
        agreement: Clinical features against the reference's.
        failures: Cases without a usable answer: case, seed, status and why.
        scores_only: A folder of scores: nothing is recorded of how they came about.
    """

    label: str
    runs: tuple[Run, ...]
    policy: Policy
    roles: tuple[str, ...]
    n_cases: int
    n_patients: int
    columns: tuple[Quantity, ...]
    units: tuple[str, ...]
    cells: tuple[Cell, ...]
    statuses: tuple[Mapping[str, int], ...]
    worst: tuple[WorstCase, ...]
    agreement: tuple[FeatureAgreement, ...]
    failures: tuple[tuple[str, int, str, str], ...]
    scores_only: bool = False


def read_shown(path: str | Path) -> list[Run]:
    """The runs of a run folder, an accepted entry or a folder that ``bench score`` wrote.

    Raises:
        DataError: It is none of them, or cannot be read.
    """
    path = Path(path)
    if is_scores_folder(path):
        return [_scores(path)]
    return read_runs([path], levels=["volume"])


def is_scores_folder(path: Path) -> bool:
    """Whether ``path`` holds scores without a record of a run.

    Raises:
        DataError: Nobody may look.
    """
    scored = is_there(path / "scores.parquet", of=path)
    return scored and not is_there(path / "record.json", of=path)


def show(
    runs: Sequence[Run],
    *,
    columns: Sequence[Quantity] | None = None,
    policy: Policy = Policy.WORST_CASE,
    roles: Sequence[str] = ("test",),
    worst: int = WORST,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Shown:
    """Everything about one experiment.

    Args:
        runs: Its seeds and folds.
        columns: What to average; by default as a leaderboard.
        policy: What undefined values count as.
        roles: Cases of which roles.
        worst: How many of the worst cases to name.
        resamples: Of the intervals.
        seed: Of the resampling.

    Raises:
        DataError: No run, runs of several experiments, or no scores of cases of these roles.
    """
    if not runs:
        raise DataError("There is no run to show.", "Name a run folder.")
    groups = {(run.dataset, run.record.group) for run in runs}
    if len(groups) > 1:
        raise DataError(
            f"{runs[0].source} and {runs[-1].source} are of different experiments.",
            "Show one at a time, or 'bench compare' them.",
        )
    label = runs[0].label
    every = tidy(runs)
    chosen = tuple(default_columns(runs) if columns is None else columns)
    table = select(every, chosen, roles=roles)
    if table.empty:
        roles_there = ", ".join(sorted(map(str, every["role"].dropna().unique())))
        raise DataError(
            f"{runs[0].source} has no scores of {', '.join(map(str, chosen))} in cases with the "
            f"role {' or '.join(roles)}.",
            f"Roles there are: {roles_there}.",
        )
    shown_label = str(table["label"].iloc[0])
    averaged = cells(table, [shown_label], chosen, policy, resamples, seed)[shown_label]
    counted = [ledger(table, column).get(shown_label, {}) for column in chosen]
    of_cases = table[["case", "patient"]].drop_duplicates()
    return Shown(
        label=label,
        runs=tuple(runs),
        policy=policy,
        roles=tuple(roles),
        n_cases=of_cases["case"].nunique(),
        n_patients=of_cases["patient"].nunique(),
        columns=chosen,
        units=tuple(_unit(table[column.rows(table)]) for column in chosen),
        cells=averaged,
        statuses=tuple(counted),
        worst=_worst(table[chosen[0].rows(table)], policy, worst),
        agreement=feature_agreement(runs, roles, policy, resamples=resamples, seed=seed),
        failures=_failures(runs, roles),
        scores_only=is_scores_folder(runs[0].source),
    )


def _unit(rows: pd.DataFrame) -> str:
    known = rows["unit"].dropna()
    return str(known.iloc[0]) if len(known) else ""


def _worst(rows: pd.DataFrame, policy: Policy, n: int) -> tuple[WorstCase, ...]:
    """The ``n`` cases with the worst value; cases without one are not among them."""
    if rows.empty:
        return ()
    better = str(rows["better"].iloc[0])
    means = case_means(rows, policy)
    means = means[means["value"].notna().to_numpy(dtype=bool)]
    bad = {"higher": -means["value"], "lower": means["value"]}.get(better, means["value"].abs())
    means = means.assign(bad=bad, case=means["case"].astype(str))
    means = means.sort_values(["bad", "case"], ascending=[False, True], kind="stable").head(n)
    found = []
    for case, patient, value in zip(means["case"], means["patient"], means["value"], strict=True):
        mine = rows[(rows["case"].astype(str) == case).to_numpy(dtype=bool)]
        facts = [_fact(mine, name) for name in ("role", "site", "vendor", "pathology", "map")]
        statuses = tuple(sorted(set(mine["status"].astype(str))))
        about = ", ".join(filter(None, facts))
        found.append(WorstCase(case, str(patient), float(value), statuses, about))
    return tuple(found)


def _fact(rows: pd.DataFrame, name: str) -> str:
    known = rows[name].dropna()
    return f"{name} {known.iloc[0]}" if len(known) else ""


def _failures(runs: Sequence[Run], roles: Sequence[str]) -> tuple[tuple[str, int, str, str], ...]:
    """Cases that were skipped, failed or excluded: case, seed, status, why."""
    found = []
    for run in runs:
        cases = run.cases[run.cases["role"].isin(list(roles)).to_numpy(dtype=bool)]
        if "status" not in cases:
            continue
        excluded = (
            is_excluded(cases["excluded"], cases["status"]).tolist()
            if "excluded" in cases
            else [False] * len(cases)
        )
        for row, out in zip(cases.to_dict("records"), excluded, strict=True):
            status = str(row["status"]) if pd.notna(row["status"]) else ""
            if status in ("ok", "") and not out:
                continue
            texts = [row.get("message"), row.get("excluded")]
            why = "; ".join(dict.fromkeys(str(t) for t in texts if pd.notna(t) and str(t)))
            shown = "excluded" if out else status
            found.append((str(row["case"]), run.record.seed, shown, why))
    return tuple(sorted(found))


def _scores(folder: Path) -> Run:
    """A folder of scores as a run without a past: a case is a patient, and to be tested on."""
    try:
        scores = pd.read_parquet(
            folder / "scores.parquet", engine="pyarrow", filters=[("level", "in", ["volume"])]
        )
        path = folder / "features.parquet"
        features = pd.read_parquet(path, engine="pyarrow") if path.is_file() else None
    except (OSError, ValueError) as error:  # pyarrow's errors are one or the other
        raise DataError(f"{folder} cannot be read: {error}.", "Score it again.") from error
    needed = ["case", "region", "metric", "level", "value", "status"]
    missing = [name for name in needed if name not in scores]
    if missing:
        raise DataError(f"{folder}/scores.parquet lacks the columns {', '.join(missing)}.",
                        "Score it again.")  # fmt: skip
    ids = sorted(map(str, scores["case"].unique()))
    applies = scores[(scores["status"] != "not_applicable").to_numpy(dtype=bool)]
    regions = sorted(map(str, applies["region"].unique()))
    plugin: dict[str, Any] = {"spec": str(folder), "parameters": {}}
    record = RunRecord.model_validate(
        {
            "method": {**plugin, "name": folder.resolve().name},
            "dataset": {**plugin, "name": _SCORED},
            "group": "", "split": {}, "produces": regions, "annotates": regions,
            "metric_cards": {}, "stages": {},
        }
    )  # fmt: skip
    cases = pd.DataFrame({"case": ids, "patient": ids, "role": "test"})
    if features is None:
        features = pd.DataFrame(columns=list(FEATURE_COLUMNS))
    features = features[features["case"].isin(ids).to_numpy(dtype=bool)]
    return checked_run(Run(folder.resolve().name, record, cases, scores, features, folder))
