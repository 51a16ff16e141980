"""``bench runs``: what is done, running, failed and interrupted, read and never disturbed."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.holder import NAME
from benchmark.underway import State, run_state, run_states, totals

ABOUT = {"method": "jdl", "asked": {"epochs": 3}, "profile": "quick", "dataset": "toy", "seed": 2,
         "fold": None, "evaluate": ["test", "external"], "cases": 4}  # fmt: skip
Make = Callable[..., Path]


def begun(root: Path, name: str = "jdl-aaaaaaaaaaaa", *, ended: float | None = None, **about: Any):
    """A run that was begun on another machine and has left nothing yet."""
    folder = root / "toy" / name
    folder.mkdir(parents=True)
    (folder / ".lock").touch()
    says = {"host": "elsewhere", "boot": "b", "pid": 7, "started": time.time() - 50,
            "ended": ended, "about": {**ABOUT, **about}}  # fmt: skip
    (folder / NAME).write_text(json.dumps(says))
    return folder


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def state(folder: Path, **more: Any) -> Any:
    found = run_state(folder, **more)
    assert found is not None
    return found


def test_a_finished_run_is_told_by_its_record(make_run: Make) -> None:
    totals_ = {"seconds": 12.5, "cases": {"ok": 3, "error": 1}}
    folder = make_run("jdl", [make_run.score("a", 0.5)], seed=3, record={"totals": totals_},
                      method_record={"asked": {"epochs": 9}, "profile": "paper"})  # fmt: skip
    one = state(folder)
    assert (one.state, one.stage) == (State.DONE, "done")
    assert (one.label, one.dataset, one.seed, one.profile) == ("jdl[epochs=9]", "toy", 3, "paper")
    assert (one.predicted, one.scored, one.errors, one.of) == (4, 4, 1, 4)
    assert one.seconds == 12.5
    assert one.ended == (folder / "record.json").stat().st_mtime
    assert not one.trial


def test_a_trial_of_a_search_is_said_to_be_one(make_run: Make) -> None:
    folder = make_run("jdl", [make_run.score("a", 0.5)], record={"evaluated": ["validation"]})
    assert state(folder).trial


def test_a_running_run_is_told_by_who_holds_it_and_by_what_is_there(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert (state(folder).state, state(folder).stage) == (State.RUNNING, "begin")
    (folder / "scratch").mkdir()
    assert state(folder).stage == "train"
    put(folder / "stages" / "train.json", {"key": "k"})
    assert state(folder).stage == "predict"
    put(folder / "predictions" / "a.json", {"status": "ok"})
    put(folder / "predictions" / "b.json", {"status": "error"})
    put(folder / "predictions" / ".c.json.7.tmp", {})
    one = state(folder)
    assert (one.stage, one.predicted, one.errors, one.scored, one.of) == ("predict", 2, 1, 0, 4)
    put(folder / "stages" / "predict.json", {"key": "k"})
    put(folder / "parts" / "0a.scores.parquet", {})
    put(folder / "parts" / "0a.counts.parquet", {})
    one = state(folder)
    assert (one.stage, one.scored) == ("score", 1)
    put(folder / "stages" / "score.json", {"key": "k", "cases": 4})
    one = state(folder, now=time.time() + 10)
    assert (one.stage, one.scored) == ("record", 4)
    assert (one.host, one.pid, one.label, one.seed) == ("elsewhere", 7, "jdl[epochs=3]", 2)
    assert 60 <= one.seconds < 100


def test_one_that_gives_no_sign_of_life_is_interrupted(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    os.utime(folder / NAME, (time.time() - 600, time.time() - 600))
    one = state(folder)
    assert one.state is State.INTERRUPTED
    assert one.message == "no sign of life from elsewhere for 10 min"


def test_one_that_was_left_by_an_interrupt_is_interrupted(tmp_path: Path) -> None:
    one = state(begun(tmp_path, ended=5.0))
    assert (one.state, one.ended, one.message) == (State.INTERRUPTED, 5.0, "")


def test_a_failure_is_told_with_its_stage_time_and_message(tmp_path: Path) -> None:
    folder = begun(tmp_path, ended=5.0)
    put(folder / "failure.json", {"stage": "train", "message": "No\x1b[31m loss\nhere",
                                  "when": "2026-01-02T03:04:05+00:00"})  # fmt: skip
    one = state(folder)
    assert (one.state, one.stage, one.ended) == (State.FAILED, "train", 1767323045.0)
    assert one.message == "No\N{REPLACEMENT CHARACTER}[31m loss here"


def test_a_run_begun_again_is_running_whatever_it_was_before(make_run: Make) -> None:
    folder = make_run("jdl", [make_run.score("a", 0.5)])
    put(folder / "failure.json", {"stage": "train", "message": "old", "when": "then"})
    assert state(folder).state is State.FAILED
    says = {"host": "elsewhere", "pid": 7, "started": time.time(), "ended": None, "about": {}}
    put(folder / NAME, says)
    assert state(folder).state is State.RUNNING


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"totals": 3, "method": [], "seed": "x"}'])
def test_damaged_files_are_a_line_and_no_error(tmp_path: Path, text: str) -> None:
    folder = begun(tmp_path, ended=5.0)
    for name in ("record.json", "failure.json", NAME, "stages/score.json", "predictions/a.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    one = state(folder)
    assert (one.state, one.method, one.dataset) == (State.FAILED, "jdl", "toy")


def test_a_folder_that_is_no_run_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "toy" / "notes").mkdir(parents=True)
    (tmp_path / "toy" / ".hidden").mkdir()
    (tmp_path / "toy" / "file").touch()
    assert list(run_states(tmp_path)) == []
    assert list(run_states(tmp_path / "nowhere")) == []


def test_the_folder_of_a_search_is_no_run(tmp_path: Path) -> None:
    folder = begun(tmp_path, "tune-jdl-aaaaaaaaaaaa")
    put(folder / "tune.json", {})
    assert run_state(folder) is None
    begun(tmp_path, "tuned-aaaaaaaaaaaa", method="tuned")
    assert [one.method for one in run_states(tmp_path)] == ["tuned"]


def test_a_real_run_is_told_while_it_runs_and_after_it_was_killed(
    tmp_path: Path, plugins: Any, python: Callable[..., Any]
) -> None:
    method = plugins.method("while True:\n    time.sleep(0.05)")
    code = (
        "import sys\nfrom pathlib import Path\nfrom benchmark.plan import RunRequest\n"
        "from benchmark.progress import Reporter\nfrom benchmark.runner import run\n"
        "run(RunRequest(sys.argv[1], sys.argv[2], runs=Path(sys.argv[3]), threads=1,\n"
        "    device='cpu', pictures=False), Reporter())\n"
    )
    process = python(code, method, plugins.toy(), str(tmp_path / "runs"))
    limit = time.monotonic() + 60
    found: list[Any] = []
    while not (found and found[0].of) and time.monotonic() < limit:
        time.sleep(0.05)
        found = list(run_states(tmp_path / "runs"))
    (one,) = found
    assert (one.state, one.method, one.dataset, one.of) == (State.RUNNING, "made", "toy", 4)
    assert (one.host, one.pid) == (platform.node(), process.pid)
    before = {p: p.stat().st_mtime_ns for p in one.path.rglob("*") if p.name != NAME}
    process.kill()
    process.wait()
    (one,) = run_states(tmp_path / "runs")
    assert (one.state, one.stage) == (State.INTERRUPTED, "begin")
    assert {p: p.stat().st_mtime_ns for p in one.path.rglob("*") if p.name != NAME} == before


def test_totals_name_every_state(tmp_path: Path) -> None:
    begun(tmp_path)
    assert totals(list(run_states(tmp_path))) == {
        "running": 1, "failed": 0, "interrupted": 0, "done": 0,
    }  # fmt: skip


# --- the command ---


def bench(*arguments: str) -> int:
    return run_app(app, ["runs", *arguments])


def words(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = bench(*arguments)
    return code, capsys.readouterr().out


def test_the_command_prints_a_line_a_run_and_what_went_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path)
    failed = begun(tmp_path, "unet-bbbbbbbbbbbb", ended=5.0, method="unet", asked={}, seed=0)
    put(failed / "failure.json", {"stage": "train", "message": "No memory.", "when": 1.0})
    code, text = words(capsys, str(tmp_path))
    assert code == 0
    lines = [line.split() for line in text.splitlines() if line.strip()]
    assert lines[0] == ["state", "method", "data", "set", "seed", "fold", "stage", "predicted",
                        "scored", "errors", "since", "took", "process"]  # fmt: skip
    assert lines[1][:6] == ["running", "jdl[epochs=3]", "toy", "2", "begin", "0/4"]
    assert lines[1][-1] == "elsewhere:7"
    assert lines[2][:5] == ["failed", "unet", "toy", "0", "train"]
    assert f"failed: {failed}: No memory." in text
    assert text.splitlines()[-1] == "1 running, 1 failed, 0 interrupted, 0 done"


def test_versions_of_one_run_are_told_apart_by_their_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("jdl-aaaaaaaaaaaa", "jdl-bbbbbbbbbbbb"):
        begun(tmp_path, name)
    begun(tmp_path, "jdl-cccccccccccc", seed=9)
    assert run_app(app, ["runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert [name in out for name in ("] aaaaaaaa ", "] bbbbbbbb ", "cccccccc")] == [
        True, True, False,
    ]  # fmt: skip


def test_the_command_gives_json_and_chooses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path)
    begun(tmp_path, "unet-bbbbbbbbbbbb", ended=5.0, method="unet")
    found = json.loads(words(capsys, str(tmp_path), "--json")[1])
    assert [one["state"] for one in found] == ["running", "interrupted"]
    assert found[0]["asked"] == {"epochs": 3}
    assert found[0]["of"] == 4
    chosen = json.loads(words(capsys, str(tmp_path), "--json", "--state", "interrupted")[1])
    assert [one["method"] for one in chosen] == ["unet"]
    assert json.loads(words(capsys, str(tmp_path), "--json", "-d", "other")[1]) == []


def test_the_command_says_where_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(str(tmp_path / "nowhere")) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert words(capsys, str(tmp_path)) == (0, f"There are no runs in {tmp_path}.\n")
    assert bench(str(tmp_path), "--state", "runing") == 2
    assert "running" in capsys.readouterr().err


def test_the_command_imports_nothing_heavy(tmp_path: Path, python: Callable[..., Any]) -> None:
    begun(tmp_path)
    code = (
        "import sys\nfrom benchmark.cli._app import app, run_app\n"
        "run_app(app, ['runs', sys.argv[1]])\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'torch', 'distributed', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out, errors = python(code, str(tmp_path)).communicate(timeout=120)
    assert out.splitlines()[-1] == "[]", errors
