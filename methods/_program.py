"""Running somebody's program: no shell, a time limit, its output kept, no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmark.errors import PluginError

__all__ = ["kept", "run_program"]

#: Seconds that a program asked to end has to do so.
_GRACE = 3.0
#: How much of a log is kept, from its end, and how many of its lines an error shows.
_KEPT, _SHOWN = 200_000, 5


def run_program(words: Sequence[str], log: Path, timeout: float) -> None:
    """Run a program to its end, in the current folder.

    It has a process group of its own: when time is up, on Ctrl-C, and at its end, whatever is left
    of the group is ended too.

    Args:
        words: The program and its arguments.
        log: Where what it prints goes, stdout and stderr together.
        timeout: Seconds.

    Raises:
        PluginError: It cannot be started, took too long, or ended with another status than 0; what
            it printed is added as a note.
    """
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise PluginError(
                f"The program {words[0]!r} cannot be started: {error.strerror or error}.",
                "Check the command; it runs in the folder where bench was started.",
            ) from None
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    if status == 0:
        return
    if status is None:
        what = f"did not end within {timeout:g} s"
        fix = "Give it more time with timeout."
    else:
        died = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        what, fix = died, ""
    failure = PluginError(f"The program {words[0]!r} {what}{_last_lines(log)}.", fix)
    failure.add_note(kept(log))
    raise failure


def _last_lines(log: Path) -> str:
    """The end of a log for a message; says so where there is nothing."""
    lines = [line.strip() for line in kept(log).splitlines() if line.strip()]
    return f": {' | '.join(lines[-_SHOWN:])}"[:1000].rstrip(".") if lines else ", printing nothing"


def kept(log: Path) -> str:
    """What a log holds; of a long one, the end."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _KEPT))
        text = file.read().decode("utf-8", errors="replace")
    return text if size <= _KEPT else f"[{size - _KEPT} bytes left out]\n{text}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the program and of what it started."""
    if not hasattr(os, "killpg"):  # Windows: of its children nothing is known
        process.kill()
        process.wait()
        return
    for how in (signal.SIGTERM, signal.SIGKILL):
        # no such group: all ended; not permitted: macOS says so of one that ended
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
