"""``record.json``: read again as written, and by what comes later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError
from benchmark.record import FORMAT, RunRecord


@pytest.fixture
def stored(make_run: Callable[..., Path]) -> Path:
    """The path of a record."""
    return make_run("one", record={"seed": 3, "fold": 1, "folds": 5}) / "record.json"


def edited(path: Path, **more: Any) -> Path:
    content = {**json.loads(path.read_text()), **more}
    path.write_text(json.dumps({k: v for k, v in content.items() if v != "gone"}))
    return path


def test_a_record_is_read_as_it_was_written(stored: Path, tmp_path: Path) -> None:
    record = RunRecord.load(stored)
    assert (record.format, record.seed, record.fold, record.folds) == (FORMAT, 3, 1, 5)
    record.save(tmp_path)
    assert (tmp_path / "record.json").read_bytes() == stored.read_bytes()
    assert RunRecord.load(tmp_path) == record


def test_a_field_of_a_later_version_is_kept(stored: Path, tmp_path: Path) -> None:
    record = RunRecord.load(edited(stored, news={"x": 1}))
    record.save(tmp_path)
    assert json.loads((tmp_path / "record.json").read_text())["news"] == {"x": 1}


def test_a_field_that_came_later_has_a_default(stored: Path) -> None:
    path = edited(stored, fold="gone", totals="gone", threads="gone", provenance="gone")
    record = RunRecord.load(path)
    assert (record.fold, record.totals, record.threads) == (None, {}, 1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"format": FORMAT + 1}, rf"has format {FORMAT + 1}; this version reads up to {FORMAT}"),
        ({"format": "gone"}, "no run record: it has no 'format'"),
        ({"format": True}, "no 'format'"),
        ({"format": "1"}, "no 'format'"),
        ({"seed": "x"}, "no run record: seed: .*integer"),
        ({"method": {"name": "a"}}, r"no run record: method\.spec: Field required"),
        ({"split": "gone"}, "no run record: split: Field required"),
    ],
)
def test_what_is_no_record_is_refused(stored: Path, more: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        RunRecord.load(edited(stored, **more))


@pytest.mark.parametrize("text", ["", "[]", "null", "3"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(DataError, match=r"record\.json is no"):
        RunRecord.load(tmp_path)
