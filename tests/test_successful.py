"""Volumes over successful slices, on slices of four pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import DataError
from benchmark.papers.fahmy2021_slices import segmented_slices
from benchmark.parquet import write_table
from benchmark.results import load_run
from benchmark.scoring import COUNTS, ScoreTask, arrow_schema, score_case
from benchmark.successful import FOUND, slice_success, successful_features

SPACING = (10.0, 10.0, 5.0)  # a voxel is 0.5 mL


def stack(*slices: str) -> np.ndarray:
    """Labels, a slice for each text."""
    return np.array([[[int(c) for c in text]] for text in slices], dtype=np.uint8)


#: Two slices with scar, one without, and one beyond the reference's myocardium.
REFERENCE = stack("22330", "22230", "22220", "00000")
#: Finds 4, 2 and 1 of 4; half is enough.
FIRST = stack("22330", "22000", "20000", "22000")
#: Finds 1, 4 and 1 of 4.
SECOND = stack("20000", "33330", "00020", "00000")


def run_of(
    make_run: Callable[..., Path],
    name: str,
    answers: Mapping[str, np.ndarray | None],
    cases: Mapping[str, Mapping[str, object]] | None = None,
):
    found = [score_case(ScoreTask(c, REFERENCE, drawn, SPACING)) for c, drawn in answers.items()]
    scores = [row for one in found for row in one.scores]
    features = [row for one in found for row in one.features]
    folder = make_run(name, scores, features=features, cases=cases)
    counts = [row for one in found for row in one.counts]
    write_table(folder / "counts.parquet", arrow_schema(COUNTS), counts)
    return load_run(folder)


def values(frame: pd.DataFrame, *where: str) -> Sequence[float]:
    """n, myocardium, scar and burden of one row: case, run, slices, source."""
    keys = ("case", "run", "slices", "source")
    (row,) = frame[
        np.logical_and.reduce([frame[k] == v for k, v in zip(keys, where, strict=True)])
    ].to_dict("records")
    return [row[k] for k in ("n_slices", "myocardium_ml", "scar_ml", "scar_percent")]


def test_half_of_the_reference_s_myocardium_makes_a_slice_successful(make_run) -> None:
    run = run_of(make_run, "one", {"p": FIRST, "q": SECOND})
    counts = pd.read_parquet(run.source / "counts.parquet")
    found = slice_success(counts)
    assert found.columns.tolist() == ["case", "slice", "reference", "found", "successful"]
    assert found["found"].tolist() == [4, 2, 1, 1, 4, 1]
    assert found["reference"].tolist() == [4] * 6
    assert found["successful"].tolist() == [True, True, False, False, True, False]
    metric = run.scores[
        (run.scores["metric"] == "slice_success")
        & (run.scores["region"] == "myocardium")
        & (run.scores["level"] == "volume")
    ]
    assert found.groupby("case")["successful"].mean().tolist() == metric["value"].tolist()
    assert FOUND == 0.5


def test_counts_of_readers_do_not_count(make_run) -> None:
    run = run_of(make_run, "one", {"p": FIRST})
    counts = pd.read_parquet(run.source / "counts.parquet")
    more = pd.concat([counts, counts.assign(reference="anna"), counts.assign(compared="bert")])
    assert slice_success(more).equals(slice_success(counts))


def test_own_common_and_all_slices_by_hand(make_run) -> None:
    a = run_of(make_run, "one", {"p": FIRST})
    b = run_of(make_run, "two", {"p": SECOND})
    found = successful_features(a, b)
    # one has slices 0 and 1: 6 voxels with 2 of scar, where the reference has 8 with 3
    assert values(found, "p", "a", "own", "prediction") == [2, 3.0, 1.0, pytest.approx(100 / 3)]
    assert values(found, "p", "a", "own", "reference") == [2, 4.0, 1.5, 37.5]
    # two has slice 1
    assert values(found, "p", "b", "own", "prediction") == [1, 2.0, 2.0, 100.0]
    assert values(found, "p", "b", "own", "reference") == [1, 2.0, 0.5, 25.0]
    # slice 1 is common
    assert values(found, "p", "a", "common", "prediction") == [1, 1.0, 0.0, 0.0]
    assert values(found, "p", "a", "common", "reference") == [1, 2.0, 0.5, 25.0]
    assert values(found, "p", "b", "common", "prediction") == [1, 2.0, 2.0, 100.0]
    # all have what is drawn beyond the reference too
    assert values(found, "p", "a", "all", "prediction") == [3, 4.5, 1.0, pytest.approx(100 / 4.5)]
    assert values(found, "p", "a", "all", "reference") == [3, 6.0, 1.5, 25.0]
    assert not found["dropped"].any()
    alone = successful_features(a)
    assert set(alone["run"]) == {"a"}
    own, common = (alone[alone["slices"] == s].drop(columns="slices") for s in ("own", "common"))
    assert own.reset_index(drop=True).equals(common.reset_index(drop=True))


def test_all_slices_are_the_features_of_the_volume(make_run) -> None:
    run = run_of(make_run, "one", {"p": FIRST, "q": SECOND})
    found = successful_features(run)
    for row in found[found["slices"] == "all"].to_dict("records"):
        whole = run.features[
            (run.features["case"] == row["case"])
            & (run.features["source"] == row["source"])
            & (run.features["level"] == "volume")
        ].set_index("feature")["value"]
        for name in ("myocardium_ml", "scar_ml", "scar_percent"):
            assert row[name] == pytest.approx(whole[name], abs=1e-12)


def test_a_patient_in_whom_both_fail_is_dropped_and_one_of_one_is_not(make_run) -> None:
    nothing = np.zeros_like(REFERENCE)
    a = run_of(make_run, "one", {"both": nothing, "one": nothing, "none": None})
    b = run_of(make_run, "two", {"both": None, "one": SECOND, "none": None})
    found = successful_features(a, b)
    dropped = found.groupby("case")["dropped"].agg(["any", "all"])
    assert dropped.loc["both"].tolist() == [True, True]
    assert dropped.loc["none"].tolist() == [True, True]
    assert dropped.loc["one"].tolist() == [False, False]
    n, *rest = values(found, "one", "a", "own", "prediction")
    assert (n, np.isnan(rest).all()) == (0, True)
    assert values(found, "one", "b", "own", "prediction")[0] == 1
    # What is missing is missing; the reference is not.
    assert np.isnan(values(found, "none", "a", "all", "prediction")[1])
    assert values(found, "none", "a", "all", "reference") == [3, 6.0, 1.5, 25.0]


def test_without_an_answer_the_slices_with_myocardium_are_missed_and_no_others(make_run) -> None:
    one = run_of(make_run, "one", {"p": FIRST})
    none = run_of(make_run, "none", {"p": None})
    found = segmented_slices([one, none], ["test"])
    assert found.index.get_level_values("slice").tolist() == [0, 1, 2]
    assert found["success"].tolist() == [0.5, 0.5, 0.0]


def test_excluded_cases_count_for_nobody(make_run) -> None:
    cases = {"q": {"excluded": "a phantom", "status": "ok"}}
    run = run_of(make_run, "one", {"p": FIRST, "q": SECOND}, cases)
    assert set(successful_features(run)["case"]) == {"p"}


def test_runs_on_other_cases_and_entries_are_refused(make_run) -> None:
    a = run_of(make_run, "one", {"p": FIRST})
    b = run_of(make_run, "two", {"q": FIRST})
    with pytest.raises(DataError, match="different cases, 'p'"):
        successful_features(a, b)
    areas = a.features[(a.features["level"] == "volume").to_numpy()]
    with pytest.raises(DataError, match="no areas by slice"):
        successful_features(replace(a, features=areas))
    (a.source / "counts.parquet").unlink()
    with pytest.raises(DataError, match="no counts"):
        successful_features(a)


def test_a_run_from_before_there_were_segments_reads_as_one_without(make_run) -> None:
    run = run_of(make_run, "one", {"p": FIRST})
    path = run.source / "features.parquet"
    old = pd.read_parquet(path).drop(columns="segment")
    old.to_parquet(path)
    assert load_run(run.source).features["segment"].isna().all()
    assert successful_features(load_run(run.source)).equals(successful_features(run))
