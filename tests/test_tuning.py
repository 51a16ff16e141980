"""Searching a method's parameters: where it looks, what it opens, what a kill leaves."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import DataError, UsageError
from benchmark.experiment import rerun
from benchmark.gone import LostProcessError
from benchmark.plan import RunRequest, prepare
from benchmark.progress import Reporter
from benchmark.results import find_runs
from benchmark.trials import TrialFolder
from benchmark.tuning import Study, TuneRequest, tune
from benchmark.tuning_files import best_command, write_files

#: Paints so much of the scar as two parameters are near their best, gain .01 and shift .3.
DIAL = '''"""A known function of its parameters."""
import math
import os
import time
from typing import Literal
import numpy as np
from pydantic import Field
from benchmark import Method, Range, Region, Segmentation
from benchmark.errors import PluginError


def happened(what):
    if "TOY_EVENTS" in os.environ:
        with open(os.environ["TOY_EVENTS"], "a") as file:
            file.write(what + "\\n")


class Dial(Method):
    """Best at gain 0.01 and shift 0.3."""

    produces = frozenset({Region.SCAR})
    tunable = {"gain": Range(1e-4, 1.0, log=True), "shift": Range(0, 1)}
    gain: float = Field(0.5, gt=0, description="best at 0.01")
    shift: float = Field(0.9, ge=0, le=1, description="best at 0.3")
    depth: int = Field(4, ge=1, le=9, description="changes nothing")
    kind: Literal["one", "two"] = Field("one", description="changes nothing")
    on: bool = True
    wide: bool = False
    dizzy: float = Field(2.0, description="training fails where shift is greater")

    def train(self, cases, context):
        happened(f"train {self.gain} {self.shift} {context.seed}")
        happened("learns " + " ".join(sorted(c.study.id for c in [*cases, *context.validation])))
        if self.shift > self.dizzy:
            raise PluginError("The loss is not finite.", "Lower the shift.")
        if "TOY_STOP" in os.environ:
            with open(os.environ["TOY_EVENTS"]) as file:
                if file.read().count("train ") == int(os.environ["TOY_STOP"]):
                    time.sleep(600)
        (context.folder / "x").write_text("x")

    def predict(self, study):
        happened(f"predict {study.id}")
        image = study.images["lge"].voxels
        score = max(0.0, 1 - 0.15 * math.log10(self.gain / 0.01) ** 2 - (self.shift - 0.3) ** 2)
        scar = np.argwhere(image > 500)
        labels = np.zeros(image.shape, np.uint8)
        labels[tuple(scar[: round(len(scar) * score)].T)] = 3
        return Segmentation(labels)
'''


class Lines(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def dial(plugins: Any) -> str:
    path: str = plugins.file("dial", DIAL)
    return path


@pytest.fixture
def search(dial: str, plugins: Any, tmp_path: Path) -> Callable[..., Study]:
    """Search with ``dial`` on the toy data: ``search(trials=3, run={"profile": "paper"})``."""

    def start(
        run: dict[str, Any] | None = None, reporter: Reporter | None = None, **more: Any
    ) -> Study:
        asked = {"method": dial, "dataset": plugins.toy(), "runs": tmp_path / "runs",
                 "threads": 1, "device": "cpu", **(run or {})}  # fmt: skip
        return tune(TuneRequest(RunRequest(**asked), **{"trials": 4, **more}), reporter or Lines())

    return start


# The search


def test_each_trial_is_a_run_on_the_validation_cases_and_no_other_case_is_opened(
    search: Callable[..., Study], dial: str, plugins: Any, events: Any
) -> None:
    watched = plugins.file("watched", Path(plugins.toy()).read_text().replace(
        "    def load(self, case_id):\n",
        "    def load(self, case_id):\n"
        "        with open(__import__('os').environ['TOY_EVENTS'], 'a') as file:\n"
        "            file.write(f'loads {case_id}\\n')\n",
    ))  # fmt: skip
    study = search({"dataset": watched}, trials=2)
    assert [t.state for t in study.trials] == ["done", "done"]
    seen = events()
    assert {line for line in seen if line.startswith("learns")} == {"learns t1 t2 v1"}
    assert {line for line in seen if line.startswith("predict")} == {"predict v1"}
    for trial in study.trials:
        folder = study.path.parent / trial.runs[0]
        record = json.loads((folder / "record.json").read_text())
        assert record["evaluated"] == ["validation"]
        assert [p.name for p in (folder / "predictions").glob("*.json")] == ["v1.json"]
    assert {line for line in seen if line.startswith("loads")} == {
        "loads t1",
        "loads t2",
        "loads v1",
    }
    # the net is tight: what tests, opens them
    prepare(RunRequest(dial, watched, runs=study.path.parent / "other", device="cpu"), Lines())
    assert {"loads a", "loads b", "loads c", "loads x"} <= set(events())


def test_a_method_that_trains_nothing_is_searched_without_the_train_cases(
    search: Callable[..., Study], plugins: Any, events: Any
) -> None:
    study = search({"method": plugins.method()}, trials=2, space={"threshold": "450:620"}, seeds=3)
    assert events() == ["predict v1"] * 2
    assert [len(t.runs) for t in study.trials] == [1, 1]  # seeds would change nothing


def test_the_value_is_the_one_that_the_known_function_has(search: Callable[..., Study]) -> None:
    study = search(trials=1)
    first = study.trials[0]
    assert (first.source, first.parameters) == ("given", {"gain": 0.5, "shift": 0.9})
    share = 1 - 0.15 * math.log10(50) ** 2 - 0.36
    assert first.value == pytest.approx(2 * share / (1 + share), abs=0.02)  # Dice of that share
    assert first.cases == 1


def test_trials_are_no_entries_of_a_leaderboard(
    search: Callable[..., Study], run: Callable[..., Any], dial: str
) -> None:
    tested = run(dial)
    study = search(trials=1)
    root = study.path.parent.parent
    # the same parameters: the trial, which came later, must not stand in for the run
    assert find_runs(root) == [tested.path]
    assert study.trials[0].runs != [tested.path.name]


def test_a_trial_is_repeated_from_its_record_on_the_same_cases(
    search: Callable[..., Study], events: Any
) -> None:
    study = search(trials=1)
    events()
    again = rerun(study.path.parent / study.trials[0].runs[0], Lines())
    assert again.reproduced
    assert {line for line in events() if line.startswith("predict")} == {"predict v1"}


def test_the_best_command_finds_its_model_trained(
    search: Callable[..., Study], events: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = search({"settings": {"kind": "two", "on": False}}, trials=2, seeds=2)
    command = best_command(study)
    assert command is not None
    events()
    import shlex

    from benchmark.cli._app import app, run_app

    words = shlex.split(command)
    assert words[:2] == ["bench", "run"]
    assert run_app(app, [*words[1:], "--no-pictures"]) == 0
    assert {line.split()[0] for line in events()} == {"predict"}
    from benchmark.record import RunRecord

    records = [RunRecord.load(path) for path in find_runs(study.path.parent.parent)]
    best = study.best
    assert best is not None
    assert sorted(record.seed for record in records) == [0, 1]
    for record in records:
        assert best.parameters.items() <= record.method.parameters.items()
        assert (record.method.parameters["kind"], record.method.parameters["on"]) == ("two", False)


def test_a_seen_trial_costs_nothing_in_another_search(
    search: Callable[..., Study], events: Any
) -> None:
    search(trials=1)
    events()
    other = search(trials=1, space={"shift": "0.5:1"})
    assert events() == []
    assert [(t.cached, t.source) for t in other.trials] == [(True, "given")]


def test_a_value_is_the_mean_over_the_seeds(search: Callable[..., Study], events: Any) -> None:
    study = search(trials=1, seeds=3)
    trained = [line for line in events() if line.startswith("train")]
    assert trained == [f"train 0.5 0.9 {seed}" for seed in range(3)]
    assert len(study.trials[0].runs) == 3


def test_what_the_method_has_is_not_tried_where_it_lies_outside(
    search: Callable[..., Study],
) -> None:
    study = search(trials=1, space={"shift": "0:0.5"})
    assert study.trials[0].source == "random"


def test_a_trial_that_fails_says_why_and_the_others_go_on(
    search: Callable[..., Study], tmp_path: Path
) -> None:
    lines = Lines()
    study = search({"settings": {"dizzy": 0.45}}, lines, trials=4)
    states = [t.state for t in study.trials]
    assert states[0] == "failed"  # as it is: shift 0.9
    assert "done" in states
    assert study.trials[0].reason == "The loss is not finite. Lower the shift."
    assert study.trials[0].value is None
    assert study.best is not None
    assert study.best.parameters["shift"] <= 0.45
    assert any("trial 1 of 4: failed: The loss is not finite." in said for said in lines.said)


def test_a_case_that_cannot_be_predicted_fails_the_trial(
    search: Callable[..., Study], plugins: Any
) -> None:
    method = plugins.method("raise ValueError(f'no {self.threshold}')")
    study = search({"method": method}, trials=2, space={"threshold": "450:620"})
    assert [t.state for t in study.trials] == ["failed", "failed"]
    assert study.trials[0].reason.startswith("1 case(s) failed, v1 for one: ValueError: no 500.0")
    assert study.best is None
    assert best_command(study) is None


def test_more_trials_go_on_where_the_search_ended_and_fewer_do_nothing(
    search: Callable[..., Study], events: Any
) -> None:
    first = search(trials=2)
    events()
    lines = Lines()
    more = search(reporter=lines, trials=3)
    assert len([line for line in events() if line.startswith("train ")]) == 1
    assert more.trials[:2] == first.trials
    assert lines.said[0] == "searching gain 0.0001:1:log, shift 0:1; 2 trial(s) are there"
    assert [said.partition(":")[0] for said in lines.said[1:]] == ["trial 3 of 3"]
    assert search(trials=1).trials == more.trials
    assert events() == []


def test_a_search_of_another_seed_space_or_metric_is_another(search: Callable[..., Study]) -> None:
    changes: list[dict[str, Any]] = [
        {}, {"seed": 1}, {"seeds": 2}, {"metric": "iou"}, {"space": {"shift": "0:0.95"}},
        {"run": {"settings": {"depth": 5}}},
    ]  # fmt: skip
    paths = {search(**{"timeout": 0, **change}).path for change in changes}
    assert len(paths) == len(changes)


def test_after_the_timeout_no_trial_is_started(search: Callable[..., Study], events: Any) -> None:
    lines = Lines()
    assert search(reporter=lines, timeout=0).trials == ()
    assert events() == []
    assert lines.said == [
        "searching gain 0.0001:1:log, shift 0:1",
        "0 s are over: no further trial is started",
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"metric": "dise"}, "no metric 'dise'. Did you mean 'dice'"),
        ({"metric": "volume_error_ml"}, "'volume_error_ml' has no better and worse end"),
        ({"region": "scra"}, r"no region 'scra'\. Did you mean 'scar'\?"),
        ({"region": "myocardium"}, "dial says nothing of the region 'myocardium'. There are: scar"),
        ({"trials": 0}, "0 trials"),
        ({"seeds": 0}, "0 seeds"),
        ({"run": {"profile": "papre"}}, "no profile 'papre'"),
        ({"space": {"gain": "5"}}, "--space gain=5: '5' is no range"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_trial(
    search: Callable[..., Study], events: Any, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        search(**more)
    assert events() == []


def test_a_split_without_validation_cases_is_refused(
    search: Callable[..., Study], tmp_path: Path
) -> None:
    from benchmark.errors import DataError

    split = tmp_path / "split.json"
    split.write_text('{"train": ["t1"], "test": ["a"]}')
    with pytest.raises(DataError, match="no case to score: none is validation"):
        search({"split": split})


def test_jdl_is_searched_in_the_parameters_that_the_paper_tuned(
    search: Callable[..., Study],
) -> None:
    run = {"method": "jdl", "profile": "smoke", "settings": {"epochs": 1, "weight_decay": 1e-6}}
    study = search(run, trials=2)
    assert list(study.space) == ["learning_rate", "dropout", "myocardium_weight"]
    assert [t.state for t in study.trials] == ["done", "done"]
    assert study.trials[0].parameters == {
        "learning_rate": 3e-3, "dropout": 0.1, "myocardium_weight": 1.02,
    }  # fmt: skip
    assert study.trials[1].parameters != study.trials[0].parameters
    command = best_command(study)
    assert command is not None
    assert "--profile smoke" in command
    assert "weight_decay=1e-06" in command


# What a kill leaves

SEARCH = """
import sys
from pathlib import Path
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.tuning import TuneRequest, tune
dial, toy, runs = sys.argv[1:]
base = RunRequest(dial, toy, runs=Path(runs), threads=1, device="cpu")
tune(TuneRequest(base, trials=9), Reporter())
"""


def test_a_search_that_is_killed_goes_on_as_if_it_had_not_been(
    search: Callable[..., Study], dial: str, plugins: Any, python: Any, tmp_path: Path, events: Any
) -> None:
    whole = search({"runs": tmp_path / "whole"}, trials=9)
    assert [t.source for t in whole.trials][4:] == ["model"] * 5
    events()
    process = python(SEARCH, dial, plugins.toy(), str(tmp_path / "runs"), TOY_STOP="6")
    ledger = TrialFolder(tmp_path / "runs" / "toy" / whole.path.name)
    begun = time.monotonic()
    while not ((sixth := ledger.read(6)) and sixth.state == "running"):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - begun < 300
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(ledger.finished()) == 5
    begun_as = ledger.read(6)
    assert begun_as is not None
    assert begun_as.state == "running"
    events()
    again = search(trials=9)
    trained = [line for line in events() if line.startswith("train ")]
    assert len(trained) <= 4  # 6 to 9; the first five are not done again
    told = ("number", "state", "source", "parameters", "value", "cases")
    assert [t.model_dump(include=set(told)) for t in again.trials] == [
        t.model_dump(include=set(told)) for t in whole.trials
    ]
    assert again.trials[5].parameters == begun_as.parameters


@pytest.mark.parametrize("left", ["", "{", '{"number": 2}', '{"number": 7, "state": "done"}'])
def test_a_trial_whose_file_is_damaged_is_done_again_with_the_same_parameters(
    search: Callable[..., Study], left: str
) -> None:
    first = search(trials=3)
    (first.path / "trials" / "0002.json").write_text(left)
    again = search(trials=3)
    assert again.trials[1].cached
    assert [t.parameters for t in again.trials] == [t.parameters for t in first.trials]
    assert [t.value for t in again.trials] == [t.value for t in first.trials]


# What it leaves


def test_the_files_of_a_search_say_everything(search: Callable[..., Study]) -> None:
    study = search({"settings": {"dizzy": 0.85}}, trials=3, space={"kind": "one,two"})
    write_files(study)
    content = json.loads((study.path / "tune.json").read_text())
    assert content["failed"] == len(study.failed) > 0
    assert content["space"] == {
        "gain": {"low": 1e-4, "high": 1.0, "log": True},
        "shift": {"low": 0.0, "high": 1.0, "log": False},
        "kind": {"log": False, "choices": ["one", "two"]},
    }
    best = study.best
    assert best is not None
    assert content["best"]["parameters"] == best.parameters
    assert content["role"] == "validation"
    assert len(content["trials"]) == 3
    rows = list(csv.DictReader((study.path / "trials.csv").read_text().splitlines()))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert float(rows[best.number - 1]["gain"]) == best.parameters["gain"]
    assert rows[0]["reason"] == "The loss is not finite. Lower the shift."
    assert rows[0]["value"] == ""


# As the user types it


def bench(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmark", *words],
        cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True, capture_output=True,
    )  # fmt: skip


def test_the_command_searches_and_says_what_to_run(dial: str, plugins: Any, tmp_path: Path) -> None:
    words = ["tune", "-m", dial, "-d", plugins.toy(), "--trials", "7", "--threads", "1",
             "--device", "cpu"]  # fmt: skip
    done = bench(words, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dial on toy (synthetic): best of 7 trials" in done.stdout
    assert "without a search: 0.3" in done.stdout
    assert "importance: gain " in done.stdout
    assert "Judge by the test cases." in done.stdout
    assert f"bench run --method '{dial}[gain=" in done.stdout
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith("trial")] == [
        f"trial {k} of 7" for k in range(1, 8)
    ]
    assert "left" in done.stderr
    (folder,) = (tmp_path / "runs" / "toy").glob("tune-dial-*")
    assert {p.name for p in folder.iterdir() if p.name[0] != "."} == {
        "trials", "tune.json", "trials.csv", "history.png", "history.svg", "importance.png",
        "importance.svg",
    }  # fmt: skip
    assert not any(p.is_dir() and p.name == "pictures" for p in (tmp_path / "runs").rglob("*"))
    again = bench([*words, "--json"], tmp_path)
    assert again.returncode == 0, again.stderr
    assert (
        json.loads(again.stdout)["trials"]
        == json.loads((folder / "tune.json").read_text())["trials"]
    )
    assert "trial" not in again.stderr


def test_the_exit_codes_are_those_of_other_commands(
    dial: str, plugins: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmark.cli._app import app, run_app

    words = ["tune", "-m", dial, "-d", plugins.toy(), "--runs", str(tmp_path / "runs"),
             "--threads", "1", "--device", "cpu"]  # fmt: skip
    assert run_app(app, [*words, "--trials", "3", "--set", "dizzy=0.85"]) == 4
    assert "failed: trial 1: The loss is not finite." in capsys.readouterr().err
    assert run_app(app, [*words, "--trials", "1", "--set", "dizzy=0.1"]) == 3
    assert "No trial has a value." in capsys.readouterr().out
    assert run_app(app, [*words, "--space", "shift=0:2"]) == 2
    assert "less than or equal to 1" in capsys.readouterr().err
    assert run_app(app, ["tune", "-m", "otsu", "-d", plugins.toy()]) == 2
    assert "nothing to search in 'otsu'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("does", "limit", "says"),
    [
        ("os._exit(9)", "--train-timeout=60", "its process ended itself with exit code 9"),
        ("time.sleep(600)", "--train-timeout=3", "took longer than 3 s"),
        (
            "held = [(time.sleep(0.05), bytearray(b'1' * 10**8)) for _ in range(60)]",
            "--memory=1",
            "memory|MemoryError",
        ),
    ],
)
def test_a_trial_that_takes_its_process_down_has_failed_and_the_others_go_on(
    plugins: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    does: str,
    limit: str,
    says: str,
) -> None:
    from benchmark.cli._app import app, run_app

    fails = 'raise PluginError("The loss is not finite.", "Lower the shift.")'
    dial = plugins.file("dial", DIAL.replace(fails, does))
    words = ["tune", "-m", dial, "-d", plugins.toy(), "--runs", str(tmp_path / "runs"),
             "--threads", "1", "--device", "cpu", "--trials", "3", "--set", "dizzy=0.85",
             limit]  # fmt: skip
    assert run_app(app, words) == 4
    out, err = capsys.readouterr()
    assert "failed: trial 1: " in err
    assert re.search(says, err)
    assert "remove its file in " in err
    assert "trial 3 of 3: scar dice" in err
    assert "best of 3 trials" in out


@pytest.mark.parametrize("training", [True, False])
def test_a_process_that_is_lost_elsewhere_than_in_training_ends_the_search(
    search: Callable[..., Study], dial: str, plugins: Any, tmp_path: Path, training: bool
) -> None:
    asked = RunRequest(dial, plugins.toy(), runs=tmp_path / "runs", threads=1, device="cpu")

    def run(request: RunRequest, reporter: Reporter) -> Any:
        raise LostProcessError("It ended.", training=training)

    if training:  # it may be what the parameters ask for: the next ones may not
        study = tune(TuneRequest(asked, trials=2), Lines(), run=run)
        assert [(t.state, t.reason) for t in study.trials] == [("failed", "It ended.")] * 2
        return
    with pytest.raises(DataError, match="It ended"):
        tune(TuneRequest(asked, trials=2), Lines(), run=run)
    (trial,) = (tmp_path / "runs").rglob("trials/*.json")
    assert json.loads(trial.read_text())["state"] == "running"  # so it is tried again
    assert [t.state for t in search(trials=2).trials] == ["done", "done"]


def test_without_optuna_the_command_says_how_to_install_it(
    dial: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    from benchmark.cli._app import app, run_app

    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "optuna" else there(name)
    )
    assert run_app(app, ["tune", "-m", dial]) == 2
    assert "pip install 'scarbench[tune]'" in capsys.readouterr().err


def test_help_and_lists_import_neither_optuna_nor_torch(tmp_path: Path) -> None:
    text = (
        "import sys\nfrom benchmark.cli._app import app, run_app\n"
        "for words in (['--help'], ['tune', '--help'], ['list'], ['list', 'methods']):\n"
        "    run_app(app, words)\n"
        "assert not {'optuna', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Search for a method's best parameters." in done.stdout
