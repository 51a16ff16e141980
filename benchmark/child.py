"""The child's side of :mod:`benchmark.confined`: does steps until nobody asks any more.

Started as ``python -P -c "..."`` rather than through :mod:`multiprocessing`: what starts it may be
a daemonic worker itself, nothing of the parent's ``__main__`` is imported again, and its standard
streams are others before the first line of Python runs.
"""

from __future__ import annotations

import fcntl
import math
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from .errors import BenchError
from .messages import Outbox
from .progress import Reporter

__all__ = ["serve"]

#: Seconds between two signs of progress that are sent.
_RARELY = 0.05
#: Bytes of address space that are no memory: stacks of threads, arenas, what is never touched.
_SPACE = 2 * 2**30
#: ``fcntl(2)``: the signal that a pipe's end sends. Not in Python's module on 3.11.
_F_SETSIG = 10


def serve(asked: int, answers: int, lifeline: int) -> None:
    """Do what is asked for; ends the process.

    Args:
        asked: Pipe of pickled ``(step, request, args, memory)``: the parent is trusted.
        answers: Pipe of messages.
        lifeline: Pipe on which nothing ever comes but the parent's end.
    """
    _tie_to(lifeline)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a session of its own: no terminal sends one
    for fd in (asked, answers, lifeline):
        os.set_inheritable(fd, False)
    home = Path.cwd()
    outbox = Outbox(answers)
    outbox.send("ready", None)
    with open(asked, "rb") as questions:  # a descriptor
        while (question := _next(questions)) is not None:
            os.chdir(home)  # a plugin may have left it
            _do(outbox, home, *question)
            with suppress(Exception):  # a stranger may have put anything in their place
                sys.stdout.flush()
                sys.stderr.flush()
    # A stranger's exit handlers and threads are not waited for.
    os._exit(0)


def _next(questions: BinaryIO) -> tuple[Any, ...] | None:
    try:
        question: tuple[Any, ...] = pickle.load(questions)
    except EOFError:
        return None
    return question


def _do(
    outbox: Outbox, home: Path, step: str, request: Any, args: tuple[Any, ...], memory: int | None
) -> None:
    from .steps import STEPS  # imported late: what fails here is told

    _limit_memory(memory)
    # A plugin that leaves the folder must not take the run's results with it.
    request = replace(request, runs=home / request.runs)
    try:
        answer = STEPS[step](request, *args, reporter=_Telling(outbox))
        if is_dataclass(answer) and not isinstance(answer, type):
            answer = asdict(answer)
    except BenchError as error:
        outbox.send("error", [type(error).__name__, error.problem, error.fix])
    except BaseException as error:  # of whatever class: the parent decides what it costs
        traceback.print_exc()
        outbox.send("raised", [type(error).__name__, _message(error)])
    else:
        outbox.send("answer", answer)


def _message(error: BaseException) -> str:
    try:
        return str(error)[:10_000]
    except Exception:  # a stranger's __str__
        return "its message cannot be shown"


def _tie_to(lifeline: int) -> None:
    """Be killed, with all of the group, when the parent is gone.

    The kernel does it (Linux), so that it does not matter what the plugin is busy with; elsewhere
    a thread does, which a plugin that holds Python's lock for ever keeps from it.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
        flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
        if _ended(lifeline):  # before the signal was set
            os.killpg(0, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _ended(lifeline: int) -> bool:
    import select

    return bool(select.select([lifeline], [], [], 0)[0])


def _limit_memory(memory: int | None) -> None:
    """Have Python raise MemoryError for an allocation that could not be held anyway.

    Not where there is a GPU: its driver reserves many times the memory there is.
    """
    if memory is None or sys.platform != "linux" or Path("/dev/nvidiactl").exists():
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    with suppress(ValueError, OSError):
        soft = memory + _SPACE
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class _Telling(Reporter):
    """Sends progress to the parent, not more often than anybody looks."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def note(self, text: str) -> None:
        self._outbox.send("note", text)

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        self._outbox.send("stage", name)
        told = 0.0

        def report(step: int, of: int, values: dict[str, float]) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= _RARELY or step >= of:
                told = now
                known = {str(k): float(v) for k, v in values.items()}
                shown = {k: v for k, v in known.items() if math.isfinite(v)}  # JSON has no others
                self._outbox.send("progress", [int(step), int(of), shown])

        try:
            yield report
        finally:
            self._outbox.send("end", None)
