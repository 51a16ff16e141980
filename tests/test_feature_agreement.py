"""Clinical features of methods against the reference's: what boards and runs show of them."""

import csv
import io

import numpy as np
import pytest

from benchmark.agreement import bland_altman, pearson, regression, slope_interval
from benchmark.feature_agreement import agreement_notes, feature_agreement, shown_features
from benchmark.leaderboard import leaderboard
from benchmark.leaderboard_text import csv_text, markdown
from benchmark.policies import Policy
from benchmark.results import load_run
from benchmark.table import read_runs

TRUTH = [0.0, 4.0, 9.0, 15.0, 22.0]
FOUND = [1.0, 3.0, 10.0, 13.0, 25.0]


def run_of(make_run, name="x", found=FOUND, seed=0, **more):
    features = [
        row
        for case, (truth, answer) in zip("abcde", zip(TRUTH, found, strict=True), strict=True)
        for row in make_run.scar(case, truth, answer)
    ]
    scores = [make_run.score(case, 0.5) for case in "abcde"]
    return load_run(make_run(name, scores, features=features, seed=seed, **more))


def test_the_numbers_are_those_of_the_agreement_of_the_case_means(make_run):
    second = [3.0, 5.0, 10.0, 13.0, 21.0]
    runs = [run_of(make_run), run_of(make_run, found=second, seed=1)]
    (row,) = feature_agreement(runs)
    y = (np.array(FOUND) + second) / 2
    line, limits = regression(TRUTH, y, origin=True), bland_altman(TRUTH, y)
    assert row.slope == pytest.approx(np.dot(TRUTH, y) / np.dot(TRUTH, TRUTH))
    assert (row.slope_low, row.slope_high) == (line.slope_low, line.slope_high)
    assert row.r == pytest.approx(np.corrcoef(TRUTH, y)[0, 1])
    assert row.r_low == pearson(TRUTH, y).low
    assert row.bias == pytest.approx(np.mean(y - TRUTH))
    assert row.lower == pytest.approx(row.bias - 1.959964 * np.std(y - TRUTH, ddof=1))
    assert (row.lower, row.upper) == (limits.lower, limits.upper)
    assert (row.feature, row.unit, row.n_cases, row.n_missing) == ("scar_ml", "mL", 5, 0)


def test_a_missing_prediction_is_counted_and_the_policy_says_what_it_is(make_run):
    run = run_of(make_run, found=[*FOUND[:4], None])
    (worst,) = feature_agreement([run])
    assert (worst.n_cases, worst.n_total, worst.n_missing) == (5, 5, 1)
    assert worst.bias == pytest.approx(np.mean([*FOUND[:4], 0.0]) - np.mean(TRUTH))
    (left,) = feature_agreement([run], policy=Policy.EXCLUDE)
    assert (left.n_cases, left.n_total) == (4, 5)
    assert left.bias == pytest.approx(np.mean(FOUND[:4]) - np.mean(TRUTH[:4]))


def test_several_cases_of_a_patient_are_drawn_together(make_run):
    cases = {"a": {"patient": "p"}, "b": {"patient": "p"}}
    (row,) = feature_agreement([run_of(make_run, cases=cases)])
    patients = ["p", "p", "c", "d", "e"]
    expected = slope_interval(TRUTH, FOUND, patients, origin=True)
    assert (row.slope_low, row.slope_high) == pytest.approx(expected)
    assert (row.n_cases, row.n_patients) == (5, 4)


def test_excluded_cases_and_other_roles_do_not_count(make_run):
    cases = {"a": {"excluded": "wrong heart"}, "b": {"role": "external"}}
    (row,) = feature_agreement([run_of(make_run, cases=cases)])
    assert row.n_total == 3


def test_a_run_without_the_feature_has_no_row(make_run):
    empty = load_run(make_run("y", [make_run.score("a", 0.5)]))
    assert feature_agreement([empty]) == ()
    assert [row.label for row in feature_agreement([run_of(make_run), empty])] == ["x"]


def test_what_is_not_estimated_is_null_and_says_why(make_run):
    features = make_run.scar("a", 3.0, 2.0)
    run = load_run(make_run("x", [make_run.score("a", 0.5)], features=features))
    (row,) = feature_agreement([run])
    assert row.n_cases == 1
    assert (row.r, row.slope_low, row.lower) == (None, None, None)
    (note,) = agreement_notes([row])
    assert note.startswith("x, scar_ml: ")
    assert agreement_notes(feature_agreement([run_of(make_run)])) == ()


def test_maps_show_relaxation_times(make_run):
    path = make_run("m", [make_run.score("a", 0.5)], record={"annotates": ["myocardium"]})
    assert shown_features([load_run(path)])[0] == "myocardium_t1_median_ms"


def test_a_leaderboard_has_the_section(make_run):
    board = leaderboard(read_runs([run_of(make_run).source]), resamples=20)
    text = markdown(board)
    assert "## Clinical features" in text
    assert "| scar\\_ml (mL) | x | " in text
    (row,) = board.agreement
    lines = [line for line in csv.DictReader(io.StringIO(csv_text(board)))
             if line["region"] == "agreement"]  # fmt: skip
    assert [line["metric"] for line in lines] == [
        f"scar_ml {name}" for name in ("slope", "r", "bias", "lower_limit", "upper_limit")
    ]
    assert float(lines[0]["mean"]) == row.slope
    assert (float(lines[2]["low"]), lines[2]["unit"], lines[3]["low"]) == (row.bias_low, "mL", "")
    assert set(board.schemes) == {"median_then_rank", "rank_then_mean", "test_based"}
    assert "| rank, rank_then_mean |" in text
