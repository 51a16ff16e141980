"""Slopes and correlations: second implementations, values by hand, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.agreement import concordance, pearson, regression, slope_interval
from benchmark.errors import DataError

numbers = st.integers(-1000, 1000).map(lambda i: i / 8)


def cohort(seed=0, n=30, slope=0.8, shift=2.0):
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 5.0, n)
    return x, shift + slope * x + rng.normal(0, 2, n)


@pytest.mark.parametrize("origin", [True, False])
@pytest.mark.parametrize("n", [3, 30])
def test_a_regression_is_that_of_statsmodels(origin, n):
    from statsmodels.api import OLS, add_constant

    x, y = cohort(n=n)
    found = regression(x, y, origin=origin)
    peer = OLS(y, x[:, None] if origin else add_constant(x)).fit()
    interval = peer.conf_int()[-1]
    assert found.slope == pytest.approx(peer.params[-1], rel=1e-10)
    assert found.slope_se == pytest.approx(peer.bse[-1], rel=1e-10)
    assert (found.slope_low, found.slope_high) == pytest.approx(tuple(interval), rel=1e-9)
    if origin:
        assert found.intercept == 0
        assert found.intercept_se is None
        # Without a constant, statsmodels prints the uncentred one as "R-squared".
        assert found.r2_uncentred == pytest.approx(peer.rsquared, rel=1e-10)
    else:
        assert found.intercept == pytest.approx(peer.params[0], rel=1e-9)
        assert found.intercept_se == pytest.approx(peer.bse[0], rel=1e-9)
        ends = (found.intercept_low, found.intercept_high)
        assert ends == pytest.approx(tuple(peer.conf_int()[0]), rel=1e-8)
        assert found.r2 == pytest.approx(peer.rsquared, rel=1e-9)


def test_lines_by_hand():
    """Of x = 1, 2, 3 and y = 1, 3, 2: through the origin 13/14, with an intercept 1 + x / 2."""
    through = regression([1, 2, 3], [1, 3, 2], origin=True)
    assert through.slope == pytest.approx(13 / 14)
    assert through.r2_uncentred == pytest.approx(13**2 / 14 / 14)
    assert through.r2 == pytest.approx(1 - (14 - 13**2 / 14) / 2)
    line = regression([1, 2, 3], [1, 3, 2], origin=False)
    assert (line.slope, line.intercept, line.r2) == pytest.approx((0.5, 1.0, 0.25))


def test_the_uncentred_r2_flatters_a_line_that_explains_nothing():
    """A constant far from zero fits through the origin, says the uncentred one."""
    found = regression([10, 11, 12, 13], [12, 11, 12, 11], origin=True)
    assert found.r2_uncentred > 0.95
    assert found.r2 < 0


@pytest.mark.parametrize(
    ("x", "y", "origin", "slope", "note"),
    [
        ([], [], True, None, "no pair"),
        ([math.nan], [1], True, None, "no pair"),
        ([2], [3], True, 1.5, "as many pairs as coefficients"),
        ([2], [3], False, None, "fewer than 2 pairs"),
        ([1, 2], [1, 3], False, 2.0, "as many pairs as coefficients"),
        ([0, 0, 0], [1, 2, 3], True, None, "0 everywhere"),
        ([5, 5, 5], [1, 2, 3], False, None, "does not vary"),
        ([0.1, 0.1, 0.1], [1, 2, 3], False, None, "does not vary"),
        ([1, 2, 3], [2, 4, 6], True, 2.0, "lie on the line"),
        ([1, 2, 3], [0, 0, 0], True, 0.0, "lie on the line"),
        ([1, 2, 3], [7, 7, 7], False, 0.0, "lie on the line"),
    ],
)
def test_a_line_that_cannot_be_had_or_trusted_says_why(x, y, origin, slope, note):
    found = regression(x, y, origin=origin)
    assert found.slope == (None if slope is None else pytest.approx(slope))
    assert (found.slope_low, found.slope_high, found.slope_se) == (None, None, None)
    assert note in found.note


def test_a_pair_with_a_nan_is_left_out():
    x, y = cohort()
    holed = regression([*x, math.nan, 3.0], [*y, 1.0, math.nan], origin=True)
    assert holed == regression(x, y, origin=True)


@pytest.mark.parametrize(
    ("x", "y", "patients"),
    [
        ([1, 2], [1], [0, 1]),
        ([1, math.inf], [1, 2], [0, 1]),
        ([1, 2], [1, 2], ["a"]),
        ([[1]], [[1]], [[0]]),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(x, y, patients):
    with pytest.raises(DataError, match="Agreement is of"):
        slope_interval(x, y, patients, origin=True)


@pytest.mark.parametrize("origin", [True, False])
def test_the_interval_by_patients_is_that_of_refitting_each_resample(origin):
    from benchmark.bootstrap import resampled_counts

    x, y = cohort(3, 24)
    patients = np.array([f"p{i // 2:02d}" for i in range(24)])
    low, high = slope_interval(x, y, patients, origin=origin, resamples=200, seed=5)
    slopes = []
    for drawn in np.concatenate(list(resampled_counts(12, 200, 5))):
        times = np.repeat(drawn, 2).astype(int)
        slopes.append(regression(np.repeat(x, times), np.repeat(y, times), origin=origin).slope)
    assert (low, high) == pytest.approx(tuple(np.quantile(slopes, [0.025, 0.975])), rel=1e-9)


def test_the_same_case_four_times_narrows_the_t_interval_but_not_that_by_patients():
    x, y = cohort(1, 25)
    patients = np.arange(25)
    fourfold = [np.tile(side, 4) for side in (x, y, patients)]
    once, again = regression(x, y, origin=True), regression(*fourfold[:2], origin=True)
    width = once.slope_high - once.slope_low
    assert again.slope_high - again.slope_low < 0.55 * width
    ends = slope_interval(x, y, patients, origin=True)
    assert slope_interval(*fourfold, origin=True) == pytest.approx(ends, rel=1e-9)


def test_of_one_patient_or_a_constant_reference_there_is_no_interval_by_patients():
    assert slope_interval([1, 2], [1, 3], ["a", "a"], origin=True) == (None, None)
    assert slope_interval([], [], [], origin=True) == (None, None)
    assert slope_interval([2, 2, 2], [1, 2, 3], list("abc"), origin=False) == (None, None)


@pytest.mark.parametrize("n", [4, 5, 50])
def test_pearson_is_that_of_scipy(n):
    from scipy import stats

    x, y = cohort(2, n)
    peer = stats.pearsonr(x, y)
    found = pearson(x, y)
    assert (found.r, found.p) == pytest.approx((peer.statistic, peer.pvalue), rel=1e-9)
    ends = peer.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-9)


def test_the_interval_of_a_correlation_by_hand():
    """Of r = .5 in 28 pairs: atanh is .5493, -+ 1.96 / 5; back to .1560 and .7358."""
    rng = np.random.default_rng(0)
    a, b = np.linalg.qr(np.column_stack([np.ones(28), rng.normal(size=(28, 2))]))[0].T[1:]
    found = pearson(a, 0.5 * a + math.sqrt(0.75) * b)
    assert found.r == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.1560, 0.7358), abs=5e-5)


@pytest.mark.parametrize(
    ("x", "y", "r", "note"),
    [
        ([], [], None, "fewer than 3"),
        ([1, 2], [1, 3], None, "fewer than 3"),
        ([1, 1, 1, 1], [1, 2, 3, 4], None, "does not vary"),
        ([1, 2, 3, 4], [0.3, 0.3, 0.3, 0.3], None, "does not vary"),
        ([1, 2, 3], [1, 3, 2], 0.5, "fewer than 4"),
        ([1, 2, 3, 4], [2, 4, 6, 8], 1.0, "on a line"),
        ([1, 2, 3, 4], [8, 6, 4, 2], -1.0, "on a line"),
    ],
)
def test_a_correlation_without_an_interval_says_why(x, y, r, note):
    found = pearson(x, y)
    assert found.r == (None if r is None else pytest.approx(r))
    assert (found.low, found.high) == (None, None)
    assert note in found.note


def test_concordance_by_hand():
    """Of 1, 2, 3, 4 and 2, 2, 4, 4: covariance 1, variances 1.25 and 1, means .5 apart."""
    found = concordance([1, 2, 3, 4], [2, 2, 4, 4])
    assert found.r == pytest.approx(2 * 1.0 / (1.25 + 1.0 + 0.25))
    r2, c, u2 = 1 / 1.25, 0.8, 0.25 / math.sqrt(1.25)
    variance = (
        (1 - r2) * c**2 * (1 - c**2) / r2
        + 2 * c**3 * (1 - c) * u2 / math.sqrt(r2)
        - c**4 * u2**2 / (2 * r2)
    ) / 2
    half = 1.959963984540054 * math.sqrt(variance) / (1 - c**2)
    assert math.atanh(found.high) - math.atanh(c) == pytest.approx(half)
    assert math.atanh(c) - math.atanh(found.low) == pytest.approx(half)


@pytest.mark.parametrize(
    ("rho", "shift", "scale"), [(0.9, 0.8, 1.0), (0.6, 0.0, 1.5), (0.8, -1.0, 0.7)]
)
def test_the_standard_error_of_concordance_is_what_draws_scatter_by(rho, shift, scale):
    """The printed variance of 1989 was in error: with a shift, it misses by half and more."""
    rng = np.random.default_rng(7)
    values, errors = [], []
    for _ in range(1500):
        x, e = rng.normal(size=(2, 200))
        y = scale * (rho * x + math.sqrt(1 - rho**2) * e) + shift
        found = concordance(x, y)
        values.append(math.atanh(found.r))
        errors.append((math.atanh(found.high) - math.atanh(found.low)) / 2 / 1.959963984540054)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.06)


@pytest.mark.parametrize(
    ("x", "y", "value", "note"),
    [
        ([], [], None, "fewer than 2"),
        ([1], [1], None, "fewer than 2"),
        ([3, 3, 3], [3, 3, 3], None, "neither"),
        ([1, 2, 3], [3, 3, 3], 0.0, "does not vary"),
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0, "equal"),
        ([1, 2, 3], [1, 3, 2], 0.5, "fewer than 4"),
        ([1, 2, 3, 4], [-1, 1, 1, -1], 0.0, "no correlation"),
        ([-2, -1, 1, 2], [-4, -2, 2, 4], 0.8, "lie on a line"),
    ],
)
def test_a_concordance_without_an_interval_says_why(x, y, value, note):
    found = concordance(x, y)
    assert found.r == (None if value is None else pytest.approx(value))
    assert (found.low, found.high) == (None, None)
    assert note in found.note


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_whatever_the_pairs_coefficients_are_in_range_or_null(pairs):
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    r, c = pearson(x, y), concordance(x, y)
    for found in (r, c):
        if found.r is not None:
            assert -1 <= found.r <= 1 + 1e-12
        if found.low is not None:
            assert -1 <= found.low <= found.r <= found.high <= 1
    if r.r is not None and c.r is not None:
        assert abs(c.r) <= abs(r.r) + 1e-9
    for origin in (True, False):
        line = regression(x, y, origin=origin)
        if line.slope_low is not None:
            assert line.slope_low < line.slope < line.slope_high
        if line.r2_uncentred is not None and line.r2 is not None:
            assert line.r2 <= line.r2_uncentred + 1e-9
        assert bool(line.note) == (line.slope_low is None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 7.0, 4096.0]))
def test_the_unit_changes_no_coefficient(seed, unit):
    x, y = cohort(seed, 8)
    for find in (pearson, concordance):
        ours, theirs = find(x, y), find(unit * x, unit * y)
        assert (ours.r, ours.low, ours.high) == pytest.approx((theirs.r, theirs.low, theirs.high))
    ours, theirs = (regression(u * x, u * y, origin=True) for u in (1.0, unit))
    assert (ours.slope, ours.slope_low) == pytest.approx((theirs.slope, theirs.slope_low))
