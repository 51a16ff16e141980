"""The regressions that the drift benchmark injects are what they are called."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.record import RunRecord
from benchmark.results import Run

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def run_of(dice, statuses, hd95):
    """Three cases with two quantities of scar; the second is a heart without."""
    cases = ["a", "b", "c"]
    rows = []
    for metric, dim, better, values, worst in (
        ("dice", None, "higher", dice, 0.0), ("hd95", "3d", "lower", hd95, 300.0)
    ):  # fmt: skip
        for case, value, status in zip(cases, values, statuses, strict=True):
            rows.append({
                "case": case, "region": "scar", "metric": metric, "level": "volume", "dim": dim,
                "reference": "reference", "compared": "prediction", "value": value,
                "status": status, "better": better, "worst": np.nan if value is None else worst,
            })  # fmt: skip
    scores = pd.DataFrame(rows)
    scores["value"] = scores["value"].astype(float)
    record = RunRecord.model_validate({
        "method": {"name": "m", "spec": "m", "parameters": {}, "trains": True},
        "dataset": {"name": "d", "spec": "d", "parameters": {}, "fingerprint": "f" * 64},
        "group": "g", "split": {}, "produces": ["scar"], "annotates": ["scar"],
        "metric_cards": {"dice": "1" * 8, "dice_other": "2" * 8, "hd95": "3" * 8},
        "stages": {"train": {"seconds": 10.0, "peak_memory_mb": 100.0, "key": "k"}},
        "totals": {"predict_seconds_per_slice": 0.5, "train_memory_mb": 100.0, "cases": {"ok": 3}},
    })  # fmt: skip
    table = pd.DataFrame({"case": cases, "patient": cases, "role": "test", "status": "ok",
                          "message": "", "diagonal_mm": 300.0, "seconds": 1.0,
                          "peak_memory_mb": 50.0})  # fmt: skip
    return Run("m-0", record, table, scores)


@pytest.fixture
def run():
    return run_of([0.8, None, 0.5], ["ok", "both_empty", "ok"], [3.0, None, 9.0])


def value(run, case, metric="dice"):
    return run.scores.set_index(["case", "metric"]).loc[(case, metric)]


def test_a_loss_of_all_cases_is_the_same_for_each(scripts):
    lose = scripts("drift_injections").lose
    values = np.array([[0.5, 0.7, 0.9]])
    found = lose(values, 0.02, np.array([2, 0, 1]), 3)
    np.testing.assert_allclose(found, [[0.48, 0.68, 0.88]], atol=1e-15)
    np.testing.assert_array_equal(values, [[0.5, 0.7, 0.9]])


def test_a_loss_of_one_case_has_the_same_mean(scripts):
    found = scripts("drift_injections").lose(
        np.array([[0.5, 0.7, 0.9]]), 0.1, np.array([1, 0, 2]), 1
    )
    np.testing.assert_allclose(found, [[0.5, 0.4, 0.9]], atol=1e-15)


def test_what_a_case_has_not_to_lose_goes_on_to_the_next(scripts):
    found = scripts("drift_injections").lose(
        np.array([[0.1, 0.7, 0.9]]), 0.1, np.array([0, 2, 1]), 1
    )
    np.testing.assert_allclose(found, [[0.0, 0.7, 0.7]], atol=1e-15)


# A busy machine is no fault of the generator's.
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.3), cases=st.integers(1, 8))
def test_a_loss_lowers_the_mean_by_just_that_or_by_all_there_is(scripts, seed, loss, cases):
    rng = np.random.default_rng(seed)
    values = rng.random((2, 3, cases))
    order = rng.random((2, cases)).argsort(axis=1)
    found = scripts("drift_injections").lose(values, loss, order, int(rng.integers(1, cases + 1)))
    assert (found >= 0).all()
    assert (found <= values).all()
    lost = values.mean(axis=-1) - found.mean(axis=-1)
    np.testing.assert_allclose(lost, np.minimum(loss, values.mean(axis=-1)), atol=1e-12)


@pytest.mark.parametrize("status", ["error", "no_prediction"])
def test_a_failed_case_has_no_value_and_a_worst_one(scripts, run, status):
    found = scripts("drift_injections").undone(run, "a", status)
    for metric, worst in (("dice", 0.0), ("hd95", 300.0)):
        row = value(found, "a", metric)
        assert (np.isnan(row["value"]), row["status"], row["worst"]) == (True, status, worst)
    assert found.cases.set_index("case").loc["a", "status"] == "error"
    pd.testing.assert_series_equal(value(found, "c"), value(run, "c"), check_names=False)
    assert value(run, "a")["value"] == 0.8


def test_a_case_where_nothing_is_found_has_overlap_0_and_no_distance(scripts, run):
    found = scripts("drift_injections").undone(run, "a", "pred_empty")
    assert value(found, "a")["value"] == 0.0
    assert np.isnan(value(found, "a", "hd95")["value"])
    assert set(found.scores["status"][found.scores["case"] == "a"]) == {"pred_empty"}
    untouched = scripts("drift_injections").undone(run, "b", "pred_empty")
    assert value(untouched, "b")["status"] == "both_empty"


def test_a_dropped_case_is_nowhere(scripts, run):
    found = scripts("drift_injections").dropped(run, "c")
    assert set(found.cases["case"]) == set(found.scores["case"]) == {"a", "b"}


def test_a_false_alarm_is_one_in_hearts_without_scar_alone(scripts, run):
    false_alarm = scripts("drift_injections").false_alarm
    row = value(false_alarm(run, "b"), "b")
    assert (row["status"], row["worst"], np.isnan(row["value"])) == ("ref_empty", 0.0, True)
    assert value(false_alarm(run, "b"), "b", "hd95")["worst"] == 500.0
    pd.testing.assert_frame_equal(false_alarm(run, "a").scores, run.scores, check_dtype=False)


def test_facts_of_a_run_are_changed_and_nothing_else(scripts, run):
    module = scripts("drift_injections")
    cards = module.other_definition(run, "dice").record.metric_cards
    assert cards == {"dice": "0" * 8, "dice_other": "0" * 8, "hd95": "3" * 8}
    assert module.other_data(run).record.dataset.fingerprint == "0" * 64
    assert module.moved_grid(run, "b").cases["diagonal_mm"].tolist() == [300.0, 303.0, 300.0]
    assert run.record.dataset.fingerprint == "f" * 64


def test_costs_are_multiplied_by_themselves(scripts, run):
    module = scripts("drift_injections")
    slow, hungry = module.slower(run, 2.0), module.hungrier(run, 1.5)
    assert slow.record.stages["train"] == {"seconds": 20.0, "peak_memory_mb": 100.0, "key": "k"}
    assert slow.record.totals["predict_seconds_per_slice"] == 1.0
    assert slow.record.totals["cases"] == {"ok": 3}
    assert slow.cases["seconds"].tolist() == [2.0] * 3
    assert hungry.record.stages["train"]["peak_memory_mb"] == 150.0
    assert hungry.record.totals["train_memory_mb"] == pytest.approx(150.0)
    assert hungry.cases["peak_memory_mb"].tolist() == [75.0] * 3
    assert hungry.record.stages["train"]["seconds"] == 10.0


def test_every_event_changes_a_run(scripts, run):
    for name, happens in scripts("drift_injections").EVENTS.items():
        other = happens(run, "a")
        same = (
            other.scores.equals(run.scores)
            and other.cases.equals(run.cases)
            and other.record == run.record
        )
        assert not same, name


def test_a_moved_prediction_loses_what_leaves_the_volume(scripts):
    shifted = scripts("drift_real").shifted
    labels = np.array([[[1, 2, 3]]], dtype=np.uint8)
    np.testing.assert_array_equal(shifted(labels, -1, 1), [[[0, 1, 2]]])
    np.testing.assert_array_equal(shifted(labels, -1, -1), [[[2, 3, 0]]])
    np.testing.assert_array_equal(shifted(labels, 0, 1), [[[0, 0, 0]]])
