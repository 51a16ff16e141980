"""A step that a parent waits for: its clocks, and what it shows of its progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from .progress import Reporter

__all__ = ["Awaited"]

#: Seconds between two looks at a process that is busy.
_LOOK = 0.25


class Awaited:
    """One step that is waited for.

    Args:
        where: What it is called in the log.
        timeout: Seconds that it may take, or go on without a sign of progress; None for ever.
        reporter: Shows its stages.
        log: Where what it prints goes; None while that is not known.
        total: No sign of progress buys it more time.
    """

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
        """Seconds since it was asked for."""
        return time.monotonic() - self._started

    def patience(self) -> float:
        """Seconds until there is something to look after."""
        until = self._next if self.timeout is None else min(self._next, self._sign + self.timeout)
        return max(until - time.monotonic(), 0.0)

    def late(self) -> bool:
        """Whether its time is over."""
        return self.timeout is not None and time.monotonic() - self._sign >= self.timeout

    def look(self) -> bool:
        """Whether it is time to look at the process."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _LOOK
        return True

    def note(self, text: str) -> None:
        """Show a line."""
        self._reporter.note(text)

    def stage(self, name: str) -> None:
        """Show a stage."""
        self.end()
        self._report = self._stages.enter_context(self._reporter.training(name))

    def progress(self, step: int, of: int, values: dict[str, float]) -> None:
        """Show how far the stage is; a sign of life."""
        if not self._total:
            self._sign = time.monotonic()
        if self._report is not None:
            self._report(step, of, values)

    def end(self) -> None:
        """Show the stage no more."""
        self._report = None
        self._stages.close()
