"""Frozen predictions scored again by this version: what the engine gate compares.

Predictions come from a run folder, or from the small file beside an accepted entry. References come
from the data set, which has to be there. Nothing is trained or predicted, no network is loaded, and
nothing is written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .case_task import task_of
from .contours.files import read_contours
from .drift.engine import check_engine
from .drift.frozen import FrozenCase, frozen_path, read_frozen
from .drift.tolerances import Tolerances
from .drift.verdict import Check
from .entries import load_entry
from .errors import BenchError, DataError
from .fingerprint import Fingerprint, combined, of_case
from .freezing import freeze, stored_predictions
from .metrics.cards import contour_cards, select
from .plan import resolve
from .plugins import Dataset
from .predicted import extent
from .progress import Reporter
from .provenance import provenance
from .record import DatasetRecord, RunRecord
from .results import Run
from .scoring import SCORES, score_case, unreadable_case
from .types import Contour, Region, checked_id

__all__ = ["engine_gate", "freeze", "rescore"]


def engine_gate(
    entry: Path,
    folders: Sequence[Path] = (),
    *,
    tolerances: Tolerances | None = None,
    dataset: str | None = None,
    data_root: Path | None = None,
    reporter: Reporter | None = None,
) -> Check:
    """Score frozen predictions of an entry again and compare with what was accepted.

    Args:
        entry: ``leaderboards/<dataset>/<method>.json``.
        folders: Run folders with the entry's own predictions; by default the file of frozen
            predictions beside the entry is read.
        tolerances: Of which ``engine`` counts.
        dataset: Name or file of the data set, if not as the record says: of a file, an entry
            knows the name alone.
        data_root: Where the data are, if not where the record says.
        reporter: Told of each case.

    Raises:
        DataError: There are no frozen predictions; a folder's predictions are not those of the
            entry, or were edited; or the data set is not there.
    """
    accepted = load_entry(entry)
    if folders:
        held = {(run.record.seed, run.record.fold): run for run in accepted}
        records = {folder: RunRecord.load(folder) for folder in folders}
        for folder, record in records.items():
            _refuse_others(folder, record, accepted)
        frozen = [
            (held[r.seed, r.fold], stored_predictions(folder, r), r.dataset)
            for folder, r in records.items()
        ]
    else:
        file = frozen_path(entry)
        if not file.is_file():
            raise DataError(
                f"{entry} has no frozen predictions ({file}).",
                "Name the run folders that were accepted, or accept them with --freeze.",
            )
        stored = read_frozen(file)
        first = accepted[0]
        if (stored.method, stored.dataset, stored.group) != (
            first.method, first.dataset, first.record.group
        ):  # fmt: skip
            raise DataError(
                f"{file} holds predictions of another experiment than {entry}.",
                "Accept the entry again with --freeze.",
            )
        frozen = [
            (run, [c for c in stored.cases if c.seed == run.record.seed and _holds(run, c.case)],
             run.record.dataset)
            for run in accepted
        ]  # fmt: skip
    runs = []
    for run, cases, source in frozen:
        if cases:
            source = source if dataset is None else source.model_copy(update={"spec": dataset})
            runs.append(rescore(run, cases, source, data_root=data_root, reporter=reporter))
    if not runs:
        raise DataError(f"No frozen prediction is of a seed and case of {entry}.")
    return check_engine(runs, accepted, tolerances)


def rescore(
    run: Run,
    cases: Iterable[FrozenCase],
    source: DatasetRecord | None = None,
    *,
    data_root: Path | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """A run with the scores that this version gives its predictions, at the level of volumes.

    The record is that of ``run``, with the definitions, the data fingerprint and the provenance of
    here and now.

    Args:
        run: What was scored then; an accepted entry's, or a run folder's.
        cases: Its predictions.
        source: The data set; by default as its record says.
        data_root: Where the data are, if not where the record says.
        reporter: Told of each case.

    Raises:
        DataError: The data set is not there.
        BenchError: Its plugin is not, or refuses its parameters.
    """
    record = run.record
    dataset = _dataset(source or record.dataset, data_root)
    dataset.index()  # says where the data should be if they are not there
    produces = frozenset(map(Region, record.produces))
    reporter = reporter or Reporter()
    rows: list[dict[str, Any]] = []
    prints: dict[str, Fingerprint] = {}
    diagonals: dict[str, float | None] = {}
    held = list(cases)
    with reporter.stage("score again", len(held)) as advance:
        for one in held:
            done = _scored(dataset, one, produces)
            rows += done.rows
            prints[one.case], diagonals[one.case] = done.print, done.diagonal
            advance(one.case)
    complete = set(prints) == {str(case) for case in run.cases["case"]}
    order = [str(case) for case in run.cases["case"] if str(case) in prints]
    fingerprint = combined({i: [prints[i].study, prints[i].reference] for i in order})
    contours = any(row["dim"] == "contour" for row in rows)
    used = {m.card.name: m.card.hash for m in select()} | (
        {name: card.hash for name, card in contour_cards().items()} if contours else {}
    )
    table = run.cases[run.cases["case"].astype(str).isin(prints)].reset_index(drop=True)
    grids = [diagonals[str(case)] for case in table["case"]]
    return Run(
        name=run.name,
        record=record.model_copy(update={
            "metric_cards": used,
            "provenance": provenance("cpu", record.threads),
            "dataset": record.dataset.model_copy(
                # of some of the cases, the fingerprint of all is not known
                update={"fingerprint": fingerprint if complete else record.dataset.fingerprint}
            ),
        }),
        cases=table.assign(diagonal_mm=pd.Series(grids, dtype="float64")),
        scores=pd.DataFrame(rows, columns=list(SCORES)),
        source=run.source,
    )  # fmt: skip


@dataclass(frozen=True)
class _Done:
    rows: list[dict[str, Any]]
    print: Fingerprint
    diagonal: float | None


def _scored(dataset: Dataset, one: FrozenCase, produces: frozenset[Region]) -> _Done:
    annotates = frozenset(dataset.annotates)
    try:
        case = dataset.load(one.case)
    except Exception as error:  # a stranger's data set may raise anything: it is the case's row
        name = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
        scores = unreadable_case(one.case, one.message or f"{name}{error}", annotates, produces)
        return _Done(_volumes(scores.scores), Fingerprint("", "", str(error)), None)
    task = task_of(
        case, one.labels, _contours(one, case.study.target.shape), one.status, one.message,
        annotates=annotates, produces=produces, describe=frozenset(),
    )  # fmt: skip
    scores = score_case(task, levels=("volume",))
    return _Done(_volumes(scores.scores), of_case(case), extent(case.study)["diagonal_mm"])


def _volumes(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows if row["level"] == "volume"]


def _contours(one: FrozenCase, shape: Sequence[int]) -> tuple[Contour, ...]:
    """The contours of a case, checked as those in a file are."""
    if not one.contours:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{checked_id(one.case)}.json"
        path.write_text(json.dumps(list(one.contours)), encoding="utf-8")
        return read_contours(path, shape)


def _dataset(source: DatasetRecord, data_root: Path | None) -> Dataset:
    settings = dict(source.parameters)
    if data_root is not None:
        settings["data_root"] = str(data_root)
    elif "data_root" in settings:
        # An entry knows the name of the folder alone; where it is, the data set knows best.
        settings = {k: v for k, v in settings.items()
                    if k != "data_root" or Path(str(v)).is_dir()}  # fmt: skip
    plugin = resolve("datasets", source.spec, settings).plugin
    assert isinstance(plugin, Dataset)
    return plugin


def _holds(run: Run, case: str) -> bool:
    return case in set(run.cases["case"].astype(str))


def _refuse_others(folder: Path, record: RunRecord, accepted: Sequence[Run]) -> None:
    """Refuse a folder whose predictions are not those of the entry's run of the same seed."""
    theirs = [
        r.record for r in accepted if (r.record.seed, r.record.fold) == (record.seed, record.fold)
    ]
    keys = [r.stages.get("predict", {}).get("key") for r in (*theirs, record)]
    if not theirs or keys[0] is None or keys[0] != keys[-1]:
        raise DataError(
            f"{folder} does not hold the predictions that were accepted for seed {record.seed}.",
            "Name the run folders of the entry, or check the method instead.",
        )
