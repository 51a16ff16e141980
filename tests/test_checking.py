"""bench check and bench accept, as a user types them, on methods that were really run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.cli._app import app, run_app
from benchmark.drift.baseline import experiment, matching, read_entries
from benchmark.entries import load_entry
from benchmark.errors import UsageError
from benchmark.results import load_run

Bench = Callable[..., tuple[int, str, str]]
#: Answers as the accepted method does, but for one case in which it sees nothing.
BLIND = "return Segmentation(np.where(image > self.threshold, 0 if study.id == 'b' else 3, 0))"


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys) -> Bench:
    """A command line in an empty folder, on no CI service."""
    monkeypatch.chdir(tmp_path)
    for name in ("CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> tuple[int, str, str]:
        code = run_app(app, [str(w) for w in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def accepted(bench, plugins, run) -> dict[str, Any]:
    """A method that trains nothing, accepted; and how to name it again."""
    spec, data = plugins.method(), plugins.toy()
    folder = run(spec).path
    assert bench("accept", folder)[0] == 0
    return {"spec": spec, "data": data, "run": folder}


@pytest.fixture
def trained(bench, plugins, run) -> dict[str, Any]:
    """Three seeds of a method that trains, accepted."""
    spec, data = plugins.trained(), plugins.toy()
    folders = [run(spec, seed=seed).path for seed in (3, 5, 7)]
    assert bench("accept", *folders)[0] == 0
    return {"spec": spec, "data": data, "runs": folders}


def again(bench: Bench, made: dict[str, Any], *more: object) -> tuple[int, str, str]:
    return bench("check", "-m", made["spec"], "-d", made["data"], "--threads", 1, *more)


# --- run folders --------------------------------------------------------------------------------


def test_an_accepted_run_is_the_same_to_the_last_bit(bench, accepted):
    code, out, _ = bench("check", accepted["run"])
    assert code == 0
    assert out.startswith("the same to the last bit: made on toy, ")
    assert "scar dice" in out
    fingerprint = load_run(accepted["run"]).record.dataset.fingerprint[:12]
    line = next(line for line in out.splitlines() if line.startswith("data "))
    assert line.split() == ["data", fingerprint, fingerprint]


def test_a_single_entry_may_be_the_baseline(bench, accepted):
    assert bench("check", accepted["run"], "--baseline", "leaderboards/toy/made.json")[0] == 0


def test_the_record_of_a_run_stands_for_its_folder(bench, accepted):
    assert bench("check", accepted["run"] / "record.json")[0] == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Nothing is named to check."),
        (("nowhere",), "There is no nowhere."),
        (("leaderboards/toy/made.json",), "is no run folder"),
        (("RUN", "--method", "made"), "--method and --dataset make new runs"),
        (("RUN", "--baseline", "elsewhere"), "no accepted entry of 'toy' in elsewhere"),
        (("-d", "toi"), "There are entries of: toy."),
        (("-d", "toy", "--engine", "--seeds", "2"), "--engine makes no run"),
        (("RUN", "--tolerances", "missing.toml"), "missing.toml"),
        (("RUN", "--junit", "leaderboards"), "it is a folder"),
    ],
)
def test_a_mistake_is_exit_code_2_and_a_sentence(bench, accepted, words, told):
    words = [accepted["run"] if word == "RUN" else word for word in words]
    code, _, err = bench("check", *words)
    assert (code, told in " ".join(err.split())) == (2, True), err


def test_a_run_without_an_entry_does_not_hide_the_verdict_of_others(
    bench, accepted, plugins, run, tmp_path
):
    other = run(plugins.method(name="other")).path
    code, out, err = bench("check", accepted["run"], other)
    assert code == 2
    assert out.startswith("the same to the last bit: made on toy, ")
    assert "error: other on toy: There is no accepted entry of other on toy." in err
    (tmp_path / "tune-made-0123").mkdir()
    code, _, err = bench("check", accepted["run"], tmp_path / "tune-made-0123")
    assert code == 2
    assert "tune-made-0123 is a search, no run." in err
    code, _, err = bench("check", accepted["spec"])
    assert (code, err.count("Name run folders.")) == (2, 1)


def test_what_checks_without_frozen_predictions_says_how_to_keep_some(bench, accepted):
    code, out, err = bench("check", "--engine", "-d", accepted["data"])
    assert (code, out) == (3, "NOTHING MEASURED: there was nothing to compare with\n")
    assert err == (
        "without frozen predictions: made; `bench accept --freeze` keeps them beside an entry\n"
    )


def test_a_run_with_other_parameters_is_not_compared_with_the_entry(bench, accepted, run):
    other = run(accepted["spec"], settings={"threshold": 400.0}).path
    code, _, err = bench("check", other)
    assert code == 2
    assert "there are: made (quick)" in err


def test_an_entry_whose_default_was_changed_is_still_the_entry(bench, accepted, run):
    """A parameter that nobody gave is the method's own: changing it is what a check must see."""
    path = Path(accepted["spec"])
    path.write_text(path.read_text().replace("500.0", "650.0"))
    code, out, _ = bench("check", run(accepted["spec"]).path)
    assert code == 1
    assert out.startswith("REGRESSION: made on toy: ")


# --- run again ----------------------------------------------------------------------------------


def test_plugins_in_files_are_found_by_the_names_of_their_entries(bench, accepted):
    asked = ("check", "-m", "made", "-d", "toy", "--threads", 1)
    code, _, err = bench(*asked)
    assert code == 2
    assert "that is not here. Say where it is: --dataset FOLDER/toy.py." in err
    for kind in ("data", "spec"):
        path = Path(accepted[kind])
        Path(path.name).write_text(path.read_text())
    code, out, err = bench(*asked, "--fresh")
    assert (code, out.startswith("the same to the last bit: made on toy")) == (0, True), err
    Path("made.py").unlink()
    code, _, err = bench(*asked)
    assert code == 2
    assert "Say where it is: --method FOLDER/made.py." in err


def test_a_check_and_a_run_do_not_undo_each_other(bench, accepted):
    words = ("run", "-m", accepted["spec"], "-d", accepted["data"], "--threads", 1,
             "--device", "cpu")  # fmt: skip
    code, out, _ = bench(*words)
    assert code == 0
    (record,) = Path("runs").glob("*/*/record.json")
    before = json.loads(record.read_text())
    assert again(bench, accepted, "--no-fresh")[0] == 0
    code, out, _ = bench(*words)
    assert (code, "already there" in out) == (0, True)
    # which was run last is all that is another
    assert {**json.loads(record.read_text()), "order": before["order"]} == before


def test_a_method_is_run_again_and_is_the_same(bench, accepted, events):
    code, out, _ = again(bench, accepted, "--fresh")
    assert (code, out.splitlines()[0].startswith("the same to the last bit: made on toy")) == (
        0, True,
    )  # fmt: skip
    assert sorted(events()) == [f"predict {case}" for case in "abcx"]
    assert not list(Path().glob("check-*"))


def test_all_entries_of_the_data_set_are_run_where_no_method_is_named(bench, accepted, tmp_path):
    """A method of a file is not found by its entry: its place is nobody's business."""
    code, _, err = bench("check", "-d", accepted["data"])
    assert code == 2
    assert "--method FOLDER/made.py" in err


def test_edited_code_that_loses_a_case_is_a_regression_everywhere_it_is_said(
    bench, accepted, plugins, tmp_path, monkeypatch
):
    plugins.method(BLIND)
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, out, _ = again(bench, accepted, "--junit", "j.xml", "--markdown", "m.md")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("::stop-commands::")
    assert lines[1].startswith("REGRESSION: made on toy: ")
    token = lines[0].removeprefix("::stop-commands::")
    after = lines[lines.index(f"::{token}::") + 1 :]
    assert after
    assert all(line.startswith("::error file=leaderboards/toy/made.json,title=") for line in after)
    assert any(line.split()[:4] == ["scar", "dice", "b", "ok"] for line in lines)
    assert "ok -> pred_empty" in out
    assert "code" in out
    root = ET.parse(tmp_path / "j.xml").getroot()
    failed = [
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    ]
    assert "method: scar dice" in failed
    assert int(root.get("failures")) == len(failed)
    assert summary.read_text().strip() == (tmp_path / "m.md").read_text().strip()
    assert summary.read_text().startswith("### :x: bench check")


def test_json_holds_all_that_the_text_says_and_nothing_else_is_on_stdout(bench, accepted, plugins):
    plugins.method(BLIND)
    code, out, err = again(bench, accepted, "--json", "--github")
    content = json.loads(out)
    assert code == content["exit_code"] == 1
    assert content["outcome"] == "regression"
    check = content["checks"][0]
    dice = next(f for f in check["findings"] if f["name"] == "scar dice")
    assert dice["outcome"] == "regression"
    assert {"case": "b", "status_now": "pred_empty"}.items() <= dice["worst"][0].items()
    assert check["facts"]["code"]["then"] != check["facts"]["code"]["now"]
    assert "::error " in err


def test_without_fresh_what_is_kept_is_not_done_again(bench, trained, events, tmp_path):
    code, out, _ = again(bench, trained, "--no-fresh", "--runs", tmp_path / "runs")
    assert (code, events()) == (0, [])
    assert "the same to the last bit" in out


@pytest.mark.parametrize(("value", "fresh"), [("true", True), ("1", True), ("false", False)])
def test_on_a_ci_service_nothing_kept_is_read(
    bench, accepted, events, tmp_path, monkeypatch, value, fresh
):
    monkeypatch.setenv("CI", value)
    assert again(bench, accepted, "--runs", tmp_path / "runs")[0] == 0
    assert bool(events()) is fresh


def test_a_fresh_check_trains_again_with_the_first_seed_of_the_entry(bench, trained, events):
    code, out, _ = again(bench, trained, "--fresh", "--runs", "kept", "--all")
    done = events()
    assert code == 0
    assert [e for e in done if e.startswith("train")] == [f"train {i}" for i in range(6)]
    assert "the same to the last bit" in out.splitlines()[0]
    (folder,) = Path("kept").glob("check-*/toy/learner-*")
    assert load_run(folder).record.seed == 3


def test_seeds_are_those_that_are_asked_for(bench, trained):
    code, out, _ = again(bench, trained, "--seeds", "3,11", "--json", "--fresh")
    assert code in (0, 1)
    assert "11" in str(json.loads(out)["checks"][0]["facts"]["seeds"]["now"])


def test_a_method_that_cannot_be_run_does_not_hide_what_the_others_did(
    bench, accepted, plugins, run
):
    other = plugins.method(name="other")
    assert bench("accept", run(other).path)[0] == 0
    plugins.trained(rest="def train(self, cases, context):\n    raise ValueError('boom')",
                    name="other")  # fmt: skip
    code, out, err = again(bench, accepted, "-m", other)
    assert code == 2
    assert out.startswith("the same to the last bit: made on toy")
    assert "boom" in err


# --- what a method breaks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breaks", "limits", "told"),
    [
        ("import os; os._exit(7)", (), "ended"),
        ("import time; time.sleep(600)", ("--timeout", "5"), "5 s"),
    ],
)
def test_a_case_that_takes_its_process_down_is_a_regression_and_not_the_end(
    bench, accepted, plugins, breaks, limits, told
):
    """The gate has a verdict whatever the code under test does to its process."""
    plugins.method(f"if study.id == 'b':\n    {breaks}\n{plugins.BRIGHT}")
    code, out, _ = again(bench, accepted, "--json", "--runs", "kept", *limits)
    assert code == 1
    check = json.loads(out)["checks"][0]
    (one,) = [f for f in check["findings"] if f["name"] == "defined values"]
    assert (one["outcome"], [c["case"] for c in one["worst"]]) == ("regression", ["b"])
    assert one["worst"][0]["status_now"] == "error"
    (folder,) = Path("kept").glob("**/made-*")
    cases = load_run(folder).cases.set_index("case")
    assert told in cases.loc["b", "message"]


def test_a_method_whose_loading_ends_its_process_is_an_error_that_names_it(bench, accepted):
    path = Path(accepted["spec"])
    path.write_text(f"import os\nos._exit(9)\n{path.read_text()}")
    code, _, err = again(bench, accepted)
    assert code == 2
    assert "made.py" in err
    assert "while it was loaded" in " ".join(err.split())


def test_training_that_takes_too_long_is_an_error_with_its_limit(bench, trained, plugins):
    plugins.trained(rest="def train(self, cases, context):\n    import time; time.sleep(600)")
    code, _, err = again(bench, trained, "--fresh", "--train-timeout", "3")
    assert code == 2
    assert "in training" in " ".join(err.split())


# --- frozen predictions -------------------------------------------------------------------------


def test_without_frozen_predictions_the_engine_is_not_measured(bench, accepted):
    code, out, err = bench("check", "--engine", "-d", accepted["data"])
    assert code == 3
    assert out.startswith("NOTHING MEASURED")
    assert "without frozen predictions: made" in err


def test_predictions_of_a_run_folder_are_scored_again(bench, accepted, events, tmp_path):
    shutil.copy(accepted["data"], tmp_path)  # an entry knows the name of a plugin's file alone
    code, out, _ = bench("check", "--engine", accepted["run"])
    assert (code, events()) == (0, [])
    assert out.splitlines()[4].split()[:4] == ["engine", "all", "values", "same"]


# --- which entry --------------------------------------------------------------------------------


def test_of_two_entries_of_one_experiment_none_is_chosen(bench, accepted):
    twin = Path("leaderboards/toy/made-twin.json")
    twin.write_bytes(Path("leaderboards/toy/made.json").read_bytes())
    entries = read_entries(Path("leaderboards"), "toy")
    with pytest.raises(UsageError, match=r"made-twin\.json"):
        matching(entries, experiment(entries[0].record), "made")


def test_a_data_set_is_no_pattern_of_folders(bench, accepted):
    with pytest.raises(UsageError, match="no accepted entry"):
        read_entries(Path("leaderboards"), "t*")


# --- accept -------------------------------------------------------------------------------------


def test_accept_says_what_changes_and_a_dry_run_writes_nothing(bench, accepted, run, plugins):
    path = Path("leaderboards/toy/made.json")
    before = path.read_bytes()
    plugins.method("return Segmentation(np.where(image > 480.0, 3, 0))")
    code, out, _ = bench("accept", run(accepted["spec"]).path, "--dry-run")
    assert code == 0
    assert path.read_bytes() == before
    assert f"would be written: {path}" in out
    assert "scar dice" in out
    assert "code" in out


def test_a_regression_is_accepted_by_force_alone(bench, accepted, run, plugins):
    path = Path("leaderboards/toy/made.json")
    before = path.read_bytes()
    plugins.method(BLIND)
    worse = run(accepted["spec"]).path
    assert "would be refused" in bench("accept", worse, "--dry-run")[1]
    code, out, err = bench("accept", worse)
    assert code == 1
    assert "REGRESSION" in out
    assert "needs --force" in err
    assert path.read_bytes() == before
    code, out, _ = bench("accept", worse, "--force")
    assert code == 0
    assert f"written: {path} (" in out
    assert f"was {len(before):,} bytes)" in out
    assert path.read_bytes() != before


def test_a_damaged_entry_is_replaced_by_force_alone(bench, accepted):
    path = Path("leaderboards/toy/made.json")
    path.write_text("{")
    code, _, err = bench("accept", accepted["run"])
    assert code == 2
    assert "not valid JSON" in err
    assert path.read_text() == "{"
    assert bench("accept", accepted["run"], "--force")[0] == 0
    assert len(load_entry(path)) == 1


def test_the_entry_of_earlier_code_under_another_name_is_replaced(bench, plugins, run):
    spec = plugins.method()
    settings = {"threshold": 490.0}
    assert bench("accept", run(spec, settings=settings).path)[0] == 0
    (old,) = Path("leaderboards/toy").glob("*.json")
    path = Path(spec)
    path.write_text(path.read_text() + "\n# edited\n")
    code, out, _ = bench("accept", run(spec, settings=settings).path)
    (new,) = Path("leaderboards/toy").glob("*.json")
    assert (code, new == old) == (0, False)
    assert f"removed: {old}, the same experiment of earlier code" in out


def test_frozen_predictions_go_with_their_entry(bench, accepted, run, plugins):
    """Kept if asked for, then made anew with each acceptance: old ones are of another run."""
    frozen = Path("leaderboards/toy/frozen/made.npz")
    assert bench("accept", accepted["run"], "--freeze")[0] == 0
    first = frozen.read_bytes()
    plugins.method("return Segmentation(np.where(image > 480.0, 3, 0))")
    assert bench("accept", run(accepted["spec"]).path, "--force")[0] == 0
    assert frozen.read_bytes() != first
    assert bench("accept", run(accepted["spec"]).path, "--no-freeze")[0] == 0
    assert not frozen.exists()


def test_predictions_of_data_that_must_not_be_passed_on_are_not_frozen(bench, make_run):
    rows = [make_run.score(case, 0.5) for case in "abc"]
    code, _, err = bench("accept", make_run("m", rows), "--freeze")
    assert code == 2
    assert "must not be published" in err
    assert not list(Path("leaderboards").glob("toy/*.json"))


def test_two_that_accept_at_once_leave_one_whole_entry(bench, accepted, tmp_path):
    words = [sys.executable, "-m", "benchmark", "accept", str(accepted["run"])]
    both = [subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    texts = [one.communicate(timeout=240)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert all(b"written: leaderboards/toy/made.json" in text for text in texts)
    assert len(load_entry("leaderboards/toy/made.json")) == 1
