"""The method gate: every kind of change, by hand, and what must hold whatever the values are."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.drift import Outcome, check_method, default_tolerances
from benchmark.errors import DataError, UsageError
from benchmark.record import RunRecord
from benchmark.results import Run
from benchmark.table import Quantity

DICE = Quantity("scar", "dice")
CASES = "abcdefghij"


def run_of(values, *, seed=0, model="same", trains=True, status=None, cases=None, **more):
    """A run from Dice by case; None is rightly empty, "alarm" a scar where there is none."""
    told = {None: "both_empty", "alarm": "ref_empty", "miss": "pred_empty", "error": "error"}
    names = list(cases or CASES[: len(values)])
    rows = []
    for case, value in zip(names, values, strict=True):
        known = isinstance(value, float)
        number = value if known else 0.0 if value in ("alarm", "miss") else None
        rows.append({
            "case": case, "region": "scar", "metric": "dice", "level": "volume", "slice": None,
            "dim": None, "reference": "reference", "compared": "prediction", "value": number,
            "status": (status or {}).get(case, "ok" if known else told[value]), "message": "",
            "unit": "", "better": "higher", "worst": number,
        })  # fmt: skip
    rows += more.pop("rows", [])
    stages = {"predict": {"key": "p"}}
    if trains:
        stages["train"] = {"seconds": 100.0, "model": {"model.pt": f"{model}-{seed}"}}
    record = {
        "method": {"name": "m", "spec": "m", "parameters": {}, "trains": trains, "code": "c"},
        "dataset": {"name": "toy", "spec": "toy", "parameters": {}, "fingerprint": "f"},
        "group": "g", "seed": seed, "split": {}, "produces": ["scar"], "annotates": ["scar"],
        "metric_cards": {"dice": "d1", "hd95": "h1"}, "stages": stages,
        "totals": {"predict_seconds_per_slice": 1.0, "train_memory_mb": 1000.0},
        "provenance": {"machine": "x", "platform": "p", "versions": {"torch": "2"}},
    }  # fmt: skip
    for key, value in more.pop("record", {}).items():
        record[key] = {**record[key], **value} if isinstance(value, dict) else value
    table = pd.DataFrame({
        "case": names, "patient": more.pop("patients", names), "role": "test", "status": "ok",
        "excluded": None, "diagonal_mm": more.pop("diagonals", [300.0] * len(names)),
    })  # fmt: skip
    assert not more
    return Run(f"m-{seed}", RunRecord.model_validate(record), table, pd.DataFrame(rows))


def seeds_of(columns, **more):
    return [run_of(column, seed=seed, **more) for seed, column in enumerate(columns)]


THREE = seeds_of([[0.80, 0.70, 0.60, 0.50], [0.82, 0.69, 0.61, 0.48], [0.78, 0.72, 0.60, 0.51]])


def changed(runs, change):
    """``runs`` with each row of scores passed through ``change(case, value)``."""
    out = []
    for run in runs:
        scores = run.scores.copy()
        scores["value"] = [
            change(c, v) for c, v in zip(scores["case"], scores["value"], strict=True)
        ]
        scores["worst"] = scores["value"]
        out.append(dataclasses.replace(run, scores=scores))
    return out


def finding(check, name):
    (one,) = [f for f in check.findings if f.name == name]
    return one


def test_an_entry_is_the_same_as_itself():
    check = check_method(THREE, THREE)
    assert (check.outcome, check.exit_code) == (Outcome.SAME, 0)
    one = finding(check, "scar dice")
    assert one.outcome is Outcome.SAME
    assert one.reason == "All values of seed 0, 1, 2 are the same to the last bit."
    assert (one.difference, one.low, one.high, one.n_cases) == (0.0, 0.0, 0.0, 4)
    assert one.then == pytest.approx((0.65 + 0.65 + 0.6525) / 3)


def test_one_seed_of_the_entry_that_is_the_same_is_the_same():
    check = check_method(THREE[1:2], THREE)
    assert check.outcome is Outcome.SAME
    assert finding(check, "scar dice").then == pytest.approx(0.65)


def test_a_loss_of_the_same_model_is_found_without_regard_to_seeds():
    """One per cent of every case: the tolerance and the margin are of the mean, by hand."""
    check = check_method(changed(THREE, lambda case, v: v * 0.99), THREE)
    one = finding(check, "scar dice")
    mean = (0.65 + 0.65 + 0.6525) / 3
    assert (check.outcome, check.exit_code) == (Outcome.REGRESSION, 1)
    assert one.difference == pytest.approx(-0.01 * mean)
    assert one.tolerance == pytest.approx(0.001 * mean)
    assert one.margin == pytest.approx(0.004 * mean)
    assert one.low < one.difference < one.high < 0
    assert [change.case for change in one.worst] == ["a", "b", "c", "d"]
    assert one.worst[0].then == pytest.approx(0.8)
    assert one.worst[0].now == pytest.approx(0.8 * 0.99)
    assert one.worst[0].what == "value"


def test_a_loss_below_the_margin_passes_where_an_interval_shows_it():
    check = check_method(changed(THREE, lambda case, v: v * 0.998), THREE)
    one = finding(check, "scar dice")
    assert (check.outcome, one.outcome) == (Outcome.EQUAL, Outcome.EQUAL)
    assert "less than the" in one.reason


def test_the_same_loss_in_one_patient_is_not_shown_to_be_small():
    runs = changed(THREE, lambda case, v: v - 0.02 if case == "d" else v)
    one = finding(check_method(runs, THREE), "scar dice")
    assert one.outcome is Outcome.REGRESSION
    assert one.worst[0].case == "d"


def test_rounding_is_no_loss():
    check = check_method(changed(THREE, lambda case, v: v - 1e-5), THREE)
    assert check.outcome is Outcome.EQUAL
    assert "no more than" in finding(check, "scar dice").reason


def test_a_gain_is_better():
    check = check_method(changed(THREE, lambda case, v: v + 0.05), THREE)
    assert (check.outcome, check.exit_code) == (Outcome.BETTER, 0)


def test_one_collapsed_case_is_found_beside_a_better_mean():
    runs = changed(THREE, lambda case, v: v - 0.2 if case == "a" else v + 0.1)
    check = check_method(runs, THREE)
    one = finding(check, "scar dice")
    assert one.difference == pytest.approx(0.025)
    assert one.outcome is Outcome.REGRESSION
    assert one.reason == "1 of 4 cases lost far more: a."


def other_seeds(columns):
    """The same experiment with seeds 10, 11, ..., trained anew."""
    return [run_of(column, seed=10 + i, model="new") for i, column in enumerate(columns)]


def test_other_seeds_have_the_variance_between_seeds_as_their_tolerance():
    """Against an independent computation of the moderated variance and its t quantile."""
    from scipy.stats import t

    entry = seeds_of([[0.80, 0.70], [0.82, 0.71], [0.78, 0.69]])
    then = np.array([[0.80, 0.70], [0.82, 0.71], [0.78, 0.69]])
    rule = default_tolerances().seeds
    prior = then.var(axis=0, ddof=1).mean() * (1 + rule.rho) / 2
    s2 = (2 * then.mean(axis=1).var(ddof=1) + rule.prior_df * prior) / (2 + rule.prior_df)
    chance = t.ppf(1 - rule.alpha, 2 + rule.prior_df) * math.sqrt(s2 * (1 / 3 + 1 / 2))
    runs = other_seeds([[0.79, 0.70], [0.81, 0.70]])
    one = finding(check_method(runs, entry), "scar dice")
    assert one.outcome is Outcome.EQUAL
    assert one.tolerance == pytest.approx(0.001 * then.mean() + chance, rel=1e-12)
    assert one.reason.endswith("what rounding and seeds explain.")


def test_a_loss_beyond_what_seeds_explain_is_a_regression():
    entry = seeds_of([[0.80, 0.70], [0.802, 0.701], [0.798, 0.699]])
    runs = other_seeds([[0.75, 0.65], [0.75, 0.65], [0.75, 0.65]])
    assert check_method(runs, entry).outcome is Outcome.REGRESSION
    runs = other_seeds([[0.80, 0.70], [0.799, 0.70], [0.80, 0.699]])
    assert check_method(runs, entry).outcome is Outcome.EQUAL


def test_seeds_that_hide_everything_measure_nothing():
    entry = seeds_of([[0.1, 0.2], [0.8, 0.7], [0.4, 0.5]])
    check = check_method(other_seeds([[0.0, 0.0]]), entry)
    one = finding(check, "scar dice")
    assert one.outcome is Outcome.NOT_MEASURED
    assert "nothing can be shown" in one.reason
    assert check.exit_code == 3


def test_the_same_seeds_trained_anew_are_told_from_the_same_models():
    anew = seeds_of([[0.79, 0.71, 0.6, 0.5]] * 3, model="new")
    check = check_method(anew, THREE)
    assert check.facts["pairing"].now == "seeds 0, 1, 2, trained anew"
    assert finding(check, "scar dice").tolerance > 0.01


def test_models_trained_anew_that_end_at_the_same_values_are_the_same():
    anew = [dataclasses.replace(run, record=other.record) for run, other in
            zip(THREE, seeds_of([[0.5]] * 3, model="new"), strict=True)]  # fmt: skip
    assert check_method(anew, THREE).outcome is Outcome.SAME


@pytest.mark.parametrize("status", ["error", "no_prediction", "not_applicable"])
@pytest.mark.parametrize("model", ["same", "new"])
def test_a_case_that_failed_is_a_regression(status, model):
    runs = seeds_of([[0.8, 0.7, 0.6, "error"]] * 3, status={"d": status}, model=model)
    check = check_method(runs, THREE)
    one = finding(check, "defined values")
    assert (one.outcome, check.exit_code) == (Outcome.REGRESSION, 1)
    assert [(c.case, c.status_then, c.status_now, c.what) for c in one.worst] == [
        ("d", "ok", status, "status")
    ]
    assert one.worst[0].then == pytest.approx((0.5 + 0.48 + 0.51) / 3)
    assert one.worst[0].now is None


def test_a_region_that_the_same_model_misses_is_a_regression():
    entry = seeds_of([[0.8, 0.7, 0.002]] * 3)
    check = check_method(seeds_of([[0.8, 0.7, "miss"]] * 3), entry)
    assert finding(check, "defined values").outcome is Outcome.REGRESSION


def test_a_miss_that_is_one_of_several_seeds_counts_by_its_value_alone():
    entry = seeds_of([[0.80, 0.70, 0.20], [0.81, 0.71, "miss"], [0.79, 0.70, 0.1]])
    check = check_method(other_seeds([[0.8, 0.7, "miss"]]), entry)
    assert finding(check, "defined values").outcome is Outcome.SAME
    assert check.exit_code == 0


def test_a_nan_behind_an_ok_is_undefined_and_never_a_number():
    runs = seeds_of([[0.8, 0.7, 0.6, float("nan")]] * 3)
    check = check_method(runs, THREE)
    assert finding(check, "defined values").outcome is Outcome.REGRESSION
    runs = seeds_of([[0.8, 0.7, 0.6, float("inf")]] * 3)
    assert check_method(runs, THREE).outcome is Outcome.REGRESSION


def test_a_missing_case_is_a_regression_and_a_new_one_a_change():
    fewer = seeds_of([[0.8, 0.7, 0.6]] * 3)
    check = check_method(fewer, THREE)
    one = finding(check, "cases")
    assert (one.outcome, one.n_cases) == (Outcome.REGRESSION, 3)
    assert [(c.case, c.what) for c in one.worst] == [("d", "missing")]
    check = check_method(THREE, fewer)
    one = finding(check, "cases")
    assert (one.outcome, check.exit_code) == (Outcome.CHANGED, 1)
    assert [(c.case, c.what) for c in one.worst] == [("d", "new")]
    assert finding(check, "scar dice").n_cases == 3


def test_another_field_of_view_is_a_change_and_named():
    values = [[0.80, 0.70, 0.60, 0.50], [0.82, 0.69, 0.61, 0.48], [0.78, 0.72, 0.60, 0.51]]
    moved = seeds_of(values, diagonals=[300.0, 300.0, 301.0, 300.0])
    check = check_method(moved, THREE)
    one = finding(check, "geometry")
    assert (check.outcome, one.outcome) == (Outcome.CHANGED, Outcome.CHANGED)
    assert [(c.case, c.then, c.now, c.what) for c in one.worst] == [("c", 300.0, 301.0, "geometry")]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_another_field_of_view_in_any_seed_is_a_change(seed):
    """The rows of cases of every run count, not those of the first alone."""
    table = THREE[seed].cases.assign(diagonal_mm=[300.0, 300.0, 301.0, 300.0])
    moved = [*THREE]
    moved[seed] = dataclasses.replace(moved[seed], cases=table)
    one = finding(check_method(moved, THREE), "geometry")
    assert one.outcome is Outcome.CHANGED
    assert [(c.case, c.then, c.now) for c in one.worst] == [("c", 300.0, 301.0)]
    assert finding(check_method(THREE, THREE), "geometry").outcome is Outcome.SAME


def test_a_case_of_which_one_seed_knows_no_size_is_compared_by_the_others():
    unknown = dataclasses.replace(THREE[0], cases=THREE[0].cases.assign(diagonal_mm=np.nan))
    other = dataclasses.replace(THREE[1], cases=THREE[1].cases.assign(diagonal_mm=310.0))
    check = check_method([unknown, other], THREE)
    assert len(finding(check, "geometry").worst) == 4


def test_a_changed_definition_is_not_compared():
    other = seeds_of([[0.1] * 4] * 3, record={"metric_cards": {"dice": "d2"}})
    check = check_method(other, THREE)
    assert (check.outcome, check.exit_code) == (Outcome.CHANGED, 1)
    one = finding(check, "scar dice")
    assert (one.outcome, one.difference) == (Outcome.CHANGED, None)
    assert finding(check, "definitions").reason == "Defined otherwise: dice."
    assert check.facts["changed definitions"] == ("dice d1", "dice d2")


def test_a_changed_definition_that_decides_nothing_changes_no_outcome():
    other = [run_of([0.8, 0.7], seed=s, record={"metric_cards": {"hd": "x"}}) for s in range(3)]
    entry = [run_of([0.8, 0.7], seed=s, record={"metric_cards": {"hd": "y"}}) for s in range(3)]
    check = check_method(other, entry)
    assert check.outcome is Outcome.SAME
    assert finding(check, "definitions").outcome is Outcome.CHANGED
    assert not finding(check, "definitions").gated


def test_other_data_are_a_change_and_both_fingerprints_are_told():
    values = [[0.80, 0.70, 0.60, 0.50], [0.82, 0.69, 0.61, 0.48], [0.78, 0.72, 0.60, 0.51]]
    other = seeds_of(values, record={"dataset": {"fingerprint": "g"}})
    check = check_method(other, THREE)
    assert (check.outcome, check.exit_code) == (Outcome.CHANGED, 1)
    assert check.facts["data"] == ("f", "g")
    assert finding(check, "scar dice").outcome is Outcome.SAME


def test_scar_found_in_a_heart_without_any_is_a_regression():
    entry = seeds_of([[0.8, 0.7, None, None]] * 3)
    check = check_method(seeds_of([[0.8, 0.7, "alarm", None]] * 3), entry)
    one = finding(check, "scar false_alarm")
    assert (one.outcome, one.then, one.now, one.n_cases) == (Outcome.REGRESSION, 0.0, 0.5, 2)
    assert [(c.case, c.status_then, c.status_now) for c in one.worst] == [
        ("c", "both_empty", "ref_empty")
    ]
    assert finding(check, "scar dice").n_cases == 2
    assert check_method(entry, seeds_of([[0.8, 0.7, "alarm", None]] * 3)).exit_code == 0


@pytest.mark.parametrize(
    ("record", "name", "counts"),
    [
        ({"stages": {"train": {"seconds": 700.0}}}, "train time", 1),
        ({"totals": {"predict_seconds_per_slice": 6.5}}, "time per slice", 1),
        ({"totals": {"train_memory_mb": 1600.0}}, "train memory", 1),
        ({"totals": {"train_memory_mb": 1400.0}}, "train memory", 0),
        ({"totals": {"train_memory_mb": 9000.0}, "threads": 8}, "train memory", 0),
        (
            {"totals": {"train_memory_mb": 9000.0}, "provenance": {"machine": "y"}},
            "train memory",
            0,
        ),
    ],
)  # fmt: skip
def test_slower_or_hungrier_counts_on_the_same_machine_alone(record, name, counts):
    entry = [run_of([0.8, 0.7], trains=False, record={"stages": {"train": {"seconds": 100.0}}})]
    check = check_method([run_of([0.8, 0.7], trains=False, record=record)], entry)
    assert finding(check, name).gated == bool(counts)
    assert check.exit_code == counts
    assert finding(check, "scar dice").outcome is Outcome.SAME


def test_nothing_in_common_measures_nothing():
    other = seeds_of([[0.8, 0.7]] * 3, cases="xy")
    check = check_method(other, THREE)
    assert (check.outcome, check.exit_code) == (Outcome.NOT_MEASURED, 3)


@pytest.mark.parametrize("values", [["error"] * 3, [None] * 3])
def test_an_entry_without_a_value_measures_nothing_of_it(values):
    entry = seeds_of([values] * 3)
    check = check_method(seeds_of([[0.8, 0.7, 0.6]] * 3), entry)
    assert finding(check, "scar dice").outcome is Outcome.NOT_MEASURED


def test_nothing_defined_on_both_sides_is_no_success():
    entry = seeds_of([["error"] * 3] * 3)
    check = check_method(entry, entry)
    assert (check.outcome, check.exit_code) == (Outcome.NOT_MEASURED, 3)
    none = seeds_of([["error"] * 3] * 3, status=dict.fromkeys("abc", "not_applicable"))
    assert check_method(none, none).exit_code == 3


def test_one_seed_of_a_method_that_learns_says_nothing_of_seeds():
    check = check_method(other_seeds([[0.5, 0.5]]), [run_of([0.8, 0.7])])
    one = finding(check, "scar dice")
    assert (one.outcome, check.exit_code) == (Outcome.NOT_MEASURED, 3)
    assert "1 seed of a method that learns" in one.reason


def test_a_method_that_learns_nothing_needs_one_run():
    entry = [run_of([0.8, 0.7], trains=False)]
    assert check_method(entry, entry).outcome is Outcome.SAME
    assert check_method([run_of([0.8, 0.6], trains=False)], entry).outcome is Outcome.REGRESSION


def test_of_one_patient_there_is_no_interval_and_the_tolerance_alone_decides():
    entry = [run_of([0.8], trains=False)]
    one = finding(check_method([run_of([0.79], trains=False)], entry), "scar dice")
    assert (one.outcome, one.low, one.high) == (Outcome.REGRESSION, None, None)
    one = finding(check_method([run_of([0.7999], trains=False)], entry), "scar dice")
    assert one.outcome is Outcome.EQUAL


def test_no_runs_is_an_error():
    with pytest.raises(DataError, match="run holds no run"):
        check_method([], THREE)
    with pytest.raises(DataError, match="entry holds no run"):
        check_method(THREE, [])


def test_another_method_or_two_experiments_are_refused():
    other = run_of([0.8], record={"method": {"name": "n"}})
    with pytest.raises(UsageError, match="is of n on toy"):
        check_method([other], THREE)
    with pytest.raises(UsageError, match="different experiments"):
        check_method([THREE[0], run_of([0.8], seed=1, record={"group": "h"})], THREE)
    with pytest.raises(DataError, match="same seed 0"):
        check_method([THREE[0], THREE[0]], THREE)


def test_folds_of_a_seed_are_one_run():
    whole = seeds_of([[0.8, 0.7, 0.6, 0.5]] * 3)
    folded = [
        run_of([0.8, 0.7] if fold == 0 else [0.6, 0.5], seed=seed,
               cases="ab" if fold == 0 else "cd", record={"fold": fold, "folds": 2})
        for seed in range(3) for fold in range(2)
    ]  # fmt: skip
    one = finding(check_method(folded, folded), "scar dice")
    assert (one.outcome, one.n_cases) == (Outcome.SAME, 4)
    assert one.then == pytest.approx(finding(check_method(whole, whole), "scar dice").then)


def distances(values, status="ok"):
    return [
        {"case": case, "region": "scar", "metric": "hd95", "level": "volume", "slice": None,
         "dim": "3d", "reference": "reference", "compared": "prediction", "value": value,
         "status": "pred_empty" if value is None else status, "message": "", "unit": "mm",
         "better": "lower", "worst": 300.0 if value is None else value}
        for case, value in zip(CASES, values, strict=False)
    ]  # fmt: skip


def test_of_a_distance_more_is_worse_and_a_miss_is_the_diagonal():
    entry = [run_of([0.8, 0.7], rows=distances([4.0, 6.0]))]
    run = [run_of([0.8, 0.7], rows=distances([4.0, None]))]
    one = finding(check_method(run, entry), "scar hd95 (3d)")
    assert (one.outcome, one.then, one.now) == (Outcome.REGRESSION, 5.0, 152.0)
    assert one.difference == 147.0
    assert (one.low, one.high) == (0.0, 294.0)


def test_of_models_trained_anew_a_miss_counts_as_the_largest_distance_measured():
    entry = [run_of([0.8, 0.7], seed=s, rows=distances([4.0 + s, 6.0])) for s in range(3)]
    run = [run_of([0.8, 0.7], seed=9, model="new", rows=distances([4.0, None]))]
    one = finding(check_method(run, entry), "scar hd95 (3d)")
    assert one.now == pytest.approx((4.0 + 6.0) / 2)


def test_values_that_decide_nothing_still_say_whether_all_is_the_same():
    more = [{**row, "metric": "hd"} for row in distances([4.0, 6.0])]
    other = [{**row, "metric": "hd"} for row in distances([4.0, 6.5])]
    entry, run = [run_of([0.8, 0.7], rows=more)], [run_of([0.8, 0.7], rows=other)]
    check = check_method(run, entry)
    one = finding(check, "all values")
    assert (check.outcome, check.exit_code) == (Outcome.EQUAL, 0)
    assert [(c.case, c.then, c.now) for c in one.worst] == [("b", 6.0, 6.5)]


def test_facts_show_both_sides():
    check = check_method(THREE[:1], THREE)
    assert check.facts["seeds"] == ("0, 1, 2", 0)
    assert check.facts["torch version"] == ("2", "2")
    assert check.facts["cases in common"] == (4, 4)


ORDER = [Outcome.BETTER, Outcome.SAME, Outcome.EQUAL, Outcome.NOT_MEASURED, Outcome.REGRESSION]
VALUES = st.lists(
    st.lists(
        st.one_of(st.floats(0, 1), st.sampled_from(["miss", "error"])), min_size=3, max_size=3
    ),
    min_size=3,
    max_size=3,
)


@settings(max_examples=20, deadline=None)
@given(VALUES, VALUES, st.integers(0, 2), st.integers(0, 2), st.floats(0, 1), st.booleans())
def test_worsening_a_case_never_improves_the_outcome(then, now, seed, case, share, same):
    entry = seeds_of(then)
    model = "same" if same else "new"
    before = check_method(seeds_of(now, model=model), entry)
    worse = [list(column) for column in now]
    value = worse[seed][case]
    worse[seed][case] = value * share if isinstance(value, float) else "error"
    after = check_method(seeds_of(worse, model=model), entry)
    assert after.exit_code >= before.exit_code or before.exit_code == 3
    if before.outcome is Outcome.REGRESSION:
        assert after.outcome is Outcome.REGRESSION
    one, two = (finding(check, "scar dice") for check in (before, after))
    if one.n_cases == two.n_cases:
        assert ORDER.index(two.outcome) >= ORDER.index(one.outcome) or (
            Outcome.NOT_MEASURED in (one.outcome, two.outcome)
        )


@settings(max_examples=10, deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_runs_and_cases_changes_nothing(values, random):
    runs = seeds_of(values, model="new")
    mixed = []
    for run in random.sample(runs, len(runs)):
        rows = random.sample(range(len(run.scores)), len(run.scores))
        at = random.sample(range(len(run.cases)), len(run.cases))
        mixed.append(dataclasses.replace(
            run, scores=run.scores.iloc[rows].reset_index(drop=True),
            cases=run.cases.iloc[at].reset_index(drop=True),
        ))  # fmt: skip
    entry = seeds_of([[0.8, 0.7, 0.6], [0.79, 0.7, 0.6], [0.8, 0.72, 0.6]])
    assert check_method(mixed, entry) == check_method(runs, entry)


@settings(max_examples=10, deadline=None)
@given(VALUES)
def test_whatever_was_accepted_is_the_same_as_itself(values):
    entry = seeds_of(values)
    check = check_method(entry, entry)
    assert check.outcome in (Outcome.SAME, Outcome.NOT_MEASURED)
    assert check.exit_code in (0, 3)
