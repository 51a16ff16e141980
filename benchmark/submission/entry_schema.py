"""The types of everything in an entry that a stranger wrote, before any of it is read as a table.

:mod:`benchmark.entries` reads what it has written itself; here nobody knows who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..errors import DataError
from .layout import ENTRY, limit_of
from .strict import checked_model, strict_json

__all__ = ["check_entry"]

_CONFIG = ConfigDict(extra="forbid", strict=True)
_Cell = str | float | int | bool | None
#: One text for all cases, or the positions of each.
_Grouped = str | dict[str, list[int]]


class _Series(BaseModel):
    model_config = _CONFIG

    values: list[float | None]
    status: _Grouped
    message: _Grouped
    worst: dict[str, float]
    unit: str | None = None


class _Scores(_Series):
    region: str
    metric: str
    dim: str | None = None
    reference: str
    compared: str
    better: str | None = None
    best: float | None = None


class _Features(_Series):
    source: str
    feature: str


class _Record(BaseModel):
    """What is read as a number or a name later on; the rest is checked as every record is."""

    model_config = ConfigDict(extra="allow", strict=True)

    stages: dict[str, dict[str, Any]]
    totals: dict[str, Any] = {}
    provenance: dict[str, Any] = {}


class _Run(BaseModel):
    model_config = _CONFIG

    name: str = Field(max_length=300)
    record: _Record
    cases: dict[str, list[_Cell]]
    scores: list[_Scores]
    features: list[_Features]


class _Entry(BaseModel):
    model_config = _CONFIG

    kind: str
    format: int
    method: str
    dataset: str
    group: str
    runs: list[_Run] = Field(min_length=1)


#: Of the case table: what each column holds.
_TEXTS = ("case", "patient", "role", "status")
_NUMBERS = ("seconds", "peak_memory_mb", "diagonal_mm", "fold")
#: Of a stage or the totals: texts, or more.
_NO_NUMBERS = ("key", "dtype", "left_out", "model", "tables", "images", "resumed", "cases",
               "from", "borrowed")  # fmt: skip


def check_entry(path: Path) -> None:
    """Refuse to read an entry in which anything is of another type than we write.

    Raises:
        DataError: It is no entry, or the first thing in it that does not fit.
    """
    limit = limit_of(ENTRY)
    assert limit is not None
    content = strict_json(path, limit)
    strange = next(_unprintable(content), None)
    if strange is not None:
        raise DataError(f"{path} holds the text {strange[:80]!r}, which is not fit to be shown.")
    entry = checked_model(_Entry, content, path)
    for i, run in enumerate(entry.runs):
        at = f"{path}: runs.{i}"
        if {"method", "dataset", "group"} - set(run.record.model_extra or {}):
            raise DataError(f"{at}.record is no record of a run.")
        _check_cases(run.cases, at)
        n = len(run.cases["case"])
        for series in [*run.scores, *run.features]:
            _check_series(series, n, at)
        for facts in [*run.record.stages.values(), run.record.totals]:
            _check_numbers(facts, at)


def _unprintable(content: Any) -> Iterator[str]:
    """Texts with what a terminal or a page would act on: escapes, marks that turn the writing."""
    if isinstance(content, str):
        if not content.replace("\n", "").replace("\t", "").isprintable():
            yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _unprintable(key)
            yield from _unprintable(value)
    elif isinstance(content, list):
        for value in content:
            yield from _unprintable(value)


def _check_cases(cases: dict[str, list[_Cell]], at: str) -> None:
    lengths = {len(column) for column in cases.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise DataError(f"{at}.cases has columns of different lengths, or no case.")
    for name in _TEXTS:
        if not all(isinstance(value, str) for value in cases.get(name, [None])):
            raise DataError(f"{at}.cases.{name} is not a text for each case.")
    for name, column in cases.items():
        allowed = (int, float) if name in _NUMBERS else (str,)
        bad = [v for v in column if v is not None and (type(v) not in allowed)]
        if bad:
            raise DataError(f"{at}.cases.{name[:80]} holds {str(bad[0])[:80]!r}.")


def _check_series(series: _Series, n: int, at: str) -> None:
    positions = [i for group in (series.status, series.message) if isinstance(group, dict)
                 for held in group.values() for i in held]  # fmt: skip
    worst = [int(key) if key.isdecimal() and len(key) < 9 else -1 for key in series.worst]
    if len(series.values) != n or not all(0 <= i < n for i in [*positions, *worst]):
        raise DataError(f"{at} has a series of values that are not one for each of {n} cases.")


def _check_numbers(facts: dict[str, Any], at: str) -> None:
    for name, value in facts.items():
        fits = isinstance(value, int | float | None) and not isinstance(value, bool)
        if name not in _NO_NUMBERS and not fits:
            raise DataError(f"{at}.record: {name[:80]!r} is {str(value)[:80]!r}, no number.")
