"""Stored masks against references: anybody's, with no training and one case in memory at a time.

The reference list drives. A case without a prediction is a row with status ``no_prediction``; a
case one of whose files cannot be read is a row with status ``error``, and the others go on.
Predictions that belong to no case, come twice, or lie on another grid than their reference are
mistakes in the whole set: all of them are named together, and nothing is scored.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .atomic import replacing
from .contours.files import find_contours, read_contours
from .errors import BenchError, DataError, UsageError, near_misses
from .grid import Grid, same_grid
from .labels import CANONICAL, LabelMap
from .masks import find_files
from .metrics.cards import select
from .nifti import read_grid, read_labels
from .parquet import table_writer
from .plugins import Dataset
from .probabilities import StoredProbabilities
from .progress import Reporter
from .references import DatasetReferences, FolderReferences, References
from .scoring import (
    SCORES,
    TABLES,
    CaseScores,
    ScoreTask,
    arrow_schema,
    score_case,
    unreadable_case,
)
from .types import Labels, Role

__all__ = ["Summary", "evaluate"]

_SHOWN = 20


@dataclass(frozen=True)
class Summary:
    """What became of the cases.

    Attributes:
        out: The folder that was written to.
        cases: How many references there are.
        missing: Cases without a prediction.
        failed: Message by case, for those that could not be read.
        notes: What a reader of the scores should know.
        files: Path by name: ``scores``, ``counts``, ``features`` and ``csv``.
    """

    out: Path
    cases: int
    missing: tuple[str, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...]
    files: Mapping[str, Path]

    @property
    def scored(self) -> int:
        """How many cases have scores."""
        return self.cases - len(self.missing) - len(self.failed)


def evaluate(
    reference: Path | Dataset,
    prediction: Path,
    out: Path,
    *,
    labels: LabelMap = CANONICAL,
    prediction_labels: LabelMap | None = None,
    images: Path | None = None,
    apex: Literal["first", "last"] | None = None,
    roles: Collection[Role] | None = None,
    metrics: Collection[str] | None = None,
    probabilities: Path | None = None,
    reporter: Reporter | None = None,
    watch: Callable[[ScoreTask], None] | None = None,
    reference_contours: Path | None = None,
    contours: Path | None = None,
) -> Summary:
    """Score a folder of predictions and write ``scores``, ``counts``, ``features`` and a CSV.

    Args:
        reference: A folder of label files named as their cases (or in EMIDEC's layout), or a data
            set, which then gives labels, images, apex and regions.
        prediction: A folder of label files named as their cases.
        out: Where to write; nothing is left there if this raises.
        labels: What the codes of a reference folder mean.
        prediction_labels: What those of the predictions mean; by default as ``labels``, or
            canonical beside a data set.
        images: A folder of images for what needs intensities, beside a reference folder.
        apex: Which slice is at the apex, beside a reference folder.
        roles: Score only these, of a data set.
        metrics: Names of metrics; all but extras by default.
        probabilities: A folder with one of probability maps for each region; see
            :class:`benchmark.probabilities.StoredProbabilities`.
        reporter: Told of each case.
        watch: Given each case that could be read, before it is scored.
        reference_contours: A folder of contours (:mod:`benchmark.contours.files`) beside a
            reference folder; a data set brings its own.
        contours: The same for the predictions; without, contours are fitted to their labels.

    Raises:
        DataError: A folder is missing or empty, ``out`` cannot be written, or predictions are
            extra, duplicate, misshapen or misaligned.
        UsageError: A metric is unknown, contours are given where there are none to compare with,
            or probabilities are needed and not given.
    """
    own = isinstance(reference, Dataset)
    if (own and reference_contours) or (contours and not own and not reference_contours):
        raise UsageError(
            "Contours are compared with those of a data set, or of a folder beside the references.",
            "Give --reference-contours with --reference, and not with --dataset.",
        )
    for metric in select(metrics, contours=own or reference_contours is not None):
        if metric.card.reads == "probabilities" and probabilities is None:
            raise UsageError(f"{metric.card.name} needs probabilities.", "Add --probabilities DIR.")
    source: References
    if isinstance(reference, Dataset):
        source = DatasetReferences(reference, roles)
        codes = prediction_labels or CANONICAL
    else:
        source = FolderReferences(reference, labels, images, apex, reference_contours)
        codes = prediction_labels or labels
    found = find_files(prediction, "prediction", "Contours")
    outlines = find_contours(contours, source.known)
    maps = None if probabilities is None else StoredProbabilities(probabilities)
    reporter = reporter or Reporter()
    files = {name: out / f"{name}.parquet" for name in TABLES} | {"csv": out / "scores.csv"}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        # Opened before the first case is scored: a folder that cannot be written costs no wait.
        writers = {
            name: stack.enter_context(table_writer(files[name], arrow_schema(columns)))
            for name, columns in TABLES.items()
        }
        path = stack.enter_context(replacing(files["csv"]))
        text = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        lines = csv.DictWriter(text, list(SCORES), lineterminator="\n")
        lines.writeheader()
        notes = _checked(source, found, maps)
        advance = stack.enter_context(reporter.stage("score", len(source.ids)))
        for case, rows, fault in _scored(source, found, codes, metrics, maps, watch, outlines):
            if fault is not None:
                failed[case] = fault
            for name, writer in writers.items():
                writer.append(getattr(rows, name))
            lines.writerows(rows.scores)
            advance(case)
    missing = tuple(c for c in source.ids if c not in found and c not in failed)
    return Summary(out, len(source.ids), missing, failed, notes, files)


def _checked(
    source: References, found: Mapping[str, Path], maps: StoredProbabilities | None
) -> tuple[str, ...]:
    """Notes on the grids, once every prediction belongs to a case and lies on its grid.

    Raises:
        DataError: With everything that does not fit.
    """
    faults = [
        f"{path} belongs to no reference case. {near_misses(case, source.known)}"
        if len(source.known) < 100
        else f"{path} belongs to no reference case."
        for case, path in found.items()
        if case not in source.known
    ]
    lying: dict[str, str] = {}
    for case in source.ids:
        try:
            expected = source.grid(case)
            note = expected.disagreement
            if note is not None:
                lying[case] = note
            difference = same_grid(read_grid(found[case]), expected) if case in found else None
        except BenchError:
            continue  # One case's own fault, which becomes its row.
        if difference is not None:
            faults.append(f"{found[case]} does not lie on its reference: {difference}")
    faults += [] if maps is None else maps.faults(source)
    if faults:
        more = f"\n... and {len(faults) - _SHOWN} more." if len(faults) > _SHOWN else ""
        raise DataError(
            "\n".join([f"{len(faults)} predictions do not fit:", *faults[:_SHOWN]]) + more,
            "Nothing was scored. Name each file as its case and resample it to its reference.",
        )
    if not lying:
        return ()
    case, note = next(iter(lying.items()))
    return (f"{len(lying)} of {len(source.ids)} cases: {note} (These numbers: {case}.)",)


def _scored(
    source: References,
    found: Mapping[str, Path],
    codes: LabelMap,
    metrics: Collection[str] | None,
    maps: StoredProbabilities | None,
    watch: Callable[[ScoreTask], None] | None,
    outlines: Mapping[str, Path],
) -> Iterator[tuple[str, CaseScores, str | None]]:
    """Case by case: its rows, and what went wrong with it."""
    for case in source.ids:
        try:
            reference = source.load(case)
        except BenchError as error:
            fault = error.problem
            yield case, unreadable_case(
                case, fault, source.annotates, codes.regions, metrics=metrics,
                probabilities=maps is not None,
            ), fault  # fmt: skip
            continue
        task: dict[str, Any] = {
            "case": case,
            "annotates": source.annotates,
            "produces": codes.regions,
            "reference": reference.labels,
            "spacing": reference.grid.spacing,
            "apex": reference.apex,
            "slice_positions": reference.slice_positions,
            "image": reference.image,
            "reference_contours": reference.contours,
        }
        mistake, drawn = None, None
        try:
            path, shape = outlines.get(case), reference.labels.shape
            drawn_contours = () if path is None else read_contours(path, shape)
            drawn = _prediction(found.get(case), codes, reference.grid)
            task["compared_contours"] = drawn_contours
        except BenchError as error:
            mistake = error.problem
        if mistake is not None:
            task |= {"status": "error", "message": mistake}
        elif drawn is None:
            task |= {"message": "no file of this case among the predictions"}
        if maps is not None:
            task["probabilities"], doubt = maps.of(case, reference.grid)
            mistake = mistake or doubt
        whole = ScoreTask(prediction=drawn, **task)
        if watch is not None:
            watch(whole)
        yield case, score_case(whole, metrics=metrics), mistake


def _prediction(path: Path | None, codes: LabelMap, expected: Grid) -> Labels | None:
    if path is None:
        return None
    found = read_labels(path, codes.codes.keys())
    difference = same_grid(found.grid, expected)
    if difference is not None:  # Only if the file has changed since it was checked.
        raise DataError(f"{path} does not lie on its reference: {difference}")
    return codes.apply(found.labels)
