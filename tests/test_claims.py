"""Claims of papers: reading them, testing them, and what is written about them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmark.claims import Claim, Verdict, read_claims
from benchmark.claims_text import claims_markdown
from benchmark.cli._app import app
from benchmark.errors import DataError
from benchmark.judging import holm, judge
from benchmark.metrics.cards import cards
from benchmark.metrics.definition import Pair
from benchmark.table import read_runs

DICE = Claim(paper="toy2020", says="a is better", better="a", worse="b")
SLOPE = Claim(
    paper="toy2020", says="a measures more", better="a", worse="b",
    statistic="slope", feature="scar_percent",
)  # fmt: skip


def runs(make_run, **methods):
    """Runs of each seed of each method: the Dice of cases c0, c1, ...; None is both masks empty."""
    return read_runs(
        make_run(
            name,
            [
                make_run.score(f"c{i}", v, "ok" if v is not None else "both_empty")
                for i, v in enumerate(column)
            ],
            seed=seed,
        )
        for name, columns in methods.items()
        for seed, column in enumerate(columns)
    )


def percents(make_run, truth, **methods):
    """Runs with the scar burden of each case, of the reference and by prediction."""
    shared = {"level": "volume", "feature": "scar_percent", "unit": "%", "message": ""}
    made = []
    for name, columns in methods.items():
        for seed, column in enumerate(columns):
            rows = [
                {**shared, "case": f"c{i}", "source": source, "value": value, "status": "ok"}
                for i, pair in enumerate(zip(truth, column, strict=True))
                for source, value in zip(("reference", "prediction"), pair, strict=True)
            ]
            scores = [make_run.score(f"c{i}", 0.5) for i in range(len(truth))]
            made.append(make_run(name, scores, seed=seed, features=rows))
    return read_runs(made)


def test_an_order_that_other_seeds_may_turn_is_not_shown():
    found = Verdict(DICE, difference=0.2, low=-0.01, high=0.4, p=0.004)
    assert found.outcome == "not shown"
    assert replace(found, low=0.01).outcome == "holds"
    assert replace(found, difference=-0.2, low=-0.4, high=-0.01).outcome == "the opposite"


def test_a_difference_in_every_patient_holds_with_the_exact_p_of_an_exchange_test(make_run):
    a = [0.9, 0.8, 0.85, 0.7, 0.95, 0.6, 0.75, 0.9]
    b = [v - 0.1 - 0.01 * i for i, v in enumerate(a)]
    (verdict,) = judge([DICE], runs(make_run, a=[a], b=[b]))
    assert verdict.difference == pytest.approx(np.mean(np.subtract(a, b)))
    # Of the 256 exchanges only the order found and its mirror image differ as much.
    assert verdict.p == pytest.approx(2 / 256, abs=0.003)
    assert verdict.outcome == "holds"
    assert (verdict.n_cases, verdict.n_patients, verdict.seeds_in_order) == (8, 8, (1, 1))
    (reversed_,) = judge([DICE], runs(make_run, a=[b], b=[a]))
    assert reversed_.outcome == "the opposite"
    assert reversed_.difference == pytest.approx(-verdict.difference)


def test_the_p_is_that_of_all_exchanges_counted_one_by_one(make_run):
    rng = np.random.default_rng(3)
    a, b = rng.random(9), rng.random(9)
    found = [np.mean(np.array(s) * (a - b)) for s in itertools.product((-1, 1), repeat=9)]
    exact = np.mean(np.abs(found) >= abs(np.mean(a - b)) - 1e-12)
    (verdict,) = judge([DICE], runs(make_run, a=[list(a)], b=[list(b)]))
    assert verdict.p == pytest.approx(exact, abs=0.02)
    assert verdict.outcome == "not shown"
    assert verdict.low < verdict.difference < verdict.high


def test_equal_methods_have_p_1_and_are_in_order_in_no_seed(make_run):
    a = [[0.5, 0.6, 0.7], [0.4, 0.3, 0.6]]
    (verdict,) = judge([DICE], runs(make_run, a=a, b=a))
    assert (verdict.p, verdict.difference, verdict.seeds_in_order) == (1.0, 0.0, (0, 2))
    assert verdict.outcome == "not shown"


def test_hearts_without_the_region_do_not_count_and_a_miss_counts_as_worst(make_run):
    found = runs(make_run, a=[[0.8, 0.7, None]], b=[[0.5, 0.4, None]])
    (verdict,) = judge([DICE], found)
    assert verdict.n_cases == 2
    assert verdict.values == pytest.approx((0.75, 0.45))


def distances(make_run, metric, **methods):
    """Runs of a metric of surfaces or volumes."""
    return read_runs(
        make_run(name, [make_run.score(f"c{i}", v, metric=metric) for i, v in enumerate(column)])
        for name, column in methods.items()
    )


def test_of_a_distance_the_lesser_is_the_better(make_run):
    claim = DICE.model_copy(update={"metric": "hd95", "dim": "3d"})
    b = [9.0, 8.0, 7.5, 9.5, 8.5, 7.0, 6.5, 9.0]
    a = [v - 2 - 0.1 * i for i, v in enumerate(b)]
    (verdict,) = judge([claim], distances(make_run, "hd95", a=a, b=b))
    assert verdict.difference == pytest.approx(np.mean(np.subtract(b, a)))
    assert verdict.low < verdict.difference < verdict.high
    assert (verdict.outcome, verdict.seeds_in_order) == ("holds", (1, 1))


def test_a_metric_without_a_better_end_tests_no_claim(make_run):
    claim = DICE.model_copy(update={"metric": "volume_error_ml"})
    found = distances(make_run, "volume_error_ml", a=[1.0, 2.0], b=[3.0, 4.0])
    (verdict,) = judge([claim], found)
    assert verdict.outcome == "not tested"
    assert verdict.note == "volume_error_ml has no better and worse end"


@pytest.mark.parametrize("claim", [DICE, SLOPE])
def test_a_method_that_was_run_in_two_ways_is_not_averaged_over_them(make_run, claim):
    truth = [10.0, 20.0]
    found = percents(make_run, truth, a=[[9, 18]], b=[[5, 10]])
    found += [replace(run, record=run.record.model_copy(update={"group": "other"}))
              for run in found if run.method == "a"]  # fmt: skip
    (verdict,) = judge([claim], found)
    assert verdict.outcome == "not tested"
    assert verdict.note == "a was run in 2 ways"


def test_a_slope_goes_through_the_origin(make_run):
    truth = [10.0, 20.0, 30.0, 0.0]
    found = percents(make_run, truth, a=[[9, 18, 27, 0]], b=[[5, 10, 15, 3]])
    (verdict,) = judge([SLOPE], found)
    assert verdict.values == pytest.approx((0.9, 0.5))
    assert verdict.difference == pytest.approx(0.4)
    assert verdict.n_cases == 4


def test_seeds_are_averaged_in_the_case_and_counted_in_order(make_run):
    truth = [10.0, 20.0]
    a, b = [[10, 20], [8, 16], [4, 8]], [[5, 10], [5, 10], [5, 10]]
    (verdict,) = judge([SLOPE], percents(make_run, truth, a=a, b=b))
    assert verdict.values == pytest.approx(((1.0 + 0.8 + 0.4) / 3, 0.5))
    assert verdict.seeds_in_order == (2, 3)
    # Seeds drawn anew: the interval reaches the worst seed of three, as patients here all agree.
    assert verdict.low == pytest.approx(-0.1, abs=0.01)
    assert verdict.high == pytest.approx(0.5, abs=0.01)


def test_claims_about_what_was_not_run_are_not_tested(make_run):
    found = runs(make_run, a=[[0.8, 0.7]])
    (verdict,) = judge([DICE], found)
    assert (verdict.outcome, verdict.note) == ("not tested", "no values of b")
    (verdict,) = judge([SLOPE], found)
    assert verdict.note == "no values of a and b"
    (verdict,) = judge([DICE], runs(make_run, a=[[0.8]], b=[[0.7]]))
    assert verdict.note == "fewer than 2 patients in common"


def test_p_values_are_corrected_by_holms_rule():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_several_claims_are_corrected_together(make_run):
    a = [0.9, 0.8, 0.85, 0.7, 0.95, 0.6, 0.75, 0.9]
    b = [v - 0.1 - 0.01 * i for i, v in enumerate(a)]
    found = runs(make_run, a=[a], b=[b])
    (alone,) = judge([DICE], found)
    missing = DICE.model_copy(update={"worse": "c"})
    both = judge([DICE, missing, DICE], found)
    assert both[0].p == pytest.approx(2 * alone.p)  # the one not tested does not count
    assert both[1].p is None


def test_the_same_runs_give_the_same_verdict_whatever_their_order(make_run):
    rng = np.random.default_rng(0)
    found = runs(make_run, a=rng.random((3, 6)).tolist(), b=rng.random((3, 6)).tolist())
    assert judge([DICE], found) == judge([DICE], found[::-1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[claim]]\npaper='p'", "claim 1: says Field required"),
        ("[[claim]]\npaper='p'\nsays='s'\nbetter='a'\nworse='a'", "better than itself"),
        ("[[claim]]\npaper='p'\nsays='s'\nbetter='a'\nworse='b'\nstatistic='slope'", "a feature"),
        ("[[claim]]\npaper='p'\nsays='s'\nbetter='a'\nworse='b'\nodd=1", "odd Extra inputs"),
        ("[[claims]]", "holds claims"),
        ("", "holds nothing"),
        ("[[claim", "is no TOML"),
        (None, "Cannot read"),
    ],
)
def test_a_faulty_file_of_claims_is_named_with_its_fault(tmp_path, text, said):
    path = tmp_path / "toy.claims.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"toy\.claims\.toml") as error:
        read_claims(path)
    assert said in str(error.value)


def test_the_leaderboard_page_ends_with_the_claims_of_its_data_set(make_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs(make_run, a=[[0.9, 0.8, 0.7]], b=[[0.5, 0.4, 0.6]])
    (tmp_path / "leaderboards").mkdir()
    (tmp_path / "leaderboards" / "toy.claims.toml").write_text(
        "[[claim]]\npaper='toy2020'\nsays='a | b'\nbetter='a'\nworse='b'\nwhy='Three cases.'\n"
        "[[claim]]\npaper='toy2020'\nsays='nothing'\nbetter='a'\nworse='c'\n"
    )
    done = CliRunner().invoke(app, ["leaderboard", "--dataset", "toy"])
    assert done.exit_code == 0
    assert "toy2020: a > b, scar dice: not shown (0.300, p 0.2" in done.stdout
    assert "toy2020: a > c, scar dice: not tested (no values of c)" in done.stdout
    page = (tmp_path / "leaderboards" / "toy.md").read_text()
    assert "## Claims of papers" in page
    assert "a &gt; b: a \\| b" in page
    assert "Three cases." in page
    assert "**not shown**" in page
    assert claims_markdown([]) == ""


def stack(reference, compared):
    """A pair of masks of four pixels in each slice, as counts of marked pixels."""

    def masks():
        rows = (np.arange(4)[None, :] < np.array(n)[:, None] for n in (reference, compared))
        return tuple(row[:, None, :] for row in rows)

    return Pair(0, 0, 0, 0, (8.0, 1.0, 1.0), masks)


def test_a_slice_is_successful_from_half_of_its_area_on():
    card = cards()["slice_success"]
    from benchmark.metrics.cards import metrics

    success = metrics()["slice_success"]
    # Found: all, half, a quarter, none; the last slice has none to be found.
    assert success(stack([4, 4, 4, 4, 0], [4, 2, 1, 0, 4])) == 0.5
    assert success(stack([0, 1, 3], [0, 1, 2])) == 1.0
    assert success(stack([3, 3], [1, 0])) == 0.0
    assert (card.best, card.worst, card.both_empty) == (1.0, 0.0, None)
