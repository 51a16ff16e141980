"""From run folders and entries to one tidy table."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmark.errors import DataError
from benchmark.results import current, find_runs, load_run, unique_labels
from benchmark.table import Quantity, load_runs, read_runs, select, tidy


def test_every_value_stands_beside_its_run_and_its_case(make_run):
    path = make_run(
        "jdl",
        [make_run.score("b", 0.5), make_run.score("a", None, "pred_empty", metric="hd95")],
        seed=3,
        cases={"a": {"patient": "p1", "vendor": "V", "fold": 2}, "b": {"patient": "p2"}},
    )
    table = load_runs([path])
    assert table[["run", "method", "label", "group", "dataset"]].iloc[0].tolist() == [
        "jdl-0003", "jdl", "jdl", "jdl-group", "toy"
    ]  # fmt: skip
    assert table["case"].tolist() == ["b", "a"]
    assert table["patient"].tolist() == ["p2", "p1"]
    assert table["vendor"].tolist()[1] == "V"
    assert pd.isna(table["vendor"].tolist()[0])
    assert table["case_fold"].tolist()[1] == 2
    assert table["seed"].tolist() == [3, 3]
    assert table["fold"].isna().all()
    assert table["value"].tolist()[0] == 0.5
    assert np.isnan(table["value"].iloc[1])
    assert table["worst"].tolist() == [0.5, 300.0]
    assert table["diagonal_mm"].tolist() == [300.0, 300.0]


def test_the_order_of_paths_changes_nothing(make_run):
    paths = [make_run(m, [make_run.score("a", 0.5)], seed=s) for m in ("x", "y") for s in (1, 0)]
    pd.testing.assert_frame_equal(load_runs(paths), load_runs(paths[::-1]))


def test_a_run_met_twice_counts_once(make_run):
    path = make_run("x", [make_run.score("a", 0.5)])
    assert len(load_runs([path, path / "record.json"])) == 1


def test_columns_that_an_older_run_lacks_are_null(make_run):
    path = make_run("x", [make_run.score("a", 0.5)])
    frame = pd.read_parquet(path / "cases.parquet")[["case", "patient", "role"]]
    frame.to_parquet(path / "cases.parquet")
    table = load_runs([path])
    assert table["site"].isna().all()
    assert table["diagonal_mm"].isna().all()


def test_different_metric_definitions_are_refused_by_name(make_run):
    cards = {"dice": "other", "hd95": "hd95-1", "new": "n"}
    one = make_run("x", [make_run.score("a", 0.5)])
    two = make_run("y", [make_run.score("a", 0.5)], record={"metric_cards": cards})
    with pytest.raises(DataError, match="different definitions of dice:"):
        read_runs([one, two])


def test_the_same_seed_of_an_experiment_twice_is_refused(make_run):
    one = make_run("x", [make_run.score("a", 0.5)])
    two = make_run("x", [make_run.score("a", 0.6)], record={"key": "b"})
    with pytest.raises(DataError, match="same seed 0"):
        read_runs([one, two])


def test_only_the_asked_levels_are_read(make_run):
    rows = [make_run.score("a", 0.5), make_run.score("a", 0.7, level="slice", slice=0)]
    path = make_run("x", rows)
    assert len(load_run(path).scores) == 2
    assert load_run(path, ["volume"]).scores["value"].tolist() == [0.5]


def test_select_keeps_the_role_and_drops_readers_and_excluded_cases(make_run):
    rows = [
        make_run.score("a", 0.1),
        make_run.score("b", 0.2),
        make_run.score("c", 0.3),
        make_run.score("a", 0.4, compared="reader_1"),
        make_run.score("a", 0.5, reference="reader_1"),
        make_run.score("a", 5.0, metric="hd95"),
    ]
    cases = {"b": {"role": "external"}, "c": {"excluded": "moved"}}
    table = load_runs([make_run("x", rows, cases=cases)])
    dice = [Quantity("scar", "dice")]
    assert select(table, dice)["value"].tolist() == [0.1]
    assert select(table, dice, roles=["test", "external"])["value"].tolist() == [0.1, 0.2]
    assert select(table, [Quantity("scar", "hd95", "3d")])["value"].tolist() == [5.0]
    assert select(table, [Quantity("scar", "hd95", "slice")]).empty
    assert select(table, dice, dataset="other").empty


def test_quantities_name_themselves():
    assert str(Quantity("scar", "dice")) == "scar dice"
    assert str(Quantity("scar", "hd95", "slice", "apex")) == "scar hd95 (slice, apex)"


def test_labels_tell_namesakes_apart(make_run):
    asked = {"asked": {"epochs": 5, "backbone": "unet"}}
    paths = [
        make_run("jdl", [make_run.score("a", 1)], seed=0, method_record=asked,
                 record={"group": "aaaaaaaaaaaa"}),
        make_run("jdl", [make_run.score("a", 1)], seed=1, record={"group": "bbbbbbbbbbbb"}),
        make_run("jdl", [make_run.score("a", 1)], seed=2, method_record={"profile": "paper"},
                 record={"group": "cccccccccccc"}),
        make_run("jdl", [make_run.score("a", 1)], seed=3, method_record={"profile": "paper"},
                 record={"group": "dddddddddddd"}),
    ]  # fmt: skip
    assert set(unique_labels(read_runs(paths)).values()) == {
        "jdl[backbone=unet,epochs=5]",
        "jdl (quick)",
        "jdl (paper) cccccccc",
        "jdl (paper) dddddddd",
    }


def test_find_runs_leaves_out_what_is_unfinished_or_superseded(make_run, tmp_path):
    import os

    old = make_run("x", [make_run.score("a", 1)], record={"group": "old"})
    new = make_run("x", [make_run.score("a", 1)], record={"group": "new", "key": "n"})
    again = make_run("x", [make_run.score("a", 1)], record={"group": "new", "key": "again"})
    other = make_run("y", [make_run.score("a", 1)])
    half = make_run("z", [make_run.score("a", 1)])
    (half / "scores.parquet").unlink()
    for when, path in enumerate((other, old, new, again)):
        os.utime(path / "record.json", (when, when))
    assert find_runs(tmp_path / "runs") == sorted([again, other])
    assert find_runs(tmp_path / "runs", "elsewhere") == []
    assert current([new, old, again]) == [again]
    assert current([old, other]) == sorted([old, other])


def test_no_runs_make_no_table():
    with pytest.raises(DataError, match="no runs"):
        tidy([])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "record.json").unlink(), "is no run folder"),
        (lambda p: (p / "record.json").write_text("{"), "not valid JSON"),
        (lambda p: (p / "record.json").write_text(json.dumps({"format": 99})), "format 99"),
        (lambda p: (p / "cases.parquet").unlink(), "cases.parquet is missing"),
        (lambda p: (p / "scores.parquet").write_bytes(b"PAR1 no PAR1"), "cannot be read"),
        (
            lambda p: pd.DataFrame({"case": ["a"]}).to_parquet(p / "scores.parquet"),
            "lacks the columns region",
        ),
        (
            lambda p: pd.DataFrame(
                {"case": ["a", "a"], "patient": ["p", "p"], "role": ["test", "test"]}
            ).to_parquet(p / "cases.parquet"),
            "'a' is twice",
        ),
        (
            lambda p: pd.DataFrame({"case": ["b"], "patient": ["p"], "role": ["test"]}).to_parquet(
                p / "cases.parquet"
            ),
            "not in its case table, 'a'",
        ),
    ],
)
def test_a_damaged_run_is_one_clear_error(make_run, spoil, message):
    path = make_run("x", [make_run.score("a", 0.5)])
    spoil(path)
    with pytest.raises(DataError, match=message):
        read_runs([path])


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        read_runs([tmp_path / "nowhere"])
