"""A run: each thing done once, one bad case no more than a row, and a record of it all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmark import trained
from benchmark.errors import DataError, PluginError, UsageError
from benchmark.nifti import read_image, read_labels
from benchmark.parquet import table_writer
from benchmark.record import RunRecord
from benchmark.results import find_runs, load_run
from benchmark.runner import CASES
from benchmark.scoring import CaseScores

Run = Callable[..., Any]
Events = Callable[[], list[str]]

TESTED = ["a", "b", "c", "x"]
PREDICTIONS = [f"predict {i}" for i in TESTED]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Everything in a folder that tells of a write."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_size)
        for p in folder.rglob("*")
        if p.is_file() and not p.name.startswith((".lock", ".holder"))
    }


def tables(folder: Path) -> dict[str, bytes]:
    return {n: (folder / f"{n}.parquet").read_bytes() for n in ("scores", "counts", "features")}


def frame(result: Any, table: str = "cases") -> pd.DataFrame:
    return pd.read_parquet(result.path / f"{table}.parquet")


def dice(result: Any) -> dict[str, Any]:
    scores = frame(result, "scores")
    chosen = scores[
        (scores.region == "scar") & (scores.metric == "dice") & (scores.level == "volume")
    ]
    return {row.case: (row.status, row.value) for row in chosen.itertuples()}


# --- done once ---


def test_a_second_run_does_nothing_and_writes_nothing(
    run: Run, plugins: Any, events: Events, tmp_path: Path
) -> None:
    method = plugins.trained()
    first = run(method)
    assert not first.cached
    assert events() == [f"train {i}" for i in range(6)] + PREDICTIONS
    before = files(tmp_path / "runs")
    second = run(method)
    assert second.cached
    assert events() == []
    after = files(tmp_path / "runs")
    assert after.keys() == before.keys()
    # the record alone is touched, to say which version was asked for last
    assert {k for k in after if after[k] != before[k]} <= {
        f"{first.path.relative_to(tmp_path / 'runs')}/record.json"
    }
    assert all(after[k][1] == before[k][1] for k in after)
    same = second.record.model_copy(update={"order": first.record.order})
    assert (second.path, same, second.cases) == (first.path, first.record, {"ok": 4})
    assert second.record.order > first.record.order


def test_the_folder_holds_predictions_tables_model_and_record_and_no_leftovers(
    run: Run, plugins: Any
) -> None:
    path = run(plugins.trained()).path
    predictions = [f"predictions/{i}{s}" for i in TESTED for s in (".json", ".nii.gz")]
    assert sorted(set(files(path))) == sorted([
        *predictions, "cases.parquet", "counts.parquet", "features.parquet", "scores.parquet",
        "model/threshold.txt", "record.json", "stages/train.json", "stages/predict.json",
        "stages/score.json",
    ])  # fmt: skip


def test_pictures_are_drawn_where_asked(run: Run, plugins: Any) -> None:
    result = run(plugins.method(), pictures=True)
    assert sorted(p.name for p in (result.path / "pictures").iterdir()) == [
        "a.png", "b.png", "c.png", "x.png",
    ]  # fmt: skip


def test_predictions_lie_on_the_study_s_grid_in_canonical_labels(run: Run, plugins: Any) -> None:
    path = run(plugins.method()).path / "predictions" / "a.nii.gz"
    read = read_labels(path)
    assert read.grid.spacing == (10.0, 1.5, 1.5)
    assert read.labels.shape == (3, 20, 18)
    assert np.unique(read.labels).tolist() == [0, 3]


def test_parameters_seed_and_data_make_other_runs_and_names_do_not(run: Run, plugins: Any) -> None:
    method, toy = plugins.trained(), plugins.toy()
    same = [
        run(method),
        run(f"{method}[threshold=500]"),
        run(method, settings={"threshold": 500.0}),
    ]
    others = [
        run(method, settings={"threshold": 400}),
        run(method, seed=1),
        run(method, f"{toy}[odd=5]"),
        run(method, folds=3, fold=0),
    ]
    assert len({r.path for r in same}) == 1
    assert len({r.path for r in [*same, *others]}) == 5
    assert same[0].record.group == others[1].record.group
    assert same[0].record.group != others[0].record.group


def test_a_seed_changes_nothing_for_a_method_that_does_not_train(run: Run, plugins: Any) -> None:
    method = plugins.method()
    assert run(method, seed=5).path == run(method, seed=6).path
    assert run(method, seed=5).record.seed == 0


def test_editing_shared_code_makes_another_run(run: Run, plugins: Any, events: Events) -> None:
    plugins.file("_losses", "LIMIT = 500")
    body = "from ._losses import LIMIT\nreturn Segmentation(np.where(image > LIMIT, 3, 0))"
    method = plugins.method(body)
    first = run(method)
    plugins.file("_unrelated", "x = 1")
    assert run(method).cached
    events()
    plugins.file("_losses", "LIMIT = 9999")
    second = run(method)
    assert events() == PREDICTIONS
    assert second.path != first.path
    assert dice(first)["a"] == ("ok", 1.0)
    assert dice(second)["a"] == ("pred_empty", 0.0)


def test_a_changed_metric_scores_again_without_predicting(
    run: Run, plugins: Any, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = plugins.method()
    first = run(method)
    before, stored = tables(first.path), files(first.path / "predictions")
    events()
    # what is imported by name cannot be edited here; test_code.py has what the hash covers
    monkeypatch.setattr("benchmark.scored._code", lambda: "edited")
    second = run(method)
    assert (second.cached, second.path) == (False, first.path)
    assert events() == []
    assert files(first.path / "predictions") == stored
    assert tables(first.path) == before
    assert second.record.stages["score"]["key"] != first.record.stages["score"]["key"]
    assert RunRecord.load(first.path) == second.record
    assert run(method).cached


@pytest.mark.parametrize("damage", [Path.unlink, lambda p: p.write_bytes(p.read_bytes()[:-1])])
def test_a_lost_or_tampered_prediction_is_made_again(
    run: Run, plugins: Any, events: Events, damage: Callable[[Path], None]
) -> None:
    method = plugins.method()
    path = run(method).path
    before = tables(path)
    image = path / "predictions" / "b.nii.gz"
    good = image.read_bytes()
    events()
    damage(image)
    run(method)
    assert events() == ["predict b"]
    assert image.read_bytes() == good
    assert tables(path) == before


@pytest.mark.parametrize("name", ["record.json", "cases.parquet", "scores.parquet"])
def test_a_lost_table_or_record_is_written_again(
    run: Run, plugins: Any, events: Events, name: str
) -> None:
    method = plugins.method()
    path = run(method).path
    before = tables(path)
    events()
    (path / name).unlink()
    run(method)
    assert (path / name).is_file()
    assert (events(), tables(path)) == ([], before)
    assert run(method).cached


def test_a_record_withdrawn_by_a_scoring_as_long_as_the_first_is_written_again(
    run: Run, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to the record that was read before, down to the milliseconds it holds."""
    for module in ("scored", "steps"):
        clock = SimpleNamespace(perf_counter=lambda: 0.0)
        monkeypatch.setattr(f"benchmark.{module}.time", clock)
    method = plugins.method()
    first = run(method)
    (first.path / "scores.parquet").unlink()
    second = run(method)
    as_first = second.record.model_copy(update={"order": first.record.order})
    assert (second.cached, as_first) == (False, first.record)
    assert RunRecord.load(first.path) == second.record
    assert run(method).cached


def test_a_record_of_earlier_stages_is_not_believed(run: Run, plugins: Any) -> None:
    """As a kill leaves it between scoring again and writing the record."""
    method = plugins.method()
    path = run(method).path
    marker = path / "stages" / "score.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "seconds": 99.0}))
    again = run(method)
    assert not again.cached
    assert RunRecord.load(path).stages["score"]["seconds"] == 99.0


def test_a_damaged_record_is_written_again(run: Run, plugins: Any) -> None:
    method = plugins.method()
    path = run(method).path
    (path / "record.json").write_text("{")
    run(method)
    assert RunRecord.load(path).method.name == "made"


def test_a_model_is_shared_by_runs_that_test_on_other_cases(
    run: Run, plugins: Any, events: Events, tmp_path: Path
) -> None:
    method = plugins.trained()
    first = run(method)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["t1", "t2"], "validation": ["v1"], "test": ["c"]}))
    events()
    second = run(method, split=split)
    assert events() == ["predict c"]
    assert second.path != first.path
    assert dice(second)["c"] == dice(first)["c"]


# --- one bad case ---

FAILS = """
if study.id == "b" and study.attributes["only"] == "b" and not os.path.exists({flag!r}):
    {fault}
return Segmentation(np.where(image > self.threshold, 3, 0))
"""


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("raise ValueError('too dark')", "ValueError: too dark"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return Segmentation(np.zeros((2, 2, 2), int))", "shape (2, 2, 2); the image of 'b' has"),
        ("return np.zeros(image.shape)", "returned ndarray, not a Segmentation"),
        ("return None", "returned NoneType"),
        ("return Segmentation(image.astype(float))", "Labels are integers; these are float64"),
        ("return Segmentation(image)", "are not canonical"),
        ("image[0] = 0", "ValueError: assignment destination is read-only"),
        (
            "return Segmentation(contours=(Contour(9, 'epi', np.eye(3)[:, :2]),))",
            "contours in slices [9], which do not exist",
        ),
        (
            "return Segmentation(contours=(Contour(1, 'epi', np.eye(3)[:, :2]),), "
            "probabilities={'scar': np.zeros((1, 1, 1))})",
            "probabilities of scar of shape (1, 1, 1)",
        ),
    ],
)
def test_a_case_that_fails_is_a_row_and_is_tried_again(
    run: Run, plugins: Any, events: Events, tmp_path: Path, fault: str, says: str
) -> None:
    flag = tmp_path / "mended"
    method = plugins.method(FAILS.format(flag=str(flag), fault=fault))
    result = run(method)
    assert result.cases == {"ok": 3, "error": 1}
    assert list(result.errors) == ["b"]
    assert says in result.errors["b"]
    rows = frame(result).set_index("case")
    assert rows.status.to_dict() == {"a": "ok", "b": "error", "c": "ok", "x": "ok"}
    assert says in rows.message["b"]
    assert dice(result)["a"] == ("ok", 1.0)
    assert dice(result)["b"][0] == "error"
    assert not (result.path / "predictions" / "b.nii.gz").exists()
    assert load_run(result.path).cases["case"].tolist() == TESTED
    events()
    flag.touch()
    mended = run(method)
    assert events() == ["predict b"]
    assert (mended.path, mended.cases, dict(mended.errors)) == (result.path, {"ok": 4}, {})
    assert dice(mended)["b"] == ("ok", 1.0)
    assert frame(mended).set_index("case").status["b"] == "ok"


def test_the_traceback_of_a_failed_case_is_in_the_plugin_s_log(run: Run, plugins: Any) -> None:
    result = run(plugins.method("raise ValueError('too dark')"))
    log = (result.path / "plugin.log").read_text()
    assert "--- a\nTraceback" in log
    assert "made.py" in log


def test_a_study_without_what_the_method_needs_is_not_applicable(run: Run, plugins: Any) -> None:
    skip = "def skip(self, study):\n    return 'too old' if study.id == 'b' else None"
    result = run(plugins.method(rest=skip))
    assert (result.cases, dict(result.errors)) == ({"ok": 3, "not_applicable": 1}, {})
    row = frame(result).set_index("case").loc["b"]
    assert (row.status, row.excluded, row.message) == ("not_applicable", "too old", "too old")
    assert dice(result)["b"][0] == "not_applicable"
    again = run(plugins.method(rest=skip))
    assert again.cached
    needs = run(plugins.method(rest="needs = frozenset({'lge', 'cine'})", name="needy"))
    assert set(frame(needs).excluded) == {"needs cine"}


def test_what_predict_prints_goes_to_the_log(
    run: Run, plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(plugins.method("print('look', study.id)\n" + plugins.BRIGHT))
    assert capsys.readouterr().out == ""
    assert "--- c\nlook c\n" in (result.path / "plugin.log").read_text()


def test_a_test_case_that_cannot_be_read_is_a_row(run: Run, plugins: Any, events: Events) -> None:
    result = run(plugins.trained(), f"{plugins.toy()}[unreadable=b]")
    assert result.cases == {"ok": 3, "error": 1}
    assert result.errors["b"] == "b.nii.gz is cut off. Download it again."
    row = frame(result).set_index("case").loc["b"]
    assert pd.isna(row.diagonal_mm)
    status, value = dice(result)["b"]
    assert status == "error"
    assert np.isnan(value)
    assert load_run(result.path).scores.set_index("case").loc["b", "worst"].isna().all()
    assert "predict b" not in events()
    assert load_run(result.path).cases["case"].tolist() == TESTED


def test_training_cases_that_cannot_be_read_are_one_clear_error(run: Run, plugins: Any) -> None:
    with pytest.raises(DataError, match=r"1 training or validation case.*\n  t2\.nii\.gz is cut"):
        run(plugins.trained(), f"{plugins.toy()}[unreadable=t2]")
    # nothing is trained on it here
    assert run(plugins.method(), f"{plugins.toy()}[unreadable=t2]").cases == {"ok": 4}


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ("return [CaseInfo", "return []\n        [CaseInfo", DataError, "has no case"),
        ("return [CaseInfo", "return ['a'] + [CaseInfo", PluginError, "lists 'a', .* no CaseInfo"),
        ("return [CaseInfo", "1 / 0; [CaseInfo", PluginError, "cannot list .* ZeroDivisionError"),
        (
            "return [CaseInfo",
            "return [CaseInfo('a', 'test')] + [CaseInfo",
            DataError,
            "lists more than once: a",
        ),
        ('"t1": "train"', '"t1": "trained"', DataError, "no such role: 'trained'"),
    ],
)
def test_an_index_that_is_none_is_a_clear_error(
    run: Run, plugins: Any, old: str, new: str, error: type[Exception], says: str
) -> None:
    text = Path(plugins.toy()).read_text()
    assert old in text
    with pytest.raises(error, match=says):
        run(plugins.method(), plugins.file("odd", text.replace(old, new)))


def test_probabilities_are_kept_where_asked(run: Run, plugins: Any) -> None:
    body = (
        "p = np.full(image.shape, 0.5, np.float32)\n"
        "return Segmentation(np.where(image > 500, 3, 0), (), {Region.SCAR: p})"
    )
    method = plugins.method(body)
    plain, kept = run(method), run(method, probabilities=True)
    assert not (plain.path / "predictions" / "probability-scar").exists()
    image = read_image(kept.path / "predictions" / "probability-scar" / "a.nii.gz")
    assert np.allclose(image.voxels, 0.5, atol=1 / 510 + 1e-6)
    assert image.spacing == (10.0, 1.5, 1.5)
    assert kept.cases == {"ok": 4}


def test_contours_alone_are_kept_once_and_scored_as_no_prediction(
    run: Run, plugins: Any, events: Events
) -> None:
    method = plugins.method("return Segmentation(contours=(Contour(1, 'epi', np.eye(3)[:, :2]),))")
    result = run(method)
    events()
    assert run(method).cached
    assert events() == []
    stored = json.loads((result.path / "predictions" / "contours" / "a.json").read_text())
    assert stored == [[1, "epi", [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]]
    scores = frame(result, "scores")
    scar = scores[(scores.region == "scar") & (scores.level == "volume")]
    assert set(scar.status) == {"no_prediction"}
    assert set(scar.message) == {"the method gave contours and no labels"}


# --- training ---


def test_an_exception_in_training_keeps_the_scratch_and_the_next_run_goes_on(
    run: Run, plugins: Any, events: Events, tmp_path: Path
) -> None:
    flag = tmp_path / "mended"
    loop = "while len(state) < 6:\n"
    stop = f"        if len(state) == 4 and not os.path.exists({str(flag)!r}):\n"
    text = plugins.TRAIN.replace(loop, f"{loop}{stop}            raise OSError('disk')\n")
    method = plugins.trained(rest=text)
    with pytest.raises(PluginError, match=r"'learner' failed: OSError: disk.*plugin\.log"):
        run(method)
    assert events() == [f"train {i}" for i in range(4)]
    flag.touch()
    resumed = run(method)
    assert events() == ["train 4", "train 5", *PREDICTIONS]
    assert resumed.record.stages["train"]["resumed"] is True
    assert not (resumed.path / "scratch").exists()
    whole = run(method, runs=tmp_path / "other")
    assert whole.record.stages["train"]["resumed"] is False
    assert tables(whole.path) == tables(resumed.path)


def test_what_training_prints_goes_to_the_log_and_leaving_python_is_an_error(
    run: Run, plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    method = plugins.trained(rest="def train(self, cases, context):\n    print('hi')\n    exit(2)")
    with pytest.raises(PluginError, match="failed: SystemExit: 2") as caught:
        run(method)
    assert capsys.readouterr().out == ""
    log = Path(str(caught.value).split("traceback is in ")[1].rstrip("."))
    assert "--- train\nhi\n" in log.read_text()


# --- what is written down ---


def test_the_record_tells_what_was_asked_and_what_happened(run: Run, plugins: Any) -> None:
    record = run(plugins.trained(), f"{plugins.toy()}[odd=2]", seed=4).record
    method, dataset = record.method, record.dataset
    assert (method.name, method.trains, method.needs) == ("learner", True, ["lge"])
    assert (method.parameters, method.asked) == ({"threshold": 500.0}, {})
    assert (method.defaulted, method.summary) == (["threshold"], "A method for a test.")
    assert method.spec.endswith("learner.py")
    assert (dataset.asked, dataset.defaulted) == ({"odd": 2.0}, ["unreadable"])
    assert (dataset.title, dataset.licence, dataset.citation) == ("toy rings", "CC0", "Nobody 2024")
    assert dataset.synthetic
    assert dataset.redistributable
    for digest in (method.code, dataset.code, dataset.fingerprint, dataset.training_fingerprint):
        assert len(digest) == 64
    assert (record.seed, record.device, record.threads) == (4, "cpu", 1)
    assert record.split == {
        "train": ["t1", "t2"], "validation": ["v1"], "test": ["a", "b", "c"], "external": ["x"],
    }  # fmt: skip
    assert (record.split_source, record.fold) == ("dataset", None)
    assert (record.produces, record.parameter_count) == (["scar"], 1)
    assert record.totals["cases"] == {"ok": 4}
    assert {"dice", "hd95", "assd"} <= set(record.metric_cards)
    assert set(record.stages) == {"train", "predict", "score"}
    assert all(stage["seconds"] >= 0 for stage in record.stages.values())
    assert record.stages["train"]["peak_memory_mb"] > 1
    assert record.stages["predict"]["peak_memory_mb"] > 1
    found = record.provenance
    assert {"numpy", "torch", "scarbench", "pydantic"} <= set(found["versions"])
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(found) >= {"git", "platform", "machine", "device", "threads", "argv"}
    assert found["git"] == {} or set(found["git"]) == {"commit", "dirty"}


def test_what_was_asked_is_told_from_what_was_defaulted(run: Run, plugins: Any) -> None:
    record = run(f"{plugins.method()}[threshold=450]").record
    assert (record.method.asked, record.method.defaulted) == ({"threshold": 450.0}, [])


def test_the_case_table_has_its_columns(run: Run, plugins: Any) -> None:
    result = run(plugins.method(), folds=3, fold=1)
    path = result.path / "cases.parquet"
    assert pq.read_schema(path).names == list(CASES)
    row = frame(result).iloc[0]
    assert row.patient == f"p-{row.case}"
    assert (row.role, row.fold, row.site, row.vendor) == ("test", 1, "1", "A")
    assert (row.status, row.message) == ("ok", "")
    assert pd.isna(row.excluded)
    assert row.seconds >= 0
    assert row.peak_memory_mb > 1
    assert (row.diagonal_mm, row.slices) == (pytest.approx(np.hypot(30, np.hypot(30, 27))), 3)
    whole = frame(run(plugins.method()))
    assert whole.role.tolist() == ["test", "test", "test", "external"]
    assert whole.fold.isna().all()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"folds": 3, "split": Path("x.json")}, "--split and --folds exclude each other"),
        ({"fold": 1}, "Fold 1 of how many"),
        ({"folds": 99}, "99 folds do not fit 6 patients"),
        ({"profile": "papr"}, "no profile 'papr'. Did you mean 'paper'"),
        ({"device": "gpu"}, "no device 'gpu'"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_done(
    run: Run, plugins: Any, events: Events, tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        run(plugins.trained(), **more)
    assert events() == []
    assert not list(tmp_path.glob("runs/*/learner-*"))


def test_a_split_without_test_or_training_cases_is_refused(
    run: Run, plugins: Any, tmp_path: Path
) -> None:
    split = tmp_path / "split.json"
    split.write_text('{"train": ["a"]}')
    with pytest.raises(DataError, match=r"file:split\.json.* leaves no case to test on"):
        run(plugins.method(), split=split)
    split.write_text('{"test": ["a"]}')
    with pytest.raises(DataError, match="leaves no case to train on"):
        run(plugins.trained(), split=split)
    assert run(plugins.method(), split=split).cases == {"ok": 1}


# --- processes ---

SCRIPT = """
import sys
from pathlib import Path
from benchmark.plan import RunRequest
from benchmark.progress import Reporter
from benchmark.runner import run
method, data, runs = sys.argv[1:]
done = run(RunRequest(method, data, runs=Path(runs), pictures=False, threads=1, device="cpu"),
           Reporter())
print(done.cached)
"""


def test_killed_runs_end_as_an_undisturbed_one(
    run: Run, plugins: Any, events: Events, tmp_path: Path, python: Callable[..., Any]
) -> None:
    """SIGKILL in training, between predictions and while scoring; then once to the end."""
    method, toy, runs = plugins.trained(), plugins.toy(), tmp_path / "killed"
    whole = run(method, toy)
    events()
    log = tmp_path / "events.txt"

    def seen(line: str) -> bool:
        return log.exists() and line in log.read_text().splitlines()

    moments = [
        lambda: seen("train 1"),
        lambda: seen("train 4"),
        lambda: seen("predict a"),
        lambda: seen("predict c"),
        lambda: any(runs.glob("*/*/parts/*")),
    ]
    killed = 0
    for reached in moments:
        process = python(SCRIPT, method, toy, str(runs), TOY_SLOW="0.05", OMP_NUM_THREADS="1")
        while process.poll() is None and not reached():
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 4  # scoring may end before it is seen
    last = run(method, toy, runs=runs)
    assert last.path.name == whole.path.name
    assert tables(last.path) == tables(whole.path)
    assert set(files(last.path)) == set(files(whole.path))
    assert events().count("train 0") == 1  # each went on where the one before was killed
    columns = ["case", "patient", "role", "status", "message", "diagonal_mm", "slices"]
    assert frame(last)[columns].equals(frame(whole)[columns])


def test_two_processes_with_the_same_run_do_it_once(
    plugins: Any, events: Events, tmp_path: Path, python: Callable[..., Any]
) -> None:
    arguments = (SCRIPT, plugins.trained(), plugins.toy(), str(tmp_path / "runs"))
    both: list[subprocess.Popen[str]] = [python(*arguments, TOY_SLOW="0.02") for _ in range(2)]
    answers = sorted(process.communicate()[0].strip() for process in both)
    assert answers == ["False", "True"]
    assert sorted(events()) == sorted([f"train {i}" for i in range(6)] + PREDICTIONS)


def test_a_damaged_model_is_trained_again(run: Run, plugins: Any, events: Events) -> None:
    """What is in the folder must be what training left, file by file."""
    method = plugins.trained()
    first = run(method)
    events()
    for path in (first.path / "model").iterdir():
        path.write_bytes(b"damaged")
    again = run(method)
    assert not again.cached
    assert any(event.startswith("train") for event in events())
    assert run(method).cached


def test_a_damaged_prediction_row_is_predicted_again(
    run: Run, plugins: Any, events: Events
) -> None:
    method = plugins.trained()
    first = run(method)
    events()
    row = sorted((first.path / "predictions").glob("*.json"))[0]
    row.write_text("{")
    run(method)
    assert len(events()) == 1


def test_tables_of_two_scorings_are_never_vouched_for(
    run: Run, plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit, a kill between two tables, and the edit taken back."""
    method = plugins.method()
    first = run(method)
    whole = tables(first.path)
    with monkeypatch.context() as edited:
        edited.setattr("benchmark.scored._code", lambda: "edited")
        edited.setattr("benchmark.scored.score_case", lambda task: CaseScores())
        real = table_writer

        def killed(path: Path, schema: Any) -> Any:
            if path.name == "counts.parquet" and path.parent == first.path:
                raise KeyboardInterrupt
            return real(path, schema)

        edited.setattr("benchmark.scored.table_writer", killed)
        with pytest.raises(KeyboardInterrupt):
            run(method)
    assert tables(first.path) != whole
    # no reader takes the mixture either
    assert find_runs(first.path.parents[1]) == []
    with pytest.raises(DataError, match="no run folder"):
        load_run(first.path)
    again = run(method)
    assert not again.cached
    assert tables(first.path) == whole


def test_a_case_that_can_no_longer_be_read_stops_the_scoring_with_its_name(
    run: Run, plugins: Any, tmp_path: Path
) -> None:
    """A share that goes away after the predictions: nothing is lost, and no table has a hole."""
    flag = tmp_path / "unplugged"
    leaves = f"(Path({str(flag)!r})).touch() if study.id == 'x' else None"
    fails = f"if Path({str(flag)!r}).exists():\n            raise ValueError('gone')\n        "
    text = Path(plugins.toy()).read_text().replace("y, x = np", fails + "y, x = np")
    toy = plugins.file("toy", text)
    method = plugins.method(f"{leaves}\n{plugins.BRIGHT}")
    with pytest.raises(DataError, match="'a' can no longer be read: ValueError: gone"):
        run(method, toy)
    flag.unlink()
    assert run(method, toy).cases == {"ok": 4}


def test_other_data_are_another_experiment(run: Run, plugins: Any) -> None:
    """Seeds made before and after the data changed must not be averaged under one name."""
    method = plugins.trained()
    one, two = run(method, seed=0), run(method, seed=1)
    other = run(method, f"{plugins.toy()}[odd=1]", seed=1)
    assert one.record.group == two.record.group
    text = Path(plugins.toy()).read_text().replace("600]", "601]")
    changed = run(method, plugins.file("toy", text), seed=1)
    assert changed.record.group not in (one.record.group, other.record.group)
    folds = [run(method, folds=2, fold=k).record.group for k in (0, 1)]
    assert folds[0] == folds[1] != changed.record.group


def test_other_roles_are_another_experiment(run: Run, plugins: Any, tmp_path: Path) -> None:
    """The same cases dealt otherwise, and then edited in place."""
    method, path = plugins.trained(), tmp_path / "split.json"
    groups = []
    for tested, learnt in (("a", "b"), ("b", "a"), ("b", "a")):
        split = {"train": ["t1", "t2", learnt], "validation": ["v1"], "test": [tested, "c", "x"]}
        path.write_text(json.dumps(split))
        groups.append(run(method, split=path).record.group)
    assert groups[0] != groups[1] == groups[2]


@pytest.mark.parametrize("name", ["scores", "counts", "features", "cases"])
def test_a_damaged_table_is_written_again(
    run: Run, plugins: Any, events: Events, name: str
) -> None:
    method = plugins.method()
    first = run(method)
    events()
    path = first.path / f"{name}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert not run(method).cached
    assert path.read_bytes() == whole
    assert events() == []
    assert run(method).cached


def test_what_was_not_computed_again_keeps_its_provenance(run: Run, plugins: Any) -> None:
    """Asking for the default by name is another request, not another computation."""
    method = plugins.method()
    first = run(method)
    record = RunRecord.load(first.path)
    marked = record.model_copy(update={"provenance": {**record.provenance, "git": {"commit": "x"}}})
    marked.save(first.path)
    again = run(method, settings={"threshold": "500"})
    assert again.path == first.path
    assert again.record.method.asked == {"threshold": 500.0}
    assert again.record.provenance["git"] == {"commit": "x"}


def test_only_a_resumed_training_counts_the_time_before(tmp_path: Path) -> None:
    path = tmp_path / "seconds"
    path.write_text("40.0")
    assert trained._Clock(path, resumed=True).stop() >= 40
    assert not path.exists()
    path.write_text("40.0")
    assert trained._Clock(path, resumed=False).stop() < 40
    path.write_text("torn")
    clock = trained._Clock(path, resumed=True)
    clock._kept -= 3
    clock.keep()
    assert float(path.read_text()) < 40


@pytest.mark.parametrize(("said", "spins"), [({}, "300000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "")])
def test_threads_wait_as_the_user_said(said: dict[str, str], spins: str) -> None:
    text = (
        "import os\nfrom benchmark.provenance import use_threads\nuse_threads(2)\n"
        "print(os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT', ''))"
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", text], env={**plain, **said}, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"{said.get('OMP_WAIT_POLICY', 'PASSIVE')} {spins}".strip()
