"""A preset's numbers of many cases, written beside ours as they come."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ..atomic import replacing
from ..regions import Region
from ..scoring import ScoreTask
from .beside import Row, beside
from .definition import Preset, Quantity, Value

__all__ = ["COLUMNS", "Mean", "PresetTable"]

COLUMNS = (
    "case", "quantity", "unit", "theirs", "ours", "metric", "status", "message", "why",
)  # fmt: skip
_BY_LABEL = {
    1: Region.CAVITY,
    2: Region.MYOCARDIUM,
    3: Region.SCAR,
    4: Region.MVO,
}
_REGIONS = {tuple(map(int, r.labels)): r for r in Region if r is not Region.CORE_SCAR}


@dataclass(frozen=True)
class Mean:
    """One quantity over cases.

    Attributes:
        quantity: The evaluator's name for it.
        unit: Its unit.
        theirs: The evaluator's mean over the cases it is shown, by its own rule; None: it stops.
        ours: Mean of our values that are numbers, in the same unit; None if there are none.
        metric: Our metric; empty if there is none.
        cases: Cases that the evaluator is shown.
        defined: Those of them where our value is a number.
    """

    quantity: str
    unit: str
    theirs: Value
    ours: float | None
    metric: str
    cases: int
    defined: int


class PresetTable:
    """Writes a CSV of :data:`COLUMNS`, a row a case and quantity; a context manager.

    A case without a prediction is a row without numbers: the evaluators are never shown it, and
    their means do not know of it.

    Args:
        preset: The evaluator.
        path: The file; nothing is left there if the block raises.
    """

    def __init__(self, preset: Preset, path: Path) -> None:
        self.preset = preset
        self.path = path
        # Numbers alone: there may be many thousand cases.
        self._found: defaultdict[str, list[tuple[Value, float | None]]] = defaultdict(list)
        self._metrics: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            partial = stack.enter_context(replacing(self.path))
            file = stack.enter_context(partial.open("w", encoding="utf-8", newline=""))
            self._lines = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            self._lines.writeheader()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, task: ScoreTask) -> None:
        """Write the rows of a case."""
        rows: dict[str, Row] = {}
        if task.prediction is not None:
            found = beside(self.preset, task.reference, task.prediction, task.spacing)
            rows = {row.name: row for row in found}
        for quantity in self.preset.quantities:
            reason = _not_applicable(quantity, task)
            line = {"case": task.case, "quantity": quantity.name, "unit": quantity.unit}
            if reason:
                line |= {"status": "not_applicable", "message": reason}
            elif not rows:
                line |= {"status": task.status, "message": task.message}
            else:
                row = rows[quantity.name]
                self._found[quantity.name].append((row.theirs, row.ours))
                self._metrics.setdefault(quantity.name, row.metric)
                line |= {
                    "theirs": "raises" if row.theirs is None else repr(row.theirs),
                    "ours": "" if row.ours is None else repr(row.ours),
                    "metric": row.metric,
                    "status": row.status,
                    "why": row.why,
                }
            self._lines.writerow(line)

    def means(self) -> list[Mean]:
        """Each quantity that any case has, averaged by the evaluator's rule and plainly by us."""
        means = []
        for quantity in self.preset.quantities:
            rows = self._found.get(quantity.name, [])
            ours = [value for _, value in rows if value is not None]
            if rows:
                means.append(
                    Mean(
                        quantity=quantity.name,
                        unit=quantity.unit,
                        theirs=self.preset.mean([value for value, _ in rows]),
                        ours=math.fsum(ours) / len(ours) if ours else None,
                        metric=self._metrics[quantity.name],
                        cases=len(rows),
                        defined=len(ours),
                    )
                )
        return means


def _not_applicable(quantity: Quantity, task: ScoreTask) -> str:
    """Why either side says nothing about what ``quantity`` measures; empty if both do."""
    exact = _REGIONS.get(quantity.labels)
    needed = {exact} if exact else {_BY_LABEL[label] for label in quantity.labels}
    for regions, side in (
        (task.annotates, task.reference_name),
        (task.produces, task.compared_name),
    ):
        lacking = sorted(needed - regions)
        if lacking:
            return f"the {side} says nothing about {', '.join(lacking)}"
    return ""
