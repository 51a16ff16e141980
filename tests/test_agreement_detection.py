"""Proportions, detection at a cut-off, absolute errors and reclassification."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.agreement import (
    LARGE_SCAR,
    SCAR_PRESENT,
    Cut,
    absolute_error,
    detection,
    normalised_mae,
    proportion,
    reclassification,
)
from benchmark.errors import DataError, UsageError


def test_ten_of_twelve_as_fahmy2020_printed_it():
    found = proportion(10, 12, "exact")
    assert (found.value, found.k, found.n) == (10 / 12, 10, 12)
    assert (found.low, found.high) == pytest.approx((0.516, 0.979), abs=5e-4)


@pytest.mark.parametrize(("method", "peer"), [("wilson", "wilson"), ("exact", "beta")])
def test_intervals_are_those_of_statsmodels(method, peer):
    from statsmodels.stats.proportion import proportion_confint

    for k, n in ((0, 1), (1, 1), (0, 12), (12, 12), (10, 12), (1, 30), (202, 207), (7, 2000)):
        found = proportion(k, n, method)
        low, high = proportion_confint(k, n, method=peer)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("method", ["wilson", "exact"])
def test_of_no_case_there_is_no_proportion(method):
    found = proportion(0, 0, method)
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)


@pytest.mark.parametrize(("k", "n", "method"), [(3, 2, "wilson"), (-1, 2, "exact"), (1, 2, "wald")])
def test_impossible_counts_and_unknown_intervals_are_refused(k, n, method):
    with pytest.raises(UsageError, match="There is no"):
        proportion(k, n, method)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60))
def test_the_exact_interval_holds_the_wilson_value(k, n):
    k = min(k, n)
    for method in ("wilson", "exact"):
        found = proportion(k, n, method)
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_detection_by_hand():
    """Two found of three with, two clear of four without; one case of each side wrong way."""
    truth = [1, 1, 1, 0, 0, 0, 0]
    found = detection(truth, [1, 1, 0, 1, 1, 0, 0])
    shares = [found.sensitivity, found.specificity, found.accuracy, found.ppv, found.npv]
    assert [(s.k, s.n) for s in shares] == [(2, 3), (2, 4), (4, 7), (2, 4), (2, 3)]
    assert found.sensitivity == proportion(2, 3)
    exact = detection(truth, [1, 1, 0, 1, 1, 0, 0], interval="exact")
    assert exact.npv == proportion(2, 3, "exact")


def test_fahmy2021_s_printed_sensitivity_and_accuracy_follow_from_its_counts():
    """Of 22 with and 44 without scar: 77 and 89 %. No count of 44 gives its 96 % specificity."""
    truth = np.repeat([1, 0], [22, 44])
    found = detection(truth, np.repeat([1, 0, 1, 0], [17, 5, 2, 42]))
    assert [round(100 * s.value) for s in (found.sensitivity, found.accuracy)] == [77, 89]
    assert found.specificity.value == 42 / 44


def test_no_answer_is_wrong_whatever_the_truth_but_predicts_nothing():
    found = detection([1, 1, 0, 0], [1, math.nan, 0, math.nan])
    shares = [found.sensitivity, found.specificity, found.accuracy, found.ppv, found.npv]
    assert [(s.k, s.n) for s in shares] == [(1, 2), (1, 2), (2, 4), (1, 1), (1, 1)]
    assert found.n_missing == 2


def test_a_case_without_truth_does_not_count():
    assert detection([1, math.nan], [1, 1]) == detection([1], [1])


def test_without_positives_sensitivity_has_no_value():
    found = detection([False, False], [False, False])
    assert (found.sensitivity.value, found.ppv.value) == (None, None)
    assert (found.specificity.value, found.npv.value) == (1.0, 1.0)
    empty = detection([], [])
    assert (empty.accuracy.value, empty.n) == (None, 0)


@pytest.mark.parametrize(("truth", "found"), [([1, 0], [1]), ([2], [1]), ([[1]], [[1]])])
def test_what_is_no_presence_is_refused(truth, found):
    with pytest.raises(DataError, match=r"Detection is of|Presence is"):
        detection(truth, found)


def test_one_percent_is_no_scar_and_fifteen_is_large():
    assert SCAR_PRESENT.above([0.0, 1.0, 1.0001]).tolist() == [0, 0, 1]
    assert LARGE_SCAR.above([14.999, 15.0]).tolist() == [0, 1]
    assert np.isnan(LARGE_SCAR.above([math.nan])).all()
    assert (str(SCAR_PRESENT), str(LARGE_SCAR)) == ("> 1", ">= 15")


def test_normalised_error_is_of_each_case_then_averaged():
    """10 mL off in 100 and 10 off in 20: 10 % and 50 %, in popescu2022's way; pooled 20 of 120."""
    found = normalised_mae([100, 20], [110, 10])
    assert (found.value, found.smallest, found.largest) == pytest.approx((30, 10, 50))
    assert found.pooled == pytest.approx(100 * 20 / 120)
    assert (found.n, found.n_zero, found.note) == (2, 0, "")


def test_what_finds_nothing_is_off_by_a_hundred_percent():
    assert normalised_mae([3, 39], [0, 0]).value == 100


def test_a_reference_of_zero_is_left_out_counted_and_still_pooled():
    found = normalised_mae([0, 10], [5, 10])
    assert (found.value, found.pooled, found.n, found.n_zero) == (0, 50, 1, 1)
    assert found.note == "1 left out: their reference is 0"
    none = normalised_mae([0, 0], [1, 2])
    assert (none.value, none.pooled, none.note) == (None, None, "the reference is 0 everywhere")
    assert normalised_mae([], []).note == "no pair"


def test_absolute_error_by_hand_and_over_patients():
    found = absolute_error([1, 2, 3], [2, 2, 1])
    assert (found.value, found.n) == (1.0, 3)
    assert found.low <= found.value <= found.high
    one = absolute_error([1, 2], [2, 2], ["a", "a"])
    assert (one.value, one.low, one.high) == (0.5, None, None)
    assert "fewer than 2 patients" in one.note
    assert absolute_error([], []).value is None
    assert absolute_error([1, 2], [2, 2], resamples=0).low is None


def test_the_interval_of_the_error_resamples_patients():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 20))
    once = absolute_error(x, y)
    again = absolute_error(np.tile(x, 3), np.tile(y, 3), np.tile(np.arange(20), 3))
    first = absolute_error(x, y, np.arange(20))
    assert (again.low, again.high) == pytest.approx((first.low, first.high))
    assert once.value == pytest.approx(np.abs(y - x).mean())


def test_reclassification_by_hand():
    """Classes <= 1, > 1, >= 15."""
    found = reclassification(
        [0, 0, 5, 5, 20, 20, 3], [0, 2, 5, 16, 20, 0.5, math.nan], [SCAR_PRESENT, LARGE_SCAR]
    )
    assert found.classes == ("<= 1", "> 1", ">= 15")
    assert found.counts == ((1, 1, 0), (0, 1, 1), (1, 0, 1))
    assert (found.up, found.down, found.net, found.same, found.n_missing) == (2, 1, 1, 3, 1)


@pytest.mark.parametrize("cuts", [[], [5, 1], [1, 1], [float("nan")], [1, float("inf")]])
def test_cut_offs_have_to_be_numbers_that_rise(cuts):
    with pytest.raises(UsageError, match="have to be numbers that rise"):
        reclassification([1], [1], cuts)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), max_size=20))
def test_every_case_is_in_one_class_of_each_side(rows):
    x, y = [a for a, _ in rows], [b for _, b in rows]
    found = reclassification(x, y, [Cut("some", 5.0, inclusive=False), 15.0, 30])
    assert sum(map(sum, found.counts)) == len(rows)
    assert found.up + found.down + found.same == len(rows)
    expected = [sum(a > 5 or a >= 15 for a in x), sum(a >= 15 for a in x), sum(a >= 30 for a in x)]
    assert [sum(map(sum, found.counts[i:])) for i in (1, 2, 3)] == expected


def test_nothing_to_classify_is_a_table_of_zeros():
    found = reclassification([], [], [1.0])
    assert (found.counts, found.net) == (((0, 0), (0, 0)), 0)
