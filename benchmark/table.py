"""Runs and accepted entries as one tidy table: the only road from files to statistics.

One row is one value: what run it belongs to, which case it is of, and what was measured. Text
columns are categorical, so that a table of a million rows stays small; group them with
``observed=True``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .entries import load_entry
from .errors import DataError
from .legible import is_there
from .metrics.definition import card_key
from .results import Run, load_run, ordered, unique_labels

__all__ = ["Quantity", "is_excluded", "load_runs", "read_runs", "select", "tidy"]

#: Case columns that travel with every value. Those of older runs that lack one are null there.
CASE_COLUMNS = (
    "patient",
    "role",
    "site",
    "vendor",
    "pathology",
    "map",
    "excluded",
    "seconds",
    "peak_memory_mb",
    "diagonal_mm",
)
#: Case columns whose name a score column has too.
RENAMED = {"fold": "case_fold", "status": "case_status", "message": "case_message"}
SCORE_COLUMNS = (
    "region",
    "metric",
    "level",
    "slice",
    "dim",
    "reference",
    "compared",
    "value",
    "status",
    "message",
    "unit",
    "better",
    "worst",
    "best",
)
_NUMBERS = ("value", "worst", "best", "seconds", "peak_memory_mb", "diagonal_mm")
_INTEGERS = ("slice", "seed", "fold", "case_fold")


@dataclass(frozen=True)
class Quantity:
    """What is averaged and compared: one metric of one region at one level.

    Args:
        region: A region's name.
        metric: A metric's name.
        dim: The surface rule of a surface metric (``3d``, ``slice`` ...), ``contour`` of a metric
            of contours, None of any other.
        level: ``volume``, ``slice``, ``apex``, ``middle`` or ``base``.
    """

    region: str
    metric: str
    dim: str | None = None
    level: str = "volume"

    @property
    def card(self) -> str:
        """Which of a record's metric cards defines it."""
        return card_key(self.metric, self.dim)

    def rows(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows of a table are of this quantity."""
        dim = frame["dim"].isna() if self.dim is None else frame["dim"] == self.dim
        same = (frame["region"] == self.region) & (frame["metric"] == self.metric) & dim
        return (same & (frame["level"] == self.level)).to_numpy(dtype=bool)

    def __str__(self) -> str:
        where = [
            part for part in (self.dim, self.level if self.level != "volume" else None) if part
        ]
        return f"{self.region} {self.metric}" + (f" ({', '.join(where)})" if where else "")


def read_runs(
    paths: Iterable[str | Path],
    levels: Sequence[str] | None = None,
    entries: Iterable[str | Path] = (),
) -> list[Run]:
    """Read run folders and accepted entries (``.json``), in an order that ``paths`` do not change.

    A run that is met twice (in ``runs/`` and in its accepted entry) counts once.

    Args:
        paths: What to read.
        levels: Read only the scores of these levels from run folders.
        entries: Accepted entries to stand beside ``paths``: what a run of these repeats (the same
            experiment, seed and fold, on another machine) is left out of them.

    Raises:
        DataError: A path is neither, or cannot be read; two runs hold the same seed and fold of one
            experiment; or the runs were scored with different definitions of a metric.
    """
    runs: dict[tuple[str, str], Run] = {}
    for path in map(Path, paths):
        if not is_there(path):
            raise DataError(f"There is no {path}.", "Name run folders or accepted entries.")
        is_entry = path.is_file() and path.name != "record.json"
        folder = path.parent if path.name == "record.json" else path
        for run in load_entry(path) if is_entry else [load_run(folder, levels)]:
            runs.setdefault((run.dataset, run.name), run)
    repeated = {_experiment(run) for run in runs.values()}
    for run in (run for path in entries for run in load_entry(path)):
        if _experiment(run) not in repeated:
            runs.setdefault((run.dataset, run.name), run)
    found = ordered(list(runs.values()))
    _refuse_twins(found)
    _refuse_mixed_definitions(found)
    return found


def load_runs(paths: Iterable[str | Path], levels: Sequence[str] | None = None) -> pd.DataFrame:
    """:func:`read_runs` and :func:`tidy` in one."""
    return tidy(read_runs(paths, levels))


def tidy(runs: Sequence[Run]) -> pd.DataFrame:
    """One row per value of all ``runs``, with the columns of its run and its case.

    The columns are ``run, method, label, group, seed, fold, dataset, case``, then
    :data:`CASE_COLUMNS`, ``case_fold``, ``case_status``, ``case_message``, then
    :data:`SCORE_COLUMNS`. ``label`` is unique among the groups of a data set.
    """
    if not runs:
        raise DataError("There are no runs to make a table of.", "Run `bench run` first.")
    labels = unique_labels(runs)
    lengths = [len(run.scores) for run in runs]
    of_run = np.repeat(np.arange(len(runs)), lengths)
    of_case = np.concatenate(_positions(runs))
    columns: dict[str, Any] = {}
    identity: dict[str, list[Any]] = {
        "run": [run.name for run in runs],
        "method": [run.method for run in runs],
        "label": [labels[run.dataset, run.record.group] for run in runs],
        "group": [run.record.group for run in runs],
        "seed": [run.record.seed for run in runs],
        "fold": [run.record.fold for run in runs],
        "dataset": [run.dataset for run in runs],
    }
    for name, values in identity.items():
        columns[name] = _typed(name, values)[of_run]
    for name in ("case", *CASE_COLUMNS, *RENAMED):
        shown = RENAMED.get(name, name)
        columns[shown] = _typed(shown, _joined([run.cases for run in runs], name))[of_case]
    for name in SCORE_COLUMNS:
        columns[name] = _typed(name, _joined([run.scores for run in runs], name))
    return pd.DataFrame(columns)


def select(
    table: pd.DataFrame,
    quantities: Sequence[Quantity] = (),
    *,
    dataset: str | None = None,
    roles: Sequence[str] = ("test",),
) -> pd.DataFrame:
    """The rows that compare a prediction with the reference, of cases that count.

    Args:
        table: What :func:`tidy` made.
        quantities: Only these; all by default.
        dataset: Only this data set; all by default.
        roles: Only cases of these roles. Excluded cases never count; those that a
            method skipped are kept as what they are, ``not_applicable``.
    """
    keep = (table["reference"] == "reference") & (table["compared"] == "prediction")
    keep &= table["role"].isin(list(roles))
    keep &= ~is_excluded(table["excluded"], table["case_status"])
    if dataset is not None:
        keep &= table["dataset"] == dataset
    if quantities:
        wanted = np.zeros(len(table), dtype=bool)
        for q in quantities:
            wanted |= q.rows(table)
        keep &= wanted
    return table[keep.to_numpy()]


def is_excluded(reasons: pd.Series[Any], statuses: pd.Series[Any]) -> pd.Series[bool]:
    """Where a case has a reason why it counts for nobody.

    A case that one method skipped has a reason too, but is only ``not_applicable`` to it.
    """
    given = reasons.notna() & ~reasons.astype("object").isin(["", False])
    return given & (statuses.astype("object") != "not_applicable")


def _positions(runs: Sequence[Run]) -> list[np.ndarray[Any, np.dtype[np.intp]]]:
    """Per run: for each score, the row of its case in all case tables under each other."""
    positions, start = [], 0
    for run in runs:
        at = pd.Index(run.cases["case"]).get_indexer(pd.Index(run.scores["case"]))
        positions.append(at + start)
        start += len(run.cases)
    return positions


def _joined(frames: Sequence[pd.DataFrame], name: str) -> list[Any]:
    """A column of all ``frames``, null where one lacks it, as plain objects."""
    joined: list[Any] = []
    for frame in frames:
        fallback = {"reference": "reference", "compared": "prediction"}.get(name)
        joined += frame[name].tolist() if name in frame else [fallback] * len(frame)
    return joined


def _typed(name: str, values: Sequence[Any]) -> Any:
    """A column of the table: floats, whole numbers or null, or categories."""
    if name in _NUMBERS:
        return pd.array([np.nan if v is None else v for v in values], dtype="float64").to_numpy()
    if name in _INTEGERS:
        return pd.array([pd.NA if pd.isna(v) else int(v) for v in values], dtype="Int64")
    # Through objects, so that "no value" is one thing whatever the pandas version.
    plain = np.empty(len(values), dtype=object)
    plain[:] = values
    return pd.Categorical(pd.Series(plain, dtype="object"))


def _experiment(run: Run) -> tuple[str, str, int, int | None]:
    """What there may be only one run of."""
    return (run.dataset, run.record.group, run.record.seed, run.record.fold)


def _refuse_twins(runs: Sequence[Run]) -> None:
    seen: dict[tuple[Any, ...], Run] = {}
    for run in runs:
        other = seen.setdefault(_experiment(run), run)
        if other is not run:
            raise DataError(
                f"{other.source} and {run.source} are the same experiment "
                f"{run.record.group} of {run.label} with the same seed {run.record.seed} and "
                f"fold {run.record.fold}.",
                "Name only one of them: averaging both would count it twice.",
            )


def _refuse_mixed_definitions(runs: Sequence[Run]) -> None:
    first: dict[str, tuple[str, Run]] = {}
    differ: dict[str, tuple[Run, Run]] = {}
    for run in runs:
        for metric, digest in run.record.metric_cards.items():
            known, other = first.setdefault(metric, (digest, run))
            if known != digest:
                differ.setdefault(metric, (other, run))
    if differ:
        names = ", ".join(sorted(differ))
        one, two = differ[min(differ)]
        raise DataError(
            f"These runs were scored with different definitions of {names}: "
            f"{one.source} and {two.source} for one.",
            "Score them again with one version of scarbench.",
        )
