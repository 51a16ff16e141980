"""Tests between groups against R's printed PlantGrowth numbers and pingouin."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from benchmark.significance import dscf, games_howell, kruskal, letters, tukey, welch_anova

pingouin = pytest.importorskip("pingouin", reason="a peer of the extra 'peers'")

#: R's data set PlantGrowth: dried weight of plants (Dobson 1983, Table 7.1).
CONTROL = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14]
ONE = [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69]
TWO = [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]
PLANTS = [CONTROL, ONE, TWO]
ALL = (dscf, games_howell, tukey)


def upper(matrix):
    """The p values of pairs 1-2, 1-3, 2-3."""
    return tuple(matrix[np.triu_indices(len(matrix), 1)])


def test_plant_growth_is_what_r_prints():
    assert kruskal(PLANTS).statistic == pytest.approx(7.98823, abs=5e-6)
    assert kruskal(PLANTS).df == (2.0,)
    assert kruskal(PLANTS).p == pytest.approx(0.01842, abs=5e-6)
    assert upper(dscf(PLANTS)) == pytest.approx((0.382106, 0.141586, 0.027450), abs=5e-7)
    welch = welch_anova(PLANTS)
    assert welch.statistic == pytest.approx(5.18097, abs=5e-6)
    assert welch.df == pytest.approx((2, 17.1284), abs=5e-5)
    assert welch.p == pytest.approx(0.017393, abs=5e-7)
    assert upper(games_howell(PLANTS)) == pytest.approx((0.474555, 0.112889, 0.023703), abs=5e-7)
    assert upper(tukey(PLANTS)) == pytest.approx((0.3908711, 0.1979960, 0.0120064), abs=5e-8)


def test_its_letters_say_that_only_the_treatments_differ():
    names = ["control", "one", "two"]
    for test in ALL:
        assert letters(names, test(PLANTS)) == {"control": "ab", "one": "a", "two": "b"}


def unequal(seed, sizes):
    rng = np.random.default_rng(seed)
    return [rng.normal(i / 3, 1 + i, n) for i, n in enumerate(sizes)]


@pytest.mark.parametrize("seed", range(3))
def test_pingouin_agrees(seed):
    groups = unequal(seed, (7, 12, 5, 9))
    long = pd.DataFrame(
        {"value": np.concatenate(groups), "group": np.repeat(range(4), [7, 12, 5, 9])}
    )
    anova = pingouin.welch_anova(long, dv="value", between="group").iloc[0]
    mine = welch_anova(groups)
    p = anova["p_unc"] if "p_unc" in anova else anova["p-unc"]
    assert (mine.statistic, mine.df[1], mine.p) == pytest.approx((anova["F"], anova["ddof2"], p))
    posthoc = pingouin.pairwise_gameshowell(long, dv="value", between="group")
    expected = posthoc["pval" if "pval" in posthoc else "p_val"].to_numpy()
    assert upper(games_howell(groups)) == pytest.approx(expected, abs=1e-6)
    rank = pingouin.kruskal(long, dv="value", between="group").iloc[0]
    assert kruskal(groups).statistic == pytest.approx(rank["H"])


def test_dscf_of_tied_data_is_the_studentised_range_of_the_tied_rank_sum():
    a, b, c = [1.0, 2, 2, 3, 5], [2.0, 3, 3, 4], [9.0, 9, 1]
    ranks = scipy.stats.rankdata([*a, *b])
    ties = sum(t**3 - t for t in np.unique(ranks, return_counts=True)[1])
    n, m = len(a), len(b)
    variance = n * m / 24 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    q = abs(ranks[:n].sum() - n * (n + m + 1) / 2) / np.sqrt(variance)
    expected = scipy.stats.studentized_range.sf(q, 3, np.inf)
    assert dscf([a, b, c])[0, 1] == pytest.approx(expected)


def test_undefined_values_are_left_out_and_counted():
    holed = [[*CONTROL, np.nan], ONE, [np.nan, *TWO, np.nan]]
    for test in ALL:
        np.testing.assert_array_equal(test(holed), test(PLANTS))
    for test in (kruskal, welch_anova):
        assert test(holed).p == test(PLANTS).p
        assert test(holed).n == (10, 10, 10)
        assert test(holed).note == "3 undefined left out"


@pytest.mark.parametrize("groups", [[], [[]], [[1.0, 2, 3]], [[], [1.0]], [[np.nan], [1.0, 2]]])
def test_fewer_than_two_groups_are_no_test(groups):
    assert kruskal(groups).p is None
    assert welch_anova(groups).p is None
    for test in ALL:
        p = test(groups)
        assert p.shape == (len(groups), len(groups))
        assert np.isnan(p[~np.eye(len(groups), dtype=bool)]).all()
        assert (np.diag(p) == 1).all()


def test_equal_values_everywhere_are_not_different():
    groups = [[2.0, 2, 2], [2.0, 2], [0.1 + 0.2 + 1.7, 2.0]]
    for test in (kruskal, welch_anova):
        assert test(groups).p == 1.0
        assert test(groups).note == "all values are equal"
    for test in ALL:
        assert (test(groups) == 1).all()


def test_groups_without_variance_that_differ():
    """Ranks still tell them apart; means without an error do not."""
    groups = [[1.0, 1, 1], [2.0, 2, 2], [2.0, 2, 2]]
    assert kruskal(groups).p < 0.05
    assert welch_anova(groups).p is None
    assert welch_anova(groups).note == "a group without variance"
    for test in (games_howell, tukey):
        got = test(groups)
        assert np.isnan(got[0, 1])
        assert got[1, 2] == 1.0
    assert dscf(groups)[1, 2] == 1.0
    assert 0 < dscf(groups)[0, 1] < 1


def test_one_constant_group_among_others():
    groups = [[1.0, 1, 1], [2.0, 3, 5], [2.0, 2, 7]]
    assert welch_anova(groups).p is None
    for test in ALL:
        assert np.isfinite(test(groups)).all()


def test_a_group_of_one_has_ranks_but_no_variance():
    groups = [CONTROL, [9.9], TWO]
    assert 0 < kruskal(groups).p < 1
    assert np.isfinite(dscf(groups)).all()
    assert welch_anova(groups).p is None
    for test in (games_howell, tukey):
        got = test(groups)
        assert np.isnan(got[0, 1])
        assert np.isnan(got[1, 2])
        assert got[0, 2] == test([CONTROL, TWO])[0, 1]


def test_an_empty_group_does_not_count():
    got = kruskal([CONTROL, [], TWO])
    assert got.p == kruskal([CONTROL, TWO]).p
    assert got.note == "1 group without a value"
    assert got.n == (10, 0, 10)
    assert dscf([CONTROL, [], TWO])[0, 2] == dscf([CONTROL, TWO])[0, 1]


def test_p_does_not_depend_on_the_order_of_the_groups():
    for test in ALL:
        got = test(PLANTS)
        np.testing.assert_allclose(test(PLANTS[::-1]), got[::-1, ::-1], rtol=1e-9)
        np.testing.assert_array_equal(got, got.T)
