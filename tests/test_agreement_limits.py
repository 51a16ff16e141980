"""Bland-Altman: the authors' own examples, coverage by draws, and what has no limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.agreement import bland_altman
from benchmark.agreement.bland_altman import limit_factors

#: Peak expiratory flow by a Wright and a mini meter, L/min (Bland and Altman 1986, Table 1).
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
#: Cardiac output of 12 patients, L/min, by two methods (Bland and Altman 2007, Table 1).
RADIONUCLIDE = (
    [7.83, 7.42, 7.89, 7.12, 7.88], [6.16, 7.26, 6.71, 6.54],
    [4.75, 5.24, 4.86, 4.78, 6.05, 5.42], [4.21, 3.61, 3.72, 3.87, 3.92],
    [3.13, 2.98, 2.85, 3.17, 3.09, 3.12], [5.92, 6.42, 5.92, 6.27], [7.13, 6.62, 6.58, 6.93],
    [4.54, 4.81, 5.11, 5.29, 5.39, 5.57], [4.48, 4.92, 3.97], [4.22, 4.65, 4.74, 4.44, 4.50],
    [6.78, 6.07, 6.52, 6.42, 6.41, 5.76], [5.06, 4.72, 4.90, 4.80, 4.90, 5.10],
)  # fmt: skip
IMPEDANCE = (
    [6.57, 5.62, 6.90, 6.57, 6.35], [4.06, 4.29, 4.26, 4.09],
    [4.71, 5.50, 5.08, 5.02, 6.01, 5.67], [4.14, 4.20, 4.61, 4.68, 5.04],
    [3.03, 2.86, 2.77, 2.46, 2.32, 2.43], [5.90, 5.81, 5.70, 5.76], [5.09, 4.63, 4.61, 5.09],
    [4.72, 4.61, 4.36, 4.20, 4.36, 4.20], [3.17, 3.12, 2.96], [4.35, 4.62, 3.16, 3.53, 3.53],
    [7.20, 6.09, 7.00, 7.10, 7.40, 6.80], [4.50, 4.20, 3.80, 3.80, 4.20, 4.50],
)  # fmt: skip


def flat(rows):
    return np.concatenate([np.asarray(row, dtype=float) for row in rows])


WHOSE = np.repeat(np.arange(12), [len(row) for row in RADIONUCLIDE])


def test_peak_flow_of_1986_has_its_published_bias_and_interval():
    """In its words, "the mean difference is -2.1 and SD 38.8"; the bias from -22.0 to 17.8."""
    found = bland_altman(MINI, WRIGHT)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias_low, found.bias_high) == pytest.approx((-22.0, 17.8), abs=0.06)
    assert (found.lower, found.upper) == pytest.approx((-78.1, 73.9), abs=0.05)
    assert (found.n, found.n_patients, found.repeated, found.note) == (17, 17, False, "")


def test_the_sd_is_of_the_differences_with_n_minus_1_below():
    found = bland_altman([1, 2, 3], [2, 2, 5])
    assert (found.bias, found.sd) == (1.0, 1.0)
    assert found.upper == pytest.approx(1 + 1.959963984540054)


@pytest.mark.parametrize(("n", "factor"), [(10, 2.911), (20, 2.396), (30, 2.220)])
def test_the_exact_limits_are_published_tolerance_factors(n, factor):
    """One-sided, 95 % of a normal population with 97.5 / 95 % confidence, from the tables.

    The tables have 95 % confidence; the 97.5 % of an interval is the noncentral t's own quantile.
    """
    from scipy.stats import nct, norm

    z = norm.ppf(0.95)
    assert nct.ppf(0.95, n - 1, z * math.sqrt(n)) / math.sqrt(n) == pytest.approx(factor, abs=6e-4)
    expected = nct.ppf([0.025, 0.975], n - 1, z * math.sqrt(n)) / math.sqrt(n)
    assert limit_factors(n, z) == pytest.approx(tuple(expected), rel=1e-9)


@pytest.mark.parametrize("n", [2, 5, 15])
def test_the_exact_limits_cover_the_true_one_in_95_of_100_draws(n):
    rng = np.random.default_rng(n)
    draws = rng.normal(0, 1, (40_000, n))
    near, far = limit_factors(n)
    bias, sd = draws.mean(axis=1), draws.std(axis=1, ddof=1)
    held = (bias + near * sd <= 1.959963984540054) & (bias + far * sd >= 1.959963984540054)
    assert held.mean() == pytest.approx(0.95, abs=0.005)


def test_with_many_cases_the_exact_limits_become_bland_and_altman_s():
    """Bland and Altman 1999: the variance of a limit is sd squared (1 / n + 1.96 squared / 2n)."""
    n, z = 20_000, 1.959963984540054
    half = z * math.sqrt(1 / n + z * z / (2 * n))
    assert limit_factors(n) == pytest.approx((z - half, z + half), abs=2e-4)


def test_cardiac_output_of_2007_has_its_published_components():
    """The printed analysis of variance gives a variance of .98133606, the SD .99062408."""
    x, y = flat(IMPEDANCE), flat(RADIONUCLIDE)
    found = bland_altman(x, y, patients=WHOSE)
    assert found.bias == pytest.approx(0.6021667, abs=1e-7)
    assert found.sd**2 == pytest.approx(0.98133606, abs=1e-7)
    assert (found.n, found.n_patients, found.repeated) == (60, 12, True)
    # Printed with 1.96 instead of 1.959964.
    assert (found.lower, found.upper) == pytest.approx((-1.3394565, 2.5437899), abs=1e-4)
    assert bland_altman(x, y).sd == pytest.approx(0.9610571, abs=1e-7)


def test_mean_squares_are_those_of_a_library():
    from scipy.stats import f_oneway

    x, y = flat(IMPEDANCE), flat(RADIONUCLIDE)
    groups = [(y - x)[i == WHOSE] for i in range(12)]
    found = bland_altman(x, y, patients=WHOSE)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / 48
    between = f_oneway(*groups).statistic * within
    sizes = np.array([len(g) for g in groups])
    each = (3600 - (sizes**2).sum()) / (11 * 60)
    assert found.sd**2 == pytest.approx(within + (between - within) / each)


@pytest.mark.parametrize("balanced", [True, False])
def test_limits_by_patient_cover_the_true_one_about_as_often_as_they_say(balanced):
    rng = np.random.default_rng(4)
    sizes = np.full(12, 3) if balanced else np.array([1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8])
    whose = np.repeat(np.arange(12), sizes)
    truth = 1.959963984540054 * math.sqrt(1.0 + 0.5)
    upper = bias = 0
    for _ in range(800):
        d = rng.normal(0, 1, 12)[whose] + rng.normal(0, math.sqrt(0.5), len(whose))
        found = bland_altman(np.zeros(len(d)), d, patients=whose)
        upper += found.upper_low <= truth <= found.upper_high
        bias += found.bias_low <= 0 <= found.bias_high
    assert upper / 800 > 0.92
    assert bias / 800 == pytest.approx(0.95, abs=0.03)


def test_the_same_case_again_leaves_the_limits_to_the_patients():
    """Four copies of each case: the plain interval believes them, that by patient does not."""
    x, y = np.array(MINI, float), np.array(WRIGHT, float)
    whose = np.tile(np.arange(17), 4)
    again = bland_altman(np.tile(x, 4), np.tile(y, 4), patients=whose)
    once = bland_altman(x, y)
    assert (again.bias, again.sd) == pytest.approx((once.bias, once.sd))
    assert (again.bias_low, again.bias_high) == pytest.approx((once.bias_low, once.bias_high))
    blind = bland_altman(np.tile(x, 4), np.tile(y, 4))
    assert blind.bias_high - blind.bias_low < 0.55 * (once.bias_high - once.bias_low)
    assert again.slope_p == pytest.approx(once.slope_p)


def test_patients_with_a_case_each_are_the_plain_analysis():
    assert bland_altman(MINI, WRIGHT, patients=[f"p{i}" for i in range(17)]) == bland_altman(
        MINI, WRIGHT
    )


def test_where_patients_differ_less_than_their_cases_there_is_one_variance():
    d = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    found = bland_altman(np.zeros(6), d, patients=[0, 0, 1, 1, 2, 2])
    assert found.sd == pytest.approx(math.sqrt(2.0))
    assert found.note.split("; ") == [
        "no variance between patients",
        "no test of proportional bias: the means do not vary",
    ]


def test_proportional_bias_is_a_regression_on_the_mean():
    from scipy.stats import linregress

    rng = np.random.default_rng(1)
    x = rng.uniform(5, 50, 40)
    y = 1.2 * x + rng.normal(0, 1, 40)
    found = bland_altman(x, y)
    peer = linregress((x + y) / 2, y - x)
    assert (found.slope, found.slope_p) == pytest.approx((peer.slope, peer.pvalue), rel=1e-8)
    assert found.slope_p < 1e-6


@pytest.mark.parametrize(
    ("x", "y", "patients", "slope", "why"),
    [
        ([1, 2], [2, 4], None, 2 / 3, "as many pairs as coefficients"),
        ([1, 2, 3], [2, 3, 5], ["a", "a", "b"], 0.5, "as many pairs as coefficients"),
        ([1, 2, 3], [2, 4, 6], None, 2 / 3, "all pairs lie on the line"),
        ([1, 3, 2], [3, 1, 2], None, None, "the means do not vary"),
    ],
)
def test_a_proportional_bias_without_a_test_says_why(x, y, patients, slope, why):
    found = bland_altman(x, y, patients=patients)
    assert found.slope == (None if slope is None else pytest.approx(slope))
    assert found.slope_p is None
    assert found.note == f"no test of proportional bias: {why}"


def test_ratios_are_those_of_logarithms_turned_back():
    rng = np.random.default_rng(2)
    x = rng.uniform(5, 50, 30)
    y = x * np.exp(rng.normal(0.2, 0.1, 30))
    found, logs = bland_altman(x, y, log=True), bland_altman(np.log(x), np.log(y))
    assert found.bias == pytest.approx(np.exp(np.mean(np.log(y / x))))
    for name in ("bias_low", "lower", "lower_low", "upper", "upper_high"):
        assert getattr(found, name) == pytest.approx(math.exp(getattr(logs, name)))
    assert (found.sd, found.log) == (pytest.approx(logs.sd), True)


@pytest.mark.parametrize(
    ("x", "y"), [([0, 1, 2], [1, 1, 2]), ([1, 1, 2], [1, 0, 2]), ([-1, 2], [1, 2])]
)
def test_a_zero_or_less_has_no_ratio_and_is_not_left_out(x, y):
    found = bland_altman(x, y, log=True)
    assert (found.bias, found.lower, found.upper) == (None, None, None)
    assert found.note == f"no ratio: 1 of {len(x)} pairs hold a zero or less"


@pytest.mark.parametrize(
    ("x", "y", "patients", "bias", "limits", "note"),
    [
        ([], [], None, None, None, "no pair"),
        ([math.nan], [1], None, None, None, "no pair"),
        ([1], [3], None, 2, None, "fewer than 2 pairs"),
        ([1, 2, 3], [2, 3, 4], None, 1, (1, 1), "equal"),
        ([0.1, 0.2, 0.3], [1.1, 1.2, 1.3], None, 1, (1, 1), "equal"),
        ([4, 4], [4, 4], None, 0, (0, 0), "equal"),
        ([1, 2, 4], [2, 4, 5], ["a"] * 3, 4 / 3, None, "one patient"),
        ([1, 2, 4], [2, 3, 5], ["a", "a", "b"], 1, (1, 1), "equal"),
    ],
)
def test_limits_that_cannot_be_had_say_why(x, y, patients, bias, limits, note):
    found = bland_altman(x, y, patients=patients)
    assert found.bias == (None if bias is None else pytest.approx(bias))
    if limits is None:
        assert (found.lower, found.upper) == (None, None)
    else:
        assert (found.lower, found.upper) == pytest.approx(limits)
    assert (found.bias_low, found.lower_low, found.upper_high, found.slope_p) == (None,) * 4
    assert note in found.note


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 4)), max_size=12),
    st.booleans(),
)
def test_ends_are_always_in_order(rows, log):
    x, y, whose = ([row[i] for row in rows] for i in range(3))
    found = bland_altman(x, y, patients=whose, log=log)
    given_ends = [
        (found.lower_low, found.lower, found.lower_high),
        (found.bias_low, found.bias, found.bias_high),
        (found.upper_low, found.upper, found.upper_high),
        (found.lower, found.bias, found.upper),
    ]
    for ends in given_ends:
        if None not in ends:
            assert list(ends) == sorted(ends)
    if found.bias is None or found.lower is None:
        assert found.note
