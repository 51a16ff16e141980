"""Gzip decompression, bounded and by the fastest library there is.

zlib-ng inflates label maps several times faster than the zlib of the operating system, and lets
other threads run meanwhile. Where its wheel cannot be imported, zlib gives the same bytes.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

try:
    from zlib_ng import zlib_ng as _found
except ImportError:  # an unusual platform without a wheel
    import zlib as _found  # type: ignore[no-redef]

__all__ = ["GROWTH", "LIBRARY", "MAGIC", "GunzipError", "gunzip"]

_zlib: Any = _found
#: What decompresses.
LIBRARY: str = _zlib.__name__.rpartition(".")[2]
#: How every gzip begins.
MAGIC = b"\x1f\x8b"
#: No deflate stream grows by more than about 1032.
GROWTH = 1100
_GZIP = 16 + 15
_PIECE = 1 << 20
_FED = 1 << 16
_ZEROS = re.compile(rb"\0*")
# Linux's allocator gives freed blocks of this kind back to the system, and gets them anew page by
# page, which costs more than decompressing into them, until a larger one was freed. No page of this
# one is ever touched; elsewhere it does nothing.
np.empty(16 << 20, np.uint8)


class GunzipError(Exception):
    """What is wrong with a gzip, in words."""


def gunzip(packed: bytes, limit: int, *, whole: bool = True) -> bytes:
    """The first ``limit`` bytes of what ``packed`` holds; all of them if it holds fewer.

    Never more than ``limit`` bytes are held, whatever the gzip would grow to.

    Args:
        packed: One or several gzip members, with or without zeros behind them.
        limit: In bytes.
        whole: Go on to the end of ``packed`` (what lies past the limit is thrown away), so that
            every checksum is compared; otherwise stop, and take ``packed`` to be a beginning.

    Raises:
        GunzipError: Damaged, or cut off and ``whole``.
    """
    limit = min(limit, GROWTH * len(packed))
    view, offset = memoryview(packed), 0
    parts: list[bytes] = []
    missing = limit
    try:
        while offset < len(packed):
            member = _zlib.decompressobj(_GZIP)
            # What a call leaves of its input is copied. One that is given all takes nearly all of
            # one member; of many, each would have all that follow copied.
            size = _FED if offset else len(packed)
            while not member.eof:
                fed = view[offset : offset + size]
                size = _FED
                found = member.decompress(fed, missing or _PIECE)  # 0 is no limit to zlib
                left = member.unused_data if member.eof else member.unconsumed_tail
                offset += len(fed) - len(left)
                if missing and found:
                    parts.append(found)
                    missing -= len(found)
                if not whole and not missing:
                    return _joined(parts)
                if not (fed or found or member.eof):
                    if not whole:
                        return _joined(parts)
                    raise GunzipError("it ends before its end-of-stream mark")
            offset = _ZEROS.match(packed, offset).end()  # type: ignore[union-attr]  # it may be empty
    except _zlib.error as error:
        raise GunzipError(str(error).rpartition(": ")[2]) from None
    return _joined(parts)


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)
