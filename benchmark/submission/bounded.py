"""A packed stream that gives a little at a time, and no more than there may be in all."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from .layout import MAX_TOTAL

__all__ = ["Bounded", "unpacking"]

#: Python's tar reader takes the lists of names and attributes that an archive may carry into
#: memory, as long as they say they are; no honest one is longer.
_ONCE = 8_000_000
#: Headers and padding of the files beside their content.
_MOST = MAX_TOTAL + 200_000_000
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@contextmanager
def unpacking(path: Path) -> Iterator[IO[bytes]]:
    """The content of a file, unpacked if it is packed.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(6)
    opener = next((o for magic, o in _OPENERS.items() if start.startswith(magic)), open)
    with opener(path, "rb") as content:
        yield cast("IO[bytes]", Bounded(content))


class Bounded:
    """A file to read and to seek in.

    Args:
        content: What it reads.
        once: Bytes that may be asked for at a time.
        most: Bytes that there may be.
    """

    def __init__(self, content: IO[bytes], once: int = _ONCE, most: int = _MOST) -> None:
        self._content, self._once, self._most = content, once, most

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes.

        Raises:
            ValueError: More than may be asked for, or beyond what there may be.
        """
        if not 0 <= size <= self._once:
            raise ValueError(f"a header of {size:,} bytes, more than the {self._once:,} allowed")
        self._check(self._content.tell() + size)
        return self._content.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, counted from the beginning.

        Raises:
            ValueError: It is beyond what there may be.
        """
        if whence != 0:
            raise ValueError("counted from its beginning alone")
        self._check(offset)
        return self._content.seek(offset)

    def tell(self) -> int:
        """Where it is."""
        return self._content.tell()

    def _check(self, place: int) -> None:
        if place > self._most + self._once:
            raise ValueError(f"more than the {self._most:,} bytes allowed")
