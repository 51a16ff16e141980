"""A process in which a plugin may do its worst: what happens to it is told, and costs no more.

What is contained: a crash, an exit, an endless loop (in Python or in C), memory without end,
anything that is printed (by C code and by programs that are started too), rubbish for an answer,
processes that are left behind. The child is of a session of its own; it ends with its parent,
however that ends.

What is not: a plugin runs as the user who asks for it. It can read and write that user's files, use
the network and end that user's other processes, as any Python package can that is imported. Give a
stranger's plugin an account, a container or a machine of its own. Nor can the scores of a method be
trusted whose author means to deceive: its code shares a process with the engine's. They are
believed once somebody else has scored its predictions (``bench score``, ``bench verify``). What
this module does towards that: cases are scored in a child in which nothing was trained or
predicted, so that what a method leaves behind by mistake (another locale, NumPy's error state, a
patched module) does not get into its scores; that child loads the method for what it says that it
produces. Replies are JSON that is checked, and an id in them is used only where the parent knows
it already.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import benchmark

from .errors import BenchError, DataError, NoPredictionError, PluginError, UsageError
from .messages import Inbox, RubbishError, plain_text
from .printed import Printed
from .progress import Reporter
from .watching import MARK, available_bytes, end_family, held_bytes

if TYPE_CHECKING:
    from .plan import RunRequest

__all__ = ["TIMEOUT", "Confined", "Gone", "Limits"]

#: Seconds that a case may take where nobody says otherwise. A large 3D network with test-time
#: augmentation takes some minutes a case on two cores; a method that hangs costs this much a case.
TIMEOUT = 1800.0
#: Part of the memory there is when a child starts that it may take: its parent has to live on.
_SHARE = 0.9
#: Seconds between two looks at a child that is busy.
_LOOK = 0.25
#: Seconds that a child has to come up in, or to end in when it is asked to.
_START, _END = 120.0, 2.0
#: Characters of an error that are shown.
_LONG = 20_000
#: Steps in which a method's code computes; what they leave behind is kept out of the others.
_TOUCHING = ("train_step", "predict_step")
_SCORING = ("unscored", "score_step", "finish")
_ERRORS = {
    c.__name__: c for c in (BenchError, DataError, NoPredictionError, PluginError, UsageError)
}
_START_CODE = (
    "import sys, json; a = json.loads(sys.argv[1]); sys.path[:] = a['path']; sys.argv = a['argv']; "
    "from benchmark.child import serve; serve(*a['fds'])"
)


@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes:
        timeout_s: Seconds of a case that is predicted or scored, and without a sign of progress
            when cases are read; None for no limit.
        train_timeout_s: Seconds of a training; None for no limit.
        memory_mb: Memory of the child and what it starts, together; None for nine tenths of what
            is available when it starts.
    """

    timeout_s: float | None = TIMEOUT
    train_timeout_s: float | None = None
    memory_mb: float | None = None


class Gone(Exception):  # noqa: N818  # it is no error of ours
    """A step's process is no more.

    Attributes:
        reason: What happened to it, as the rest of a sentence that it begins.
        seconds: How long it was busy with the step.
        memory_mb: The most that was seen of its memory.
        log: File of what it printed, where that is not the run's own; else empty.
    """

    def __init__(
        self, reason: str, seconds: float = 0.0, memory_mb: float = 0.0, log: str = ""
    ) -> None:
        super().__init__(reason, seconds, memory_mb, log)
        self.reason = reason
        self.seconds = seconds
        self.memory_mb = memory_mb
        self.log = log


class Confined:
    """Does steps in a child, which is started when it is needed; a context manager.

    A new child is started where the last one is gone, worked for another run, or ran a method's
    code and is now to score.

    Args:
        limits: What the child may take.
        reporter: Told of the progress within a step.
    """

    def __init__(self, limits: Limits, reporter: Reporter | None = None) -> None:
        self._limits = limits
        self._reporter = reporter or Reporter()
        self._child: _Child | None = None
        self._run: Any = None
        self._touched = False

    def __enter__(self) -> Confined:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, and whatever it started."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def do(self, step: str, request: RunRequest, *args: Any) -> Any:
        """Do a step of :data:`benchmark.steps.STEPS`, and give its answer as plain JSON.

        Raises:
            BenchError: As the step raises it.
            Gone: The child crashed, took too long or too much, or said what it should not; or the
                step raised something else.
        """
        run = _identity(request)
        if run != self._run or (self._touched and step in _SCORING):
            self.close()
        if self._child is None:
            self._touched = False
            self._child = _Child(self._limits)
        self._run, self._touched = run, self._touched or step in _TOUCHING
        try:
            return self._child.do(step, request, args, self._timeout(step), self._reporter)
        except BenchError:
            raise
        except BaseException:  # an interrupt too: the child does not get one
            self.close()
            raise

    def _timeout(self, step: str) -> float | None:
        limits = self._limits
        return (limits.train_timeout_s if step == "train_step" else limits.timeout_s) or None


def _identity(request: RunRequest) -> str:
    return repr(replace(request, expected=""))


class _Wait:
    """One step that is waited for: its clock, and the stage that it shows."""

    def __init__(
        self, where: str, timeout: float | None, reporter: Reporter, log: Path | None = None,
        *, total: bool = False,
    ) -> None:  # fmt: skip
        self.where, self.timeout, self.log = where, timeout, log
        self.most = 0
        self._reporter, self._total = reporter, total
        self._stages = ExitStack()
        self._report: Callable[[int, int, dict[str, float]], None] | None = None
        self._started = self._sign = time.monotonic()
        self._next = self._started + _LOOK

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def patience(self) -> float:
        """Seconds until there is something to look after."""
        until = self._next if self.timeout is None else min(self._next, self._sign + self.timeout)
        return max(until - time.monotonic(), 0.0)

    def late(self) -> bool:
        return self.timeout is not None and time.monotonic() - self._sign >= self.timeout

    def look(self) -> bool:
        """Whether it is time to look at the process."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _LOOK
        return True

    def note(self, text: str) -> None:
        self._reporter.note(text)

    def stage(self, name: str) -> None:
        self.end()
        self._report = self._stages.enter_context(self._reporter.training(name))

    def progress(self, step: int, of: int, values: dict[str, float]) -> None:
        if not self._total:
            self._sign = time.monotonic()
        if self._report is not None:
            self._report(step, of, values)

    def end(self) -> None:
        self._report = None
        self._stages.close()


class _Child:
    """A child process, its pipes and what it prints."""

    def __init__(self, limits: Limits) -> None:
        free = available_bytes()
        self._asked_for = bool(limits.memory_mb)
        if limits.memory_mb:
            self._ceiling: int | None = int(limits.memory_mb * 2**20)
        else:
            self._ceiling = None if free is None else int(_SHARE * free)
        self._mark = uuid.uuid4().hex
        self._printed = Printed()
        self._inbox = Inbox()
        self._ready = False
        questions, self._questions = os.pipe()
        self._answers, answers = os.pipe()
        lifeline, self._lifeline = os.pipe()
        theirs = (questions, answers, lifeline)
        told = {"path": sys.path, "argv": sys.argv, "fds": theirs}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-X", "faulthandler", "-c", _START_CODE, json.dumps(told)],
                stdin=subprocess.DEVNULL,
                stdout=self._printed.file,
                stderr=self._printed.file,
                pass_fds=theirs,
                start_new_session=True,  # a group of its own too, to end all of it
                env=_environment(self._mark),
            )
        finally:
            for fd in theirs:
                os.close(fd)

    def do(
        self, step: str, request: RunRequest, args: tuple[Any, ...], timeout: float | None,
        reporter: Reporter,
    ) -> Any:  # fmt: skip
        """Have a step done; see :meth:`Confined.do`."""
        log = request.runs / request.expected / "plugin.log" if request.expected else None
        if not self._ready:
            self._await(_Wait("start", _START, Reporter(), log), "ready")
            self._ready = True
        question = pickle.dumps((step, request, args, self._ceiling))
        where = f"{step} {args[0]}" if args and isinstance(args[0], str) else step
        waiting = _Wait(where, timeout, reporter, log, total=step == "train_step")
        with suppress(BrokenPipeError):  # it is gone, which is noticed where its answer is missing
            while question:
                question = question[os.write(self._questions, question) :]
        try:
            return self._await(waiting, "answer")
        finally:
            waiting.end()
            self._printed.keep(where, log)

    def _await(self, waiting: _Wait, wanted: str) -> Any:
        while True:
            if select.select([self._answers], [], [], waiting.patience())[0]:
                data = os.read(self._answers, 2**16)
                if not data:
                    self._gone(waiting, self._how_it_ended())
                self._inbox.feed(data)
                try:
                    while (message := self._inbox.take()) is not None:
                        if message[0] == wanted:
                            return message[1]
                        self._heard(waiting, *message)
                except RubbishError as error:
                    self._gone(waiting, f"its process answered with rubbish, {error}")
            if waiting.late():
                self._show_where_it_is()
                self._gone(waiting, f"it took longer than {waiting.timeout:g} s")
            if waiting.look():
                self._printed.keep(waiting.where, waiting.log)
                self._check(waiting)

    def _heard(self, waiting: _Wait, kind: str, content: Any) -> None:
        """Anything but the answer."""
        try:
            match kind, content:
                case "note", text:
                    waiting.note(plain_text(text))
                case "stage", name:
                    waiting.stage(plain_text(name, 200))
                case "progress", [int(step), int(of), dict(values)]:
                    shown = list(values.items())[:20]
                    waiting.progress(step, of, {plain_text(k, 40): float(v) for k, v in shown})
                case "end", None:
                    waiting.end()
                case "error", [name, problem, fix]:
                    error = _ERRORS.get(plain_text(name), PluginError)
                    raise error(plain_text(problem, _LONG), plain_text(fix, _LONG))
                case "raised", [name, message]:
                    said = f"{plain_text(name, 200)}: {plain_text(message)}".rstrip(": ")
                    self._gone(waiting, f"it raised {said}")
                case _:
                    raise RubbishError(f"a message {plain_text(kind, 40)!r} of no known form")
        except (TypeError, ValueError, OverflowError) as error:
            raise RubbishError(f"{type(error).__name__}: {error}") from None

    def _check(self, waiting: _Wait) -> None:
        """Whether it lives, and what it holds."""
        if self._ended():  # a fork that it left behind may hold its pipe open
            self._gone(waiting, self._how_it_ended())
        if self._ceiling is None:
            return
        held = held_bytes(self._process.pid, self._ceiling)
        waiting.most = max(waiting.most, held)
        if held > self._ceiling:
            most = f"{self._ceiling / 2**30:.1f} GB that it may take"
            left = "" if self._asked_for else ", nine tenths of what was left"
            self._gone(
                waiting, f"it held {held / 2**30:.1f} GB of memory, more than the {most}{left}"
            )

    def _ended(self) -> bool:
        """Whether it has ended; it is not reaped where that can be, so that its number is kept."""
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    def _ends_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._ended():
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def _how_it_ended(self) -> str:
        alone = self._ends_within(1.0)
        self._end()
        code = self._process.returncode
        if not alone or code is None:
            return "its process closed the pipe that it answers through"
        if code >= 0:
            return f"its process ended itself with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (the system may have run out of memory)" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"

    def _show_where_it_is(self) -> None:
        """Have the interpreter print where each thread is, if it still can; that ends it."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGABRT)
        self._ends_within(0.5)

    def _gone(self, waiting: _Wait, reason: str) -> NoReturn:
        self._end()
        self._printed.keep(waiting.where, waiting.log)
        log = "" if waiting.log else self._printed.left_in()
        raise Gone(reason, waiting.elapsed(), waiting.most / 2**20, log)

    def close(self) -> None:
        """End it, and what it started."""
        os.close(self._questions)  # it ends when nobody asks
        if self._ready:
            self._ends_within(_END)
        self._end()
        os.close(self._answers)
        os.close(self._lifeline)
        self._printed.close()

    def _end(self) -> None:
        """Kill all that is left of it."""
        if self._process.returncode is None:
            end_family(self._process.pid, self._mark)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_START)


def _environment(mark: str) -> dict[str, str]:
    """That of this process, but for what it set for itself when it was imported."""
    ours = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} if benchmark._WAITS else set()
    return {**{k: v for k, v in os.environ.items() if k not in ours}, MARK: mark}
