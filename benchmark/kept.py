"""What a scoring has done so far, kept beside its output until the tables are whole.

A killed or interrupted scoring leaves a folder of journals; the same command takes from it every
case whose files, options and code are still those that it was scored with.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from filelock import FileLock, Timeout

from .atomic import unwritable
from .errors import DataError
from .journal import NEVER, Place, payload, records

__all__ = ["FOLDER", "Kept", "Where"]

#: Name of the folder, inside the output folder.
FOLDER = ".scoring"
_LOCK = "lock"
#: To enter a folder that others remove as they leave.
_TRIES = 100


class Where(NamedTuple):
    """A case's record: in which journal, and where there."""

    journal: Path
    place: Place


class Kept:
    """The folder of journals, held against other processes; a context manager.

    Left without an error, the folder goes: the tables are there. Left with one, it stays if any
    case is in it.

    Args:
        out: The folder of the tables.
        names: Those of the tables, as patterns; temporary files that a killed process left of them
            are removed.

    Raises:
        DataError: ``out`` cannot be written to, or another process is scoring into it.
    """

    def __init__(self, out: Path, names: Collection[str]) -> None:
        self.folder = out / FOLDER
        self._out = out
        self._names = names

    def __enter__(self) -> Self:
        try:
            self._acquire()
        except Timeout:
            raise DataError(
                f"Another process is scoring into {self._out}.",
                "Wait until it is done, or choose another folder.",
            ) from None
        except OSError as error:
            raise unwritable(self._out / next(iter(self._names)), error) from error
        for name in self._names:
            for path in self._out.glob(f".{name}.*.tmp"):
                if not path.name.endswith(f".{os.getpid()}.tmp"):
                    path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or not self._useful():
            self._clear()
        self._lock.release()
        # Whoever holds the folder by now has a lock in it, and a folder that is not empty stays.
        with suppress(OSError):
            self.folder.rmdir()

    def _acquire(self) -> None:
        self._lock = FileLock(self.folder / _LOCK, timeout=0)
        for left in reversed(range(_TRIES)):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
            # One who was done has removed the folder meanwhile; for mkdir, as it looked at it.
            except (FileNotFoundError, FileExistsError):
                if not left:
                    raise
            else:
                return

    def _clear(self) -> None:
        """Empty the folder, by right of the lock, which therefore goes last.

        From then on others may enter, and nothing more is removed that could be theirs. One who
        has opened the lock that was removed cannot acquire it: :class:`FileLock` sees that it has
        no name any more. Where an open file cannot be removed, releasing the lock removes it.
        """
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.name != _LOCK:
                    path.unlink()
            (self.folder / _LOCK).unlink()

    def _useful(self) -> bool:
        return any(key != NEVER for path in self.journals() for key, _ in records(path))

    def journals(self) -> list[Path]:
        """Every journal there is; those that processes of this machine wrote first, by age."""
        found = sorted(self.folder.glob("*.journal"))
        return sorted(found, key=lambda path: not path.stem.isdecimal())

    def fresh(self, count: int) -> list[Path]:
        """Paths for new journals."""
        taken = [int(path.stem) for path in self.journals() if path.stem.isdecimal()]
        first = max(taken, default=0) + 1
        return [self.folder / f"{first + i:06d}.journal" for i in range(count)]

    def find(self, keys: Mapping[str, bytes | None]) -> dict[str, Where]:
        """Where the record of each case is that has one of its key.

        Args:
            keys: Key by case; None for one that is never to be found.
        """
        wanted = {key: case for case, key in keys.items() if key is not None}
        found: dict[str, Where] = {}
        for path in self.journals():
            for key, place in records(path):
                if key in wanted:
                    found[wanted[key]] = Where(path, place)
        return found

    def read(self, where: Where) -> bytes:
        """What a record holds."""
        return payload(where.journal, where.place)
