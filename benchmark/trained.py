"""The train stage: a method, the cases it may learn from, and the folder that this leaves.

What trains is the method's trainer, so that methods which share one train once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .atomic import replacing
from .contained import Contained
from .errors import BenchError, DataError, PluginError
from .plugins import Dataset, Method, TrainContext
from .progress import Reporter
from .provenance import device_memory_mb, peak_memory_mb, reset_peak_memory, use_threads
from .store import folder_hashes
from .types import Case
from .usable import untrainable, usable_cases

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["CaseList", "train"]


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


def train(plan: Plan, reporter: Reporter) -> bool:
    """Train, unless the folder (or another run) has a model with this very key.

    What an interrupted training left in its scratch folder is handed to the next one.

    Returns:
        Whether there was anything to do.

    Raises:
        PluginError: The method's ``train`` raised, or what it left cannot be read.
    """
    if not plan.method.trains or _done(plan):
        return False
    with plan.folder.alone("train"):
        if not _done(plan):  # by a process whose driver was killed
            _train(plan, reporter)
    return True


def _done(plan: Plan) -> bool:
    folder = plan.folder
    if folder.trained(plan.train_key):
        return True
    return folder.marker("train").get("key") == plan.train_key and bool(untrainable(folder))


def _train(plan: Plan, reporter: Reporter) -> None:
    folder = plan.folder
    lender = folder.borrow_model(plan.train_key)
    if lender is not None:
        reporter.note(f"trained already in {lender}: model copied")
        return
    usable = usable_cases(plan)
    for said in usable.notes:
        reporter.note(f"{plan.method_from.info.name}: {said}")
    if usable.reason:
        shutil.rmtree(folder.path / "model", ignore_errors=True)  # of other code or data
        folder.finish("train", plan.train_key, seconds=0.0, cases=0, left_out=usable.left_out,
                      not_applicable=usable.reason, model={})  # fmt: skip
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
    use_threads(plan.threads)
    clock = _Clock(folder.path / ".train-seconds", resumed)
    with reporter.training(plan.method_from.info.name) as report:

        def told(step: int, of: int, values: Mapping[str, float]) -> None:
            clock.keep()
            report(step, of, dict(values))

        context = TrainContext(
            folder=made,
            scratch=scratch,
            validation=CaseList(plan.dataset, usable.validation),
            seed=plan.seed,
            device=plan.device,
            threads=plan.threads,
            report=told,
        )
        facts = _learn(plan, CaseList(plan.dataset, usable.train), context, reporter)
    seconds = clock.stop()
    memory = {"peak_memory_mb": peak_memory_mb(), "device_memory_mb": device_memory_mb(plan.device)}
    folder.install(made, "model")
    folder.finish(
        "train", plan.train_key, seconds=round(seconds, 3), **memory, **facts, resumed=resumed,
        cases=len(usable.train), left_out=usable.left_out,
        model=folder_hashes(folder.path / "model"),
    )  # fmt: skip
    shutil.rmtree(scratch, ignore_errors=True)


class _Clock:
    """Seconds of training, those of interrupted sessions included."""

    def __init__(self, path: Path, resumed: bool) -> None:
        self._path = path
        self._before = 0.0
        if resumed:  # else what was done before was done for nothing
            with suppress(OSError, ValueError):
                self._before = float(path.read_text(encoding="ascii"))
        self._started = self._kept = time.perf_counter()

    def keep(self) -> None:
        """Write down what has passed, every few seconds."""
        now = time.perf_counter()
        if now - self._kept > 2:
            self._kept = now
            with suppress(DataError), replacing(self._path) as temporary:  # a nicety, no result
                temporary.write_text(f"{self._before + now - self._started:.3f}", encoding="ascii")

    def stop(self) -> float:
        """All seconds; forgets them on disk."""
        self._path.unlink(missing_ok=True)
        return self._before + time.perf_counter() - self._started


def _learn(
    plan: Plan, cases: CaseList, context: TrainContext, reporter: Reporter
) -> dict[str, Any]:
    """Train into ``context.folder``; gives what the trained method says of itself."""
    contained = Contained(plan.folder.path)
    with contained.printing("train"):
        try:
            if plan.request.profile != "quick":
                _estimate(plan, cases, context, reporter)
            plan.trainer.train(cases, context)
            trained = plan.trainer.at(context.folder, plan.device)
            return {
                "parameter_count": trained.parameter_count(),
                "epochs": trained.epoch_count,
                "dtype": trained.numerics(plan.device),
            }
        except BenchError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"Training {plan.method_from.info.name!r} failed: "
                f"{contained.explained('train', error)}.",
                f"The traceback is in {contained.path}.",
            ) from error


def _estimate(plan: Plan, cases: CaseList, context: TrainContext, reporter: Reporter) -> None:
    """Say how long training will take, before it starts."""
    if type(plan.trainer).estimate_seconds is Method.estimate_seconds:
        return
    about = f"{plan.method_from.info.name}, profile {plan.request.profile}"
    reporter.note(f"{about}: timing a few steps on {plan.device}")  # minutes, of a large network
    seconds = plan.trainer.estimate_seconds(cases, context)
    if seconds is None:
        return
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        if seconds >= 2 * size or unit == "seconds":
            reporter.note(f"{about}: about {seconds / size:.0f} {unit} to train on {plan.device}")
            return
