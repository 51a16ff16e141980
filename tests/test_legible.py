"""Folders that an ordinary user may not read: named in an error, never left out in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError
from benchmark.legible import inside, is_there
from benchmark.results import find_runs, load_run

setpriv = shutil.which("setpriv")
pytestmark = pytest.mark.skipif(
    os.name == "nt" or (os.geteuid() == 0 and setpriv is None),
    reason="root reads everything, and there is no setpriv to hinder it",
)


@pytest.fixture
def two(make_run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Path]]:
    """Two run folders, named as from the folder they are in."""
    made = [make_run(name, [make_run.score(c, 0.5) for c in "ab"]) for name in ("one", "two")]
    monkeypatch.chdir(tmp_path)
    yield [path.relative_to(tmp_path) for path in made]
    for path in [tmp_path / "runs", tmp_path / "runs" / "toy", *made]:
        path.chmod(0o755)


def ordinary(*words: object) -> tuple[int, str, str]:
    """The command without root's right to read everything."""
    without = "--bounding-set=-dac_override,-dac_read_search"
    before = [str(setpriv), "--inh-caps=-all", without] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*before, sys.executable, "-m", "benchmark", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["check", "accept", "show", "rerun"])
def test_what_is_named_below_a_folder_that_cannot_be_read_is_an_error(
    two: list[Path], command: str
) -> None:
    Path("runs").chmod(0)
    code, _, err = ordinary(command, two[0])
    assert code == 2
    assert err.startswith(f"bench: {two[0]} cannot be read: Permission denied. ")


@pytest.mark.parametrize("closed", ["runs/toy", "runs/toy/two"])
def test_a_leaderboard_stops_at_a_folder_that_cannot_be_read(two: list[Path], closed: str) -> None:
    closed = str(two[1] if closed.endswith("two") else closed)
    Path(closed).chmod(0)
    for words in (["leaderboard", "-d", "toy"], ["compare"]):
        code, out, err = ordinary(*words)
        assert (code, out) == (2, "")
        assert err.startswith(f"bench: {closed} cannot be read: Permission denied. ")
    assert not Path("leaderboards").exists()


def test_bench_runs_says_why_nothing_is_known_of_a_run(two: list[Path]) -> None:
    two[1].chmod(0)
    code, out, _ = ordinary("runs")
    assert code == 0
    assert f"failed: {two[1]}: cannot be read: Permission denied" in out
    assert "1 failed, 0 interrupted, 1 done" in out
    Path("runs/toy").chmod(0)
    code, _, err = ordinary("runs")
    assert code == 2
    assert err.startswith("bench: runs/toy cannot be read: Permission denied. ")


def test_what_the_system_refuses_is_told_from_what_is_not_there(
    two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_there(two[0] / "nothing")
    assert not is_there(two[0] / "record.json" / "nothing")
    assert inside(Path("nowhere")) == []
    for name in (".hidden", "lost+found"):
        (Path("runs") / name).mkdir()
    assert [path.name for path in inside(Path("runs"))] == ["toy"]
    assert [path.name for path in find_runs(Path("runs"), "toy")] == [p.name for p in two]
    assert find_runs(Path("runs"), "other") == []
    plain = os.stat

    def refused(path: Any, *more: Any, **named: Any) -> os.stat_result:
        if Path(path).parent == two[1]:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *more, **named)

    monkeypatch.setattr(os, "stat", refused)
    for act in (lambda: find_runs(Path("runs")), lambda: load_run(two[1])):
        with pytest.raises(DataError, match=f"^{two[1]} cannot be read: Permission denied"):
            act()
