"""Gzip decompression, bounded and by the fastest library there is.

zlib-ng inflates label maps several times faster than the zlib of the operating system, and lets
other threads run meanwhile. Where its wheel cannot be imported, zlib gives the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from zlib_ng import zlib_ng as _found
except ImportError:  # an unusual platform without a wheel
    import zlib as _found  # type: ignore[no-redef]

__all__ = ["LIBRARY", "MAGIC", "GunzipError", "gunzip"]

_zlib: Any = _found
#: What decompresses.
LIBRARY: str = _zlib.__name__.rpartition(".")[2]
#: How every gzip begins.
MAGIC = b"\x1f\x8b"
#: No deflate stream grows by more than about 1032.
_GROWTH = 1100
_GZIP = 16 + 15
_PIECE = 1 << 20
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
    limit = min(limit, _GROWTH * len(packed))
    parts: list[bytes] = []
    missing = limit
    try:
        while packed:
            member = _zlib.decompressobj(_GZIP)
            parts.append(_start(member, packed, missing))
            missing -= len(parts[-1])
            if not whole and missing == 0:
                break
            _drain(member, whole)
            packed = member.unused_data.lstrip(b"\0")
    except _zlib.error as error:
        raise GunzipError(str(error).rpartition(": ")[2]) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _start(member: Any, packed: bytes, limit: int) -> bytes:
    # A limit of 0 means none to zlib.
    if limit:
        return bytes(member.decompress(packed, limit))
    member.decompress(packed, 1)
    return b""


def _drain(member: Any, whole: bool) -> None:
    """To the end of a member, in pieces that are not kept."""
    while not member.eof:
        waiting = member.unconsumed_tail
        if not member.decompress(waiting, _PIECE) and not member.eof:
            if not whole:
                return
            raise GunzipError("it ends before its end-of-stream mark")
