"""Submitted numbers against those measured here, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..entries import FEATURE_KEYS, FEATURES, SCORE_KEYS
from ..metrics.definition import card_key
from ..packing import plain
from ..results import Run
from .findings import Refusal

__all__ = ["compared"]

_Key = tuple[Any, ...]
_Found = Mapping[_Key, tuple[float | None, str, float | None]]
_ABSENT = "absent"


def compared(
    submitted: Run, rescored: Run, label: str, tolerance: float
) -> Iterator[Refusal | None]:
    """One item per number: None where it is the same, else what is not.

    Value, status and the value that counts for a miss are compared; messages are not, for they
    name files. What is measured here by a metric that the submission does not know at all is left
    out: it came later.

    Args:
        submitted: A run of the submission's entry.
        rescored: The same, scored here from its predictions.
        label: What the run is called in a message.
        tolerance: Values may differ by this share of the greater; 0 wants the same bits.
    """
    known = set(submitted.record.metric_cards)
    for theirs, ours, place in (
        (_scores(submitted), _scores(rescored, known), _score_place),
        (_features(submitted), _features(rescored), _feature_place),
    ):
        for key in sorted({*theirs, *ours}, key=str):
            one, other = theirs.get(key), ours.get(key)
            yield None if _same(one, other, tolerance) else _refusal(key, one, other, label, place)


def _scores(run: Run, known: set[str] | None = None) -> _Found:
    frame = run.scores[(run.scores["level"] == "volume").to_numpy(dtype=bool)]
    if known is not None and len(frame):
        keys = [card_key(m, plain(d)) for m, d in zip(frame["metric"], frame["dim"], strict=True)]
        frame = frame[[key in known for key in keys]]
    return _by_key(frame, SCORE_KEYS)


def _features(run: Run) -> _Found:
    frame = run.features
    volume = (frame["level"] == "volume").to_numpy(dtype=bool)
    return _by_key(frame[volume & frame["feature"].isin(FEATURES).to_numpy(dtype=bool)],
                   FEATURE_KEYS)  # fmt: skip


def _by_key(frame: pd.DataFrame, keys: tuple[str, ...]) -> _Found:
    found: dict[_Key, tuple[float | None, str, float | None]] = {}
    for row in frame.to_dict("records"):
        key = (str(row["case"]), *(plain(row.get(k)) for k in keys))
        value = plain(row["value"])
        worst = plain(row.get("worst"))
        found[key] = (value, str(plain(row["status"])), value if worst is None else worst)
    return found


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if one is None or other is None:
        return False
    if one[1] != other[1]:
        return False
    return _near(one[0], other[0], tolerance) and _near(one[2], other[2], tolerance)


def _near(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    if one == other:
        return True
    try:
        return abs(one - other) <= tolerance * max(abs(one), abs(other))
    except TypeError:  # a stranger's value may be text
        return False


def _score_place(key: _Key) -> tuple[str, str]:
    at = dict(zip(SCORE_KEYS, key[1:], strict=True))
    dim = f" ({at['dim']})" if at["dim"] else ""
    against = "" if at["compared"] == "prediction" else f", {at['compared']}"
    reader = "" if at["reference"] == "reference" else f" against {at['reference']}"
    return str(at["region"]), f"{at['metric']}{dim}{against}{reader}"


def _feature_place(key: _Key) -> tuple[str, str]:
    at = dict(zip(FEATURE_KEYS, key[1:], strict=True))
    return "", f"{at['feature']} of the {at['source']}"


def _refusal(key: _Key, one: Any, other: Any, label: str, place: Any) -> Refusal:
    region, metric = place(key)
    submitted, rescored = _told(one), _told(other)
    what = f"{region} {metric}".strip()
    said = f"{label}, {key[0]}: {what}: submitted {submitted}, measured here {rescored}."
    return Refusal("value", said, label, str(key[0]), region, metric, submitted, rescored)


def _told(found: tuple[float | None, str, float | None] | None) -> Any:
    """A number, or what stands in its place; where numbers are alike, what counts for a miss."""
    if found is None:
        return _ABSENT
    value, status, worst = found
    if value is None:
        return status if worst is None else f"{status} (counted as {worst!r})"
    return value if status == "ok" else f"{value!r} ({status})"
