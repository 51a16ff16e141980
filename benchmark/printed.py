"""What a child prints, by whatever road, on its way into the run's ``plugin.log``."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

__all__ = ["Printed"]

#: Bytes of one child that are kept, and at which the file it prints to begins anew.
_KEPT = 16 * 2**20
_LARGEST = 64 * 2**20


class Printed:
    """A nameless file that a child has for its standard output and error."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed in close()
        # The child's place in it must not matter when the file begins anew.
        flags = fcntl.fcntl(self.file, fcntl.F_GETFL)
        fcntl.fcntl(self.file, fcntl.F_SETFL, flags | os.O_APPEND)
        self._read = 0
        self._written = 0
        self._headed = ""

    def keep(self, where: str, log: Path | None) -> None:
        """Append what is new to ``log``, headed by ``where``; keep it where that is None."""
        size = os.fstat(self.file.fileno()).st_size
        if size <= self._read:
            return
        if log is None:
            self._headed = ""
        else:
            new = os.pread(self.file.fileno(), min(size - self._read, _KEPT), self._read)
            self._read = size
            self._append(where, new, log)
        if size > _LARGEST:
            os.ftruncate(self.file.fileno(), 0)
            self._read = 0

    def _append(self, where: str, new: bytes, log: Path) -> None:
        if self._written > _KEPT:
            return
        head = b"" if self._headed == where else f"--- {where}, its process\n".encode()
        self._headed = where
        self._written += len(new)
        if self._written > _KEPT:
            new += b"\n(more was printed than is kept)"
        try:
            with log.open("ab") as file:
                file.write(head + new.rstrip(b"\n") + b"\n")
        except OSError:
            return  # a full disk is met, and told of, where results are written

    def left_in(self) -> str:
        """A file with what is kept nowhere yet; empty if there is nothing."""
        size = os.fstat(self.file.fileno()).st_size
        if size <= self._read:
            return ""
        with tempfile.NamedTemporaryFile(prefix="scarbench-", suffix=".log", delete=False) as file:
            file.write(os.pread(self.file.fileno(), min(size - self._read, _KEPT), self._read))
        self._read = size
        return file.name

    def close(self) -> None:
        """Forget it."""
        self.file.close()
