"""A method on data without what it needs: not applicable, said before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from benchmark import Method
from benchmark.cli._app import app, run_app
from benchmark.errors import PluginError
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.runner import run as run_request
from benchmark.trained import _estimate

TESTED = ["a", "b", "c", "x"]
#: Toy hearts of which those named have cine beside LGE.
WITH_CINE = """
class Some(Toy):
    with_cine: str = "t1,v1,a,b"

    def load(self, case_id):
        case = super().load(case_id)
        if case_id not in self.with_cine.split(","):
            return case
        images = {**case.study.images, "cine": case.study.images["lge"]}
        study = Study(case_id, images, case.study.attributes, apex="first")
        return Case(study, case.reference)
"""
#: Learns from a case only if it may, and says from which.
LISTS = """
needs = frozenset({"lge", "cine"})

def train(self, cases, context):
    for role, these in (("train", cases), ("validation", context.validation)):
        for case in these:
            happened(f"{role} {case.study.id}")
            assert "cine" in case.study.images
    (context.folder / "threshold.txt").write_text("500")
"""


class Notes(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def some(plugins: Any) -> str:
    text = Path(plugins.toy()).read_text().replace("class Toy", "class _Toy")
    return str(plugins.file("some", text + WITH_CINE.replace("(Toy)", "(_Toy)")))


@pytest.fixture
def noted(tmp_path: Path) -> Callable[..., tuple[Any, list[str]]]:
    def start(method: str, dataset: str) -> tuple[Any, list[str]]:
        request = RunRequest(method, dataset, runs=tmp_path / "runs", pictures=False, threads=1,
                             device="cpu")  # fmt: skip
        reporter = Notes()
        return run_request(request, reporter), reporter.notes

    return start


def cases(result: Any) -> pd.DataFrame:
    return pd.read_parquet(result.path / "cases.parquet").set_index("case")


def test_cases_without_what_is_needed_are_left_out_of_training_and_that_is_said(
    plugins: Any, some: str, noted: Any, events: Any
) -> None:
    method = plugins.trained(rest=LISTS)
    result, notes = noted(method, f'{some}[with_cine="t1,a,b"]')
    assert events() == ["train t1", "predict a", "predict b"]
    assert notes == [
        "learner: 1 of 2 train cases are left out: needs cine",
        "learner: 1 of 1 validation cases are left out: needs cine",
    ]
    assert result.cases == {"ok": 2, "not_applicable": 2}
    assert result.excluded == {"needs cine": 2}
    train = result.record.stages["train"]
    assert (train["cases"], train["left_out"]) == (1, {"needs cine": 2})


def test_where_all_have_it_nothing_is_left_out(
    plugins: Any, some: str, noted: Any, events: Any
) -> None:
    every = "t1,t2,v1,a,b,c,x"
    result, notes = noted(plugins.trained(rest=LISTS), f'{some}[with_cine="{every}"]')
    assert notes == []
    assert events()[:3] == ["train t1", "train t2", "validation v1"]
    assert (result.cases, result.record.stages["train"]["left_out"]) == ({"ok": 4}, {})


@pytest.mark.parametrize(
    ("having", "reason"),
    [
        ("nobody", "needs cine"),
        ("t1,t2", "needs cine"),  # of no use: there is nothing to predict
        ("v1,a,b,c,x", "no training case can be used: needs cine"),
    ],
)
def test_without_any_case_of_use_nothing_is_trained_and_every_case_is_not_applicable(
    plugins: Any, some: str, noted: Any, events: Any, having: str, reason: str
) -> None:
    method = plugins.trained(rest=LISTS)
    result, notes = noted(method, f'{some}[with_cine="{having}"]')
    assert events() == []
    assert notes == [f"learner: not applicable, nothing is trained: {reason}"]
    assert (result.cases, dict(result.errors)) == ({"not_applicable": 4}, {})
    assert result.excluded == {reason: 4}
    assert cases(result).excluded.to_dict() == dict.fromkeys(TESTED, reason)
    train = result.record.stages["train"]
    assert (train["not_applicable"], train["cases"]) == (reason, 0)
    assert result.record.parameter_count is None
    assert not (result.path / "model").exists()
    scores = pd.read_parquet(result.path / "scores.parquet")
    assert set(scores[scores.region == "scar"].status) == {"not_applicable"}
    again, notes = noted(method, f'{some}[with_cine="{having}"]')
    assert (again.cached, notes, events()) == (True, [], [])


def test_a_method_that_becomes_applicable_is_trained(
    plugins: Any, some: str, noted: Any, events: Any
) -> None:
    method = plugins.trained(rest=LISTS)
    before, _ = noted(method, f'{some}[with_cine="a,b"]')
    after, _ = noted(method, f'{some}[with_cine="t1,a,b"]')
    assert (before.cases, after.cases) == ({"not_applicable": 4}, {"ok": 2, "not_applicable": 2})
    relaxed = plugins.trained(rest=LISTS.replace(', "cine"', "").replace("assert", "pass #"))
    assert noted(relaxed, f'{some}[with_cine="a,b"]')[0].cases == {"ok": 4}


def test_a_skip_that_raises_is_told_of_by_case_or_stops_training(
    plugins: Any, some: str, noted: Any
) -> None:
    skip = "\ndef skip(self, study):\n    assert study.id in {!r}\n"
    learner = plugins.trained(rest=plugins.TRAIN + skip.format(["a", "b"]))
    with pytest.raises(PluginError, match="skip of 'learner' failed on 't1': AssertionError"):
        noted(learner, some)
    fails = plugins.trained(rest=plugins.TRAIN + skip.format(["t1", "t2", "v1", "b"]))
    result, _ = noted(fails, some)
    assert result.cases == {"error": 3, "ok": 1}


def test_the_command_line_says_it_and_ends_with_nothing_measured(
    plugins: Any, some: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needy = plugins.trained(rest=LISTS)
    data = f'{some}[with_cine="nobody"]'
    words = ["run", "-d", data, "--runs", str(tmp_path / "runs"), "--no-pictures"]
    assert run_app(app, [*words, "-m", needy]) == 3
    shown = capsys.readouterr()
    assert "not applicable: learner: 4 of 4 cases: needs cine" in shown.err
    assert "learner: not ranked, 4 cases not applicable: needs cine" in shown.out
    # Beside a method that can be used it is no failure.
    other = plugins.method(name="made")
    assert run_app(app, [*words, "-m", needy, "-m", other, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(r["method"], r["not_applicable"]) for r in found] == [
        ("learner", {"needs cine": 4}),
        ("made", {}),
    ]


def test_a_case_without_an_answer_is_no_prediction_and_no_error(
    plugins: Any, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = (
        "from benchmark.errors import NoPredictionError\n"
        "if study.id == 'b':\n    raise NoPredictionError('No mask of b.', 'Add it.')\n"
    )
    method = plugins.method(body + plugins.BRIGHT)
    result = run(method)
    assert (result.cases, dict(result.errors)) == ({"ok": 3, "no_prediction": 1}, {})
    row = cases(result).loc["b"]
    assert (row.status, row.message) == ("no_prediction", "No mask of b. Add it.")
    assert pd.isna(row.excluded)
    scores = pd.read_parquet(result.path / "scores.parquet")
    mine = scores[(scores.case == "b") & (scores.metric == "dice") & (scores.region == "scar")]
    assert set(mine.status) == {"no_prediction"}
    assert set(mine[mine.level == "volume"].worst) == {0.0}
    assert run(method).cached
    words = ["run", "-d", plugins.toy(), "-m", method, "--runs", str(tmp_path / "runs")]
    assert run_app(app, words) == 0
    assert "no prediction: made: 1 of 4 cases" in capsys.readouterr().err


def test_an_estimate_is_announced_before_it_takes_its_time() -> None:
    class Slow(Method):
        def predict(self, study: Any) -> Any: ...

        def estimate_seconds(self, cases: Any, context: Any) -> float:
            reporter.note("timed")
            return 7200.0

    class Unknown(Method):
        def predict(self, study: Any) -> Any: ...

    for method, told in (
        (Unknown, []),
        (Slow, ["timing a few steps on cpu", "timed", "about 2 hours to train on cpu"]),
    ):
        reporter = Notes()
        plan: Any = SimpleNamespace(
            trainer=method(), device="cpu", request=SimpleNamespace(profile="paper"),
            method_from=SimpleNamespace(info=SimpleNamespace(name="net")),
        )  # fmt: skip
        _estimate(plan, [], None, reporter)
        assert [n.removeprefix("net, profile paper: ") for n in reporter.notes] == told
