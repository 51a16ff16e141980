"""Gzip decompression: what gzip itself says, in bounded memory, with either library."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import gunzip as module
from benchmark.gunzip import LIBRARY, GunzipError, gunzip


@pytest.fixture(params=["installed", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "zlib":
        monkeypatch.setattr(module, "_zlib", zlib)
    return request.param


@given(
    contents=st.lists(st.binary(max_size=3000), min_size=1, max_size=3),
    limit=st.integers(1, 9000),
    zeros=st.integers(0, 5),
)
def test_the_beginning_is_that_of_the_standard_library(
    contents: list[bytes], limit: int, zeros: int
) -> None:
    packed = b"".join(gzip.compress(c) for c in contents) + bytes(zeros)
    expected = gzip.decompress(packed)[:limit]
    assert gunzip(packed, limit) == expected
    assert gunzip(packed, limit, whole=False) == expected


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 400_000])
def test_pieces_fit_together(library: str, size: int) -> None:
    # Half of it does not compress: input and output end their pieces at different places.
    noise = random.Random(size).randbytes(size // 2)
    content = noise + bytes(range(256)) * (size // 512)
    packed = gzip.compress(content) + gzip.compress(content[::-1]) + bytes(70_000)
    expected = content + content[::-1]
    assert gunzip(packed, 1 << 30) == expected
    for limit in (size - 1, len(content), len(content) + 1):
        assert gunzip(packed, limit) == expected[:limit]
        assert gunzip(packed, limit, whole=False) == expected[:limit]
    with pytest.raises(GunzipError, match="ends before"):
        gunzip(packed[: len(gzip.compress(content)) - 5], 9)


def test_a_limit_holds_whatever_it_would_grow_to(library: str) -> None:
    packed = gzip.compress(bytes(64 << 20), compresslevel=6)
    tracemalloc.start()
    try:
        assert gunzip(packed, 1000) == bytes(1000)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_follows_is_not_copied_for_each_of_many_members(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    class Counted:
        def __init__(self, wbits: int) -> None:
            self._member = made(wbits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._member, name)

        def decompress(self, fed: bytes, limit: int) -> bytes:
            given.append(len(fed))
            return self._member.decompress(fed, limit)

    made = module._zlib.decompressobj
    monkeypatch.setattr(module._zlib, "decompressobj", Counted)
    packed = gzip.compress(b"") * 20_000 + gzip.compress(b"abc")
    assert gunzip(packed, 1000) == b"abc"
    assert len(given) < 50_000
    assert sorted(given)[-1] == len(packed)
    assert sorted(given)[-2] <= 65_536


@pytest.mark.parametrize("level", [0, 1])
def test_what_is_not_wanted_is_fed_in_pieces(library: str, level: int) -> None:
    noise = random.Random(0).randbytes(3 << 20)
    packed = gzip.compress(noise, level) * 2
    for limit in (5, 1 << 20, len(noise), len(noise) + 5, len(noise) * 2):
        assert gunzip(packed, limit) == (noise * 2)[:limit]
    with pytest.raises(GunzipError, match="ends before"):
        gunzip(packed[:-1], 5)


def test_an_absurd_limit_is_no_allocation(library: str) -> None:
    assert gunzip(gzip.compress(b"abc"), 1 << 80) == b"abc"


@pytest.mark.parametrize("length", [1, 5, 11, 30, -9, -1])
def test_a_cut_file_is_damaged_even_where_the_limit_was_reached(library: str, length: int) -> None:
    packed = gzip.compress(bytes(range(256)) * 9)[:length]
    with pytest.raises(GunzipError, match="ends before its end-of-stream mark"):
        gunzip(packed, 3)


def test_a_wrong_checksum_past_the_limit_is_noticed(library: str) -> None:
    packed = bytearray(gzip.compress(bytes(range(256)) * 9))
    packed[-6] ^= 1
    with pytest.raises(GunzipError, match="incorrect data check"):
        gunzip(bytes(packed), 3)
    assert gunzip(bytes(packed), 3, whole=False) == bytes([0, 1, 2])


def test_bytes_behind_the_last_member_are_damage(library: str) -> None:
    with pytest.raises(GunzipError, match="incorrect header check"):
        gunzip(gzip.compress(b"abc") + b"xyz", 100)


def test_a_beginning_is_enough_where_only_that_is_asked_for(library: str) -> None:
    packed = gzip.compress(bytes(range(256)) * 9)
    assert gunzip(packed[:60], 4, whole=False) == bytes([0, 1, 2, 3])
    assert gunzip(packed[:10], 4, whole=False) == b""


def test_the_fast_library_is_there_and_without_it_zlib_is_taken() -> None:
    assert LIBRARY == "zlib_ng"
    code = (
        "import sys; sys.modules['zlib_ng'] = None\n"
        "from benchmark.gunzip import LIBRARY, gunzip; import gzip\n"
        "sys.exit((LIBRARY, gunzip(gzip.compress(b'abc'), 9)) != ('zlib', b'abc'))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
