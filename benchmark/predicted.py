"""The predict stage: studies, never their references, through a method into files."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contained import Contained
from .contours.files import as_rows, checked_contours
from .contours.filling import MADE, OUTLINED
from .errors import DataError, NoPredictionError, PluginError
from .fingerprint import combined
from .nifti import write_labels, write_probabilities
from .plugins import Method
from .progress import Reporter
from .provenance import device_memory_mb, peak_memory_mb, reset_peak_memory, use_threads
from .store import RunFolder, file_hash, read_json, write_json
from .types import Segmentation, Study
from .usable import untrainable

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["checked_prediction", "predict", "prediction_key"]


def prediction_key(plan: Plan, case_id: str) -> str:
    """What one prediction depends on."""
    return combined(
        {
            "method": plan.method_key,
            "model": plan.folder.marker("train").get("model"),
            "study": plan.prints[case_id].study,
            "probabilities": plan.request.probabilities,
        }
    )


def predict(plan: Plan, reporter: Reporter) -> dict[str, dict[str, Any]]:
    """Predict what is not predicted yet; one row of facts per evaluated case.

    A case that cannot be loaded, or whose prediction raises or breaks the contract, is a row with
    status ``error``; it is tried again by the next run. One that the method has no answer for is
    ``no_prediction``.
    """
    rows: dict[str, dict[str, Any]] = {}
    waiting = []
    for case_id in plan.evaluated:
        row = _stored(plan, case_id)
        if row is None:
            waiting.append(case_id)
        else:
            rows[case_id] = row
    if waiting:
        method = plan.method.at(plan.folder.path / "model", plan.device)
        use_threads(plan.threads)
        warm = False
        with reporter.stage("predict", len(waiting)) as advance:
            for case_id in waiting:
                rows[case_id] = _predict_case(plan, method, case_id, warm)
                warm = warm or rows[case_id]["status"] == "ok"
                advance(case_id)
    ordered = {case_id: rows[case_id] for case_id in plan.evaluated}
    failed = sum(row["status"] == "error" for row in ordered.values())
    key = combined({"predict": plan.predict_key, "rows": _outcomes(ordered)})
    if waiting or not plan.folder.done("predict", key):
        plan.folder.finish(
            "predict", key, seconds=round(sum(r["seconds"] for r in ordered.values()), 3),
            peak_memory_mb=max(r["peak_memory_mb"] for r in ordered.values()),
            device_memory_mb=max(r.get("device_memory_mb") or 0 for r in ordered.values()) or None,
            failed=failed, cases=len(ordered),
        )  # fmt: skip
    return ordered


def _outcomes(rows: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {i: [r["status"], r["message"], r["prediction"]] for i, r in rows.items()}


def _stored(plan: Plan, case_id: str) -> dict[str, Any] | None:
    """The row of a finished prediction whose files are still those that were written."""
    facts = plan.folder.case_file("predictions", case_id, ".json")
    if not facts.is_file():
        return None
    try:
        row: dict[str, Any] = dict(read_json(facts))
        if row["key"] != prediction_key(plan, case_id) or row["status"] == "error":
            return None
        intact = all(file_hash(plan.folder.path / name) == h for name, h in row["files"].items())
    except (DataError, KeyError, TypeError, ValueError, AttributeError):
        return None  # damaged: predicted again
    return row if intact else None


def _predict_case(plan: Plan, method: Method, case_id: str, warm: bool) -> dict[str, Any]:
    """The row of a case; ``warm`` is whether the method has answered in this process before."""
    row: dict[str, Any] = {
        "key": prediction_key(plan, case_id), "status": "error",
        "message": plan.prints[case_id].error, "prediction": "", "files": {}, "seconds": 0.0,
        "peak_memory_mb": 0.0, "device_memory_mb": None, "diagonal_mm": None, "slices": None,
        "warm": warm,
    }  # fmt: skip
    reset_peak_memory()
    if not row["message"]:
        contained = Contained(plan.folder.path)
        started = time.perf_counter()
        with contained.printing(case_id):
            try:
                # read the study alone: from here on nothing knows the reference
                study = plan.dataset.load(case_id).study
                row |= _extent(study)
                started = time.perf_counter()
                row |= _answered(plan.folder, method, study, plan.request.probabilities)
            except NoPredictionError as error:
                row |= {"status": "no_prediction", "message": contained.explained(case_id, error)}
            except (Exception, SystemExit) as error:
                row["message"] = contained.explained(case_id, error)
        if row["status"] in ("error", "no_prediction"):
            row["seconds"] = round(time.perf_counter() - started, 4)
    row["peak_memory_mb"] = peak_memory_mb()
    row["device_memory_mb"] = device_memory_mb(plan.device)
    write_json(plan.folder.case_file("predictions", case_id, ".json"), row)
    return row


def _extent(study: Study) -> dict[str, Any]:
    """The field of view: its diagonal is what a missed surface costs under ``worst_case``."""
    target = study.target
    size = [n * s for n, s in zip(target.shape, target.spacing, strict=True)]
    return {"diagonal_mm": math.hypot(*size), "slices": target.shape[0]}


def _answered(
    folder: RunFolder, method: Method, study: Study, probabilities: bool
) -> dict[str, Any]:
    """What came of one study, its files written."""
    started = time.perf_counter()
    reason = method.skip(study) or untrainable(folder)
    if reason:
        return {"status": "not_applicable", "message": str(reason)}
    answer = checked_prediction(method.predict(study), study)
    seconds = round(time.perf_counter() - started, 4)
    # Scoring makes labels of contours, where they say all that the method should; the case says so.
    filled = answer.labels is None and OUTLINED.issuperset(method.produces)
    return {"status": "ok", "message": MADE if filled else "", "seconds": seconds,
            **_write(folder, answer, study, probabilities)}  # fmt: skip


def checked_prediction(answer: Any, study: Study) -> Segmentation:
    """``answer`` if it is a segmentation on the study's grid.

    Raises:
        PluginError: It is something else, has another shape, or contours off the grid.
    """
    if not isinstance(answer, Segmentation):
        raise PluginError(
            f"predict returned {type(answer).__name__}, not a Segmentation.",
            "Return benchmark.Segmentation(labels).",
        )
    shape = study.target.shape
    given = {"labels": answer.labels} | {
        f"probabilities of {region}": p for region, p in (answer.probabilities or {}).items()
    }
    for what, array in given.items():
        if array is not None and array.shape != shape:
            raise PluginError(
                f"predict returned {what} of shape {array.shape}; the image of "
                f"{study.id!r} has {shape} (slice, row, column)."
            )
    beyond = [c.slice for c in answer.contours if not 0 <= c.slice < shape[0]]
    if beyond:
        raise PluginError(f"predict returned contours in slices {beyond}, which do not exist.")
    try:
        checked_contours(answer.contours, shape)
    except DataError as error:
        raise PluginError(
            f"predict returned contours that do not fit {study.id!r}. {error.problem}", error.fix
        ) from None
    return answer


def _write(
    folder: RunFolder, answer: Segmentation, study: Study, probabilities: bool
) -> dict[str, Any]:
    """Write the answer; what else than labels there is goes to folders beside them."""
    files: list[Path] = []
    digest = hashlib.sha256()
    if answer.labels is not None:
        files.append(folder.case_file("predictions", study.id, ".nii.gz"))
        write_labels(files[-1], answer.labels, study.target)
        digest.update(answer.labels.tobytes())
    if answer.contours:
        points = as_rows(answer.contours)
        files.append(folder.case_file("predictions/contours", study.id, ".json"))
        write_json(files[-1], points)
        digest.update(repr(points).encode())
    if probabilities:
        for region, values in sorted((answer.probabilities or {}).items()):
            files.append(folder.case_file(f"predictions/probability-{region}", study.id, ".nii.gz"))
            write_probabilities(files[-1], values, study.target)
    names = {file.relative_to(folder.path).as_posix(): file_hash(file) for file in files}
    return {"files": names, "prediction": digest.hexdigest()}
