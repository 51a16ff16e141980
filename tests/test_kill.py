"""``benchmarks/kill.py``: that it kills, goes on, compares, and would notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processor time is read from /proc"
)


def test_a_few_kills_change_nothing() -> None:
    words = [sys.executable, str(ROOT / "benchmarks" / "kill.py"), "--kills", "3", "--seed", "3"]
    # its own folder is where its other modules are
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    ended = subprocess.run(words, capture_output=True, text=True, timeout=900, env=env, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "   3 kills  same bytes" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "3 kills in 1 trials; 1 trials the same"


@pytest.fixture
def trial(scripts: Callable[[str], Any], tmp_path: Path) -> Any:
    """A trial with a run that is half scored."""
    one = scripts("kill").Trial(tmp_path, [])
    for name in ("predictions/a.json", "predictions/a.nii.gz", "parts/0.scores.parquet",
                 "stages/train.json", "scores.parquet", "model/w"):  # fmt: skip
        path = one.runs / "toy" / "x-1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (one.boards / "toy").mkdir(parents=True)
    (one.boards / "toy.md").write_text("whole")
    return one


def test_a_trial_that_goes_on_as_it_was_has_no_fault(trial: Any) -> None:
    trial.note()
    trial.note()
    trial.judge(trial.contents())
    assert trial.faults == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("runs/toy/x-1/predictions/a.json", "done again or lost"),
        ("runs/toy/x-1/stages/train.json", "done again or lost"),
        ("runs/toy/x-1/scores.parquet", "differs"),
        ("runs/toy/x-1/model/w", "differs"),
        ("leaderboards/toy.md", "differs"),
    ],
)
@pytest.mark.parametrize("lost", [True, False])
def test_what_is_lost_or_changed_is_noticed(
    trial: Any, tmp_path: Path, name: str, fault: str, lost: bool
) -> None:
    expected = trial.contents()
    trial.note()
    if lost:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text("other")
    trial.note()
    trial.judge(expected)
    assert f"{fault}: {name}" in trial.faults


def test_a_case_that_is_scored_again_is_noticed(trial: Any) -> None:
    part = trial.runs / "toy" / "x-1" / "parts" / "0.scores.parquet"
    trial.note()
    other = part.with_name("other")
    other.write_text("the same or not")
    other.replace(part)
    trial.note()
    assert trial.faults == ["scored again: runs/toy/x-1/parts/0.scores.parquet"]
    part.unlink()
    trial.note()
    assert trial.faults[1:] == ["scores lost: runs/toy/x-1/parts/0.scores.parquet"]


def test_a_part_that_was_joined_is_not_lost(trial: Any) -> None:
    trial.note()
    (trial.runs / "toy" / "x-1" / "parts" / "0.scores.parquet").unlink()
    (trial.runs / "toy" / "x-1" / "stages" / "score.json").write_text("{}")
    trial.note()
    assert trial.faults == []


def test_times_and_memory_are_set_to_one_value_and_nothing_else_is(
    scripts: Callable[[str], Any], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    stages = {"train": {"key": "k", "seconds": 5.5, "peak_memory_mb": 7, "resumed": True,
                        "cases": 3}}  # fmt: skip
    paths = [make_run("x", [make_run.score("a", 0.5)], seed=s, record={"stages": stages},  # type: ignore[attr-defined]
                      cases={"a": {"seconds": 2.0 + s}}) for s in (0, 1)]  # fmt: skip
    scripts("timeless").timeless(tmp_path / "runs")
    tables = [(path / "cases.parquet").read_bytes() for path in paths]
    assert tables[0] == tables[1]
    record = json.loads((paths[0] / "record.json").read_text())
    assert record["stages"]["train"] == {"key": "k", "seconds": 1.0, "peak_memory_mb": 1.0,
                                         "resumed": False, "cases": 3}  # fmt: skip
