"""Training and prediction: the only place where a case meets a method."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from .errors import BenchError, PluginError
from .fingerprint import combined
from .nifti import write_labels
from .plan import Plan
from .plugins import Dataset, Method, TrainContext
from .progress import Reporter
from .provenance import peak_memory_mb, reset_peak_memory
from .store import read_json, write_json
from .types import Case, Segmentation, Study

__all__ = ["CaseList", "checked_prediction", "predict", "prediction_key", "train"]


class CaseList(Sequence[Case]):
    """Cases that are loaded when they are asked for, and not kept."""

    def __init__(self, dataset: Dataset, ids: Sequence[str]) -> None:
        self._dataset = dataset
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, i: int) -> Case: ...
    @overload
    def __getitem__(self, i: slice) -> CaseList: ...
    def __getitem__(self, i: int | slice) -> Case | CaseList:
        if isinstance(i, slice):
            return CaseList(self._dataset, self._ids[i])
        return self._dataset.load(self._ids[i])


def train(plan: Plan, reporter: Reporter) -> None:
    """Train, unless the folder (or another run) has a model with this very key.

    Raises:
        PluginError: The method's ``train`` raised.
    """
    folder = plan.folder
    if not plan.method.trains:
        return
    if folder.done("train", plan.train_key) and (folder.path / "model").is_dir():
        return
    if folder.borrow_model(plan.train_key):
        reporter.note("trained already by a run that tested on other cases: model copied")
        return
    made = folder.path / ".model.tmp"
    scratch = folder.path / "scratch"
    resumed = scratch.is_dir() and any(scratch.iterdir())
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    scratch.mkdir(exist_ok=True)
    if resumed:
        reporter.note("continuing an interrupted training")
    reset_peak_memory()
    started = time.perf_counter()
    with reporter.training(plan.method_from.info.name) as report:
        context = TrainContext(
            folder=made,
            scratch=scratch,
            validation=CaseList(plan.dataset, plan.split.ids("validation")),
            seed=plan.seed,
            device=plan.device,
            threads=plan.threads,
            report=lambda step, of, values: report(step, of, dict(values)),
        )
        cases = CaseList(plan.dataset, plan.split.ids("train"))
        with _contained(plan, "train"):
            try:
                if plan.request.profile != "quick":
                    _estimate(plan, cases, context, reporter)
                plan.method.train(cases, context)
            except BenchError:
                raise
            except Exception as error:
                _log(plan, "train", traceback.format_exc())
                raise PluginError(
                    f"Training {plan.method_from.info.name!r} failed: "
                    f"{type(error).__name__}: {error}.",
                    f"The traceback is in {_log_file(plan)}.",
                ) from error
    seconds = time.perf_counter() - started
    folder.install(made, "model")
    count = plan.method.at(folder.path / "model", plan.device).parameter_count()
    folder.finish(
        "train", plan.train_key, seconds=round(seconds, 3), peak_memory_mb=peak_memory_mb(),
        resumed=resumed, parameter_count=count, cases=len(plan.split.ids("train")),
    )  # fmt: skip
    shutil.rmtree(scratch, ignore_errors=True)


def _estimate(plan: Plan, cases: CaseList, context: TrainContext, reporter: Reporter) -> None:
    """Say how long training will take, before it starts."""
    seconds = plan.method.estimate_seconds(cases, context)
    if seconds is None:
        return
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        if seconds >= 2 * size or unit == "seconds":
            reporter.note(
                f"{plan.method_from.info.name}, profile {plan.request.profile}: "
                f"about {seconds / size:.0f} {unit} to train on {plan.device}"
            )
            return


def prediction_key(plan: Plan, case_id: str) -> str:
    """What one prediction depends on."""
    return combined({"train": plan.train_key, "study": plan.prints[case_id].study,
                     "probabilities": plan.request.probabilities})  # fmt: skip


def predict(plan: Plan, reporter: Reporter) -> dict[str, dict[str, Any]]:
    """Predict what is not predicted yet; one row of facts per evaluated case.

    A case that cannot be loaded, or whose prediction raises or breaks the contract, is a row with
    status ``error``; it is tried again by the next run.
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
        _limit_threads(plan)
        with reporter.stage("predict", len(waiting)) as advance:
            for case_id in waiting:
                rows[case_id] = _predict_case(plan, method, case_id)
                advance(case_id)
    ordered = {case_id: rows[case_id] for case_id in plan.evaluated}
    failed = sum(row["status"] == "error" for row in ordered.values())
    key = combined({"predict": plan.predict_key, "rows": _outcomes(ordered)})
    if not plan.folder.done("predict", key):
        plan.folder.finish(
            "predict", key, seconds=round(sum(r["seconds"] for r in ordered.values()), 3),
            peak_memory_mb=max(r["peak_memory_mb"] for r in ordered.values()), failed=failed,
            cases=len(ordered),
        )  # fmt: skip
    return ordered


def _outcomes(rows: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {i: [r["status"], r["message"], r["prediction"]] for i, r in rows.items()}


def _stored(plan: Plan, case_id: str) -> dict[str, Any] | None:
    """The row of a finished prediction whose file is still the one that was written."""
    facts = plan.folder.case_file("predictions", case_id, ".json")
    if not facts.is_file():
        return None
    row = read_json(facts)
    if not isinstance(row, dict) or row.get("key") != prediction_key(plan, case_id):
        return None
    if row["status"] == "error":
        return None
    image = plan.folder.case_file("predictions", case_id, ".nii.gz")
    if row["status"] == "ok" and row["file"] != _file_hash(image):
        return None
    return row


def _predict_case(plan: Plan, method: Method, case_id: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": prediction_key(plan, case_id), "status": "ok", "message": "", "prediction": "",
        "file": "", "seconds": 0.0, "peak_memory_mb": 0.0,
    }  # fmt: skip
    reset_peak_memory()
    started = time.perf_counter()
    with _contained(plan, case_id):
        try:
            # read the study alone: from here on nothing knows the reference
            study = plan.dataset.load(case_id).study
            started = time.perf_counter()
            reason = method.skip(study)
            if reason:
                row |= {"status": "not_applicable", "message": reason}
            else:
                answer = checked_prediction(method.predict(study), study)
                row["seconds"] = round(time.perf_counter() - started, 4)
                row |= _write(plan, case_id, answer, study)
        except Exception as error:
            if not isinstance(error, BenchError):
                _log(plan, case_id, traceback.format_exc())
            name = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
            row |= {"status": "error", "message": f"{name}{error}",
                    "seconds": round(time.perf_counter() - started, 4)}  # fmt: skip
    row["peak_memory_mb"] = peak_memory_mb()
    write_json(plan.folder.case_file("predictions", case_id, ".json"), row)
    return row


def checked_prediction(answer: Any, study: Study) -> Segmentation:
    """``answer`` if it is a segmentation on the study's grid.

    Raises:
        PluginError: It is something else, or has another shape.
    """
    if not isinstance(answer, Segmentation):
        raise PluginError(
            f"predict returned {type(answer).__name__}, not a Segmentation.",
            "Return benchmark.Segmentation(labels).",
        )
    if answer.labels is not None and answer.labels.shape != study.target.shape:
        raise PluginError(
            f"predict returned labels of shape {answer.labels.shape}; the image of "
            f"{study.id!r} has {study.target.shape} (slice, row, column)."
        )
    beyond = [c.slice for c in answer.contours if not 0 <= c.slice < study.target.shape[0]]
    if beyond:
        raise PluginError(f"predict returned contours in slices {beyond}, which do not exist.")
    return answer


def _write(plan: Plan, case_id: str, answer: Segmentation, study: Study) -> dict[str, Any]:
    file = plan.folder.case_file("predictions", case_id, ".nii.gz")
    facts: dict[str, Any] = {"file": ""}
    digest = hashlib.sha256()
    if answer.labels is not None:
        write_labels(file, answer.labels, study.target)
        facts["file"] = _file_hash(file)
        digest.update(answer.labels.tobytes())
    if answer.contours:
        points = [[c.slice, c.kind, c.points.tolist()] for c in answer.contours]
        write_json(file.with_name(f"{case_id}.contours.json"), points)
        digest.update(repr(points).encode())
    if plan.request.probabilities and answer.probabilities:
        for region, values in answer.probabilities.items():
            name = file.with_name(f"{case_id}.{region.value}.nii.gz")
            write_labels(name, (values * 255).round().astype("uint8"), study.target)
    return {**facts, "prediction": digest.hexdigest()}


def _file_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"


def _limit_threads(plan: Plan) -> None:
    """Give torch the threads that are recorded, where the method uses torch at all."""
    if plan.method.trains and plan.folder.marker("train").get("parameter_count"):
        import torch

        torch.set_num_threads(plan.threads)


def _log_file(plan: Plan) -> Path:
    return plan.folder.path / "plugin.log"


def _log(plan: Plan, where: str, text: str) -> None:
    with _log_file(plan).open("a", encoding="utf-8") as log:
        log.write(f"--- {where}\n{text.rstrip()}\n")


@contextlib.contextmanager
def _contained(plan: Plan, where: str) -> Iterator[None]:
    """Keep what a plugin prints out of our own output; it goes to ``plugin.log``."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        if printed.getvalue():
            _log(plan, where, printed.getvalue())
