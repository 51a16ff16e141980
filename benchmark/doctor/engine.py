"""Our own engine against the answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..metrics.cards import cards
from ..scored_arrays import score
from .conformance import DIMS, DISTANCES, SURFELS, Case, conformance

__all__ = ["TOLERANCE", "EngineReport", "Wrong", "examine_engine"]

#: How far a value of ours may be from its answer, in the metric's unit.
TOLERANCE = 1e-9
_OVERLAP = ("dice", "iou")
Name = tuple[str, str | None]


@dataclass(frozen=True)
class Wrong:
    """A value of ours that is not the answer; None is undefined."""

    case: str
    metric: str
    dim: str | None
    ours: float | None
    right: float | None


@dataclass(frozen=True)
class EngineReport:
    """How many answers were compared, and which are not met."""

    cases: int
    answers: int
    wrong: tuple[Wrong, ...]

    @property
    def right(self) -> bool:
        """Whether every answer is met."""
        return not self.wrong


def examine_engine() -> EngineReport:
    """Score every pair and compare each value that has an answer, undefined ones included."""
    known = cards()
    wrong, n_answers = [], 0
    for case in conformance():
        asked = (*_OVERLAP, "volume_error_ml", *DISTANCES, *SURFELS)
        found = _values(case, [m for m in asked if m in known])
        for name, right in _answers(case):
            if name not in found:
                continue
            n_answers += 1
            if not _agree(found[name], right):
                wrong.append(Wrong(case.name, *name, found[name], right))
    return EngineReport(len(conformance()), n_answers, tuple(wrong))


def _answers(case: Case) -> Iterator[tuple[Name, float | None]]:
    for metric in _OVERLAP:
        yield (metric, None), case.answers[metric]
    volumes = case.answers["volume_ml_pred"], case.answers["volume_ml_ref"]
    yield ("volume_error_ml", None), volumes[0] - volumes[1]
    for metric, key in DISTANCES.items():
        share = metric.startswith("nsd")
        for dim, block in DIMS.items():
            if case.answers.get(block, {}).get("slices_only_one"):
                # The answers leave such slices out; for us the volume has no distance then.
                if not share:
                    yield (metric, dim), None
            elif share and case.status in ("pred_empty", "ref_empty"):
                yield (metric, dim), 0.0
            else:
                yield (metric, dim), case.distance((block, key))

    for metric, definition in SURFELS.items():
        missed = "nsd" in metric and case.status in ("pred_empty", "ref_empty")
        yield (metric, None), 0.0 if missed else case.distance(definition)


def _values(case: Case, metrics: list[str]) -> dict[Name, float | None]:
    table = score(case.reference, case.prediction, case.spacing, metrics=metrics)
    found: dict[Name, float | None] = {}
    for row in table.to_dict("records"):
        dim = row["dim"] if isinstance(row["dim"], str) else None
        found[row["metric"], dim] = None if math.isnan(row["value"]) else float(row["value"])
    return found


def _agree(ours: float | None, right: float | None) -> bool:
    if ours is None or right is None:
        return ours is right
    return abs(ours - right) <= TOLERANCE
