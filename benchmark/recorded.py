"""The record of a run and its table of cases: what lets a folder speak for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from .costs import costs
from .errors import DataError
from .fingerprint import combined
from .metrics.cards import contour_cards
from .metrics.definition import Card
from .parquet import write_table
from .plan import Plan, Resolved
from .provenance import provenance
from .record import DatasetRecord, MethodRecord, RunRecord
from .replies import Finished
from .scored import measured
from .scoring import arrow_schema

__all__ = ["CASES", "recorded"]

#: Column -> Arrow type of ``cases.parquet``; columns are only ever added, at the end.
CASES: Mapping[str, str] = {
    "case": "string",
    "patient": "string",
    "role": "string",
    "fold": "int32",
    "site": "string",
    "vendor": "string",
    "pathology": "string",
    "map": "string",
    "excluded": "string",
    "status": "string",
    "message": "string",
    "seconds": "float64",
    "peak_memory_mb": "float64",
    "diagonal_mm": "float64",
    "slices": "int32",
    "warm": "bool",
}


def recorded(plan: Plan, rows: Mapping[str, dict[str, Any]]) -> Finished:
    """Write the case table and the record, unless they are there just so.

    Args:
        plan: The run, its stages finished.
        rows: The facts of every prediction, by case.
    """
    path = plan.folder.path
    before = _stored_record(path)
    record = _record(plan, rows)
    # What nothing was computed for anew was not made here and now.
    kept = before is not None and before.stages == record.stages
    where = before.provenance if before and kept else provenance(plan.device, plan.threads)
    record = record.model_copy(update={"provenance": where})
    cases = _cases(plan, rows)
    cached = (
        before is not None
        and before.model_dump() == record.model_dump()
        and _stored_cases(path) == cases
    )
    if cached:
        # readers take the version that was asked for last
        (path / "record.json").touch()
    else:
        write_table(path / "cases.parquet", arrow_schema(CASES), cases)
        record.save(path)
    errors = {i: r["message"] for i, r in rows.items() if r["status"] == "error"}
    counts = Counter(r["status"] for r in rows.values())
    excluded = Counter(r["message"] for r in rows.values() if r["status"] == "not_applicable")
    return Finished(dict(counts), errors, dict(excluded), cached)


def _markers(plan: Plan) -> dict[str, Any]:
    markers = {s: plan.folder.marker(s) for s in ("train", "predict", "score")}
    return {stage: marker for stage, marker in markers.items() if marker}


def _stored_record(path: Path) -> RunRecord | None:
    """The record that is there; None if there is none, or a damaged one."""
    try:
        return RunRecord.load(path)
    except DataError:
        return None


def _stored_cases(path: Path) -> list[dict[str, Any]] | None:
    """The case table that is there; None if there is none, or a damaged one."""
    try:
        rows: list[dict[str, Any]] = pq.read_table(path / "cases.parquet").to_pylist()
    except (OSError, ValueError):  # pyarrow's errors are one or the other
        return None
    return rows


def _cases(plan: Plan, rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of ``cases.parquet``."""
    out = []
    for case_id, row in rows.items():
        info = plan.infos[case_id]
        out.append(
            {
                "case": case_id,
                "patient": info.patient,
                "role": plan.split.roles[case_id],
                "fold": plan.request.fold,
                **{
                    k: _text(info.attributes.get(k)) for k in ("site", "vendor", "pathology", "map")
                },
                "excluded": row["message"] if row["status"] == "not_applicable" else None,
                "status": row["status"],
                "message": row["message"],
                "seconds": row["seconds"],
                "peak_memory_mb": row["peak_memory_mb"],
                "diagonal_mm": row["diagonal_mm"],
                "slices": row["slices"],
                "warm": row.get("warm"),
            }
        )
    return out


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _plugin(resolved: Resolved) -> dict[str, Any]:
    info, plugin = resolved.info, resolved.plugin
    parameters = plugin.model_dump(mode="json")
    return {
        "name": info.name,
        "spec": resolved.spec,
        "summary": info.source.summary if info.source else "",
        "parameters": parameters,
        "asked": {k: parameters[k] for k in resolved.asked},
        "defaulted": sorted(set(parameters) - set(resolved.asked)),
        "distribution": info.distribution,
        "version": info.version,
        "code": resolved.code,
    }


def _fingerprint(plan: Plan, ids: list[str]) -> str:
    return combined({i: [plan.prints[i].study, plan.prints[i].reference] for i in ids})


def _cards_used(plan: Plan, rows: Mapping[str, dict[str, Any]]) -> Mapping[str, Card]:
    """The cards of what was measured: those of contours only where there are scores of any."""
    contours = pq.read_table(
        plan.folder.path / "scores.parquet", columns=["dim"], filters=[("dim", "==", "contour")]
    )
    used = {metric.card.name: metric.card for metric in measured(rows)}
    return {**used, **(contour_cards() if contours.num_rows else {})}


def _record(plan: Plan, rows: Mapping[str, dict[str, Any]]) -> RunRecord:
    dataset = plan.dataset
    stages = _markers(plan)
    return RunRecord(
        method=MethodRecord(
            **_plugin(plan.method_from),
            profile=plan.request.profile,
            trains=plan.method.trains,
            needs=sorted(plan.method.needs),
        ),
        dataset=DatasetRecord(
            **_plugin(plan.dataset_from),
            title=dataset.title,
            synthetic=dataset.synthetic,
            redistributable=dataset.redistributable,
            licence=dataset.licence,
            citation=dataset.citation,
            fingerprint=_fingerprint(plan, plan.evaluated),
            training_fingerprint=_fingerprint(plan, plan.split.ids("train", "validation"))
            if plan.method.trains
            else "",
        ),
        group=plan.group,
        seed=plan.seed,
        fold=plan.request.fold,
        folds=plan.request.folds,
        split=plan.split.as_dict(),
        split_source=plan.split.source,
        evaluated=list(plan.request.evaluate),
        produces=sorted(plan.method.produces),
        annotates=sorted(dataset.annotates),
        metric_cards={name: card.hash for name, card in sorted(_cards_used(plan, rows).items())},
        stages=stages,
        totals={
            "seconds": round(sum(float(s.get("seconds", 0)) for s in stages.values()), 3),
            "cases": dict(Counter(r["status"] for r in rows.values())),
            **costs(stages, rows.values()),
        },
        parameter_count=stages.get("train", {}).get("parameter_count"),
        device=plan.device,
        threads=plan.threads,
    )
