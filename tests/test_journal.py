"""Journals: whole records come back, whatever a kill left behind them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataError
from benchmark.journal import KEY, Journal, payload, records

KEYS = [bytes([i] * KEY) for i in range(3)]
PAYLOADS = [b"first", b"", b"the third one"]


def written(path: Path) -> Path:
    with Journal(path) as journal:
        for key, content in zip(KEYS, PAYLOADS, strict=True):
            place = journal.append(key, content)
            assert payload(path, place) == content  # at once, while it is open
    return path


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a.journal")
    found = list(records(path))
    assert [key for key, _ in found] == KEYS
    assert [payload(path, place) for _, place in found] == PAYLOADS


def test_what_is_cut_anywhere_ends_with_the_last_whole_record(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.journal").read_bytes()
    ends = [place.offset + place.length for _, place in records(tmp_path / "a.journal")]
    assert ends[-1] == len(whole)
    cut = tmp_path / "cut.journal"
    for length in range(len(whole) + 1):
        cut.write_bytes(whole[:length])
        assert len(list(records(cut))) == sum(end <= length for end in ends)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_never_believed(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = written(tmp_path_factory.mktemp("j") / "a.journal")
    whole = bytearray(path.read_bytes())
    at %= len(whole)
    hit = sum(place.offset + place.length <= at for _, place in records(path))
    whole[at] ^= 1 << bit
    path.write_bytes(whole)
    assert [key for key, _ in records(path)] == KEYS[:hit]


def test_garbage_behind_the_records_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.journal")
    path.write_bytes(path.read_bytes() + bytes(1000))
    assert len(list(records(path))) == 3
    path.write_bytes(path.read_bytes()[:-1000] + path.read_bytes()[:20])
    assert len(list(records(path))) == 3


def test_a_record_that_changed_since_it_was_found_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.journal")
    *_, (_, place) = records(path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match="has changed while it was used"):
        payload(path, place)


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    written(tmp_path / "a.journal")
    with pytest.raises(DataError, match="cannot be written: File exists"):
        Journal(tmp_path / "a.journal")


def test_an_empty_or_missing_journal(tmp_path: Path) -> None:
    (tmp_path / "a.journal").touch()
    assert list(records(tmp_path / "a.journal")) == []
    with pytest.raises(DataError, match="cannot be read: No such file"):
        list(records(tmp_path / "b.journal"))
