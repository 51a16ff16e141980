"""Paired differences and the signed-rank test."""

import itertools

import numpy as np
import pytest
import scipy.stats

from benchmark.errors import DataError
from benchmark.significance import (
    Paired,
    bootstrap_difference,
    paired,
    per_patient,
    permutation,
    smallest_difference,
    wilcoxon,
    wilcoxon_p,
)
from benchmark.significance.exchange import all_exchanges_p


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


def test_many_ties_use_the_normal_approximation_with_its_correction():
    """|d| = 1 (15 times) and 2 (15), four of the 1s negative: W = 4 * 8 = 32."""
    from statistics import NormalDist

    variance = 30 * 31 * 61 / 24 - 2 * (15**3 - 15) / 48
    expected = 2 * NormalDist().cdf((32 - 30 * 31 / 4) / np.sqrt(variance))
    assert wilcoxon_p(np.array([-1.0] * 4 + [1] * 11 + [2] * 15))[0] == pytest.approx(expected)


def test_few_ties_are_exact_by_all_signs_of_the_ranks():
    """All five positive is 2 of 32, tied or not: the normal approximation would say 0.041."""
    assert wilcoxon_p(np.array([1.0, 1, 2, 2, 3]))[0] == 2 / 32
    rng = np.random.default_rng(0)
    for n in (4, 7, 11):
        found = rng.integers(1, 4, n) * rng.choice([-1.0, 1.0], n)
        ranks = scipy.stats.rankdata(np.abs(found))
        sums = [np.dot(s, ranks) for s in itertools.product((-1, 1), repeat=n)]
        expected = np.mean(np.abs(sums) >= abs(np.dot(np.sign(found), ranks)))
        assert wilcoxon_p(found)[0] == expected


def test_the_exact_p_without_ties_is_that_of_all_signs():
    found = np.random.default_rng(1).normal(0.3, 1, 15)
    ranks = scipy.stats.rankdata(np.abs(found))
    assert wilcoxon_p(found)[0] == pytest.approx(all_exchanges_p(np.sign(found) * ranks))


def test_ties_made_by_rounding_are_ties():
    exact, rounded = np.array([0.25, 0.5, 0.5, 1.0]), np.array([0.25, 0.5, 0.1 + 0.4 + 1e-16, 1.0])
    rounded[2] += 2e-16
    assert wilcoxon_p(rounded) == wilcoxon_p(exact)


def test_a_pair_carries_the_exchange_test_and_the_power_line():
    rng = np.random.default_rng(3)
    a, b = rng.random(12), rng.random(12)
    got = paired(a, b, np.arange(12).astype(str))
    assert got.permutation_p == permutation(a, b).p
    assert got.smallest == smallest_difference(a - b).difference
    assert paired(a[:1], b[:1], np.array(["p"])).smallest is None


def test_means_over_the_cases_of_each_patient():
    values = np.array([[1.0, np.nan], [3.0, 4.0], [5.0, np.nan]])
    got = per_patient(values, np.array(["b", "b", "a"]))
    np.testing.assert_array_equal(got, [[5.0, np.nan], [2.0, 4.0]])


def test_wilcoxon_leaves_out_what_is_undefined_on_either_side_and_says_how_many():
    a, b = [5.0, 4, 3, 2, np.nan, 9], [1.0, 1, 1, 3, 7, np.nan]
    got = wilcoxon(a, b)
    assert (got.statistic, got.p, got.n) == (1.0, 0.5 / 2, (4,))  # ranks 4, 3, 2 against 1
    assert got.note == "2 undefined left out"


@pytest.mark.parametrize("test", [wilcoxon, permutation])
@pytest.mark.parametrize(
    ("a", "b", "p", "note"),
    [
        ([], [], None, "fewer than 2 patients"),
        ([1.0], [0.0], None, "fewer than 2 patients"),
        ([np.nan, 1.0], [1.0, 2.0], None, "fewer than 2 patients; 1 undefined left out"),
        ([1.0, 2.0], [1.0, 2.0], 1.0, "all differences are zero"),
        ([0.3, 0.5], [0.1 + 0.2, 0.5], 1.0, "all differences are zero"),
        ([1.0, 2.0], [0.0, 1.0], 0.5, ""),  # 2 of 4 patterns
        ([np.inf, 3.0, 2.0], [0.0, 1.0, 1.0], 0.5, "1 undefined left out"),
    ],
)
def test_degenerate_pairs_have_an_outcome(test, a, b, p, note):
    got = test(a, b)
    assert (got.p, got.note) == (p, note)


@pytest.mark.parametrize("test", [wilcoxon, permutation, bootstrap_difference])
@pytest.mark.parametrize(
    ("a", "b", "said"),
    [([1.0], [1.0, 2.0], "1 values of one and 2"), ([[1.0]], [[1.0]], r"shape \(1, 1\)"),
     (["x"], ["y"], "no numbers")],
)  # fmt: skip
def test_values_that_are_no_pairs_are_refused(test, a, b, said):
    with pytest.raises(DataError, match=said):
        test(a, b)


def test_all_exchanges_are_those_counted_one_by_one():
    rng = np.random.default_rng(1)
    for n in (2, 5, 9, 12):
        found = rng.integers(-4, 5, n) / 10  # with ties and zeros
        sums = [np.dot(s, found) for s in itertools.product((-1, 1), repeat=n)]
        expected = np.mean(np.abs(sums) >= abs(found.sum()) - 1e-12)
        assert permutation(found, np.zeros(n)).p == expected


def test_exchanges_are_drawn_where_they_are_too_many_and_come_close_to_all():
    rng = np.random.default_rng(5)
    found = rng.normal(0.4, 1, 24)
    got = permutation(found, np.zeros(24), seed=1)
    assert got.note == "9999 exchanges drawn"
    assert got == permutation(found, np.zeros(24), seed=1)
    assert got.p == pytest.approx(all_exchanges_p(found / 24), abs=0.01)
    peer = scipy.stats.permutation_test(
        (found, np.zeros(24)), lambda a, b: (a - b).mean(), permutation_type="samples",
        n_resamples=9999, rng=np.random.default_rng(0),
    )  # fmt: skip
    assert got.p == pytest.approx(peer.pvalue, abs=0.02)


def test_an_exchange_test_that_is_drawn_is_never_certain():
    assert permutation(np.arange(1.0, 41), np.zeros(40)).p == 1 / 10000


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_bootstrap_interval_is_scipys(method):
    rng = np.random.default_rng(2)
    a, b = rng.exponential(2, 40), rng.exponential(1, 40)
    got = bootstrap_difference(a, b, method=method, resamples=20000)
    peer = scipy.stats.bootstrap(
        (a - b,), np.mean, method={"bca": "BCa"}.get(method, method), n_resamples=20000,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert got.value == pytest.approx((a - b).mean())
    assert (got.low, got.high) == pytest.approx((peer.low, peer.high), abs=0.03)


def test_the_bootstrap_draws_the_patients_that_a_comparison_draws():
    rng = np.random.default_rng(2)
    a, b = rng.random(9), rng.random(9)
    one, other = bootstrap_difference(a, b), paired(a, b, np.arange(9))
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ([], (None, None, None, "fewer than 2 patients")),
        ([2.0], (2.0, None, None, "fewer than 2 patients")),
        ([2.0, 2.0, 2.0], (2.0, 2.0, 2.0, "all differences are equal")),
        ([np.nan, np.nan], (None, None, None, "fewer than 2 patients; 2 undefined left out")),
    ],
)
def test_differences_that_do_not_vary_have_an_outcome(method, a, expected):
    got = bootstrap_difference(a, np.zeros(len(a)), method=method)
    assert (got.value, got.low, got.high, got.note) == expected


def test_no_bias_can_be_told_from_too_few_resamples():
    got = bootstrap_difference([1.0, 2, 4], [0.0, 0, 0], method="bca", resamples=1)
    assert (got.low, got.high) == (None, None)
