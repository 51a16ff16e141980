"""train -> predict -> score -> record: the order of a run's steps, by their names alone.

Nothing in here knows a plugin. What does the steps is an :class:`Executor`: this process
(:mod:`benchmark.runner`), a supervised child (:class:`Here`), or many on a cluster. The run's lock
is held in here, so that whoever does a step need not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .confined import Confined, Limits
from .errors import BenchError, DataError
from .gone import Gone, LostProcessError
from .parameters import parse_spec
from .progress import Reporter
from .record import RunRecord
from .replies import Begun, RunResult, begun_of, finished_of, ids_of, row_of, seconds_of, yes_of
from .store import RunFolder, write_json

if TYPE_CHECKING:
    from .plan import RunRequest

__all__ = ["FAILURE", "Executor", "Here", "asking", "contained", "contained_within",
           "drive"]  # fmt: skip

#: What a run that could not be done leaves; removed when it is.
FAILURE = "failure.json"


class Executor(Protocol):
    """Does steps of runs somewhere."""

    @property
    def width(self) -> int:
        """How many steps it does at a time."""

    def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
        """Do a step of :data:`benchmark.steps.STEPS`.

        The future gives what the step does, as it is or as plain JSON, and raises
        :class:`~benchmark.errors.BenchError`, or :class:`~benchmark.confined.Gone` where the
        process that did it is no more.
        """


class Here:
    """Does the steps of runs in one supervised child of this process, one at a time.

    Args:
        limits: What the child may take.
        reporter: Told of the progress within a step.
    """

    width = 1

    def __init__(self, limits: Limits, reporter: Reporter) -> None:
        self._confined = Confined(limits, reporter)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self._confined.close()

    def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
        """Do a step; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(self._confined.do(step, request, *args))
        except (BenchError, Gone) as error:
            future.set_exception(error)
        return future


def contained(request: RunRequest, limits: Limits, reporter: Reporter) -> RunResult:
    """:func:`drive` a run in children of its own."""
    with Here(limits, reporter) as here:
        return drive(request, here, reporter)


def contained_within(limits: Limits) -> Callable[[RunRequest, Reporter], RunResult]:
    """:func:`contained` for those who do runs without knowing of limits."""
    return lambda request, reporter: contained(request, limits, reporter)


@contextmanager
def asking(limits: Limits) -> Iterator[Callable[[str, RunRequest], Any]]:
    """For :func:`benchmark.experiment.expand`: asks a child, so that no plugin is loaded here.

    A plugin whose loading ends the child is a :class:`~benchmark.gone.LostProcessError`.
    """
    with Here(limits, Reporter()) as here:

        def ask(step: str, request: RunRequest) -> Any:
            try:
                return here.submit(step, request).result()
            except Gone as gone:
                raise _lost(request, "while it was loaded", gone, None) from gone

        yield ask


def drive(request: RunRequest, executor: Executor, reporter: Reporter) -> RunResult:
    """Do what is not done yet of a run.

    A case whose prediction takes its process down is a row with status ``error`` that says so.

    Args:
        request: The run.
        executor: Does the steps.
        reporter: Told of the stages of cases.

    Raises:
        BenchError: The request does not fit, training failed, or a plugin took the process down
            while it was loaded, trained or (its data) scored. Where the run's folder is known, it
            says so in :data:`FAILURE`.
    """
    try:
        begun = begun_of(executor.submit("begin", request).result())
    except Gone as gone:
        raise _lost(request, "while it was loaded", gone, None) from gone
    folder = RunFolder(request.runs, begun.dataset, begun.method, begun.key)
    request = replace(request, expected=folder.path.relative_to(request.runs).as_posix())
    with (
        folder.lock(_about(request, begun), reporter.note) as token,
        _failing(folder.path, "train") as stage,
    ):
        request = replace(request, holder=token)
        trained = False
        if begun.trains:
            try:
                trained = yes_of(executor.submit("train_step", request).result(), "train_step")
            except Gone as gone:
                raise _lost(request, "in training", gone, folder.path, training=True) from gone
        stage("predict")
        waiting = ids_of(_sure(request, executor, folder, "unpredicted"), begun.cases)
        _predict(request, executor, reporter, waiting)
        stage("score")
        unscored = ids_of(_sure(request, executor, folder, "unscored"), begun.cases)
        seconds = _score(request, executor, reporter, unscored, folder)
        done = finished_of(_sure(request, executor, folder, "finish", seconds), begun.cases)
        (folder.path / FAILURE).unlink(missing_ok=True)
        cached = done.cached and not trained and not waiting and not unscored
        record = RunRecord.load(folder.path)
        return RunResult(folder.path, record, done.cases, done.errors, done.excluded, cached)


def _about(request: RunRequest, begun: Begun) -> dict[str, Any]:
    """What ``bench runs`` says of a run that has no record yet."""
    return {
        "method": begun.method,
        "asked": {**request.settings, **parse_spec(request.method).settings},
        "profile": request.profile,
        "dataset": begun.dataset,
        "seed": request.seed,
        "fold": request.fold,
        "folds": request.folds,
        "evaluate": list(request.evaluate),
        "cases": len(begun.cases),
    }


@contextmanager
def _failing(path: Path, first: str) -> Iterator[Callable[[str], None]]:
    """Leave a note of the stage that failed in the run's folder."""
    stage = first

    def now(name: str) -> None:
        nonlocal stage
        stage = name

    try:
        yield now
    except BenchError as error:
        with _best_effort():
            write_json(
                path / FAILURE,
                {
                    "stage": stage,
                    "message": str(error),
                    "when": datetime.now(UTC).isoformat(timespec="seconds"),
                    "argv": sys.argv[1:],
                },
            )
        raise


@contextmanager
def _best_effort() -> Iterator[None]:
    """What cannot be written is no reason to hide why it should have been."""
    try:
        yield
    except DataError:
        return


def _sure(request: RunRequest, executor: Executor, folder: RunFolder, step: str, *args: Any) -> Any:
    """A step that no case can be blamed for."""
    try:
        return executor.submit(step, request, *args).result()
    except Gone as gone:
        raise _lost(request, f"in {step}", gone, folder.path) from gone


def _lost(
    request: RunRequest, where: str, gone: Gone, path: Path | None, *, training: bool = False
) -> LostProcessError:
    log = path / "plugin.log" if path else gone.log
    fix = f"What it printed is in {log}." if log and Path(log).is_file() else ""
    what = f"{request.method!r} on " if request.method else "The data set "
    problem = f"{what}{request.dataset!r} ended {where}: {gone.reason}."
    return LostProcessError(problem, fix, training)


def _each(
    executor: Executor, step: str, request: RunRequest, cases: Sequence[str]
) -> Iterator[tuple[str, Future[Any]]]:
    """Every case with its future, as they are done; no more are waiting than keep all busy."""
    left = iter(cases)
    pending: dict[Future[Any], str] = {}
    try:
        while True:
            # fewer than are waiting, where workers have gone
            for case in islice(left, max(0, 2 * executor.width - 1 - len(pending))):
                pending[executor.submit(step, request, case)] = case
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future
    finally:
        for future in pending:
            future.cancel()


def _predict(
    request: RunRequest, executor: Executor, reporter: Reporter, waiting: Sequence[str]
) -> None:
    if not waiting:
        return
    with reporter.stage("predict", len(waiting)) as advance:
        for case, future in _each(executor, "predict_step", request, waiting):
            try:
                row_of(future.result())
            except Gone as gone:
                _give_up(request, executor, case, gone)
            advance(case)


def _give_up(request: RunRequest, executor: Executor, case: str, gone: Gone) -> None:
    """Have the row written of a case that took its process down; the next one does."""
    for read in (True, False):
        told = gone.reason, gone.seconds, gone.memory_mb, read
        try:
            row_of(executor.submit("give_up", request, case, *told).result())
        except Gone as again:  # reading the case may be what does it
            if not read:
                raise _lost(request, f"after case {case!r}", again, None) from again
        else:
            return


def _score(
    request: RunRequest, executor: Executor, reporter: Reporter, unscored: Sequence[str],
    folder: RunFolder,
) -> float:  # fmt: skip
    """Score cases; gives the seconds it took, of all processes together."""
    seconds = 0.0
    if not unscored:
        return seconds
    with reporter.stage("score", len(unscored)) as advance:
        for case, future in _each(executor, "score_step", request, unscored):
            try:
                seconds += seconds_of(future.result())
            except Gone as gone:
                # Better no table than one with a passing fault in it.
                where = f"while case {case!r} was scored"
                raise _lost(request, where, gone, folder.path) from gone
            advance(case)
    return seconds
