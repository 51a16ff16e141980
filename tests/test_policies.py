"""What undefined values count as."""

import math

import numpy as np
import pytest

from benchmark.errors import UsageError
from benchmark.leaderboard import leaderboard
from benchmark.policies import Policy, case_means, parse_policy, resolve
from benchmark.table import Quantity, load_runs, read_runs

DICE = Quantity("scar", "dice")
HD95 = Quantity("scar", "hd95", "3d")


@pytest.mark.parametrize(
    ("policy", "dice", "hd95"),
    [
        (Policy.EXCLUDE, [0.8, 0.0, None, None], [4.0, None, None, None]),
        (Policy.WORST_CASE, [0.8, 0.0, None, 0.0], [4.0, 300.0, None, 300.0]),
        (Policy.BOTH_EMPTY_IS_PERFECT, [0.8, 0.0, 1.0, 0.0], [4.0, 300.0, 0.0, 300.0]),
    ],
)
def test_each_policy_on_each_kind_of_case(make_run, policy, dice, hd95):
    statuses = ["ok", "pred_empty", "both_empty", "no_prediction", "not_applicable"]
    values = {"dice": [0.8, 0.0, None, None, None], "hd95": [4.0, None, None, None, None]}
    rows = [
        make_run.score(case, value, status, metric=metric)
        for metric, column in values.items()
        for case, value, status in zip("abcde", column, statuses, strict=True)
    ]
    resolved = resolve(load_runs([make_run("x", rows)]), policy)
    for metric, expected in (("dice", dice), ("hd95", hd95)):
        got = resolved[resolved["metric"] == metric]["value"].tolist()
        assert [None if math.isnan(v) else v for v in got] == expected


def test_an_error_in_ml_has_no_worst_value_and_stays_undefined(make_run):
    row = make_run.score("a", None, "error", metric="absolute_volume_error_ml")
    table = load_runs([make_run("x", [row])])
    assert resolve(table, Policy.WORST_CASE)["value"].isna().all()


def test_seeds_are_averaged_within_the_case_and_undefined_seeds_left_out(make_run):
    paths = [
        make_run("x", [make_run.score("a", 0.2), make_run.score("b", None, "both_empty")], seed=0),
        make_run("x", [make_run.score("a", 0.4), make_run.score("b", 0.0, "ref_empty")], seed=1),
    ]
    means = case_means(load_runs(paths), Policy.WORST_CASE)
    assert means["case"].tolist() == ["a", "b"]
    assert means["value"].tolist() == pytest.approx([0.3, 0.0])
    assert means["defined"].tolist() == [1.0, 0.5]
    assert means["empty"].tolist() == [0.0, 0.5]


@pytest.mark.parametrize("policy", list(Policy))
def test_more_seeds_of_the_same_quality_change_no_mean(make_run, policy):
    """Scar .8 in two hearts; of six scar-free hearts, each seed invents scar in two."""

    def rows(alarms):
        found = [make_run.score(f"s{i}", 0.8) for i in range(2)]
        return found + [
            make_run.score(f"n{i}", 0.0, "ref_empty")
            if i in alarms
            else make_run.score(f"n{i}", None, "both_empty")
            for i in range(6)
        ]

    alarms = [(0, 1), (2, 3), (4, 5)]
    one = [make_run("one", rows(alarms[0]))]
    three = [make_run("three", rows(a), seed=s) for s, a in enumerate(alarms)]
    board = leaderboard(read_runs([*one, *three]), columns=[DICE], policy=policy, resamples=200)
    means = {row.label: row.cells[0].mean for row in board.rows}
    expected = (2 * 0.8 + 4) / 8 if policy is Policy.BOTH_EMPTY_IS_PERFECT else 2 * 0.8 / 4
    assert means == {"one": pytest.approx(expected), "three": pytest.approx(expected)}
    for row in board.rows:
        assert row.cells[0].low <= row.cells[0].mean <= row.cells[0].high


def test_perfect_is_what_the_metric_s_card_says(make_run):
    """A ratio whose best is 2 of a stranger, and a table from before the column."""
    rows = [
        make_run.score("a", None, "both_empty", metric="dice", best=2.0),
        make_run.score("b", None, "both_empty", metric="dice"),
        make_run.score("c", None, "both_empty", metric="hd95"),
    ]
    table = resolve(load_runs([make_run("x", rows)]), Policy.BOTH_EMPTY_IS_PERFECT)
    assert table["value"].tolist() == [2.0, 1.0, 0.0]


def test_slices_are_averaged_before_seeds(make_run):
    def rows(values):
        return [
            make_run.score("a", v, level="slice", slice=z, dim=None) for z, v in enumerate(values)
        ]

    paths = [make_run("x", rows([0.0, 1.0]), seed=0), make_run("x", rows([0.2]), seed=1)]
    means = case_means(load_runs(paths), Policy.WORST_CASE)
    assert means["value"].tolist() == pytest.approx([(0.5 + 0.2) / 2])


def winners(make_run, bold, timid, column):
    """Who wins under each policy, 40 hearts with scar and 10 without."""
    runs = read_runs([make_run("bold", bold), make_run("timid", timid)])
    return {
        policy.value: leaderboard(runs, columns=[column], policy=policy, resamples=10).rows[0].label
        for policy in Policy
    }


def test_with_ten_scar_free_hearts_the_policy_alone_decides_who_wins_by_dice(make_run):
    """Bold finds more and invents scar: 0.8 x 40/50 = 0.64. Timid: 0.62, or 0.696 with its tens."""
    bold = [make_run.score(f"s{i}", 0.80) for i in range(40)]
    bold += [make_run.score(f"n{i}", 0.0, "ref_empty") for i in range(10)]
    timid = [make_run.score(f"s{i}", 0.62) for i in range(40)]
    timid += [make_run.score(f"n{i}", None, "both_empty") for i in range(10)]
    assert winners(make_run, bold, timid, DICE) == {
        "exclude": "bold", "worst_case": "bold", "both_empty_is_perfect": "timid"
    }  # fmt: skip


def test_excluding_misses_rewards_the_method_that_misses(make_run):
    """Timid misses 8 of 40 scars; its HD95 is better only where misses are left out."""
    bold = [make_run.score(f"s{i}", 7.0, metric="hd95") for i in range(40)]
    timid = [make_run.score(f"s{i}", 5.0, metric="hd95") for i in range(32)]
    timid += [make_run.score(f"s{i}", None, "pred_empty", metric="hd95") for i in range(32, 40)]
    assert winners(make_run, bold, timid, HD95) == {
        "exclude": "timid", "worst_case": "bold", "both_empty_is_perfect": "bold"
    }  # fmt: skip


@pytest.mark.parametrize("policy", list(Policy))
def test_a_mean_of_nothing_is_null_and_never_zero(make_run, policy):
    rows = [make_run.score(c, None, "not_applicable") for c in "ab"]
    rows += [make_run.score(c, None, "both_empty", region="mvo") for c in "ab"]
    means = case_means(load_runs([make_run("x", rows)]), policy)
    assert set(means["region"]) == {"mvo"}
    if policy is not Policy.BOTH_EMPTY_IS_PERFECT:
        assert np.isnan(means["value"]).all()


def test_an_unknown_policy_suggests_a_near_one():
    assert parse_policy("worst_case") is Policy.WORST_CASE
    with pytest.raises(UsageError, match="worst_case"):
        parse_policy("worst")


def test_every_policy_says_what_it_does():
    assert len({policy.sentence for policy in Policy}) == len(Policy)
