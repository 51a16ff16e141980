"""The predict stage: studies, never their references, through a method into files."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .answers import checked_prediction, file_names, write_answer
from .contained import Contained
from .contours.filling import MADE, OUTLINED
from .errors import BenchError, DataError, NoPredictionError, PluginError
from .fingerprint import combined
from .plugins import Method
from .provenance import device_memory_mb, peak_memory_mb, reset_peak_memory, use_threads
from .store import RunFolder, file_hash, read_json, write_json
from .types import Study
from .usable import untrainable

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["extent", "finish_predictions", "give_up", "loaded_method",
           "predict_case", "prediction_key", "row_of", "rows_of", "standing",
           "unpredicted"]  # fmt: skip

#: What a row of facts says of a prediction.
STATUSES = ("ok", "error", "no_prediction", "not_applicable")


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


def unpredicted(plan: Plan) -> list[str]:
    """Ids of the evaluated cases that have no prediction whose files are those written.

    A case whose prediction failed is tried again by the next run.
    """
    return [i for i in plan.evaluated if standing(plan, i) is None]


def loaded_method(plan: Plan) -> Method:
    """The method with its model, ready to predict with the threads that are recorded.

    Raises:
        PluginError: It cannot be loaded.
    """
    contained = Contained(plan.folder.path)
    use_threads(plan.threads)
    with contained.printing("loading the method"):
        try:
            return plan.method.at(plan.folder.path / "model", plan.device)
        except BenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{plan.method_from.info.name!r} cannot be loaded: "
                f"{contained.explained('loading the method', error)}.",
                f"The traceback is in {contained.path}.",
            ) from error


def rows_of(plan: Plan) -> dict[str, dict[str, Any]]:
    """The row of facts of every evaluated case, as its prediction left it.

    Raises:
        DataError: A case has none, or one that no prediction of this run leaves.
    """
    rows = {i: row_of(plan, i) for i in plan.evaluated}
    missing = [i for i, row in rows.items() if row is None]
    if missing:
        raise DataError(
            f"{plan.folder.path}: {len(missing)} of {len(rows)} cases have no intact row of "
            f"facts, {missing[0]!r} for one.",
            "Start the run again: what is done is kept.",
        )
    return {i: row for i, row in rows.items() if row is not None}


def finish_predictions(plan: Plan, rows: Mapping[str, dict[str, Any]]) -> None:
    """Say that every case has its row, and what all of them took."""
    key = combined({"predict": plan.predict_key, "rows": _outcomes(rows)})
    facts = {
        "seconds": round(sum(r["seconds"] for r in rows.values()), 3),
        "peak_memory_mb": max(r["peak_memory_mb"] for r in rows.values()),
        "device_memory_mb": max(r.get("device_memory_mb") or 0 for r in rows.values()) or None,
        "failed": sum(row["status"] == "error" for row in rows.values()),
        "cases": len(rows),
    }
    if plan.folder.marker("predict") != {"key": key, **facts}:
        plan.folder.finish("predict", key, **facts)


def _outcomes(rows: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {i: [r["status"], r["message"], r["prediction"]] for i, r in rows.items()}


def row_of(plan: Plan, case_id: str) -> dict[str, Any] | None:
    """The row that a prediction of this very run left of a case; None where it left none.

    It was written beside a stranger's code: nothing in it is taken for a path but the names that
    a prediction has.
    """
    path = plan.folder.case_file("predictions", case_id, ".json")
    if not path.is_file():
        return None
    try:
        row: dict[str, Any] = dict(read_json(path))
        sound = (
            row["key"] == prediction_key(plan, case_id)
            and row["status"] in STATUSES
            and all(isinstance(row[k], str) for k in ("message", "prediction"))
            and all(math.isfinite(row[k]) for k in ("seconds", "peak_memory_mb"))
            and {"diagonal_mm", "slices"} <= row.keys()
            and set(row["files"]) <= file_names(plan.folder, case_id)
            and all(isinstance(h, str) for h in row["files"].values())
        )
    except (DataError, KeyError, TypeError, ValueError, AttributeError):
        return None  # damaged: predicted again
    return row if sound else None


def standing(plan: Plan, case_id: str) -> dict[str, Any] | None:
    """The row of a finished prediction whose files are still those that were written, or None."""
    row = row_of(plan, case_id)
    if row is None or row["status"] == "error":
        return None
    whole = all(file_hash(plan.folder.path / name) == h for name, h in row["files"].items())
    return row if whole else None


def _blank(plan: Plan, case_id: str, warm: bool) -> dict[str, Any]:
    """The row of a case before anything is known of it."""
    return {
        "key": prediction_key(plan, case_id), "status": "error",
        "message": plan.prints[case_id].error, "prediction": "", "files": {}, "seconds": 0.0,
        "peak_memory_mb": 0.0, "device_memory_mb": None, "diagonal_mm": None, "slices": None,
        "warm": warm,
    }  # fmt: skip


def give_up(
    plan: Plan, case_id: str, message: str, seconds: float, memory_mb: float, *, read: bool
) -> dict[str, Any]:
    """Write the row of a case that took the process down that predicted it.

    Args:
        plan: The run.
        case_id: The case.
        message: What happened.
        seconds: How long its process was busy with it.
        memory_mb: The most that was seen of its processes.
        read: Read the case for its extent, which is what a missed surface costs. Not where it was
            reading the case that ended the process.
    """
    row = _blank(plan, case_id, warm=False)
    if not row["message"]:
        contained = Contained(plan.folder.path)
        with contained.printing(case_id):
            try:
                row |= extent(plan.dataset.load(case_id).study) if read else {}
            except (Exception, SystemExit) as error:
                contained.note(case_id, contained.explained(case_id, error))
        row |= {"message": message, "seconds": round(seconds, 4),
                "peak_memory_mb": round(memory_mb, 1)}  # fmt: skip
    write_json(plan.folder.case_file("predictions", case_id, ".json"), row)
    return row


def predict_case(
    plan: Plan, method: Method, case_id: str, warm: bool, holder: str = ""
) -> dict[str, Any]:
    """Predict a case, write what came of it, and give its row of facts.

    A case that cannot be loaded, or whose prediction raises or breaks the contract, is a row with
    status ``error``. One that the method has no answer for is ``no_prediction``.

    Args:
        plan: The run.
        method: As :func:`loaded_method` gives it.
        case_id: The case.
        warm: Whether the method has answered in this process before.
        holder: For whom, see :meth:`~benchmark.store.RunFolder.check_holder`.

    Raises:
        DataError: Another process has taken the run, or the disk does not take the row.
    """
    row = _blank(plan, case_id, warm)
    reset_peak_memory()
    if not row["message"]:
        contained = Contained(plan.folder.path)
        started = time.perf_counter()
        with contained.printing(case_id):
            try:
                # read the study alone: from here on nothing knows the reference
                study = plan.dataset.load(case_id).study
                row |= extent(study)
                started = time.perf_counter()
                row |= _answered(plan.folder, method, study, plan.request.probabilities, holder)
            except NoPredictionError as error:
                row |= {"status": "no_prediction", "message": contained.explained(case_id, error)}
            except (Exception, SystemExit) as error:
                row["message"] = contained.explained(case_id, error)
        if row["status"] in ("error", "no_prediction"):
            row["seconds"] = round(time.perf_counter() - started, 4)
    row["peak_memory_mb"] = peak_memory_mb()
    row["device_memory_mb"] = device_memory_mb(plan.device)
    plan.folder.check_holder(holder)
    write_json(plan.folder.case_file("predictions", case_id, ".json"), row)
    return row


def extent(study: Study) -> dict[str, Any]:
    """The field of view: its diagonal in mm is what a missed surface costs under ``worst_case``."""
    target = study.target
    size = [n * s for n, s in zip(target.shape, target.spacing, strict=True)]
    return {"diagonal_mm": math.hypot(*size), "slices": target.shape[0]}


def _answered(
    folder: RunFolder, method: Method, study: Study, probabilities: bool, holder: str
) -> dict[str, Any]:
    """What came of one study, its files written."""
    started = time.perf_counter()
    reason = method.skip(study) or untrainable(folder)
    if reason:
        return {"status": "not_applicable", "message": str(reason)}
    answer = checked_prediction(method.predict(study), study)
    seconds = round(time.perf_counter() - started, 4)
    # Scoring makes labels of contours, where they say all that the method should; the case says so.
    folder.check_holder(holder)
    filled = answer.labels is None and OUTLINED.issuperset(method.produces)
    return {"status": "ok", "message": MADE if filled else "", "seconds": seconds,
            **write_answer(folder, answer, study, probabilities)}  # fmt: skip
