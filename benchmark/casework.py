"""Reading one case and scoring it: what any process can do by itself, given the case's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from .code import engine_hash, metrics_hash
from .contours.files import read_contours
from .errors import BenchError, DataError
from .fingerprint import combined
from .grid import Grid, same_grid
from .journal import KEY
from .labels import LabelMap
from .metrics.cards import definitions_hash
from .nifti import read_labels
from .plain import told
from .probabilities import StoredProbabilities
from .references import References, file_stamp
from .scoring import CaseScores, ScoreTask, score_case, unreadable_case
from .types import Labels

__all__ = ["ReadCase", "Work", "scoring_code"]


def scoring_code() -> dict[str, Any]:
    """What any case's rows depend on beside files and options: code, definitions, packages."""
    return {
        "code": engine_hash("evaluate"),
        "metrics": metrics_hash(),
        "definitions": definitions_hash(),
        "packages": [metadata.version(name) for name in ("numpy", "scipy", "pyarrow")],
    }


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A case as its files have it.

    Attributes:
        id: The case.
        task: What is to be scored; None if the reference cannot be read.
        fault: What cannot be read, and why; empty if all can.
        doubt: The same of its probabilities, without which the rest is scored.
    """

    id: str
    task: ScoreTask | None
    fault: str = ""
    doubt: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """How to come by a case and what to compute of it; it pickles if ``source`` does.

    Args:
        source: Where references come from.
        found: Path of the prediction by case.
        codes: What the codes of the predictions mean.
        metrics: Names of metrics; all but extras by default.
        outlines: Path of the prediction's contours by case, where it has any.
        maps: Its probabilities, if there are any.
        strange: Why a case has no file, where something else is called as if it were.
    """

    source: References
    found: Mapping[str, Path]
    codes: LabelMap
    metrics: Collection[str] | None = None
    outlines: Mapping[str, Path] = field(default_factory=dict)
    maps: StoredProbabilities | None = None
    strange: Mapping[str, str] = field(default_factory=dict)

    def keys(self) -> dict[str, bytes | None]:
        """For each case, a hash of everything its rows depend on; None where that is not known."""
        identity = self.source.identity
        if identity is None:
            return dict.fromkeys(self.source.ids)
        base = combined(
            {
                **scoring_code(),
                "chosen": sorted(self.metrics) if self.metrics is not None else None,
                "source": identity,
                "annotates": sorted(self.source.annotates),
                "codes": dict(self.codes.codes),
            }
        )
        keys: dict[str, bytes | None] = {}
        for case in self.source.ids:
            stamp = self.source.stamp(case)
            parts: dict[str, Any] = {"base": base, "case": case, "reference": stamp}
            paths = [self.found.get(case), self.outlines.get(case)]
            parts["prediction"] = [file_stamp(path) for path in paths]
            parts |= {"strange": self.strange[case]} if case in self.strange else {}
            if self.maps is not None:
                held = self.maps.files.items()
                parts["maps"] = [[region, file_stamp(files.get(case))] for region, files in held]
            keys[case] = None if stamp is None else bytes.fromhex(combined(parts))[:KEY]
        return keys

    def read(self, case: str) -> ReadCase:
        """Read a case; what cannot be read becomes its fault."""
        try:
            return self._read(case)
        except MemoryError as error:
            path = self.found.get(case)
            named = f"{path} and its reference" if path else f"The reference of {case!r}"
            return ReadCase(case, None, f"{named} take more memory than there is{_told(error)}.")

    def _read(self, case: str) -> ReadCase:
        try:
            reference = self.source.load(case)
        except MemoryError:
            raise
        except Exception as error:
            return ReadCase(case, None, _fault(error, f"the reference of {case!r}"))
        task: dict[str, Any] = {
            "case": case,
            "annotates": self.source.annotates,
            "produces": self.codes.regions,
            "reference": reference.labels,
            "spacing": reference.grid.spacing,
            "apex": reference.apex,
            "slice_positions": reference.slice_positions,
            "image": reference.image,
            "mapped": reference.mapped,
            "insertion": reference.insertion,
            "reference_contours": reference.contours,
        }
        fault, doubt, drawn = "", None, None
        try:
            path, shape = self.outlines.get(case), reference.labels.shape
            contours = () if path is None else read_contours(path, shape)
            drawn = _prediction(self.found.get(case), self.codes, reference.grid)
            task["compared_contours"] = contours
            fault = self.strange.get(case, "")
        except MemoryError:
            raise
        except Exception as error:
            fault = _fault(error, str(self.found.get(case)))
        if fault:
            task |= {"status": "error", "message": fault}
        elif drawn is None:
            task |= {"message": "no file of this case among the predictions"}
        if self.maps is not None:
            task["probabilities"], doubt = self.maps.of(case, reference.grid)
        try:
            return ReadCase(case, ScoreTask(prediction=drawn, **task), fault, doubt or "")
        except BenchError as error:  # each file is right, and they do not fit: the case's own fault
            path = self.found.get(case)
            named = f"{path} cannot be scored" if path else f"Case {case!r} cannot be scored"
            return ReadCase(case, None, f"{named}: {error.problem}")

    def score(self, case: ReadCase) -> CaseScores:
        """The rows of a case.

        Raises:
            DataError: Scoring it takes more memory than there is.
        """
        if case.task is not None:
            try:
                return score_case(case.task, metrics=self.metrics)
            except MemoryError as error:
                raise DataError(
                    f"Scoring case {case.id!r} takes more memory than there is{_told(error)}.",
                    "Score it with fewer jobs, or on another machine; what is done is kept.",
                ) from error
        return unreadable_case(
            case.id, case.fault, self.source.annotates, self.codes.regions, metrics=self.metrics,
            probabilities=() if self.maps is None else self.maps.files,
            contours=self.source.contoured(case.id),
        )  # fmt: skip


def _told(error: MemoryError) -> str:
    return f" ({error})" if str(error) else ""


def _fault(error: Exception, what: str) -> str:
    """Why a case cannot be read.

    A file may break a reader in a way that nobody has thought of: its own case is the price, never
    the others.
    """
    if isinstance(error, BenchError):
        return error.problem
    return f"{what} cannot be read: {type(error).__name__}: {told(error)}"


def _prediction(path: Path | None, codes: LabelMap, expected: Grid) -> Labels | None:
    if path is None:
        return None
    found = read_labels(path, codes.codes.keys())
    difference = same_grid(found.grid, expected)
    if difference is not None:  # Only if the file has changed since it was checked.
        raise DataError(f"{path} does not lie on its reference: {difference}")
    return codes.apply(found.labels)
