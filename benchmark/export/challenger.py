"""The CSV that challengeR reads (Wiesenfarth et al., Scientific Reports 2021;11:2369).

``as.challenge(read.csv(file), case = "case", algorithm = "algorithm", value = "value",
by = "task", smallBetter = ...)`` takes one line per task, case and algorithm. The columns are

* ``task``: the quantity, such as ``scar dice``; challengeR ranks within each task;
* ``case``: the case's id;
* ``algorithm``: the method, as a leaderboard calls it;
* ``value``: the mean over the seeds that have a value; ``NA`` where no seed has one. challengeR
  wants to be told what to do with these (``na.treat``), as no ranking can do without a choice.

Every algorithm has a line for every case of a task, as challengeR checks. ``smallBetter`` holds for
a whole object, so one file holds quantities of one direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..averages import matrix
from ..errors import DataError, UsageError
from ..policies import Policy, case_means
from ..results import Run
from ..table import Quantity, select, tidy
from ..text import csv_table

__all__ = ["HEADER", "challenger_csv"]

HEADER = ("task", "case", "algorithm", "value")
_NONE = "NA"


def challenger_csv(
    runs: Sequence[Run],
    quantities: Sequence[Quantity],
    *,
    policy: Policy = Policy.EXCLUDE,
    roles: Sequence[str] = ("test",),
) -> str:
    """The file for ``quantities``, one task each.

    Args:
        runs: Of one data set.
        quantities: What is ranked by.
        policy: What undefined values count as; by default they are ``NA``.
        roles: Cases of which roles.

    Raises:
        UsageError: The quantities differ in their direction, or the best of one is neither its
            highest nor its lowest value.
        DataError: No method has a value of a quantity.
    """
    table = select(tidy(runs), quantities, roles=roles)
    lines: list[list[object]] = []
    directions: dict[str, Quantity] = {}
    for quantity in quantities:
        rows = table[quantity.rows(table)]
        applies = rows[(rows["status"] != "not_applicable").to_numpy(dtype=bool)]
        if applies.empty:
            raise DataError(
                f"No method has {quantity} in cases with the role {' or '.join(roles)}.",
                "'bench list metrics' shows metrics and their dims.",
            )
        directions.setdefault(str(applies["better"].iloc[0]), quantity)
        means = case_means(rows, policy)
        labels = sorted(set(applies["label"].astype(str)))
        wide, _ = matrix(means, quantity, labels)
        lines += _lines(str(quantity), wide)
    _one_direction(directions)
    return csv_table(HEADER, lines)


def _lines(task: str, wide: pd.DataFrame) -> list[list[object]]:
    cases = wide.index.get_level_values("case")
    values = wide.to_numpy(dtype=np.float64)
    return [
        [task, str(case), label, _NONE if np.isnan(value) else float(value)]
        for case, row in zip(cases, values, strict=True)
        for label, value in zip(wide.columns, row, strict=True)
    ]


def _one_direction(directions: dict[str, Quantity]) -> None:
    for better, quantity in directions.items():
        if better not in ("higher", "lower"):
            raise UsageError(
                f"challengeR ranks by what is higher or lower, and {quantity} is neither.",
                "Choose another, such as absolute_volume_error_ml for volume_error_ml.",
            )
    if len(directions) > 1:
        higher, lower = directions["higher"], directions["lower"]
        raise UsageError(
            f"{higher} is better when higher and {lower} when lower, and challengeR's smallBetter "
            "is one for a file.",
            "Name a folder with -o, for a file each, or metrics of one direction.",
        )
