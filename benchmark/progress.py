"""How the engine tells of its progress, without knowing of terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Reporter"]


class Reporter:
    """Says nothing; the command line has one that draws bars."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[str], None]]:
        """A stage of ``total`` steps; call what it gives once a step with a few words."""
        with self.training(name) as report:
            done = 0

            def advance(text: str) -> None:
                nonlocal done
                done += 1
                report(done, total, {})

            yield advance

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
        """A stage that says itself how far it is: call with step, of how many, values."""
        yield lambda step, of, values: None

    def note(self, text: str) -> None:
        """A line worth reading."""
