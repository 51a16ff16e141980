"""A world against the ``runs/`` folder: full and read-only disks, writers side by side, odd names.

The scenarios are those of ``benchmarks/hostile.py``, smaller. What needs a mount is skipped where
mounting is not permitted.
"""

from __future__ import annotations

import errno
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark import CaseInfo, DataError
from benchmark.cli._app import app, run_app
from benchmark.entries import build_entry, load_entry, write_entry
from benchmark.record import RunRecord
from benchmark.results import load_run
from benchmark.splits import read_split
from benchmark.store import RunFolder, write_json

ROOT = Path(__file__).parents[1]
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def hostile(scripts: Callable[[str], Any]) -> Any:
    """The script."""
    return scripts("hostile")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the undisturbed run is made once."""
    return tmp_path_factory.mktemp("hostile")


def held(hostile: Any, name: str, base: Path, *arguments: Any) -> None:
    try:
        outcome = hostile.SCENARIOS[name](base, *arguments)
    except hostile.NotPermittedError as error:
        pytest.skip(f"a disk of its own cannot be mounted here: {error}")
    assert outcome.held, outcome.came


def test_a_full_disk_is_named_and_costs_what_was_in_flight(hostile: Any, shared: Path) -> None:
    held(hostile, "disk_full", shared, (0.85,))


def test_a_full_disk_under_two_workers_costs_what_was_in_flight(hostile: Any, shared: Path) -> None:
    held(hostile, "disk_full_for_workers", shared, (0.6,))


def test_a_read_only_folder_is_named_and_can_be_read(hostile: Any, shared: Path) -> None:
    held(hostile, "read_only", shared)


def test_writers_side_by_side_leave_whole_runs(hostile: Any, shared: Path) -> None:
    held(hostile, "writers", shared)


def test_a_clock_that_goes_back_does_not_bring_an_old_version_back(
    hostile: Any, tmp_path: Path
) -> None:
    held(hostile, "clock", tmp_path)


def test_a_large_volume_is_scored_or_refused_by_name(hostile: Any, tmp_path: Path) -> None:
    held(hostile, "volume", tmp_path, 0.01, 4.0)


def test_a_volume_that_memory_cannot_hold_is_a_row_that_says_so(
    hostile: Any, tmp_path: Path
) -> None:
    """The same as 4 GB of voxels are to a machine of 8 GB, in small."""
    pytest.importorskip("resource")
    outcome = hostile.SCENARIOS["volume"](tmp_path, 0.25, 1.0)
    assert "exit code 2" in outcome.came or "exit code 4" in outcome.came, outcome.came
    assert "Traceback" not in outcome.came
    assert "bug in scarbench" not in outcome.came


# --- a disk that is full, without a mount ---


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_cannot_be_written_is_named_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "stages" / "train.json"
    write_json(path, {"key": "old"})

    def write_text(self: Path, text: str, **more: Any) -> int:
        self.write_bytes(text[:3].encode())  # the first bytes still fit
        raise OSError(number, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", write_text)
    with pytest.raises(DataError, match=r"train\.json cannot be written: No space left"):
        write_json(path, {"key": "new"})
    assert json.loads(path.read_bytes()) == {"key": "old"}
    assert [p.name for p in path.parent.iterdir()] == ["train.json"]


def test_a_part_that_lost_its_end_is_scored_again(
    run: Any, plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses power may leave a file under its name without its content."""
    from benchmark import scored

    method = plugins.method()
    whole = run(method).path
    expected = (whole / "scores.parquet").read_bytes()
    # scored once more, and cut off before the tables are joined
    (whole / "stages" / "score.json").unlink()

    def power_lost(*arguments: Any) -> None:
        raise DataError("The lights went out.")

    with monkeypatch.context() as patch:
        patch.setattr(scored, "join", power_lost)
        with pytest.raises(DataError, match="lights"):
            run(method)
    parts = sorted((whole / "parts").iterdir())
    assert parts
    parts[0].write_bytes(b"")
    parts[-1].write_bytes(parts[-1].read_bytes()[:-2])
    assert not run(method).errors
    assert (whole / "scores.parquet").read_bytes() == expected
    assert not (whole / "parts").exists()


# --- names ---


def test_every_kind_of_case_id_is_taken_or_refused_as_the_table_says(hostile: Any) -> None:
    for name, taken in hostile.IDS.items():
        if taken:
            assert CaseInfo(name, "test").id == name
        else:
            with pytest.raises(DataError, match="cannot be a case id"):
                CaseInfo(name, "test")


def test_odd_ids_come_out_whole(hostile: Any, tmp_path: Path) -> None:
    held(hostile, "ids", tmp_path)


@pytest.mark.parametrize("pair", [("A1", "a1"), ("\u00e9", "e\u0301"), ("\ufb03x", "FFIx")])
def test_ids_that_would_be_one_file_elsewhere_are_refused(
    run: Any, plugins: Any, pair: tuple[str, str]
) -> None:
    text = Path(plugins.toy()).read_text()
    odd = text.replace('"a": "test", "b": "test"', f'{pair[0]!a}: "test", {pair[1]!a}: "test"')
    path = plugins.file("odd", odd)
    if (
        unicodedata.normalize("NFC", pair[0]).casefold()
        != unicodedata.normalize("NFC", pair[1]).casefold()
    ):
        pytest.skip("these differ")
    with pytest.raises(DataError, match="on macOS and Windows they would be one file") as found:
        run(plugins.method(), path)
    assert ascii(pair[0]) in str(found.value)
    assert ascii(pair[1]) in str(found.value)


def test_a_split_that_encodes_accents_in_another_way_is_told_so(tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"test": ["e\u0301te\u0301"]}))
    with pytest.raises(DataError, match="the same letters, their accents encoded in another way"):
        read_split(split, [CaseInfo("\u00e9t\u00e9", "test")])
    split.write_text(json.dumps({"test": ["../up"]}))
    with pytest.raises(DataError, match=r"the data set has no case '\.\./up'"):
        read_split(split, [CaseInfo("\u00e9t\u00e9", "test")])


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "/tmp/evil", "con", "new\nline", ""])
@pytest.mark.parametrize("what", ["method", "dataset"])
def test_a_record_that_leads_out_of_its_folder_is_refused(
    make_run: Make, tmp_path: Path, what: str, name: str
) -> None:
    path = make_run("x", [make_run.score("a", 0.5)])
    entry = build_entry([load_run(path)])
    content = json.loads((path / "record.json").read_text())
    content[what]["name"] = name
    (path / "record.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"record\.json is no run record: {what}\.name"):
        RunRecord.load(path)
    before = sorted(tmp_path.rglob("*"))
    for words in (["accept"], ["leaderboard"]):
        assert run_app(app, [*words, str(path), "--leaderboards", str(tmp_path / "boards")]) == 2
    assert sorted(tmp_path.rglob("*")) == before
    # an entry of somebody else's says it too
    forged = tmp_path / "entry.json"
    entry["runs"][0]["record"][what]["name"] = name
    forged.write_text(json.dumps(entry))
    with pytest.raises(DataError, match=r"entry\.json is damaged"):
        load_entry(forged)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", ".."])
def test_an_entry_is_written_nowhere_else(make_run: Make, tmp_path: Path, name: str) -> None:
    entry = build_entry([load_run(make_run("x", [make_run.score("a", 0.5)]))])
    entry["dataset"] = name
    with pytest.raises(DataError):
        write_entry(tmp_path / "boards", entry)
    assert not (tmp_path / "boards").exists()


def test_a_case_file_of_an_odd_id_stays_in_its_folder(hostile: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "toy", "jdl", "k" * 64)
    for name, taken in hostile.IDS.items():
        if taken:
            path = folder.case_file("predictions", name, ".nii.gz")
            assert path.parent == folder.path / "predictions"
            assert len(path.name.encode()) + len(".12345678.tmp") < 255
        else:
            with pytest.raises(DataError):
                folder.case_file("predictions", name, ".nii.gz")
