"""How much worse is chance: against independent computations and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmark.drift.margins import (
    allowance,
    case_allowance,
    is_better,
    is_regression,
    loss_of,
    mean_loss,
    patient_intervals,
    seed_spread,
)


def test_more_is_worse_of_every_direction():
    values = np.array([-2.0, 3.0])
    assert loss_of(values, "higher").tolist() == [2.0, -3.0]
    assert loss_of(values, "lower").tolist() == [-2.0, 3.0]
    assert loss_of(values, "zero").tolist() == [2.0, 3.0]


def test_the_spread_without_a_prior_is_that_of_the_means():
    then = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 9.0]])
    spread = seed_spread(then, rho=0.5, prior_df=0)
    assert spread.sd == pytest.approx(np.std([1.5, 3.0, 6.0], ddof=1))
    assert spread.df == 2


def test_the_spread_is_moderated_by_hand():
    """Case variances 1 and 13; the prior is (1 + 0.5) * 7 / 2 = 5.25, the means' variance 5.25."""
    then = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 9.0]])
    assert then.var(axis=0, ddof=1).tolist() == [1.0, 13.0]
    spread = seed_spread(then, rho=0.2, prior_df=4)
    prior = (1 + 0.2) * 7 / 2
    assert spread.sd**2 == pytest.approx((2 * 5.25 + 4 * prior) / 6)
    assert spread.df == 6


def test_one_seed_or_no_case_has_no_spread():
    for shape in ((1, 4), (3, 0)):
        spread = seed_spread(np.zeros(shape), 0.1, 4)
        assert math.isnan(spread.sd)
        assert np.isnan(allowance(spread, 3, 0.01))
    assert np.isnan(case_allowance(np.zeros((1, 4)), 3, 0.01, 4)).all()


def test_of_two_seeds_the_allowance_is_the_t_interval():
    spread = seed_spread(np.array([[0.0], [2.0]]), 0.0, 0)
    wanted = stats.t.ppf(0.975, 1) * math.sqrt(2) * math.sqrt(1 / 2 + 1 / 4)
    assert allowance(spread, 4, 0.025) == pytest.approx(wanted)


def test_unchanged_code_exceeds_the_allowance_as_often_as_is_said():
    """Normal cases, independent: 5 % of 4,000 simulated retrainings, within four sigma."""
    random = np.random.default_rng(0)
    then = random.normal(size=(4000, 3, 20))
    now = random.normal(size=(4000, 2, 20))
    limit = allowance(seed_spread(then, 0.0, 0), 2, 0.05)
    share = float((mean_loss(then, now) > limit).mean())
    assert share == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))


def test_all_batches_are_judged_as_each_alone():
    random = np.random.default_rng(1)
    then, now = random.normal(size=(5, 3, 7)), random.normal(size=(5, 2, 7))
    together = allowance(seed_spread(then, 0.1, 4), 2, 0.01)
    cases = case_allowance(then, 2, 0.01, 4)
    for i in range(5):
        assert allowance(seed_spread(then[i], 0.1, 4), 2, 0.01) == together[i]
        assert case_allowance(then[i], 2, 0.01, 4).tolist() == cases[i].tolist()
        assert mean_loss(then[i], now[i]) == mean_loss(then, now)[i]


def test_a_regression_is_beyond_the_tolerance_and_not_shown_to_be_small():
    nan = float("nan")
    assert is_regression(0.2, 0.3, 0.1, 0.25)
    assert not is_regression(0.2, 0.24, 0.1, 0.25)
    assert not is_regression(0.1, 9.0, 0.1, 0.0)
    assert is_regression(0.2, nan, 0.1, 0.25)
    assert is_better(-0.2, -0.1, 0.1)
    assert not is_better(-0.2, 0.1, 0.1)
    assert not is_better(-0.2, nan, 0.1)


def test_the_interval_of_one_patient_is_none():
    low, high = patient_intervals(np.array([[1.0, 1.0], [2.0, np.nan]]), np.array(["p", "q"]))
    assert (low[0], high[0]) == (1.0, 2.0)
    assert np.isnan([low[1], high[1]]).all()
