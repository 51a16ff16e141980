"""Reading one case and scoring it: what any process can do by itself, given the case's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .code import engine_hash, metrics_hash
from .errors import BenchError, DataError
from .fingerprint import combined
from .grid import Grid, same_grid
from .journal import KEY
from .labels import LabelMap
from .metrics.cards import definitions_hash, select
from .nifti import read_labels
from .references import References, file_stamp
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

    def keys(self) -> dict[str, bytes | None]:
        """For each case, a hash of everything its rows depend on; None where that is not known."""
        identity = self.source.identity
        if identity is None:
            return dict.fromkeys(self.source.ids)
        base = combined(
            {
                "code": engine_hash("evaluate"),
                "metrics": metrics_hash(),
                "definitions": definitions_hash(),
                "packages": [metadata.version(name) for name in ("numpy", "scipy", "pyarrow")],
                "chosen": [metric.card.name for metric in select(self.metrics)],
                "source": identity,
                "annotates": sorted(self.source.annotates),
                "codes": dict(self.codes.codes),
            }
        )
        keys: dict[str, bytes | None] = {}
        for case in self.source.ids:
            stamp = self.source.stamp(case)
            parts = {"base": base, "case": case, "reference": stamp}
            parts["prediction"] = file_stamp(self.found.get(case))
            keys[case] = None if stamp is None else bytes.fromhex(combined(parts))[:KEY]
        return keys

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
