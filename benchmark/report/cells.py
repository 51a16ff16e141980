"""What the page's table can be filtered to: every stratum under every policy, computed beforehand.

A page without a server cannot resample patients, so the means and intervals of all cells are
computed here with the functions of the leaderboard itself; the page's script only picks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ..averages import Cell, cells_of, joint
from ..leaderboard import Leaderboard
from ..policies import Policy, case_means
from ..results import Run
from ..table import select, tidy

__all__ = ["KINDS", "Stratum", "digits", "filters", "scores_of", "strata", "tables"]

#: Column of the case table -> what its strata are called.
KINDS = {
    "role": "Role", "site": "Site", "vendor": "Vendor", "pathology": "Pathology", "map": "Map",
}  # fmt: skip
_ROLES = {"test": "internal (test)", "external": "external"}
#: Strata of one kind; of data from a hundred sites the page shows the largest.
MOST = 24

#: Cells by label, one per column.
Table = Mapping[str, tuple[Cell, ...]]


@dataclass(frozen=True)
class Stratum:
    """Some of the cases, by one thing that is known about them.

    Attributes:
        key: What the page's script calls it; ``all``, or ``site=A``.
        kind: A column of the case table; empty for all cases.
        name: The value it has there, in words.
        cases: Ids of its cases.
        n_patients: Whose they are.
    """

    key: str
    kind: str
    name: str
    cases: frozenset[str]
    n_patients: int

    @property
    def note(self) -> str:
        """Why it has no intervals, if it has none."""
        if self.n_patients >= 2:
            return ""
        return "one patient: no interval can be estimated from resampling patients"


def scores_of(board: Leaderboard, runs: Sequence[Run]) -> pd.DataFrame:
    """The rows that the board's columns are made of: no others, so that nothing else costs time.

    Args:
        board: The leaderboard.
        runs: Of its data set; what it was made of.
    """
    metrics = {column.metric for column in board.columns}
    levels = {column.level for column in board.columns}
    slim = []
    for run in runs:
        wanted = run.scores["metric"].isin(metrics) & run.scores["level"].isin(levels)
        slim.append(replace(run, scores=run.scores[wanted.to_numpy(dtype=bool)]))
    return select(tidy(slim), board.columns, roles=board.roles)


def strata(table: pd.DataFrame) -> list[Stratum]:
    """All cases, then those of each role, site, vendor, pathology and kind of map.

    A kind with a single value says nothing that all cases do not, and is left out; so are cases
    where the value is not known, and of more than :data:`MOST` values all but the largest.

    Args:
        table: Rows of :func:`benchmark.table.select`.
    """
    cases = table.drop_duplicates("case").astype({"case": str, "patient": str})
    found = [_stratum("all", "", "all cases", cases)]
    for kind in KINDS:
        known = cases[cases[kind].notna().to_numpy() & (cases[kind].astype(str) != "").to_numpy()]
        groups = list(known.groupby(known[kind].astype(str), sort=True))
        if len(groups) < 2:
            continue
        largest = sorted(groups, key=lambda group: (-len(group[1]), str(group[0])))[:MOST]
        for name, members in sorted(largest, key=lambda group: str(group[0])):
            shown = _ROLES.get(str(name), str(name)) if kind == "role" else str(name)
            found.append(_stratum(f"{kind}={name}", kind, shown, members))
    return found


def tables(
    board: Leaderboard, table: pd.DataFrame, parts: Sequence[Stratum], *, seed: int = 0
) -> dict[Policy, dict[str, Table]]:
    """The cells of every stratum under every policy, as the leaderboard of its cases has them.

    Args:
        board: Its columns, methods and number of resamples are used.
        table: What :func:`scores_of` gave.
        parts: What :func:`strata` gave.
        seed: Of the resampling; the leaderboard's own by default.
    """
    labels = [row.label for row in board.rows]
    found: dict[Policy, dict[str, Table]] = {}
    for policy in Policy:
        whole = joint(case_means(table, policy), labels, board.columns)
        found[policy] = {
            part.key: cells_of(whole.of(part.cases), board.resamples, seed) for part in parts
        }
    return found


def filters(
    board: Leaderboard,
    parts: Sequence[Stratum],
    found: Mapping[Policy, Mapping[str, Table]],
) -> dict[str, Any]:
    """What the page's script reads: plain lists, dictionaries, strings and numbers.

    A cell is ``[mean, low, high, n_defined, n_total]``, null where there is none; ``tables`` holds
    them by policy, stratum, method (in the board's order) and column.
    """
    labels = [row.label for row in board.rows]
    return {
        "policy": board.policy.value,
        "stratum": parts[0].key,
        "rank_by": board.columns.index(board.rank_by),
        "columns": [
            {"better": better, "digits": digits(unit)}
            for unit, better in zip(board.units, board.better, strict=True)
        ],
        "tracks": [row.track for row in board.rows],
        "policies": {policy.value: policy.sentence for policy in Policy},
        "strata": {
            part.key: {
                "name": part.name,
                "cases": len(part.cases),
                "patients": part.n_patients,
                "note": part.note,
            }
            for part in parts
        },
        "tables": {
            policy.value: {
                key: [[_plain(cell) for cell in cells[label]] for label in labels]
                for key, cells in by_stratum.items()
            }
            for policy, by_stratum in found.items()
        },
    }


def digits(unit: str) -> int:
    """Decimals that a mean is shown with."""
    return 2 if unit else 3


def _stratum(key: str, kind: str, name: str, cases: pd.DataFrame) -> Stratum:
    return Stratum(key, kind, name, frozenset(cases["case"]), cases["patient"].nunique())


def _plain(cell: Cell) -> list[float | int | None]:
    shown = [None if v is None else float(f"{v:.9g}") for v in (cell.mean, cell.low, cell.high)]
    return [*shown, cell.n_defined, cell.n_total]
