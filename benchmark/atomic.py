"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DataError

__all__ = ["replacing", "unwritable"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place if the block ends without an error.

    A reader sees the old file or the new one, never half of one, and a killed process leaves at
    most a hidden ``.NAME.PID.tmp``. The name carries the process, so that two writers of the same
    file do not write into each other. An OSError inside the block is taken for one of writing,
    unless it names another file.

    Raises:
        DataError: The folder cannot be made or written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename not in (None, str(path), str(temporary), path, temporary):
            raise
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def unwritable(path: Path, error: OSError) -> DataError:
    """The error a user reads when ``path`` cannot be written."""
    return DataError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Choose a folder you may write to, with space left.",
    )
