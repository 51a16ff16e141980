"""Messages of a child to its parent: JSON of a limited size, checked before it is believed.

The child runs a stranger's code, which can reach the pipe. So nothing that comes out of it is ever
unpickled, and whatever does not read as a message ends the child.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import unicodedata
from typing import Any

__all__ = ["LARGEST", "Inbox", "Outbox", "RubbishError", "plain_text"]

#: Bytes of the largest message; ids of 100,000 cases take 3 MB.
LARGEST = 32 * 2**20
_LENGTH = struct.Struct("<I")


class RubbishError(Exception):
    """What came is no message."""


class Outbox:
    """The child's end. Threads take turns; a fork of the process has nothing to say.

    Args:
        fd: Where to write.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def send(self, kind: str, content: Any) -> None:
        """Write a message, whole.

        Raises:
            ValueError: It is too large, or holds a number that JSON does not have.
        """
        if os.getpid() != self._pid:
            return
        data = json.dumps([kind, content], allow_nan=False).encode()
        if len(data) > LARGEST:
            raise ValueError(f"a message of {len(data)} bytes")
        data = _LENGTH.pack(len(data)) + data
        with self._lock:
            while data:
                data = data[os.write(self._fd, data) :]


class Inbox:
    """The parent's end; bytes in, messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._data += data

    def take(self) -> tuple[str, Any] | None:
        """The next message; None where it is not whole yet.

        Raises:
            RubbishError: What was read cannot be one.
        """
        if len(self._data) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._data)
        if length > LARGEST:
            raise RubbishError(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._data) < end:
            return None
        data = bytes(self._data[_LENGTH.size : end])
        del self._data[:end]
        try:
            kind, content = json.loads(data, parse_constant=_refused)
        except (ValueError, TypeError, RecursionError) as error:
            raise RubbishError(f"{type(error).__name__}: {error}") from None
        if not isinstance(kind, str):
            raise RubbishError("a message without a kind")
        return kind, content


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def plain_text(text: Any, longest: int = 4000) -> str:
    """A stranger's text as a terminal may be given it: no control character, not endless."""
    if not isinstance(text, str):
        raise RubbishError(f"{type(text).__name__} for a text")
    cut = text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "�" for c in cut)
