"""Many runs of one question, and one run a second time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark.errors import DataError, UsageError
from benchmark.experiment import expand, rerun
from benchmark.plan import RunRequest, resolve
from benchmark.progress import Reporter

Run = Callable[..., Any]


def test_a_method_that_trains_is_run_for_every_seed_and_fold_and_another_once_a_fold(
    plugins: Any,
) -> None:
    learner, plain = plugins.trained(), plugins.method()
    request = RunRequest("", "toy", settings={"threshold": "4"}, threads=2)
    runs = expand(request, [learner, plain], [3, 7], 2)
    done = [(Path(r.method).stem, r.seed, r.fold, r.folds) for r in runs]
    assert done == [
        ("learner", 3, 0, 2), ("learner", 3, 1, 2), ("learner", 7, 0, 2), ("learner", 7, 1, 2),
        ("made", 3, 0, 2), ("made", 3, 1, 2),
    ]  # fmt: skip
    assert {(r.dataset, r.settings["threshold"], r.threads) for r in runs} == {("toy", "4", 2)}
    assert [(r.seed, r.fold) for r in expand(request, [learner], [0, 1], None)] == [
        (0, None), (1, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"methods": []}, "No method is named"),
        ({"seeds": []}, r"Seeds \[\]"),
        ({"seeds": [1, 1]}, r"Seeds \[1, 1\] are not different"),
        ({"seeds": [2, -1]}, r"no seed -1"),
        ({"folds": 0}, "0 folds are no cross-validation"),
        ({"folds": 1}, "1 folds are no cross-validation"),
        ({"methods": ["emty"]}, "no method 'emty'"),
        ({"methods": ["empty", "empty[a=1]"]}, "'empty' has no parameter 'a'"),
    ],
)
def test_what_does_not_fit_is_said_before_the_first_run(more: dict[str, Any], says: str) -> None:
    asked: dict[str, Any] = {"methods": ["empty"], "seeds": [0], "folds": None, **more}
    with pytest.raises(UsageError, match=says):
        expand(RunRequest("", "toy"), **asked)


def test_the_runs_of_an_experiment_are_one_group(run: Run, plugins: Any) -> None:
    method = plugins.trained()
    results = [run(method, seed=seed, folds=2, fold=fold) for seed in (0, 1) for fold in (0, 1)]
    assert len({r.record.group for r in results}) == 1
    assert len({r.path for r in results}) == 4
    tested = [set(r.record.split["test"]) for r in results[:2]]
    assert tested[0] | tested[1] == {"t1", "t2", "v1", "a", "b", "c"}
    assert not tested[0] & tested[1]


def test_a_run_is_reproduced_from_its_record(run: Run, plugins: Any, events: Any) -> None:
    first = run(f"{plugins.trained()}[threshold=321]", f"{plugins.toy()}[odd=7]", seed=5)
    events()
    again = rerun(first.path / "record.json", Reporter())
    assert (again.reproduced, again.differing, again.largest) == (True, 0, None)
    assert again.changed == {}
    assert events().count("train 0") == 1
    record = again.result.record
    assert again.result.path.parts[:-3] == first.path.parts[:-2]
    assert again.result.path.parts[-3].startswith("rerun-")
    assert (record.seed, record.method.parameters) == (5, {"threshold": 321.0})
    assert record.dataset.parameters == {"unreadable": "", "odd": 7.0}
    assert record.group == first.record.group


def test_a_rerun_is_a_new_run_even_into_the_folder_of_the_old_one(
    run: Run, plugins: Any, events: Any, tmp_path: Path
) -> None:
    first = run(plugins.method())
    events()
    again = rerun(first.path, Reporter(), runs=tmp_path / "runs")
    assert again.reproduced
    assert len(events()) == 4
    assert again.result.path != first.path


def test_folds_and_split_files_are_repeated(run: Run, plugins: Any, tmp_path: Path) -> None:
    split = tmp_path / "mine.json"
    split.write_text(json.dumps({"train": ["t2"], "test": ["b"]}))
    for more in ({"folds": 3, "fold": 2}, {"split": split}):
        first = run(plugins.trained(), **more)
        again = rerun(first.path, Reporter())
        assert again.reproduced
        assert again.result.record.split == first.record.split
        assert again.result.record.split_source == first.record.split_source
        assert again.result.record.group == first.record.group


def edited(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = path / "scores.parquet"
    change(pd.read_parquet(table)).to_parquet(table)


def test_a_changed_score_is_noticed_to_the_last_bit(run: Run, plugins: Any) -> None:
    path = run(plugins.method()).path

    def change(scores: pd.DataFrame) -> pd.DataFrame:
        row = scores.index[scores.value.notna()][0]
        scores.loc[row, "value"] += 1e-12
        return scores

    edited(path, change)
    again = rerun(path, Reporter())
    assert (again.reproduced, again.differing) == (False, 1)
    assert again.largest == pytest.approx(1e-12, rel=0.01)


def test_a_changed_status_or_a_missing_row_is_noticed(run: Run, plugins: Any) -> None:
    path = run(plugins.method()).path

    def change(scores: pd.DataFrame) -> pd.DataFrame:
        scores.loc[scores.index[0], "status"] = "pred_empty"
        return scores.iloc[:-2]

    edited(path, change)
    again = rerun(path, Reporter())
    assert (again.reproduced, again.differing, again.largest) == (False, 3, None)


def test_a_metric_that_came_later_is_named_and_fails_no_repetition(run: Run, plugins: Any) -> None:
    path = run(plugins.method()).path
    edited(path, lambda scores: scores[scores.metric != "mcc"])
    assert not rerun(path, Reporter()).reproduced  # the record says that there were scores of it
    record = json.loads((path / "record.json").read_text())
    del record["metric_cards"]["mcc"]
    (path / "record.json").write_text(json.dumps(record))
    again = rerun(path, Reporter())
    assert (again.reproduced, again.differing) == (True, 0)
    assert set(again.changed) == {"metric definitions"}


def test_what_is_different_now_is_named(run: Run, plugins: Any) -> None:
    first = run(plugins.method())
    plugins.method("# another line\n" + plugins.BRIGHT)
    record = json.loads((first.path / "record.json").read_text())
    record["provenance"]["versions"]["numpy"] = "1.0"
    (first.path / "record.json").write_text(json.dumps(record))
    again = rerun(first.path, Reporter())
    assert again.reproduced
    assert set(again.changed) == {"method code", "numpy version"}
    assert again.changed["numpy version"][0] == "1.0"


def test_a_record_without_scores_or_data_is_refused_before_running(
    run: Run, plugins: Any, events: Any, tmp_path: Path
) -> None:
    path = run(plugins.method()).path
    events()
    with pytest.raises(UsageError, match="no parameter 'data_root'"):
        rerun(path, Reporter(), data_root=tmp_path)
    (path / "scores.parquet").unlink()
    with pytest.raises(DataError, match=r"has no scores\.parquet to compare with"):
        rerun(path, Reporter())
    with pytest.raises(DataError, match=r"Cannot read .*record\.json"):
        rerun(tmp_path / "record.json", Reporter())
    assert events() == []


def test_a_plugin_that_is_gone_is_named(run: Run, plugins: Any) -> None:
    path = run(plugins.method()).path
    (plugins.folder / "made.py").unlink()
    with pytest.raises(UsageError, match=r"no plugin file .*made\.py"):
        rerun(path, Reporter())


def test_of_several_methods_each_takes_the_settings_it_has(tmp_path: Path) -> None:
    """`--set` reaches the methods that have the parameter; brackets win over it."""
    request = RunRequest("", "lge", settings={"epochs": "3"}, runs=tmp_path)
    runs = expand(request, ["jdl[epochs=2]", "direct", "empty"], [0], None)
    asked = [dict(resolve("methods", r.method, r.settings).asked) for r in runs]
    assert asked == [{"epochs": "2"}, {"epochs": "3"}, {}]


def test_a_setting_that_no_method_has_is_an_error(tmp_path: Path) -> None:
    request = RunRequest("", "lge", settings={"epochz": "3"}, runs=tmp_path)
    with pytest.raises(UsageError, match="epochs"):
        expand(request, ["jdl", "empty"], [0], None)
