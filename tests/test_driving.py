"""The order of a run's steps: what a plugin breaks costs its case, or its run, by name."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import steps
from benchmark.confined import Gone, Limits
from benchmark.driving import FAILURE, contained, drive
from benchmark.errors import DataError, PluginError
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.runner import InProcess

ON_B = "if study.id == 'b':\n    {}\n"
BRIGHT = "return Segmentation(np.where(image > 500, 3, 0))"


@pytest.fixture
def asked(plugins: Any, tmp_path: Path) -> Callable[..., RunRequest]:
    def make(method: str, runs: str = "runs", **more: Any) -> RunRequest:
        return RunRequest(
            method, plugins.toy(), runs=tmp_path / runs, pictures=False, threads=1, device="cpu",
            **more,
        )  # fmt: skip

    return make


def files(path: Path) -> dict[str, bytes]:
    names = [f"{n}.parquet" for n in ("scores", "counts", "features")]
    names += [str(p.relative_to(path)) for p in path.glob("predictions/*.nii.gz")]
    names += [str(p.relative_to(path)) for p in path.glob("model/*")]
    return {name: (path / name).read_bytes() for name in names}


# --- the same as in this process ---


def test_a_contained_run_leaves_what_one_in_this_process_leaves(asked: Any, plugins: Any) -> None:
    method = plugins.trained()
    here = drive(asked(method), InProcess(Reporter()), Reporter())
    there = contained(asked(method, "there"), Limits(), Reporter())
    assert files(here.path) == files(there.path)
    assert here.path.name == there.path.name
    assert (here.cases, here.cached) == (there.cases, there.cached) == ({"ok": 4}, False)
    assert sorted(p.name for p in here.path.iterdir()) == sorted(
        p.name for p in there.path.iterdir()
    )
    assert contained(asked(method, "there"), Limits(), Reporter()).cached


# --- a case ---


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("os._exit(1)", "its process ended itself with exit code 1"),
        ("import ctypes; ctypes.string_at(0)", "its process was killed by SIGSEGV"),
        ("while True: pass", "it took longer than 5 s"),
        ("raise KeyboardInterrupt", "it raised KeyboardInterrupt"),
    ],
)
def test_a_case_that_takes_its_process_down_is_a_row_and_the_others_are_whole(
    asked: Any, plugins: Any, what: str, message: str
) -> None:
    whole = contained(asked(plugins.method(BRIGHT), "whole"), Limits(), Reporter())
    broken = plugins.method(ON_B.format(what) + BRIGHT)
    result = contained(asked(broken), Limits(timeout_s=5), Reporter())
    assert result.errors == {"b": message}
    assert result.cases == {"ok": 3, "error": 1}
    cases = pd.read_parquet(result.path / "cases.parquet").set_index("case")
    assert cases.status.to_dict() == {"a": "ok", "b": "error", "c": "ok", "x": "ok"}
    assert cases.diagonal_mm["b"] == cases.diagonal_mm["a"] > 0  # the price of what it missed
    tables = [pd.read_parquet(r.path / "scores.parquet") for r in (whole, result)]
    same = [t[t.case != "b"].reset_index(drop=True) for t in tables]
    pd.testing.assert_frame_equal(*same)
    failed = tables[1][(tables[1].case == "b") & (tables[1].region == "scar")]
    assert set(failed.status) == {"error"}
    assert failed.value.isna().all()
    assert not (result.path / FAILURE).exists()


def test_a_case_that_failed_is_tried_again_and_the_others_are_not(
    asked: Any, plugins: Any, events: Any, tmp_path: Path
) -> None:
    file = tmp_path / "fails"
    method = plugins.method(ON_B.format(f"if Path({str(file)!r}).exists(): os._exit(1)") + BRIGHT)
    file.touch()
    assert contained(asked(method), Limits(), Reporter()).cases == {"ok": 3, "error": 1}
    file.unlink()
    events()
    again = contained(asked(method), Limits(), Reporter())
    assert again.cases == {"ok": 4}
    assert not again.cached
    assert events() == ["predict b"]


# --- a run ---

IMPORT = "\nimport os, ctypes\n{}\n"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("os._exit(5)", "ended while it was loaded: its process ended itself with exit code 5."),
        ("ctypes.string_at(0)", "ended while it was loaded: its process was killed by SIGSEGV."),
        ("while True: pass", "ended while it was loaded: it took longer than 4 s."),
        ("raise KeyboardInterrupt", "ended while it was loaded: it raised KeyboardInterrupt."),
    ],
)
def test_a_method_that_dies_when_it_is_loaded_is_named(
    asked: Any, plugins: Any, what: str, message: str
) -> None:
    method = plugins.method()
    path = Path(method)
    path.write_text(path.read_text() + IMPORT.format(what))
    with pytest.raises(PluginError) as caught:
        contained(asked(method), Limits(timeout_s=4), Reporter())
    assert message in caught.value.problem
    assert "made.py" in caught.value.problem


TRAIN = """
def train(self, cases, context):
    {}
"""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("os._exit(1)", "ended in training: its process ended itself with exit code 1."),
        ("time.sleep(600)", "ended in training: it took longer than 2 s."),
        ("raise ValueError('odd')", "failed: ValueError: odd."),
    ],
)
def test_a_training_that_fails_is_an_error_with_a_note_in_the_run(
    asked: Any, plugins: Any, tmp_path: Path, what: str, message: str
) -> None:
    method = plugins.trained(rest=TRAIN.format(what))
    with pytest.raises(PluginError) as caught:
        contained(asked(method), Limits(train_timeout_s=2), Reporter())
    assert message in caught.value.problem
    (note,) = (tmp_path / "runs").glob(f"*/*/{FAILURE}")
    said = json.loads(note.read_text())
    assert said["stage"] == "train"
    assert message in said["message"]
    assert said["argv"] == sys.argv[1:]
    assert said["when"].endswith("+00:00")
    assert not (note.parent / "record.json").exists()


def test_the_note_of_a_failure_goes_when_the_run_is_done(
    asked: Any, plugins: Any, tmp_path: Path
) -> None:
    file = tmp_path / "fails"
    file.touch()
    rest = plugins.TRAIN.replace(
        "def train(self, cases, context):",
        f"def train(self, cases, context):\n    if Path({str(file)!r}).exists(): os._exit(1)",
    )
    request = asked(plugins.trained(rest=rest))
    with pytest.raises(PluginError):
        contained(request, Limits(), Reporter())
    file.unlink()
    result = contained(request, Limits(), Reporter())
    assert result.cases == {"ok": 4}
    assert not (result.path / FAILURE).exists()


# --- executors ---


class Scripted:
    """Does the steps in this process, but for those that are said to end it."""

    width = 1

    def __init__(self, dies: Callable[[str, tuple[Any, ...]], bool]) -> None:
        self.dies = dies
        self.done: list[tuple[Any, ...]] = []

    def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
        self.done.append((step, *args))
        future: Future[Any] = Future()
        if self.dies(step, args):
            future.set_exception(Gone("it died", 1.5, 20.0))
        else:
            future.set_result(steps.STEPS[step](request, *args))
        return future


def test_steps_come_in_their_order(asked: Any, plugins: Any) -> None:
    executor = Scripted(lambda step, args: False)
    drive(asked(plugins.trained()), executor, Reporter())
    cases = ["a", "b", "c", "x"]
    order = [
        ("begin",), ("train_step",), ("unpredicted",), *(("predict_step", c) for c in cases),
        ("unscored",), *(("score_step", c) for c in cases), ("finish",),
    ]  # fmt: skip
    assert [done[:2] if done[0] != "finish" else done[:1] for done in executor.done] == order


def test_a_case_whose_very_reading_ends_the_process_is_given_up_unread(
    asked: Any, plugins: Any
) -> None:
    executor = Scripted(
        lambda step, args: args[:1] == ("b",) and (step == "predict_step" or args[-1] is True)
    )
    result = drive(asked(plugins.method()), executor, Reporter())
    assert result.errors == {"b": "it died"}
    cases = pd.read_parquet(result.path / "cases.parquet").set_index("case")
    assert pd.isna(cases.diagonal_mm["b"])
    assert (cases.seconds["b"], cases.peak_memory_mb["b"]) == (1.5, 20.0)


def test_a_process_that_ends_while_scoring_ends_the_run_and_no_table_is_written(
    asked: Any, plugins: Any, tmp_path: Path
) -> None:
    executor = Scripted(lambda step, args: step == "score_step" and args == ("b",))
    with pytest.raises(PluginError, match="while case 'b' was scored: it died"):
        drive(asked(plugins.method()), executor, Reporter())
    (note,) = (tmp_path / "runs").glob(f"*/*/{FAILURE}")
    assert json.loads(note.read_text())["stage"] == "score"
    assert not list(note.parent.glob("*.parquet"))


def test_a_process_that_comes_to_another_run_refuses(
    asked: Any, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machines of a cluster have the same code, data and libraries, or do no step."""

    class Elsewhere(Scripted):
        def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
            if step == "predict_step":
                steps._process.kept.clear()
                monkeypatch.setattr("benchmark.keys.versions", lambda names: {"torch": "0.1"})
            return super().submit(step, request, *args)

    with pytest.raises(DataError, match="was begun, and here it is made-"):
        drive(asked(plugins.method()), Elsewhere(lambda step, args: False), Reporter())


# --- the command ---


def bench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from benchmark.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_json_is_whole_whatever_a_plugin_prints(plugins: Any, tmp_path: Path) -> None:
    method = plugins.method("print('A')\nos.write(1, b'B')\nos.system('echo C')\n" + BRIGHT)
    done = bench("run", "-m", method, "-d", plugins.toy(), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert run["cases"] == {"ok": 4}
    log = (tmp_path / run["run"] / "plugin.log").read_text()
    assert all(log.count(c) >= 4 for c in "ABC")


def test_one_method_that_dies_costs_the_others_nothing(plugins: Any, tmp_path: Path) -> None:
    good = plugins.method(name="good")
    crash = plugins.method("os._exit(1)", name="crash")
    dead = plugins.file("dead", "import os\nos._exit(9)")
    words = [w for m in (dead, crash, good) for w in ("-m", m)]
    done = bench("run", *words, "-d", plugins.toy(), "--json", cwd=tmp_path)
    assert done.returncode == 4
    crashed, whole, failed = json.loads(done.stdout)
    assert (crashed["method"], crashed["cases"]) == ("crash", {"error": 4})
    assert (whole["method"], whole["cases"]) == ("good", {"ok": 4})
    assert failed["method"] == dead
    assert "ended itself with exit code 9" in failed["error"]
    assert f"error: {dead}" in done.stderr


def test_an_interrupt_ends_the_child_and_keeps_what_is_finished(
    plugins: Any, tmp_path: Path, python: Callable[..., Any], events: Any
) -> None:
    told = tmp_path / "pid"
    hang = f"open({str(told)!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)"
    method = plugins.method(ON_B.format(hang) + BRIGHT)
    code = "import sys; from benchmark.cli import main; sys.exit(main())"
    process = python(code, "run", "-m", method, "-d", plugins.toy())
    while not (told.exists() and told.read_text()):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "What is finished is kept" in process.communicate()[1]
    assert len(list((tmp_path / "runs").glob("toy/made-*/predictions/a.nii.gz"))) == 1
    stat = Path(f"/proc/{told.read_text()}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
