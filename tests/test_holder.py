"""Who works on a run: told from outside, on this machine and another, without disturbing it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from benchmark import holder
from benchmark.errors import DataError
from benchmark.holder import NAME, alive, held, holding, process_alive, read_holder, superseded
from benchmark.store import RunFolder


def gone() -> int:
    """The number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def says(folder: Path, **more: Any) -> None:
    """What another process left."""
    content = {"host": "elsewhere", "boot": "b", "pid": 7, "started": 5.0, "ended": None, **more}
    (folder / NAME).write_text(json.dumps(content))


def test_the_holder_is_named_while_it_works_and_after(tmp_path: Path) -> None:
    assert read_holder(tmp_path) is None
    with holding(tmp_path, {"method": "jdl", "seed": 3}):
        found = read_holder(tmp_path)
        assert found is not None
        assert (found.host, found.pid, found.ended) == (platform.node(), os.getpid(), None)
        assert found.about == {"method": "jdl", "seed": 3}
        assert found.here
    left = read_holder(tmp_path)
    assert left is not None
    assert left.ended is not None
    assert left.started == found.started
    assert alive(tmp_path, left) == "no"


def test_who_was_sent_by_an_earlier_holder_is_told_from_the_present_one(tmp_path: Path) -> None:
    with holding(tmp_path, {}) as first:
        assert first
        assert not superseded(tmp_path, first)
    assert not superseded(tmp_path, first)  # gone, and nobody came
    with holding(tmp_path, {}) as second:
        assert superseded(tmp_path, first)
        assert not superseded(tmp_path, second)
        assert not superseded(tmp_path, "")
    says(tmp_path)  # of a version that wrote no token
    assert not superseded(tmp_path, first)


def test_a_sign_of_life_renews_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "BEAT_S", 0.01)
    with holding(tmp_path, {}):
        os.utime(tmp_path / NAME, (1000, 1000))
        limit = time.monotonic() + 20
        while (tmp_path / NAME).stat().st_mtime < 2000 and time.monotonic() < limit:
            time.sleep(0.01)
        assert (tmp_path / NAME).stat().st_mtime > 2000


def test_a_holder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with holding(tmp_path, {}) as token:
        assert token == ""
        assert read_holder(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "a"}', '{"host": 1, "pid": "x"}', "3",
                                  '{"host": "a", "pid": 1, "started": "soon"}'])  # fmt: skip
def test_a_damaged_account_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert read_holder(tmp_path) is None


def test_a_lock_is_seen_from_outside_and_not_taken(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert held(path) is False
    assert not path.exists()
    with FileLock(path):
        assert held(path) is True
    assert held(path) is False
    with FileLock(path, timeout=0):  # and it can be had right after
        pass


def test_without_locks_on_a_file_system_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / ".lock").touch()

    def flock(descriptor: int, how: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert held(tmp_path / ".lock") is None
    with holding(tmp_path, {}):
        assert alive(tmp_path, read_holder(tmp_path)) == "yes"
    mine = {"host": platform.node(), "boot": holder._boot()}
    says(tmp_path, **mine, pid=gone())
    assert alive(tmp_path, read_holder(tmp_path)) == "no"
    says(tmp_path, **mine, pid=os.getpid(), born="1")  # the number was given to another since
    assert alive(tmp_path, read_holder(tmp_path)) == ("no" if holder._born(os.getpid()) else "yes")


def test_a_lock_that_is_free_settles_it_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    says(tmp_path, host=platform.node(), boot=holder._boot(), pid=os.getpid())
    assert alive(tmp_path, read_holder(tmp_path)) == "no"


def test_of_another_machine_the_last_sign_of_life_counts(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    says(tmp_path)
    found = read_holder(tmp_path)
    assert found is not None
    assert not found.here
    assert alive(tmp_path, found, now=found.beat + 119) == "yes"
    assert alive(tmp_path, found, now=found.beat + 121) == "silent"
    # its clock may be ahead of ours, or ours have gone back
    assert alive(tmp_path, found, now=found.beat - 9999) == "yes"
    says(tmp_path, ended=6.0)
    assert alive(tmp_path, read_holder(tmp_path)) == "no"


def test_the_same_machine_since_it_was_started_again_is_another(tmp_path: Path) -> None:
    says(tmp_path, host=platform.node(), boot="of last week")
    found = read_holder(tmp_path)
    assert found is not None
    assert not found.here


def test_a_process_is_alive_until_it_ends() -> None:
    assert process_alive(os.getpid())
    assert process_alive(os.getpid(), holder._born(os.getpid()))
    assert not process_alive(0)
    assert not process_alive(-1)
    if os.name != "nt":
        assert not process_alive(gone())


def test_one_who_waits_is_told_for_whom(
    tmp_path: Path, python: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.store._PATIENCE", 0.05)
    other = python(
        "import sys\nfrom pathlib import Path\nfrom benchmark.store import RunFolder\n"
        "with RunFolder(Path(sys.argv[1]), 'toy', 'jdl', 'k' * 64).lock({'seed': 1}):\n"
        "    print('have it', flush=True)\n    import time; time.sleep(600)\n",
        str(tmp_path),
    )
    assert other.stdout.readline() == "have it\n"
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        other.kill()

    with RunFolder(tmp_path, "toy", "jdl", "k" * 64).lock(note=note):
        pass
    folder = tmp_path / "toy" / "jdl-kkkkkkkkkkkk"
    assert notes == [f"process {other.pid} on {platform.node()} works on {folder}: waiting for it"]


def test_a_file_system_that_cannot_lock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def acquire(self: FileLock, **more: Any) -> None:
        raise NotImplementedError("no flock here")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with (
        pytest.raises(DataError, match=r"jdl-kkkkkkkkkkkk cannot be written: no flock here"),
        RunFolder(tmp_path, "toy", "jdl", "k" * 64).lock(),
    ):
        pass
