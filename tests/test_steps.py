"""The steps of a run, each by its name and each by whoever has the request."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark import steps
from benchmark.errors import DataError
from benchmark.plan import RunRequest
from benchmark.store import RunFolder


@pytest.fixture
def request_(plugins: Any, tmp_path: Path) -> RunRequest:
    return RunRequest(
        plugins.method(), plugins.toy(), runs=tmp_path / "runs", pictures=False, threads=1,
        device="cpu",
    )  # fmt: skip


def forgotten() -> None:
    """As another process would begin."""
    steps._process.kept.clear()


def folder(request: RunRequest, begun: steps.Begun) -> Path:
    path = request.runs / begun.dataset / f"{begun.method}-{begun.key[:12]}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_each_step_can_be_done_by_another_process(
    request_: RunRequest, run: Callable[..., Any], plugins: Any, tmp_path: Path
) -> None:
    whole = run(request_.method, request_.dataset, runs=tmp_path / "whole")
    begun = steps.begin(request_)
    assert begun.cases == ("a", "b", "c", "x")
    assert not begun.trains
    path = folder(request_, begun)
    request = replace(request_, expected=path.relative_to(request_.runs).as_posix())
    forgotten()
    assert steps.unpredicted(request) == list(begun.cases)
    for case in reversed(begun.cases):
        forgotten()
        assert steps.predict_step(pickle.loads(pickle.dumps(request)), case)["status"] == "ok"
    forgotten()
    assert steps.unpredicted(request) == []
    assert steps.unscored(request) == list(begun.cases)
    for case in reversed(begun.cases):
        forgotten()
        assert steps.score_step(request, case) > 0
    forgotten()
    assert steps.unscored(request) == []
    assert steps.finish(request, 1.0).cases == {"ok": 4}
    for name in ("scores", "counts", "features"):
        parts = [p / f"{name}.parquet" for p in (path, whole.path)]
        assert parts[0].read_bytes() == parts[1].read_bytes()
    assert json.loads((path / "stages/score.json").read_text())["seconds"] >= 1.0


def test_a_method_is_cold_once_a_process(request_: RunRequest) -> None:
    folder(request_, steps.begin(request_))
    assert [steps.predict_step(request_, c)["warm"] for c in "abc"] == [False, True, True]
    forgotten()
    assert steps.predict_step(request_, "x")["warm"] is False


def test_a_worker_whose_driver_was_followed_by_another_writes_no_prediction(
    request_: RunRequest,
) -> None:
    begun = steps.begin(request_)
    run = RunFolder(request_.runs, begun.dataset, begun.method, begun.key)
    with run.lock() as orphaned:
        pass
    with run.lock() as holder:
        ours = replace(request_, holder=holder)
        steps.predict_step(ours, "a")
        before = {p: p.stat().st_ino for p in (run.path / "predictions").iterdir()}
        with pytest.raises(DataError, match="another process has taken this run"):
            steps.predict_step(replace(request_, holder=orphaned), "c")
        after = {p: p.stat().st_ino for p in (run.path / "predictions").iterdir()}
    assert after == before
    assert steps.predict_step(ours, "b")["status"] == "ok"  # nobody came after it


def test_a_case_without_a_row_is_not_scored(request_: RunRequest) -> None:
    folder(request_, steps.begin(request_))
    steps.predict_step(request_, "a")
    with pytest.raises(DataError, match=r"3 of 4 cases have no intact row of facts, 'b' for one"):
        steps.unscored(request_)


@pytest.mark.parametrize(
    "damage",
    [
        {"files": {"../../../etc/passwd": "0"}},
        {"files": {"predictions/b.nii.gz": "0"}},
        {"status": "perfect"},
        {"seconds": "many"},
        {"seconds": float("nan")},
        {"key": "another"},
        {"message": None},
        {"files": []},
    ],
)
def test_a_row_that_no_prediction_leaves_is_not_believed(
    request_: RunRequest, damage: dict[str, Any]
) -> None:
    """A method may write over the rows of its run, as over any file of the user's."""
    path = folder(request_, steps.begin(request_))
    for case in ("a", "b", "c", "x"):
        steps.predict_step(request_, case)
    row = path / "predictions/a.json"
    row.write_text(json.dumps({**json.loads(row.read_text()), **damage}))
    forgotten()
    assert steps.unpredicted(request_) == ["a"]
    with pytest.raises(DataError, match="no intact row"):
        steps.unscored(request_)


def test_a_case_given_up_is_an_error_with_what_it_took(request_: RunRequest) -> None:
    folder(request_, steps.begin(request_))
    row = steps.give_up(request_, "a", "it died", 2.5, 77.77)
    assert (row["status"], row["message"], row["seconds"]) == ("error", "it died", 2.5)
    assert row["peak_memory_mb"] == 77.8
    assert row["diagonal_mm"] == pytest.approx((30**2 + 30**2 + 27**2) ** 0.5)
    assert steps.unpredicted(request_) == ["a", "b", "c", "x"]
    unread = steps.give_up(request_, "a", "it died", read=False)
    assert unread["diagonal_mm"] is None


def test_scores_follow_a_prediction_made_again_by_another_process(request_: RunRequest) -> None:
    path = folder(request_, steps.begin(request_))
    for case in ("a", "b", "c", "x"):
        steps.predict_step(request_, case)
    steps.unscored(request_)
    steps.score_step(request_, "a")
    parts = len(list((path / "parts").iterdir()))
    steps.give_up(request_, "a", "it died")
    steps.score_step(request_, "a")
    assert len(list((path / "parts").iterdir())) == 2 * parts


def test_a_run_that_is_another_one_here_is_refused(request_: RunRequest) -> None:
    steps.begin(request_)
    other = replace(request_, expected="toy/made-000000000000")
    for step in ("train_step", "unpredicted", "unscored"):
        with pytest.raises(DataError, match="made-000000000000 was begun, and here it is made-"):
            steps.STEPS[step](other)


def test_what_a_method_is_can_be_asked_for_alone(plugins: Any) -> None:
    request = RunRequest(plugins.trained(), "absent")
    assert "threshold" in steps.parameters(request)
    assert steps.trains(request) is True
    assert steps.trains(RunRequest(plugins.method(), "absent")) is False
