"""Records on disk that a kill cannot half-write: each carries a digest of itself.

A journal is only ever appended to. What a killed process left at its end is no whole record, and
is not read; all before it is.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from .atomic import unwritable
from .errors import DataError

__all__ = ["KEY", "NEVER", "Journal", "Place", "payload", "records"]

#: Bytes of a key; what a record was made from.
KEY = 16
#: The key of what must not be found again.
NEVER = bytes(KEY)
_DIGEST = 16
#: Mark with the version of the format, key, length of the payload.
_HEAD = struct.Struct(f"<4s{KEY}sQ")
_MARK = b"SBJ1"


class Place(NamedTuple):
    """Where a record's payload is."""

    offset: int
    length: int


class Journal:
    """A journal that is written; a context manager.

    Args:
        path: The file, which must not be there yet.
        more: It may be, and is written on at its end, where its last record must be whole.

    Raises:
        DataError: It cannot be written.
    """

    def __init__(self, path: Path, *, more: bool = False) -> None:
        self.path = path
        try:
            self._file = path.open("ab" if more else "xb")
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, key: bytes, payload: bytes) -> Place:
        """Add a record; once this returns, nothing that happens to this process loses it.

        Args:
            key: :data:`KEY` bytes.
            payload: Anything.

        Raises:
            DataError: The disk is full, say.
        """
        head = _HEAD.pack(_MARK, key, len(payload))
        try:
            start = self._file.tell()
            self._file.write(head + _digest(head, payload) + payload)
            self._file.flush()
        except OSError as error:
            raise unwritable(self.path, error) from error
        return Place(start + _HEAD.size + _DIGEST, len(payload))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def records(path: Path) -> Iterator[tuple[bytes, Place]]:
    """Key and place of every whole record, one in memory at a time.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while len(head := file.read(_HEAD.size + _DIGEST)) == _HEAD.size + _DIGEST:
                mark, key, length = _HEAD.unpack_from(head)
                start = file.tell()
                if mark != _MARK or length > size - start:
                    return
                if _digest(head[: _HEAD.size], file.read(length)) != head[_HEAD.size :]:
                    return
                yield key, Place(start, length)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def payload(path: Path, place: Place) -> bytes:
    """What a record holds.

    Raises:
        DataError: It is no longer there.
    """
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(place.offset - _HEAD.size - _DIGEST)
            head = file.read(_HEAD.size + _DIGEST)
            found = file.read(place.length)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if _digest(head[: _HEAD.size], found) != head[_HEAD.size :]:
        raise DataError(
            f"{path} has changed while it was used.", "Score again: what is whole is kept."
        )
    return found


def _digest(head: bytes, payload: bytes) -> bytes:
    found = hashlib.blake2b(head, digest_size=_DIGEST)
    found.update(payload)
    return found.digest()
