"""Runs of one data set as a ranked table: means with intervals, never without their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from .averages import cells
from .board_rows import Row, board_row, first_of, reasons
from .bootstrap import RESAMPLES
from .ceiling import ceiling
from .columns import default_columns
from .errors import DataError, UsageError
from .feature_agreement import FeatureAgreement, feature_agreement
from .ledger import ledger
from .panel import PanelRow, scar_free_panel
from .policies import Policy
from .ranking import Scheme, Standing, rank_table, ranks, standings
from .record import DatasetRecord
from .results import Run, unique_labels
from .seen import data_seen
from .table import Quantity, is_excluded, select, tidy

__all__ = [
    "Leaderboard",
    "Row",
    "leaderboard",
    "one_dataset",
]


@dataclass(frozen=True)
class Leaderboard:
    """A ranked table, with all that must be said beside it.

    ``fingerprints`` gives the methods by the fingerprints of the data they were tested on,
    ``standings`` each ranked method's rank and mean under every policy, ``ledger`` how many of its
    values of ``rank_by`` have which status. ``ceiling`` is how well several readers agree with each
    other, where the data have them: no method, and without a rank. ``agreement`` holds the clinical
    features of each method against the reference's, ``schemes`` each ranked method's rank by other
    ways of ranking than its mean.
    """

    dataset: DatasetRecord
    policy: Policy
    roles: tuple[str, ...]
    columns: tuple[Quantity, ...]
    rank_by: Quantity
    units: tuple[str, ...]
    better: tuple[str, ...]
    rows: tuple[Row, ...]
    standings: Mapping[Policy, Mapping[str, Standing]]
    ledger: Mapping[str, Mapping[str, int]]
    panel: tuple[PanelRow, ...]
    n_cases: int
    n_patients: int
    n_excluded: int
    resamples: int
    fingerprints: Mapping[tuple[str, ...], tuple[str, ...]]
    metric_cards: Mapping[str, str]
    ceiling: Row | None = None
    agreement: tuple[FeatureAgreement, ...] = ()
    schemes: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def leaderboard(
    runs: Sequence[Run],
    dataset: str | None = None,
    *,
    columns: Sequence[Quantity] | None = None,
    rank_by: Quantity | None = None,
    policy: Policy = Policy.WORST_CASE,
    roles: Sequence[str] = ("test",),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Leaderboard:
    """Rank the methods of a data set.

    Args:
        runs: What :func:`benchmark.table.read_runs` read; runs of other data sets are ignored.
        dataset: Its name; may be left out if all runs are of one.
        columns: What to average; by default :data:`.columns.COLUMNS`, or ``WITHOUT_SCAR`` where the
            data set does not annotate scar.
        rank_by: Which column decides; by default the first. Undefined means rank last; methods
            that do not produce its region are listed without a rank.
        policy: What undefined values count as.
        roles: Cases of which roles.
        resamples: Of the intervals; the patients are resampled jointly for all methods.
        seed: Of the resampling.

    Raises:
        DataError: There is no run of the data set, or none has cases of these roles.
        UsageError: ``rank_by`` is not among the columns or has no direction, or several data sets
            and none named.
    """
    runs = one_dataset(runs, dataset)
    columns = default_columns(runs) if columns is None else tuple(columns)
    rank_by = rank_by or columns[0]
    if rank_by not in columns:
        raise UsageError(
            f"Cannot rank by {rank_by}: it is no column.",
            f"There are: {', '.join(map(str, columns))}.",
        )
    every = tidy(runs)
    table = select(every, columns, roles=roles)
    if table.empty:
        raise DataError(
            f"No run of {runs[0].dataset} has scores of cases with the role {' or '.join(roles)}.",
            f"Roles there are: {', '.join(sorted(map(str, every['role'].dropna().unique())))}.",
        )
    labels = unique_labels(runs)
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(labels[run.dataset, run.record.group], []).append(run)
    averaged = cells(table, list(groups), columns, policy, resamples, seed)
    at = columns.index(rank_by)
    facts = table[rank_by.rows(table)]
    direction = str(facts["better"].dropna().iloc[0]) if facts["better"].notna().any() else "higher"
    if direction == "none":
        raise UsageError(
            f"Cannot rank by {rank_by}: it describes the cases and ranks nobody.",
            "Rank by another column.",
        )
    ranked = [label for label in groups if averaged[label][at].n_total]
    order = ranks({label: averaged[label][at].mean for label in ranked}, direction)
    said = reasons(table, rank_by)
    rows = [
        board_row(label, members, averaged[label], order.get(label), said.get(label, ""), roles)
        for label, members in groups.items()
    ]
    of_cases = table[["case", "patient"]].drop_duplicates()
    return Leaderboard(
        dataset=runs[0].record.dataset,
        policy=policy,
        roles=tuple(roles),
        columns=columns,
        rank_by=rank_by,
        units=tuple(first_of(table[c.rows(table)]["unit"]) for c in columns),
        better=tuple(first_of(table[c.rows(table)]["better"]) for c in columns),
        rows=tuple(sorted(rows, key=lambda r: (r.rank is None, r.rank or 0, r.label))),
        standings=standings(table, ranked, rank_by, direction),
        ledger=ledger(table, rank_by),
        panel=scar_free_panel(groups, roles, resamples=resamples, seed=seed),
        n_cases=of_cases["case"].nunique(),
        n_patients=of_cases["patient"].nunique(),
        n_excluded=_excluded(runs, roles),
        resamples=resamples,
        fingerprints=data_seen(runs),
        metric_cards=_used_cards(runs, columns),
        agreement=feature_agreement(runs, roles, policy, resamples=resamples, seed=seed),
        schemes=_schemes(table, ranked, rank_by, policy),
        ceiling=ceiling(every, columns, policy, roles, resamples=resamples, seed=seed),
    )


def _schemes(
    table: pd.DataFrame, ranked: Sequence[str], rank_by: Quantity, policy: Policy
) -> dict[str, dict[str, float | None]]:
    """Ranks of the ranked methods by each scheme but the mean, which is the board's own."""
    schemes = [scheme for scheme in Scheme if scheme is not Scheme.MEAN]
    found = rank_table(table, ranked, [rank_by], policies=[policy], schemes=schemes)
    ranks: dict[str, dict[str, float | None]] = {}
    for scheme, label, rank in zip(found["scheme"], found["label"], found["rank"], strict=True):
        ranks.setdefault(str(scheme), {})[str(label)] = float(rank)
    return ranks


def one_dataset(runs: Sequence[Run], dataset: str | None) -> list[Run]:
    """The runs of ``dataset``, or all if they are of one.

    Raises:
        DataError: There is none.
        UsageError: They are of several, and none was named.
    """
    names = sorted({run.dataset for run in runs})
    if dataset is None and len(names) > 1:
        raise UsageError(f"These runs are of {', '.join(names)}.", "Name one data set.")
    chosen = [run for run in runs if dataset in (None, run.dataset)]
    if not chosen:
        there = f"There are runs of {', '.join(names)}." if names else "There are no runs."
        raise DataError(f"No run of {dataset or 'any data set'} was found. {there}",
                        "Run `bench run` first.")  # fmt: skip
    return chosen


def _excluded(runs: Sequence[Run], roles: Sequence[str]) -> int:
    out: set[str] = set()
    for run in runs:
        if {"excluded", "status"} <= set(run.cases):
            mine = run.cases[run.cases["role"].isin(list(roles))]
            out.update(map(str, mine["case"][is_excluded(mine["excluded"], mine["status"])]))
    return len(out)


def _used_cards(runs: Sequence[Run], columns: Sequence[Quantity]) -> dict[str, str]:
    used = {c.card for c in columns}
    found = {n: h for run in runs for n, h in run.record.metric_cards.items() if n in used}
    return dict(sorted(found.items()))
