"""A table's rows as a few series of values in the order of the cases, and back: small as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .errors import DataError

__all__ = ["plain", "rows", "series"]

_MESSAGE = 200


def series(
    frame: pd.DataFrame, keys: Sequence[str], ids: Sequence[str], source: object
) -> list[dict[str, Any]]:
    """One entry for each combination of ``keys``, its values in the order of ``ids``.

    Args:
        frame: Rows with ``case``, ``keys``, ``value``, ``status`` and maybe ``message``, ``worst``.
        keys: What tells one series from another.
        ids: All cases; one without a row has the status ``absent``.
        source: Where the rows are from, to name in an error.

    Raises:
        DataError: A case has a value twice.
    """
    at = {case: i for i, case in enumerate(ids)}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in frame.to_dict("records"):
        key = tuple(plain(row.get(k)) for k in keys)
        one = found.setdefault(
            key,
            {**dict(zip(keys, key, strict=True)), "values": [None] * len(ids),
             "status": ["absent"] * len(ids), "message": [""] * len(ids), "worst": {}},
        )  # fmt: skip
        i = at[str(row["case"])]
        if one["status"][i] != "absent":
            raise DataError(f"{source}: case {row['case']!r} has {key} twice.")
        one["values"][i] = plain(row["value"])
        one["status"][i] = plain(row["status"])
        one["message"][i] = plain(row.get("message")) or ""
        worst = plain(row.get("worst"))
        if worst is not None and worst != one["values"][i]:  # said only where it is another
            one["worst"][str(i)] = worst
    for one in found.values():
        one["status"] = _grouped(one["status"], "ok")
        one["message"] = _grouped(one["message"], "")
    return [found[key] for key in sorted(found, key=str)]


def _grouped(texts: Sequence[str], usual: str) -> str | dict[str, list[int]]:
    """The text that all cases share, or the positions of each text that is not the usual one."""
    if len(set(texts)) == 1:
        return texts[0]
    groups: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        if text != usual:
            groups.setdefault(text, []).append(i)
    return groups


def _spread(grouped: str | Mapping[str, Sequence[int]], usual: str, n: int) -> list[str]:
    """What :func:`_grouped` was made from."""
    if isinstance(grouped, str):
        return [grouped] * n
    texts = [usual] * n
    for text, positions in grouped.items():
        for i in positions:
            texts[i] = text
    return texts


def rows(
    packed: Sequence[Mapping[str, Any]], keys: Sequence[str], ids: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows that :func:`series` was given, at the level of a volume."""
    found = []
    for one in packed:
        shared = {key: one.get(key) for key in keys} | {"level": "volume", "slice": None}
        statuses = _spread(one["status"], "ok", len(ids))
        messages = _spread(one["message"], "", len(ids))
        columns = zip(ids, one["values"], statuses, messages, strict=True)
        for i, (case, value, status, message) in enumerate(columns):
            if status != "absent":
                found.append({
                    **shared, "case": case, "value": value, "status": status, "message": message,
                    "worst": one["worst"].get(str(i), value),
                })  # fmt: skip
    return found


def plain(value: Any) -> Any:
    """A cell as JSON has it: NaN and NA are null, numpy's numbers are Python's."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, str):
        return value[:_MESSAGE]
    return value
