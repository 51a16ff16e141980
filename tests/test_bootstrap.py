"""Joint resampling of patients."""

import hashlib
from inspect import signature

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.bootstrap import interval, resampled_counts, resampled_means


def test_every_resample_draws_as_many_patients_as_there_are():
    counts = np.concatenate(list(resampled_counts(7, 500, seed=1)))
    assert counts.shape == (500, 7)
    assert (counts.sum(axis=1) == 7).all()
    # Each count is binomial(7, 1/7): mean 1, standard error of its mean 0.041.
    assert np.abs(counts.mean(axis=0) - 1).max() < 0.2


def test_the_draws_are_frozen():
    """A changed stream would change every published interval."""
    counts = np.concatenate(list(resampled_counts(10, 50, seed=0))).astype(np.uint8)
    assert hashlib.sha256(counts.tobytes()).hexdigest()[:16] == "71c8979956566e4e"


def test_drawing_in_chunks_changes_nothing(monkeypatch):
    whole = np.concatenate(list(resampled_counts(9, 40, seed=3)))
    monkeypatch.setattr("benchmark.bootstrap._CHUNK", 20)
    chunks = list(resampled_counts(9, 40, seed=3))
    assert len(chunks) > 1
    assert (np.concatenate(chunks) == whole).all()


def test_means_are_those_of_drawing_cases_by_hand():
    values = np.array([[1.0, 5.0], [2.0, np.nan], [4.0, 7.0], [8.0, 1.0]])
    patients = np.array(["p", "p", "q", "r"])
    got = resampled_means(values, patients, resamples=20, seed=5)
    for counts, row in zip(next(resampled_counts(3, 20, seed=5)), got, strict=True):
        drawn = [i for k, n in enumerate(counts) for i in [(0, 1), (2,), (3,)][k] * int(n)]
        np.testing.assert_allclose(row, np.nanmean(values[drawn], axis=0), rtol=1e-14)


def test_a_resample_without_any_value_is_undefined():
    values = np.array([[1.0], [np.nan], [np.nan]])
    got = resampled_means(values, np.array(["a", "b", "c"]), resamples=200)
    assert np.isnan(got).any()
    assert set(got[~np.isnan(got)]) == {1.0}


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_cases_changes_no_bit(order):
    values = np.array([[0.1], [0.2], [0.3], [0.7], [0.11], [0.13]])
    patients = np.array(["a", "b", "b", "c", "a", "b"])
    order = list(order)
    one = resampled_means(values, patients, resamples=30)
    two = resampled_means(values[order], patients[order], resamples=30)
    assert (one == two).all()


def test_identical_columns_get_identical_resamples():
    values = np.random.default_rng(0).random((30, 1))
    both = resampled_means(np.hstack([values, values + 1]), np.arange(30), resamples=100)
    np.testing.assert_allclose(both[:, 1] - both[:, 0], 1.0, atol=1e-12)


def test_the_interval_agrees_with_the_normal_one_on_many_patients():
    values = np.random.default_rng(1).normal(size=(400, 1))
    low, high = interval(resampled_means(values, np.arange(400))[:, 0], 400)
    half = 1.96 * values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_the_interval_agrees_with_scipys():
    from scipy.stats import bootstrap

    values = np.random.default_rng(2).gamma(2, size=60)
    random = np.random.default_rng(0)
    how = {"rng" if "rng" in signature(bootstrap).parameters else "random_state": random}
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=5000, **how)
    low, high = interval(resampled_means(values[:, None], np.arange(60), resamples=5000)[:, 0], 60)
    assert low == pytest.approx(theirs.confidence_interval.low, abs=0.03)
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.03)


def test_what_cannot_be_estimated_is_null():
    assert interval(np.array([0.5, 0.5]), 1) == (None, None)
    assert interval(np.array([np.nan, np.nan]), 5) == (None, None)
    assert interval(np.empty(0), 5) == (None, None)


def test_equal_values_give_an_interval_of_no_width():
    means = resampled_means(np.full((5, 1), 0.25), np.arange(5), resamples=50)
    assert interval(means[:, 0], 5) == (0.25, 0.25)


def test_a_value_of_half_weight_counts_half_in_every_resample():
    values = np.array([[1.0], [3.0], [np.nan]])
    patients = np.array(["p", "q", "r"])
    weights = np.array([[1.0], [0.5], [1.0]])
    got = resampled_means(values, patients, weights, resamples=40, seed=2)
    for counts, (mean,) in zip(next(resampled_counts(3, 40, seed=2)), got, strict=True):
        total = counts[0] + 0.5 * counts[1]
        if total:
            assert mean == pytest.approx((counts[0] + 1.5 * counts[1]) / total, rel=1e-14)
        else:
            assert np.isnan(mean)
