"""What a Dask worker does of a run: hand each step to a supervised child, and say what came of it.

A plugin is never imported by the worker itself. What a plugin does to its child (a crash, an
endless loop, memory without end) comes back as data, so that Dask has nothing to retry or to
suspect; only the loss of the whole worker is Dask's to mend.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..confined import Confined
from ..errors import BenchError, DataError
from ..gone import Gone
from ..limits import Limits
from ..progress import Reporter

if TYPE_CHECKING:
    from ..plan import RunRequest

__all__ = ["Outcome", "Task", "close_children", "do"]

#: Seconds after which a child with nothing to do is ended, should nobody end it before.
_IDLE = 60.0


@dataclass(frozen=True)
class Task:
    """A step to do.

    Attributes:
        step: Its name in :data:`benchmark.steps.STEPS`.
        request: The run, by names; its ``runs`` is absolute.
        args: Of the step: ids and numbers.
        limits: What the child may take.
        folder: The working directory of whoever asks: relative paths of the request lie there.
        probe: A file that is there, if the disk is shared.
    """

    step: str
    request: RunRequest
    args: tuple[Any, ...]
    limits: Limits
    folder: Path
    probe: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Attributes:
        answer: What the step gave.
        error: What it raised instead.
        notes: What there was to say meanwhile.
    """

    answer: Any = None
    error: BenchError | Gone | None = None
    notes: tuple[str, ...] = ()


class _Notes(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """A line worth reading."""
        self.said.append(text)


@dataclass
class _Held:
    """A child, what it is for, and since when it has nothing to do."""

    purpose: tuple[Any, ...]
    confined: Confined
    notes: _Notes
    since: float = 0.0


_idle: list[_Held] = []
#: What works, and the probe of whoever it works for.
_working: list[tuple[Path, _Held]] = []
_busy = 0
_lock = threading.Lock()


def do(task: Task) -> Outcome:
    """Do a step in a child of this process."""
    if not task.probe.is_file():
        return Outcome(
            error=DataError(
                f"A Dask worker does not see {task.probe.parent}.",
                "The folder of runs has to be on a disk that all workers share, under the same "
                "path.",
            )
        )
    with _child(task) as held:
        held.notes.said.clear()
        try:
            answer = held.confined.do(task.step, task.request, *task.args)
        except (BenchError, Gone) as error:
            return Outcome(error=_plain(error), notes=tuple(held.notes.said))
        return Outcome(answer, None, tuple(held.notes.said))


def close_children(probe: Path) -> None:
    """End the children that have nothing to do, and those that work for who has this probe.

    Whoever had it is gone, or called everything off: a step that hangs keeps no worker.
    """
    with _lock:
        closing, _idle[:] = list(_idle), []
        killing = [held for whose, held in _working if whose == probe]
    for held in killing:
        held.confined.kill()
    for held in closing:
        held.confined.close()


def _plain(error: BenchError | Gone) -> BenchError | Gone:
    """The error without what else hangs on it, for the way back."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


@contextmanager
def _child(task: Task) -> Iterator[_Held]:
    """A child for the step: the one that worked for its run last, if it has nothing to do."""
    global _busy
    threads, limits = _room(task.limits)
    purpose = (task.request.identity, limits, task.folder)
    with _lock:
        same = [held for held in _idle if held.purpose == purpose]
        held = same[-1] if same else None
        if held is not None:
            _idle.remove(held)
        _busy += 1
        # No more children than threads: one that is of no use now makes room.
        over = [_idle.pop(0) for _ in range(min(len(_idle), len(_idle) + _busy - threads))]
    for one in over:
        one.confined.close()
    if held is None:
        notes = _Notes()
        cwd = task.folder if task.folder != Path.cwd() else None
        held = _Held(purpose, Confined(limits, notes, cwd), notes)
    with _lock:
        _working.append((task.probe, held))
    try:
        yield held
    except BaseException:
        held.confined.close()
        raise
    else:
        held.since = time.monotonic()
        with _lock:
            _idle.append(held)
        timer = threading.Timer(_IDLE + 1, _reap)
        timer.daemon = True
        timer.start()
    finally:
        with _lock:
            _busy -= 1
            _working[:] = [one for one in _working if one[1] is not held]


def _reap() -> None:
    """End the children that nobody has asked for long: whoever did is gone."""
    until = time.monotonic() - _IDLE
    with _lock:
        closing = [held for held in _idle if held.since < until]
        _idle[:] = [held for held in _idle if held.since >= until]
    for held in closing:
        held.confined.close()


def _room(limits: Limits) -> tuple[int, Limits]:
    """How many children there may be, and what each may take: what Dask lets the worker have."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return 1, limits
    threads = max(1, int(worker.state.nthreads))
    memory = worker.memory_manager.memory_limit
    if limits.memory_mb is None and memory:
        limits = replace(limits, memory_mb=memory / threads / 2**20)
    return threads, limits
