"""What the method gate finds, on scores of known variance, at the shipped tolerances.

A small, fixed part of ``benchmarks/drift.py``; the whole matrix runs on demand.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.drift.check import check_method
from benchmark.drift.tolerances import default_tolerances
from benchmark.drift.verdict import Outcome
from benchmark.record import RunRecord
from benchmark.results import Run
from benchmark.table import Quantity

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
DICE = Quantity("scar", "dice")
CASES = 22
#: Standard deviations of a seed's effect on all cases, and on each case by itself.
SEED, CASE = 0.001, 0.003


def values(rng, seeds):
    """``(seed, case)`` Dice of cases that are hard or easy, ``seeds`` times trained."""
    level = np.linspace(0.6, 0.9, CASES)
    return level + rng.normal(0, SEED, (seeds, 1)) + rng.normal(0, CASE, (seeds, CASES))


def runs_of(table, first=0, model=""):
    """Runs with these values of scar Dice; the same model files where ``model`` is the same."""
    cases = [f"case{i:02d}" for i in range(table.shape[1])]
    made = []
    for seed, row in enumerate(table, start=first):
        record = RunRecord.model_validate({
            "method": {"name": "m", "spec": "m", "parameters": {}, "trains": True},
            "dataset": {"name": "d", "spec": "d", "parameters": {}, "fingerprint": "f" * 64},
            "group": "g", "seed": seed, "split": {}, "produces": ["scar"], "annotates": ["scar"],
            "metric_cards": {"dice": "1" * 8},
            "stages": {"train": {"model": {"model.pt": f"{model}{seed}"}}},
        })  # fmt: skip
        scores = pd.DataFrame({
            "case": cases, "region": "scar", "metric": "dice", "level": "volume", "dim": None,
            "reference": "reference", "compared": "prediction", "value": row, "status": "ok",
            "better": "higher", "worst": 0.0,
        })  # fmt: skip
        frame = pd.DataFrame({"case": cases, "patient": cases, "role": "test", "status": "ok"})
        made.append(Run(f"m-{model}{seed}", record, frame, scores))
    return made


def verdict(then, now):
    """The finding of scar Dice, and the exit code."""
    check = check_method(now, then)
    found = [f for f in check.findings if f.quantity == DICE]
    assert len(found) == 1
    return found[0].outcome, check.exit_code


@pytest.mark.parametrize("seed", range(5))
def test_the_same_runs_are_the_same(seed):
    entry = runs_of(values(np.random.default_rng(seed), 3))
    assert verdict(entry, entry) == (Outcome.SAME, 0)
    assert verdict(entry, entry[:1]) == (Outcome.SAME, 0)


@pytest.mark.parametrize("loss", [0.005, 0.02, 0.05])
def test_a_loss_of_the_same_models_is_found(loss):
    table = values(np.random.default_rng(0), 3)
    assert verdict(runs_of(table), runs_of(table - loss)) == (Outcome.REGRESSION, 1)
    assert verdict(runs_of(table), runs_of(table - loss)[:1]) == (Outcome.REGRESSION, 1)


@pytest.mark.parametrize("n_now", [1, 3])
def test_unchanged_code_with_other_seeds_is_no_regression(n_now):
    for seed in range(15):
        table = values(np.random.default_rng(seed), 3 + n_now)
        outcome, code = verdict(runs_of(table[:3]), runs_of(table[3:], 3))
        assert (outcome, code) == (Outcome.EQUAL, 0), seed


def test_two_per_cent_on_all_cases_is_found_with_three_other_seeds():
    found = []
    for seed in range(15):
        table = values(np.random.default_rng(seed), 6)
        outcome, code = verdict(runs_of(table[:3]), runs_of(table[3:] - 0.02, 3))
        assert (outcome is Outcome.REGRESSION) == (code == 1)
        found.append(code)
    assert sum(found) == len(found)


def test_a_loss_within_what_seeds_explain_is_not_found_and_no_failure():
    # A fifth of the seeds' own effect: nothing can see it, and nobody may be told otherwise.
    table = values(np.random.default_rng(3), 6)
    assert verdict(runs_of(table[:3]), runs_of(table[3:] - SEED / 5, 3)) == (Outcome.EQUAL, 0)


def test_the_matrix_decides_as_the_gate_does(scripts):
    power, data = scripts("drift_power"), scripts("drift_data")
    table = values(np.random.default_rng(1), 6)
    series = data.Series("d", "m", DICE, tuple(range(6)), tuple(map(str, range(CASES))), table,
                         np.ones_like(table, dtype=bool), True)  # fmt: skip
    counts = power.counts_of(CASES, 2000)
    answers = set()
    for exact, losses in ((True, (0.0005, 0.003)), (False, (0.005, 0.008, 0.011, 0.02))):
        for loss in losses:
            rng = np.random.default_rng(2)
            draws = power.draw(series, rng, 6, 3, 3, exact=exact)
            draws = power.injected(draws, rng, loss, None)
            by_mean, by_case = power.decided(draws, default_tolerances(), counts, gated=1)
            for i in range(6):
                now = runs_of(draws.now[i], 0 if exact else 10, "" if exact else "new")
                outcome, _ = verdict(runs_of(draws.then[i]), now)
                said = bool(by_mean[i] | by_case[i])
                assert said == (outcome is Outcome.REGRESSION), (exact, loss, i)
                answers.add((exact, said))
    assert answers == {(True, True), (True, False), (False, True), (False, False)}


def test_resamples_without_a_loss_of_the_same_models_find_nothing(scripts):
    power, data = scripts("drift_power"), scripts("drift_data")
    table = values(np.random.default_rng(1), 3)
    series = data.Series("d", "m", DICE, (0, 1, 2), tuple(map(str, range(CASES))), table,
                         np.ones_like(table, dtype=bool), True)  # fmt: skip
    draws = power.draw(series, np.random.default_rng(0), 50, 3, 3, exact=True)
    np.testing.assert_array_equal(draws.then, draws.now)
    by_mean, by_case = power.decided(draws, default_tolerances(), power.counts_of(CASES, 200))
    assert not by_mean.any()
    assert not by_case.any()


def test_the_prior_is_found_again_in_made_variances(scripts):
    calibration = scripts("drift_calibration")
    rng = np.random.default_rng(0)
    rho = 0.2
    made = []
    for _ in range(300):
        together = rng.normal(0, rho**0.5, (5, 1))
        made.append(calibration.spread(together + rng.normal(0, (1 - rho) ** 0.5, (5, 20))))
    found = calibration.fit(made)
    assert found.n == 300
    assert 0.12 < found.rho < 0.3


def test_a_spread_by_hand(scripts):
    found = scripts("drift_calibration").spread(np.array([[0.0, 1.0], [2.0, 1.0]]))
    # Means 0.5 and 1.5: variance 0.5. Cases vary by 2 and 0: 1 on average. Two of them.
    assert (found.variance, found.df, found.cases, found.single) == (0.5, 1, 2, 1.0)
    assert (found.widest, found.design) == (2.0, 1.0)


def test_the_smallest_loss_lies_between_the_points_of_the_grid(scripts):
    smallest = scripts("drift_power").smallest
    assert smallest([0.0, 0.6, 1.0], [0.0, 0.01, 0.02], 0.8) == pytest.approx(0.015)
    assert smallest([0.0, 0.3], [0.0, 0.01], 0.8) is None
