"""Runs a plugin's code so that what it prints or breaks lands in the run's ``plugin.log``."""

from __future__ import annotations

import contextlib
import io
import traceback
from collections.abc import Iterator
from pathlib import Path

from .errors import BenchError
from .plain import one_line

__all__ = ["Contained"]

#: Characters of a message that tables hold, and of a text that the log does.
_SHOWN = 1000
_LOGGED = 2**20


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
            # the log by its name: this gets into tables, which may be read elsewhere
            more = f" What it printed is in {self.path.name}." if notes else ""
            return _cut(str(error)) + more
        self.note(where, "".join(traceback.format_exception(error)))
        return _cut(f"{type(error).__name__}: {_message(error)}")

    def note(self, where: str, text: str) -> None:
        """Append to the log."""
        if len(text) > _LOGGED:
            text = f"{text[:_LOGGED]}... ({len(text)} characters)"
        # a stranger's text may hold half a character
        with self.path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"--- {where}\n{text.rstrip()}\n")


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a stranger's __str__ may raise anything
        return "its message cannot be shown"


def _cut(text: str) -> str:
    """A message for a table: one line, of a size for it, with nothing that a terminal acts on."""
    whole = one_line(text, 10 * len(text) + 1)  # the longest escape is of 10 letters
    if len(whole) <= _SHOWN:
        return whole
    return f"{whole[:_SHOWN]}... ({len(whole)} characters; see plugin.log)"
