"""Reading one case and scoring it: what any process can do by itself, given the case's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BenchError, DataError
from .grid import Grid, same_grid
from .labels import LabelMap
from .nifti import read_labels
from .references import References
from .scoring import CaseScores, ScoreTask, score_case, unreadable_case
from .types import Labels

__all__ = ["ReadCase", "Work"]


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A case as its files have it.

    Attributes:
        id: The case.
        task: What is to be scored; None if the reference cannot be read.
        fault: What cannot be read, and why; empty if all can.
    """

    id: str
    task: ScoreTask | None
    fault: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """How to come by a case and what to compute of it; it pickles if ``source`` does.

    Args:
        source: Where references come from.
        found: Path of the prediction by case.
        codes: What the codes of the predictions mean.
        metrics: Names of metrics; all by default.
    """

    source: References
    found: Mapping[str, Path]
    codes: LabelMap
    metrics: Collection[str] | None = None

    def read(self, case: str) -> ReadCase:
        """Read a case; what cannot be read becomes its fault."""
        try:
            reference = self.source.load(case)
        except BenchError as error:
            return ReadCase(case, None, error.problem)
        task: dict[str, Any] = {
            "case": case,
            "annotates": self.source.annotates,
            "produces": self.codes.regions,
            "reference": reference.labels,
            "spacing": reference.grid.spacing,
            "apex": reference.apex,
            "slice_positions": reference.slice_positions,
            "image": reference.image,
        }
        fault, drawn = "", None
        try:
            drawn = _prediction(self.found.get(case), self.codes, reference.grid)
        except BenchError as error:
            fault = error.problem
        if fault:
            task |= {"status": "error", "message": fault}
        elif drawn is None:
            task |= {"message": "no file of this case among the predictions"}
        return ReadCase(case, ScoreTask(prediction=drawn, **task), fault)

    def score(self, case: ReadCase) -> CaseScores:
        """The rows of a case."""
        if case.task is not None:
            return score_case(case.task, metrics=self.metrics)
        return unreadable_case(
            case.id, case.fault, self.source.annotates, self.codes.regions, metrics=self.metrics
        )


def _prediction(path: Path | None, codes: LabelMap, expected: Grid) -> Labels | None:
    if path is None:
        return None
    found = read_labels(path, codes.codes.keys())
    difference = same_grid(found.grid, expected)
    if difference is not None:  # Only if the file has changed since it was checked.
        raise DataError(f"{path} does not lie on its reference: {difference}")
    return codes.apply(found.labels)
