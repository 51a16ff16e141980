"""Runs a plugin's code so that what it prints or breaks lands in the run's ``plugin.log``."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Iterator
from pathlib import Path

from .errors import BenchError

__all__ = ["Contained"]


class Contained:
    """The log of one run.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "plugin.log"

    @contextlib.contextmanager
    def printing(self, where: str) -> Iterator[None]:
        """Keep what is printed in the block out of our own output; ``where`` heads it."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                yield
        finally:
            if printed.getvalue():
                self.note(where, printed.getvalue())

    def explained(self, where: str, error: BaseException) -> str:
        """What to tell the user of an error; the traceback of one that is not ours is noted.

        Of one of ours, the notes that were added to it (:meth:`BaseException.add_note`): output of
        a program, say.
        """
        if isinstance(error, BenchError):
            notes = getattr(error, "__notes__", [])
            for note in notes:
                self.note(where, note)
            return f"{error} What it printed is in {self.path}." if notes else str(error)
        self.note(where, "".join(traceback.format_exception(error)))
        return f"{type(error).__name__}: {error}"

    def note(self, where: str, text: str) -> None:
        """Append to the log."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(f"--- {where}\n{text.rstrip()}\n")
