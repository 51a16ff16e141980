"""The score stage: stored predictions against references, into the tables of a run.

Each case's rows are kept as soon as they are known, under the hash of everything they depend on,
so that an interrupted scoring continues and an edited metric is computed again.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from .case_task import task_of
from .code import engine_hash, metrics_hash
from .contours.files import read_contours
from .errors import BenchError, DataError
from .fingerprint import combined
from .image_counts import image_counts
from .metrics.cards import definitions_hash, select
from .metrics.definition import Metric
from .metrics.probabilities import Probabilities
from .nifti import read_labels
from .parquet import table_writer, write_table
from .plugins import Dataset
from .probabilities import PREFIX, read_probabilities
from .reader_scoring import score_readers
from .scoring import TABLES, CaseScores, arrow_schema, score_case, unreadable_case
from .store import RunFolder, file_hash
from .types import Case, Contour, Region

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["Scoring", "join", "measured", "score_one", "scoring_of", "unscored"]

Rows = Mapping[str, dict[str, Any]]


@cache
def _code() -> str:
    return combined({"engine": engine_hash("scoring", "clinical", "scored", "types"),
                     "metrics": metrics_hash()})  # fmt: skip


@dataclass(frozen=True)
class Scoring:
    """What the tables of a run are made from.

    Attributes:
        rows: The facts of every prediction, by case.
        maps: Regions that have probabilities.
        definitions: Hash of what is measured.
        keys: Key of each case's part.
        key: Of all of them.
    """

    rows: Rows
    maps: frozenset[Region]
    definitions: str
    keys: Mapping[str, str]
    key: str


def scoring_of(plan: Plan, rows: Rows) -> Scoring:
    """What there is to score, given what the predictions left."""
    maps, definitions = _maps(rows), definitions_hash(m.card.name for m in measured(rows))
    keys = {i: _case_key(plan, i, row, definitions, maps) for i, row in rows.items()}
    key = combined({"cases": keys, "definitions": definitions})
    return Scoring(rows, maps, definitions, keys, key)


def unscored(plan: Plan, scoring: Scoring) -> list[str]:
    """Ids of the cases whose rows are neither in the tables nor kept beside them."""
    if _joined(plan.folder, scoring):
        return []
    parts = plan.folder.path / "parts"
    return [i for i, key in scoring.keys.items() if not _kept_part(parts, key)]


def score_one(plan: Plan, scoring: Scoring, case_id: str) -> None:
    """Score a case into its part.

    Raises:
        DataError: The case, or its prediction, can no longer be read.
    """
    scores = _score_case(plan, case_id, scoring.rows[case_id], scoring.maps)
    parts = plan.folder.path / "parts"
    for table, columns in TABLES.items():
        path = _part(parts, scoring.keys[case_id], table)
        write_table(path, arrow_schema(columns), getattr(scores, table))


def join(plan: Plan, scoring: Scoring, seconds: float, told: Callable[[str], None]) -> None:
    """Write ``scores``, ``counts`` and ``features`` of the parts; nothing where they are there.

    Args:
        plan: The run.
        scoring: What they are made from; each case has its part.
        seconds: What scoring the cases took.
        told: Called with each case that is read.
    """
    folder, parts = plan.folder, plan.folder.path / "parts"
    if _joined(folder, scoring):
        shutil.rmtree(parts, ignore_errors=True)  # left by a kill just before the end
        return
    started = time.perf_counter()
    # From here on the tables may be of two scorings: no reader takes a run without a record.
    folder.withdraw("score")
    for table, columns in TABLES.items():
        with table_writer(folder.path / f"{table}.parquet", arrow_schema(columns)) as writer:
            for key in scoring.keys.values():
                writer.append(_rows(_part(parts, key, table)))

    def load(case_id: str) -> Case:
        told(case_id)
        return _loaded(plan.dataset, case_id)

    images = image_counts(plan, load)
    folder.finish(
        "score", scoring.key, seconds=round(seconds + time.perf_counter() - started, 3),
        cases=len(scoring.rows), tables=_hashes(folder), **({"images": images} if images else {}),
    )  # fmt: skip
    shutil.rmtree(parts, ignore_errors=True)


def _joined(folder: RunFolder, scoring: Scoring) -> bool:
    """Whether the tables are those of this very scoring."""
    done = folder.done("score", scoring.key)
    return done and folder.marker("score").get("tables") == _hashes(folder)


def _kept_part(parts: Path, key: str) -> bool:
    return all(_whole(_part(parts, key, table)) for table in TABLES)


def _whole(path: Path) -> bool:
    """Whether a Parquet file has its end: a machine that lost power may leave an empty one."""
    try:
        with path.open("rb") as file:
            file.seek(-4, os.SEEK_END)
            return file.read() == b"PAR1"
    except OSError:  # none, or shorter
        return False


def _hashes(folder: RunFolder) -> dict[str, str]:
    """Hash of each table's file; empty where it is missing."""
    return {t: file_hash(folder.path / f"{t}.parquet") for t in TABLES}


def measured(rows: Rows) -> tuple[Metric, ...]:
    """The metrics that the tables of a run hold, given what its predictions left."""
    return select(probabilities=bool(_maps(rows)))


def _maps(rows: Rows) -> frozenset[Region]:
    """The regions that the method gave probabilities of, in any case, and that were kept."""
    return frozenset().union(*(_kept(row) for row in rows.values()))


def _kept(row: Mapping[str, Any]) -> dict[Region, str]:
    """File of the probabilities of a case, by region."""
    names = ((Path(file).parent.name, file) for file in row["files"])
    return {Region(n.removeprefix(PREFIX)): f for n, f in names if n.startswith(PREFIX)}


def _case_key(
    plan: Plan, case_id: str, row: dict[str, Any], definitions: str, maps: Iterable[Region]
) -> str:
    return combined(
        {
            "prediction": [row["status"], row["message"], row["prediction"]],
            "data": [plan.prints[case_id].study, plan.prints[case_id].reference],
            "probabilities": [sorted(maps), {r: row["files"][f] for r, f in _kept(row).items()}],
            "definitions": definitions,
            "code": _code(),
            "regions": [sorted(plan.method.produces), sorted(plan.dataset.annotates)],
            "case": case_id,
            "pictures": plan.request.pictures,
        }
    )


def _part(parts: Path, key: str, table: str) -> Path:
    return parts / f"{key[:32]}.{table}.parquet"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    table: pa.Table = pq.read_table(path)
    yield from table.to_pylist()


def _score_case(
    plan: Plan, case_id: str, row: dict[str, Any], maps: frozenset[Region]
) -> CaseScores:
    annotates, produces = frozenset(plan.dataset.annotates), frozenset(plan.method.produces)
    if plan.prints[case_id].error:
        message = row["message"] or plan.prints[case_id].error
        return unreadable_case(case_id, message, annotates, produces, probabilities=maps)
    case = _loaded(plan.dataset, case_id)
    prediction = None
    contours: tuple[Contour, ...] = ()
    if row["status"] == "ok":
        path = plan.folder.case_file("predictions/contours", case_id, ".json")
        if path.relative_to(plan.folder.path).as_posix() in row["files"]:
            contours = read_contours(path, case.study.target.shape)
        path = plan.folder.case_file("predictions", case_id, ".nii.gz")
        if path.is_file():
            prediction = read_labels(path).labels
    task = task_of(
        case, prediction, contours, row["status"], row["message"], annotates=annotates,
        produces=produces, probabilities=_probabilities(plan, row, maps),
    )  # fmt: skip
    scores = score_case(task)
    if task.mapped:
        scores = scores.joined(score_readers(task, case.readers))
    if plan.request.pictures and task.prediction is not None:
        _picture(plan, case, task.prediction)
    return scores


def _probabilities(
    plan: Plan, row: dict[str, Any], maps: frozenset[Region]
) -> dict[Region, Probabilities] | None:
    """The stored probabilities of a case; None where no case of the run has any."""
    found: dict[Region, Probabilities] = {}
    kept = _kept(row)
    for region in sorted(maps):
        if region in kept:
            found[region] = read_probabilities(plan.folder.path / kept[region])[0]
        else:
            found[region] = "no_prediction", f"the method gave no probabilities of {region} here"
    return found if maps else None


def _loaded(dataset: Dataset, case_id: str) -> Case:
    """The case, which could be read when the run began.

    Raises:
        DataError: It no longer can. Better no table than one with a passing fault in it.
    """
    try:
        return dataset.load(case_id)
    except Exception as error:  # a stranger's data set may raise anything
        name = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
        raise DataError(
            f"Case {case_id!r} can no longer be read: {name}{error}",
            "Start the run again: what is done is kept.",
        ) from error


def _picture(plan: Plan, case: Case, prediction: Any) -> None:
    from .pictures import overlay

    target = case.study.target
    assert case.reference.labels is not None
    overlay(
        plan.folder.case_file("pictures", case.study.id, ".png"),
        target.voxels if target.voxels.ndim == 3 else target.voxels[0],
        case.reference.labels,
        prediction,
        target.spacing,
    )
