"""The human ceiling: how well several readers of the same images agree with each other.

A method that agrees with a reader as well as another reader does cannot be shown to be wrong by
these readers. Where a data set has several, their rows (:mod:`benchmark.reader_scoring`) are
averaged by the same engine as those of a method: every pair of readers takes the place of a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .averages import cells
from .board_rows import Row
from .bootstrap import RESAMPLES
from .policies import Policy
from .reader_scoring import PERFECT
from .table import Quantity, is_excluded

__all__ = ["LABEL", "ceiling", "has_readers", "reader_rows"]

#: What the row is called.
LABEL = "human ceiling"
#: What is compared and is no reader.
_NO_READER = ("reference", "prediction", PERFECT)
#: What one value of a pair of readers belongs to, whichever method's run it was kept with.
_VALUE = ["case", "region", "metric", "level", "dim", "slice", "reference", "compared"]


def ceiling(
    table: pd.DataFrame,
    columns: Sequence[Quantity],
    policy: Policy,
    roles: Sequence[str] = ("test",),
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Row | None:
    """The agreement between readers as a row without a rank.

    Of a case, the mean over all pairs of readers; then the mean over cases, with an interval of
    resampled patients, as of a method. Readers are held against each other, methods against the
    reference: where that is a mean of the readers, it is nearer to each of them than they are to
    each other, and a method may stand above this row.

    Args:
        table: What :func:`benchmark.table.tidy` made, of one data set.
        columns: The quantities.
        policy: What undefined values count as.
        roles: Cases of which roles.
        resamples: Of the intervals.
        seed: Of the resampling.

    Returns:
        None where no pair of readers was scored. A column on which they were not scored has a cell
        of 0 cases.
    """
    rows = reader_rows(table, roles)
    if rows.empty:
        return None
    pairs = sorted(set(rows["run"]))
    readers = sorted({*rows["reference"].astype(str), *rows["compared"].astype(str)})
    wanted = rows[_any(rows, columns)]
    averaged = cells(wanted, [LABEL], columns, policy, resamples, seed)[LABEL]
    lacking = [str(c) for c, cell in zip(columns, averaged, strict=True) if not cell.n_total]
    note = (
        f"{len(readers)} readers ({', '.join(readers)}), {len(pairs)} "
        f"pair{'s' if len(pairs) > 1 else ''}, each against each other"
    )
    if lacking:
        note += f"; the pairs were not scored by {', '.join(lacking)}"
    return Row(
        rank=None, label=LABEL, seeds=(), folds=None, cells=averaged, train_seconds=None,
        seconds_per_epoch=None, seconds_per_case=None, seconds_per_slice=None, memory_mb=None,
        device_memory_mb=None, parameters=None, profile="", note=note, track="readers",
    )  # fmt: skip


def reader_rows(table: pd.DataFrame, roles: Sequence[str] = ("test",)) -> pd.DataFrame:
    """The rows that compare a reader with a reader, each pair of a case once.

    All runs on a data set repeat them, as they do not hang on a method: ``label`` is
    :data:`LABEL`, and ``run`` the pair.

    Args:
        table: What :func:`benchmark.table.tidy` made, of one data set.
        roles: Cases of which roles.
    """
    keep = ~table["reference"].isin(_NO_READER) & ~table["compared"].isin(_NO_READER)
    keep &= table["reference"].notna() & table["compared"].notna()
    keep &= table["role"].isin(list(roles)) & (table["level"] == "volume")
    keep &= ~is_excluded(table["excluded"], table["case_status"])
    rows = table[keep.to_numpy(dtype=bool)].drop_duplicates(_VALUE)
    pairs = rows["reference"].astype(str) + " | " + rows["compared"].astype(str)
    return rows.assign(label=LABEL, run=pairs)


def has_readers(scores: pd.DataFrame) -> bool:
    """Whether the score table of a run compares readers with each other."""
    if not {"reference", "compared"} <= set(scores):
        return False

    def reader(name: str) -> pd.Series[Any]:
        return scores[name].notna() & ~scores[name].isin(_NO_READER)

    return bool((reader("reference") & reader("compared")).any())


def _any(rows: pd.DataFrame, columns: Sequence[Quantity]) -> pd.Series[Any]:
    keep = pd.Series(False, index=rows.index)
    for column in columns:
        keep |= column.rows(rows)
    return keep
