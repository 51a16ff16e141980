"""Compact letters, Holm's rule, and the power line."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from benchmark.errors import DataError, UsageError
from benchmark.significance import holm, letters, smallest_difference


def matrix(k, differ=(), unknown=()):
    """P values: 0.01 of the pairs that differ, NaN of the unknown, else 0.5."""
    p = np.full((k, k), 0.5)
    for i, j in differ:
        p[i, j] = p[j, i] = 0.01
    for i, j in unknown:
        p[i, j] = p[j, i] = np.nan
    return p


@pytest.mark.parametrize(
    ("k", "differ", "expected"),
    [
        (0, [], []),
        (1, [], ["a"]),
        (2, [], ["a", "a"]),
        (2, [(0, 1)], ["a", "b"]),
        (3, [(0, 2)], ["a", "ab", "b"]),
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (3, [(1, 2)], ["ab", "a", "b"]),
        (4, [(0, 2), (0, 3), (1, 3)], ["a", "ab", "bc", "c"]),
        (4, [(0, 1), (2, 3)], ["ab", "cd", "ac", "bd"]),
    ],
)
def test_letters_by_hand(k, differ, expected):
    names = [f"m{i}" for i in range(k)]
    assert letters(names, matrix(k, differ)) == dict(zip(names, expected, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.data())
def test_two_share_a_letter_exactly_if_they_were_not_shown_to_differ(k, data):
    every = list(itertools.combinations(range(k), 2))
    kinds = data.draw(st.lists(st.sampled_from("sdu"), min_size=len(every), max_size=len(every)))
    differ = [pair for pair, kind in zip(every, kinds, strict=True) if kind == "d"]
    unknown = [pair for pair, kind in zip(every, kinds, strict=True) if kind == "u"]
    names = [f"m{i}" for i in range(k)]
    found = letters(names, matrix(k, differ, unknown))

    def shown(given):
        return [bool(set(given[names[i]]) & set(given[names[j]])) for i, j in every]

    assert shown(found) == [pair not in differ for pair in every]
    assert all(found.values())
    used = sorted(set("".join(found.values())))
    assert used == list("abcdefghijklmnopqrstuvwxyz"[: len(used)])
    firsts = [next(i for i in range(k) if letter in found[names[i]]) for letter in used]
    assert firsts == sorted(firsts)
    for letter in used:  # none can go, and none can be given to one more
        less = {name: own.replace(letter, "") for name, own in found.items()}
        assert shown(less) != shown(found) or not all(less.values())
        for name in names:
            if letter not in found[name]:
                assert shown({**found, name: found[name] + letter}) != shown(found)


def test_a_p_of_exactly_alpha_is_no_difference():
    p = np.array([[1, 0.05], [0.05, 1]])
    assert letters(["x", "y"], p) == {"x": "a", "y": "a"}
    assert letters(["x", "y"], p, alpha=0.051) == {"x": "a", "y": "b"}


def test_there_are_letters_beyond_the_alphabet():
    names = [f"m{i}" for i in range(54)]
    found = letters(names, matrix(54, itertools.combinations(range(54), 2)))
    assert [found[names[i]] for i in (0, 25, 26, 51, 52, 53)] == ["a", "z", "A", "Z", "a2", "b2"]


@pytest.mark.parametrize(
    ("names", "p", "said"),
    [
        (["x"], np.ones((2, 2)), r"1 names and p values of the shape \(2, 2\)"),
        (["x", "x"], np.ones((2, 2)), "there twice"),
        (["x", "y"], [[1, 0.1], [0.2, 1]], "not symmetric"),
        (["x", "y"], [[1, 1.5], [1.5, 1]], "not from 0 to 1"),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(names, p, said):
    with pytest.raises(DataError, match=said):
        letters(names, p)


def test_holm_by_hand_and_by_its_definition():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    rng = np.random.default_rng(0)
    ps = rng.random(20) ** 3
    order = np.sort(ps)
    expected = [max(min(1.0, (20 - r) * order[r]) for r in range(20) if order[r] <= p) for p in ps]
    assert holm(list(ps)) == pytest.approx(expected)


def test_a_test_that_was_not_made_does_not_count():
    assert holm([None, 0.02, float("nan"), 0.03]) == [None, 0.04, None, 0.04]
    assert holm([None]) == [None]
    assert holm([]) == []


@pytest.mark.parametrize("n", [3, 5, 10, 40, 500])
def test_the_power_at_the_smallest_difference_is_the_one_asked_for(n):
    values = np.random.default_rng(n).normal(0, 7, n)
    got = smallest_difference(values)
    sd = values.std(ddof=1)
    power = TTestPower().power(got.difference / sd, n, 0.05, alternative="two-sided")
    assert power == pytest.approx(0.8, abs=1e-9)  # of effects where statsmodels has a number
    solved = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    assert got.difference == pytest.approx(solved * sd, rel=1e-6)
    assert (got.n, got.sd, got.power, got.alpha) == (n, sd, 0.8, 0.05)
    assert got.note.startswith("of the paired t-test on normal differences")
    assert ("too few for any signed-rank test" in got.note) == (n < 6)


def test_the_smallest_difference_is_the_one_that_simulated_trials_show():
    """12 patients, SD 1: of 4000 trials with that true difference 80 % have p < 0.05."""
    from scipy.stats import ttest_1samp

    values = np.linspace(-1, 1, 12)
    values /= values.std(ddof=1)
    effect = smallest_difference(values).difference
    trials = np.random.default_rng(0).normal(effect, 1, (4000, 12))
    assert (ttest_1samp(trials, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.02)


def test_more_patients_and_less_power_show_smaller_differences():
    few, many = (smallest_difference([-1.0, 0, 1] * k).difference for k in (4, 40))
    assert many < few / 2
    assert smallest_difference([-1.0, 0, 1] * 4, power=0.5).difference < few
    assert smallest_difference([-1.0, 0, 1] * 4, alpha=0.001).difference > few
    assert np.isfinite(smallest_difference([-1.0, 0, 1], power=0.99, alpha=0.001).difference)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([], "fewer than 3 patients"),
        ([1.0], "fewer than 3 patients"),
        ([1.0, 2.0], "fewer than 3 patients"),
        ([1.0, 2.0, np.nan], "fewer than 3 patients; 1 undefined left out"),
        ([2.0, 2.0, 2.0], "the differences do not vary"),
        ([0.3, 0.1 + 0.2, 0.3], "the differences do not vary"),
    ],
)
def test_where_no_power_can_be_told_there_is_none(values, note):
    got = smallest_difference(values)
    assert (got.difference, got.note) == (None, note)


@pytest.mark.parametrize(("power", "alpha"), [(0.8, 0.0), (1.0, 0.05), (0.04, 0.05), (0.8, 1.2)])
def test_an_impossible_power_is_refused(power, alpha):
    with pytest.raises(UsageError, match=f"Power {power} at level {alpha}"):
        smallest_difference([1.0, 2, 4], power=power, alpha=alpha)
