"""Paired differences and the signed-rank test."""

import numpy as np
import pytest

from benchmark.significance import Paired, paired, wilcoxon_p


def test_a_pair_by_hand():
    a, b = np.array([0.9, 0.8, 0.7, 0.5]), np.array([0.6, 0.6, 0.6, np.nan])
    got = paired(a, b, np.array(["p", "q", "r", "s"]))
    assert (got.n_cases, got.n_patients) == (3, 3)
    assert got.mean_a == pytest.approx(0.8)
    assert got.mean_b == pytest.approx(0.6)
    assert got.difference == pytest.approx(0.2)
    assert got.p == pytest.approx(0.25)  # all three positive: 2 / 2**3
    assert got.low == pytest.approx(0.1)
    assert got.high == pytest.approx(0.3)


def test_swapping_the_methods_swaps_the_signs():
    rng = np.random.default_rng(0)
    a, b, who = rng.random(30), rng.random(30), np.arange(30)
    one, two = paired(a, b, who), paired(b, a, who)
    assert one.difference == -two.difference
    assert one.low == pytest.approx(-two.high)
    assert one.p == two.p


def test_cases_of_one_patient_are_one_observation_of_the_test():
    a, b = np.array([1.0, 3.0, 5.0]), np.zeros(3)
    got = paired(a, b, np.array(["p", "p", "q"]))
    assert (got.n_cases, got.n_patients) == (3, 2)
    assert got.difference == 3.0
    assert got.p == 0.5  # two patients, both positive: 2 / 2**2


def test_no_common_case_is_no_comparison():
    got = paired(np.array([1.0, np.nan]), np.array([np.nan, 1.0]), np.array(["a", "b"]))
    assert got == Paired(0, 0, None, None, None, None, None, None, "no common case has both values")


def test_one_patient_has_a_difference_but_neither_interval_nor_test():
    got = paired(np.array([1.0]), np.array([0.5]), np.array(["a"]))
    assert (got.difference, got.low, got.high, got.p) == (0.5, None, None, None)
    assert got.note == "fewer than 2 patients"


def test_identical_methods_are_not_different():
    values = np.array([0.1, 0.2, 0.3])
    got = paired(values, values, np.array(["a", "b", "c"]))
    assert (got.difference, got.low, got.high, got.p) == (0.0, 0.0, 0.0, 1.0)
    assert got.note == "all differences are zero"


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], 0.0625),  # exact: 2 / 2**5
        ([1.0, 2.0, 3.0, 4.0, 5.0, 0.0], 0.0625),  # zeros are dropped
        ([-1.0, 2.0, 3.0, 4.0, 5.0], 0.125),  # rank sum 1: 4 / 2**5
        ([1.0, 0.0], 1.0),
        ([0.0, 1e-15], 1.0),  # rounding is no difference
    ],
)
def test_wilcoxon_by_hand(differences, p):
    assert wilcoxon_p(np.array(differences))[0] == pytest.approx(p)


def test_ties_use_the_normal_approximation_with_its_correction():
    """|d| = 1, 1, 2, 2, 3 all positive: W = 0, mean 7.5, variance 13.75 - 2 * 6 / 48."""
    from statistics import NormalDist

    z = -7.5 / np.sqrt(13.75 - 12 / 48)
    expected = 2 * NormalDist().cdf(z)
    assert wilcoxon_p(np.array([1.0, 1, 2, 2, 3]))[0] == pytest.approx(expected)


def test_ties_made_by_rounding_are_ties():
    exact, rounded = np.array([0.25, 0.5, 0.5, 1.0]), np.array([0.25, 0.5, 0.1 + 0.4 + 1e-16, 1.0])
    rounded[2] += 2e-16
    assert wilcoxon_p(rounded) == wilcoxon_p(exact)
