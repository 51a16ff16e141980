"""Welch's t of means and slopes, Fisher's z, and the classes of Dice."""

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import ttest_ind

from benchmark.errors import DataError
from benchmark.significance import (
    dice_classes,
    fisher_z,
    unpaired_and_paired,
    welch_slopes,
    welch_t,
    wilcoxon,
)


def test_welch_by_hand():
    """Variances 1 and 4 of three each: t = -1 / sqrt(5 / 3), df = (5 / 3)^2 / (17 / 18)."""
    got = welch_t([1.0, 2, 3], [1.0, 3, 5])
    assert got.statistic == pytest.approx(-1 / math.sqrt(5 / 3))
    assert got.df == pytest.approx(((5 / 3) ** 2 / (17 / 18),))
    assert got.n == (3, 3)


@pytest.mark.parametrize("seed", range(3))
def test_welch_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 1, 9), rng.normal(1, 3, 14)
    statistic, p, df = ttest_ind(a, b, usevar="unequal")
    got = welch_t([*a, np.nan], b)
    assert (got.statistic, got.p, got.df[0]) == pytest.approx((statistic, p, df))
    assert (got.n, got.note) == ((9, 14), "1 undefined left out on one side")


@pytest.mark.parametrize(
    ("a", "b", "p", "note"),
    [
        ([], [], None, "fewer than 2 values"),
        ([1.0], [1.0, 2], None, "fewer than 2 values"),
        ([2.0, 2], [2.0, 2, 2], 1.0, "all values are equal"),
        ([2.0, 2], [3.0, 3, 3], None, "no variance on either side"),
        ([0.1 + 0.2, 0.3], [0.4, 0.4], None, "no variance on either side"),
    ],
)
def test_means_without_an_error_have_an_outcome(a, b, p, note):
    got = welch_t(a, b)
    assert (got.p, got.note, got.statistic) == (p, note, None)


def test_one_side_without_variance_is_the_t_test_against_a_number():
    b = [1.0, 2, 4]
    got, one = welch_t([5.0, 5], b), scipy.stats.ttest_1samp(b, 5)
    assert got.p == pytest.approx(one.pvalue)
    assert got.df == pytest.approx((2.0,))


def test_the_unpaired_test_of_volumes_sees_less_than_the_paired_one():
    """popescu2022 finds no difference by Welch's t; here each volume is 3 % too large."""
    truth = np.linspace(60, 240, 12)
    unpaired, paired = unpaired_and_paired(truth * 1.03, truth)
    assert unpaired.p > 0.8
    assert paired.p == wilcoxon(truth * 1.03, truth).p == pytest.approx(2 / 2**12)
    holed = truth.copy()
    holed[0] = np.nan
    assert unpaired_and_paired(truth * 1.03, holed)[0].n == (11, 11)


#: fahmy2020, Table 3: slope of scar volume and its CI, by 3D CNN and by 2D, n, and our p.
SLOPES = {
    "vendor 1": ((0.92, 0.82, 1.0), (0.73, 0.67, 0.79), 50, 0.0007),
    "vendor 2": ((1.20, 1.0, 1.3), (0.90, 0.80, 1.0), 73, 0.0012),
    "vendor 3": ((0.74, 0.63, 0.85), (0.48, 0.39, 0.54), 84, 0.0002),
    "site 1": ((0.74, 0.63, 0.85), (0.46, 0.40, 0.53), 81, 0.0000),
    "site 2": ((1.01, 0.88, 1.15), (0.85, 0.72, 0.97), 48, 0.0835),
    "site 3": ((1.04, 0.67, 1.4), (0.53, 0.47, 0.59), 12, 0.0107),
    "site 5": ((1.60, 1.4, 1.8), (1.10, 0.92, 1.24), 25, 0.0002),
    "site 6": ((1.02, 0.91, 1.1), (0.78, 0.71, 0.86), 8, 0.0004),
    "site 7": ((0.82, 0.75, 0.90), (0.79, 0.70, 0.87), 30, 0.5904),
    "all sites": ((0.93, 0.86, 0.99), (0.7, 0.64, 0.74), 207, 0.0000),
}


@pytest.mark.parametrize("where", SLOPES)
def test_the_slopes_of_fahmy2020_beside_its_printed_p_below_a_thousandth(where):
    """It prints P < .001 for all of these; its own intervals do not give that everywhere."""
    ours, theirs, n, p = SLOPES[where]
    wide = 2 * scipy.stats.t.ppf(0.975, n - 1)
    errors = [(high - low) / wide for _, low, high in (ours, theirs)]
    got = welch_slopes(ours[0], errors[0], n, theirs[0], errors[1], n)
    assert got.statistic > 0
    assert round(got.p, 4) == p


def test_slopes_by_hand():
    got = welch_slopes(1.0, 0.3, 11, 0.5, 0.4, 21)
    assert got.statistic == pytest.approx(1.0)
    assert got.df == pytest.approx((0.25**2 / (0.09**2 / 10 + 0.16**2 / 20),))
    assert got.p == pytest.approx(2 * scipy.stats.t.sf(1, got.df[0]))
    assert "same patients" in got.note
    lines = welch_slopes(1.0, 0.3, 11, 0.5, 0.4, 21, origin=False)
    assert lines.df == pytest.approx((0.25**2 / (0.09**2 / 9 + 0.16**2 / 19),))


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_the_unit_of_slopes_does_not_matter(factor):
    got = welch_slopes(1 * factor, 0.3 * factor, 11, 0.5 * factor, 0.4 * factor, 21)
    assert got.df == pytest.approx(welch_slopes(1.0, 0.3, 11, 0.5, 0.4, 21).df)
    assert got.statistic == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "p", "note"),
    [
        ((None, 0.1, 9, 1.0, 0.1, 9), None, "a slope was not estimated"),
        ((1.0, math.nan, 9, 1.0, 0.1, 9), None, "a slope was not estimated"),
        ((1.0, 0.1, 1, 1.0, 0.1, 9), None, "too few points"),
        ((1.0, 0.0, 9, 1.0, 0.0, 9), 1.0, "two perfect lines"),
        ((1.0, 0.0, 9, 2.0, 0.0, 9), None, "two perfect lines that differ"),
    ],
)
def test_slopes_that_cannot_be_tested_have_an_outcome(given, p, note):
    got = welch_slopes(*given)
    assert (got.p, got.note, got.statistic) == (p, note, None)


def test_a_negative_standard_error_is_refused():
    with pytest.raises(DataError, match=r"-0\.1"):
        welch_slopes(1.0, -0.1, 9, 1.0, 0.1, 9)


def test_the_correlations_of_fahmy2020_differ_as_printed():
    """R = 0.91 against 0.83, P < .001, 207 patients: z by hand."""
    got = fisher_z(0.91, 207, 0.83, 207)
    z = (math.log(1.91 / 0.09) - math.log(1.83 / 0.17)) / 2 / math.sqrt(2 / 204)
    assert got.statistic == pytest.approx(z)
    assert got.p == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert got.p < 0.001
    assert "same patients" in got.note


@pytest.mark.parametrize(
    ("given", "p", "note"),
    [
        ((0.5, 3, 0.5, 9), None, "fewer than 4 pairs"),
        ((0.5, 0, 0.5, 0), None, "fewer than 4 pairs"),
        ((None, 9, 0.5, 9), None, "a correlation was not estimated"),
        ((0.5, 9, math.nan, 9), None, "a correlation was not estimated"),
        ((1.0, 9, 1.0, 9), 1.0, "a perfect correlation"),
        ((1.0, 9, 0.5, 9), None, "a perfect correlation"),
        ((1.0, 9, -1.0, 9), None, "a perfect correlation"),
    ],
)
def test_correlations_that_cannot_be_tested_have_an_outcome(given, p, note):
    got = fisher_z(*given)
    assert (got.p, got.note, got.statistic) == (p, note, None)


def test_a_correlation_beyond_one_is_refused():
    with pytest.raises(DataError, match=r"1\.2"):
        fisher_z(1.2, 9, 0.5, 9)


def test_the_classes_of_fahmy2020_are_closed_below():
    got = dice_classes([0, 0.2499, 0.25, 0.495, 0.5, 0.7499, 0.75, 1, math.nan])
    assert got.counts == {"poor": 2, "moderate": 2, "good": 2, "excellent": 2}
    assert got.shares == dict.fromkeys(got.counts, 0.25)
    assert (got.n, got.n_undefined) == (8, 1)
    values = [0, 0.2499, 0.25, 0.495, 0.5, 0.7499, 0.75, 1]
    assert got.mean == pytest.approx(np.mean(values))
    assert got.sd == pytest.approx(np.std(values, ddof=1))
    assert got.quartiles == pytest.approx(tuple(np.percentile(values, [25, 50, 75])))


def test_without_a_case_there_are_no_shares():
    for none in ([], [math.nan]):
        got = dice_classes(none)
        assert set(got.shares.values()) == {None}
        assert sum(got.counts.values()) == 0
        assert (got.mean, got.sd, got.quartiles) == (None, None, None)
    assert dice_classes([0.6]).sd is None
    assert dice_classes([0.6]).quartiles == (0.6, 0.6, 0.6)


def test_what_is_no_dice_coefficient_is_refused():
    with pytest.raises(DataError, match=r"1\.5 is no Dice"):
        dice_classes([0.5, 1.5])
