"""The ``runs/`` folder: only finished stages count, one process at a time, nothing by halves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError
from benchmark.store import RunFolder, file_hash, read_json, write_json


def folder(root: Path, key: str = "k" * 64) -> RunFolder:
    made = RunFolder(root, "toy", "jdl", key)
    made.path.mkdir(parents=True, exist_ok=True)
    return made


def test_the_folder_is_named_by_method_and_key(tmp_path: Path) -> None:
    assert folder(tmp_path).path == tmp_path / "toy" / "jdl-kkkkkkkkkkkk"
    for words in (("../toy", "jdl"), ("toy", "a/b")):
        with pytest.raises(DataError, match="cannot be a case id"):
            RunFolder(tmp_path, *words, "k")


def test_a_case_file_cannot_leave_the_folder(tmp_path: Path) -> None:
    made = folder(tmp_path)
    assert made.case_file("predictions", "a.b", ".json") == made.path / "predictions" / "a.b.json"
    with pytest.raises(DataError):
        made.case_file("predictions", "../a", ".json")


def test_a_stage_is_done_only_with_its_own_key(tmp_path: Path) -> None:
    made = folder(tmp_path)
    assert not made.done("train", "x")
    made.finish("train", "x", seconds=1.5)
    assert made.done("train", "x")
    assert not made.done("train", "y")
    assert not made.done("predict", "x")
    assert made.marker("train") == {"key": "x", "seconds": 1.5}
    made.finish("train", "y")
    assert (made.done("train", "x"), made.done("train", "y")) == (False, True)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null"])
def test_a_damaged_marker_is_no_marker(tmp_path: Path, text: str) -> None:
    made = folder(tmp_path)
    made.finish("train", "x")
    (made.path / "stages" / "train.json").write_text(text)
    assert made.marker("train") == {}
    assert not made.done("train", "x")


def test_a_finished_folder_takes_the_place_of_a_half_written_one(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made.path / "model").mkdir()
    (made.path / "model" / "half.pt").write_text("old")
    new = made.path / ".model.tmp"
    new.mkdir()
    (new / "weights.pt").write_text("new")
    made.install(new, "model")
    assert [p.name for p in (made.path / "model").iterdir()] == ["weights.pt"]
    assert not new.exists()


def trained(root: Path, key: str, train_key: str, text: str = "weights") -> RunFolder:
    made = folder(root, key * 12)
    (made.path / "model").mkdir()
    (made.path / "model" / "w").write_text(text)
    hashes = {"w": hashlib.sha256(text.encode()).hexdigest()}
    made.finish("train", train_key, seconds=2.0, parameter_count=7, model=hashes)
    return made


def test_a_model_of_the_same_training_is_copied(tmp_path: Path) -> None:
    trained(tmp_path, "a", "other", "wrong")
    source = trained(tmp_path, "b", "same")
    asking = folder(tmp_path, "c" * 12)
    (asking.path / ".model.tmp").mkdir()  # left by a kill
    (asking.path / ".model.tmp" / "half").touch()
    assert asking.borrow_model("same")
    assert [p.name for p in (asking.path / "model").iterdir()] == ["w"]
    assert (asking.path / "model" / "w").read_text() == "weights"
    assert asking.marker("train") == source.marker("train")
    assert asking.trained("same")
    assert (source.path / "model" / "w").exists()


def test_nothing_is_copied_from_an_unfinished_or_other_training(tmp_path: Path) -> None:
    trained(tmp_path, "a", "other")
    unfinished = trained(tmp_path, "b", "same")
    (unfinished.path / "stages" / "train.json").write_text("{")
    lost = trained(tmp_path, "d", "same")
    (lost.path / "model" / "w").unlink()
    (lost.path / "model").rmdir()
    asking = folder(tmp_path, "c" * 12)
    asking.finish("train", "same")  # its own marker, but no model
    assert not asking.borrow_model("same")
    assert not (asking.path / "model").exists()


@pytest.mark.parametrize("left", ["", None])
def test_a_model_that_changes_while_it_is_copied_is_not_borrowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str | None
) -> None:
    source = trained(tmp_path, "b", "same")
    asking = folder(tmp_path, "c" * 12)
    copy = shutil.copytree

    def meanwhile(one: Path, other: Path) -> Path:
        (source.path / "model" / "w").unlink()
        if left is None:
            (source.path / "model").rmdir()
        else:
            (source.path / "model" / "w").write_text(left)
        return Path(copy(one, other))

    monkeypatch.setattr(shutil, "copytree", meanwhile)
    assert asking.borrow_model("same") is None
    assert not (asking.path / "model").exists()
    assert not asking.marker("train")


def test_a_second_process_waits_for_the_lock(tmp_path: Path, python: Callable[..., Any]) -> None:
    made = folder(tmp_path)
    order = tmp_path / "order.txt"
    with made.lock():
        waiting = python(
            "import sys\nfrom pathlib import Path\nfrom benchmark.store import RunFolder\n"
            "made = RunFolder(Path(sys.argv[1]), 'toy', 'jdl', 'k' * 64)\n"
            "print('waiting', flush=True)\n"
            "with made.lock(), open(sys.argv[2], 'a') as file:\n    file.write('second ')\n",
            str(tmp_path),
            str(order),
        )
        assert waiting.stdout.readline() == "waiting\n"
        time.sleep(0.3)  # long enough for it to get in, were it let in
        with order.open("a") as file:
            file.write("first ")
    assert waiting.wait(30) == 0
    assert order.read_text() == "first second "


def test_half_written_files_of_a_killed_process_go(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made.path / "predictions").mkdir()
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = made.path / "predictions" / f".a.json.{process.pid}.tmp"
    mine = made.path / f".record.json.{os.getpid()}.tmp"
    kept = made.path / "predictions" / "a.json"
    for path in (left, mine, kept):
        path.touch()
    with made.lock():
        assert not left.exists()
        assert not mine.exists()
        assert kept.exists()


def test_half_written_files_of_a_living_process_stay(tmp_path: Path) -> None:
    """A worker outlives the process that sent it by the case it is at."""
    made = folder(tmp_path)
    (made.path / "parts").mkdir()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = made.path / "parts" / f".a.parquet.{living.pid}.tmp"
    path.touch()
    try:
        with made.lock():
            assert path.exists()
    finally:
        living.communicate(b"\n")
    with made.lock():
        assert not path.exists()


def test_half_written_files_of_another_machine_go_when_they_are_old(tmp_path: Path) -> None:
    """Its processes have numbers of their own: what is dead here may live there."""
    made = folder(tmp_path)
    says = {"host": "elsewhere", "pid": 1, "started": 0, "ended": None}
    fresh, old = (made.path / f".{name}.json.999999999.tmp" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.touch()
    os.utime(old, (1e9, 1e9))
    (made.path / ".holder.json").write_text(json.dumps(says))
    with made.lock():
        assert fresh.exists()
        assert not old.exists()
    with made.lock():  # after a holder of this machine they are judged by their process
        assert not fresh.exists()


def test_what_a_plugin_keeps_is_not_tidied(tmp_path: Path) -> None:
    made = folder(tmp_path)
    theirs = [made.path / name / ".state.1.tmp" for name in ("scratch", "model")]
    for path in theirs:
        path.parent.mkdir()
        path.touch()
    with made.lock():
        assert all(path.exists() for path in theirs)


def test_a_kill_while_a_folder_is_replaced_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trained(tmp_path, "a", "key")
    new = made.path / ".model.tmp"
    for dies_at, there in ((1, "weights"), (2, "new")):
        new.mkdir(exist_ok=True)
        (new / "w").write_text("new")
        calls = []

        def killed(
            *arguments: object, calls: list[int] = calls, at: int = dies_at, **more: object
        ) -> None:
            calls.append(1)
            if len(calls) == at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                made.install(new, "model")
        assert (made.path / "model" / "w").read_text() == there
    assert (made.path / ".replaced.tmp" / "w").read_text() == "weights"
    with made.lock():
        left = sorted(p.name for p in made.path.iterdir())
    assert left == [".holder.json", ".lock", "model", "stages"]


def test_a_file_is_hashed_as_its_bytes_are(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"abc", bytes(range(256)) * 5000):
        path.write_bytes(content)
        assert file_hash(path) == hashlib.sha256(content).hexdigest()
    assert file_hash(tmp_path / "gone") == ""
    assert file_hash(tmp_path) == ""


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("a file")
    with (
        pytest.raises(DataError, match=r"jdl-kkkkkkkkkkkk cannot be written"),
        RunFolder(tmp_path, "toy", "jdl", "k" * 64).lock(),
    ):
        pass


def test_json_is_sorted_whole_and_finite(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"b": "ä", "a": [1]})
    assert path.read_text(encoding="utf-8") == '{\n "a": [\n  1\n ],\n "b": "ä"\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": [1], "b": "ä"}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_unreadable_json_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"Cannot read .*gone\.json"):
        read_json(tmp_path / "gone.json")
    for name in ("a.json", "b.json"):
        with pytest.raises(DataError, match=rf"{name} is not valid JSON"):
            read_json(tmp_path / name)


def test_one_process_at_a_time_does_a_stage(tmp_path: Path, python: Callable[..., Any]) -> None:
    """A worker goes on training for a moment when the one who asked for it is killed."""
    made = folder(tmp_path)
    other = python(
        "import sys, time\nfrom pathlib import Path\nfrom benchmark.store import RunFolder\n"
        "made = RunFolder(Path(sys.argv[1]), 'toy', 'jdl', 'k' * 64)\n"
        "with made.alone('train'):\n"
        "    print('training', flush=True)\n    time.sleep(0.3)\n"
        "    made.finish('train', 'key')\n",
        str(tmp_path),
    )
    assert other.stdout.readline() == "training\n"
    with made.alone("predict"):  # another stage is another matter
        assert not made.done("train", "key")
    with made.alone("train"):
        assert made.done("train", "key")
