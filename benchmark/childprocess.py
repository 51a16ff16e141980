"""The parent's handle on one child: asks it, listens to it, watches it and ends it.

See :mod:`benchmark.confined` for what this contains, and :mod:`benchmark.child` for the other side.
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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import benchmark

from .awaiting import Awaited
from .errors import BenchError, DataError, NoPredictionError, PluginError, UsageError
from .gone import Gone
from .limits import Limits
from .messages import Inbox, RubbishError, plain_text
from .printed import Printed
from .progress import Reporter
from .watching import MARK, available_bytes, end_family, held_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from .plan import RunRequest

__all__ = ["ChildProcess"]

#: Part of the memory there is when a child starts that it may take: its parent has to live on.
_SHARE = 0.9
#: Seconds that a child has to come up in, or to end in when it is asked to.
_START, _END = 120.0, 2.0
#: Characters of an error that are shown.
_LONG = 20_000
_ERRORS = {
    c.__name__: c for c in (BenchError, DataError, NoPredictionError, PluginError, UsageError)
}
_START_CODE = (
    "import sys, json; a = json.loads(sys.argv[1]); sys.path[:] = a['path']; sys.argv = a['argv']; "
    "from benchmark.child import serve; serve(*a['fds'])"
)


class ChildProcess:
    """A child process, its pipes and what it prints."""

    def __init__(self, limits: Limits, folder: Path | None = None) -> None:
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
                cwd=folder,
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
            self._await(Awaited("start", _START, Reporter(), log), "ready")
            self._ready = True
        question = pickle.dumps((step, request, args, self._ceiling))
        where = f"{step} {args[0]}" if args and isinstance(args[0], str) else step
        waiting = Awaited(where, timeout, reporter, log, total=step == "train_step")
        with suppress(BrokenPipeError):  # it is gone, which is noticed where its answer is missing
            while question:
                question = question[os.write(self._questions, question) :]
        try:
            return self._await(waiting, "answer")
        finally:
            waiting.end()
            self._printed.keep(where, log)

    def _await(self, waiting: Awaited, wanted: str) -> Any:
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

    def _heard(self, waiting: Awaited, kind: str, content: Any) -> None:
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

    def _check(self, waiting: Awaited) -> None:
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

    def _gone(self, waiting: Awaited, reason: str) -> NoReturn:
        self._end()
        self._printed.keep(waiting.where, waiting.log)
        log = "" if waiting.log else self._printed.left_in()
        raise Gone(reason, waiting.elapsed(), waiting.most / 2**20, log)

    def kill(self) -> None:
        """Kill it from another thread than the one that waits for its answer, which then ends."""
        if self._process.returncode is None:
            end_family(self._process.pid, self._mark)

    def close(self, *, patient: bool = True) -> None:
        """End it, and what it started; let it end by itself where ``patient``."""
        os.close(self._questions)  # it ends when nobody asks
        if self._ready and patient:
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
