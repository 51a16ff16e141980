"""Which run is the current one, and what a reader sees of a run that is done again meanwhile."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from benchmark import results
from benchmark.entries import build_entry
from benchmark.errors import DataError
from benchmark.record import RunRecord, next_order, order_of
from benchmark.results import current, find_runs, load_run

Make = Callable[..., Path]


def stamped(path: Path, when: int) -> Path:
    os.utime(path / "record.json", ns=(when, when))
    return path


# --- the order ---


def test_the_version_asked_for_last_is_current_though_the_clock_went_back(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = [make_run.score("a", 1)]
    monkeypatch.setattr(time, "time_ns", lambda: 2_000)
    first = make_run("x", score, record={"group": "old", "key": "o", "order": 2_000})
    monkeypatch.setattr(time, "time_ns", lambda: 1_000)
    order = next_order(tmp_path / "runs" / "toy" / "x-second")
    assert order == 2_001
    second = make_run("x", score, record={"group": "new", "key": "n", "order": order})
    stamped(first, 9_000)
    stamped(second, 10)
    assert find_runs(tmp_path / "runs") == [second]


def test_of_older_records_the_file_s_time_is_the_order(make_run: Make, tmp_path: Path) -> None:
    score = [make_run.score("a", 1)]
    old = make_run("x", score, record={"group": "old", "key": "o"})
    stamped(old, 5_000)
    assert order_of(old / "record.json", RunRecord.load(old)) == 5_000
    new = make_run("x", score, record={"group": "new", "key": "n", "order": 5_001})
    stamped(new, 1)
    assert find_runs(tmp_path / "runs") == [new]
    # and a file from the future, of a version that knew no order, is outdone by the next run
    stamped(old, 2**62)
    assert next_order(new) == 2**62 + 1


def test_the_order_is_the_time_where_the_clock_is_right(make_run: Make, tmp_path: Path) -> None:
    before = time.time_ns()
    order = next_order(tmp_path / "runs" / "toy" / "x-first")
    assert before <= order <= time.time_ns()
    one = make_run("x", [make_run.score("a", 1)], record={"order": order})
    assert next_order(one) > order


def test_other_methods_and_damaged_records_do_not_count(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 10)
    score = [make_run.score("a", 1)]
    make_run("x-y", score, record={"order": 99})
    make_run("xx", score, record={"order": 99})
    for key, text in (("p", "{"), ("q", "[]"), ("r", '{"order": "soon"}')):
        broken = make_run("x", score, record={"key": key})
        (broken / "record.json").write_text(text)
    assert next_order(tmp_path / "runs" / "toy" / "x-new") == 10


@given(clock=st.lists(st.integers(0, 50), min_size=1, max_size=12))
def test_whatever_the_clock_does_each_order_is_above_the_last(clock: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        orders = []
        for i, now in enumerate(clock):
            patch.setattr(time, "time_ns", lambda now=now: now)
            path = Path(folder) / f"x-{i}"
            path.mkdir()
            orders.append(next_order(path))
            (path / "record.json").write_text(f'{{"order": {orders[-1]}}}')
        assert all(a < b for a, b in pairwise(orders))
        assert all(order >= now for order, now in zip(orders, clock, strict=True))


def test_a_run_again_with_the_clock_set_back_is_the_current_one(
    run: Any, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = plugins.method()
    one = run(method)
    first = RunRecord.load(one.path).order
    assert first > 1.7e18
    clock = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: clock() - 10**16)
    text = Path(method).read_text()
    Path(method).write_text(text.replace("image > self.threshold", "image >= self.threshold"))
    two = run(method)
    os.utime(two.path / "record.json", (1e9, 1e9))
    assert RunRecord.load(two.path).order > first
    assert find_runs(one.path.parents[1]) == [two.path]
    Path(method).write_text(text)  # back to the first version, which is there already
    assert run(method).cached
    assert find_runs(one.path.parents[1]) == [one.path]


def test_an_entry_does_not_hold_the_order(make_run: Make) -> None:
    entries = [build_entry([load_run(make_run("x", [make_run.score("a", 0.5)],
                                              record={"order": order}))])
               for order in (5, 6)]  # fmt: skip
    assert entries[0] == entries[1]


# --- read while it is written ---


def test_a_run_withdrawn_while_runs_are_looked_for_is_left_out(
    make_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = [make_run.score("a", 1)]
    gone, kept = make_run("x", score), make_run("y", score)
    load = RunRecord.load

    def meanwhile(path: Path) -> RunRecord:
        (gone / "record.json").unlink(missing_ok=True)
        return load(path)

    monkeypatch.setattr(RunRecord, "load", meanwhile)
    assert find_runs(tmp_path / "runs") == [kept]


def test_a_damaged_record_is_still_an_error(make_run: Make, tmp_path: Path) -> None:
    path = make_run("x", [make_run.score("a", 1)])
    (path / "record.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        find_runs(tmp_path / "runs")


def test_a_reader_never_has_the_record_of_one_version_and_the_scores_of_another(
    make_run: Make, tmp_path: Path
) -> None:
    """Two versions take turns in one folder, each withdrawn before the next is written."""
    versions = []
    for value in (0.25, 0.75):
        made = make_run(
            "x", [make_run.score("a", value)], record={"parameter_count": int(value * 4)}
        )
        versions.append(Path(shutil.move(made, tmp_path / f"version{value}")))
    folder = tmp_path / "runs" / "toy" / "x-turns"
    shutil.copytree(versions[0], folder)
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn = 1 - turn
            (folder / "record.json").unlink()
            for name in ("scores.parquet", "features.parquet", "cases.parquet", "record.json"):
                temporary = folder / f".{name}.tmp"
                shutil.copyfile(versions[turn] / name, temporary)
                temporary.replace(folder / name)
            time.sleep(0.2)

    writer = threading.Thread(target=write)
    writer.start()
    seen, refused = set(), set()
    try:
        limit = time.monotonic() + 20
        while len(seen) < 2 and time.monotonic() < limit:
            for _ in range(30):
                try:
                    found = load_run(folder)
                except DataError as error:
                    refused.add(error.problem.partition(": ")[0])
                    continue
                value = found.scores["value"].iloc[0]
                assert found.record.parameter_count == int(value * 4)
                seen.add(value)
    finally:
        stop.set()
        writer.join()
    assert seen == {0.25, 0.75}
    assert refused <= {f"{folder} is being written by another process.",
                       f"{folder} is no run folder"}  # fmt: skip


def test_a_run_that_changes_at_every_look_is_said_to_be_written(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_run("x", [make_run.score("a", 1)])
    monkeypatch.setattr(results, "_PAUSE_S", 0)
    looks = iter(range(1000))
    monkeypatch.setattr(results, "_state", lambda folder: next(looks))
    with pytest.raises(DataError, match="is being written by another process"):
        load_run(path)


def test_a_run_without_a_record_that_somebody_works_on_is_said_to_be_written(
    make_run: Make,
) -> None:
    pytest.importorskip("fcntl")
    path = make_run("x", [make_run.score("a", 1)])
    (path / "record.json").unlink()
    with pytest.raises(DataError, match="is no run folder"):
        load_run(path)
    with (
        FileLock(path / ".lock"),
        pytest.raises(DataError, match="is being written by another process"),
    ):
        load_run(path)
    assert current([]) == []
