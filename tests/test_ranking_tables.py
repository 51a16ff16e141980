"""Matrices of cases by methods, and tables of their ranks under every policy and scheme."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark import ranking as r
from benchmark.policies import Policy
from benchmark.table import Quantity, read_runs, select, tidy

DICE = Quantity("scar", "dice")


def table_of(make_run):
    """Two hearts with scar and one without; careful misses one heart, bold invents scar."""
    bold = [make_run.score("s0", 0.8), make_run.score("s1", 0.8),
            make_run.score("f0", 0.0, "ref_empty")]  # fmt: skip
    careful = [make_run.score("s0", 0.9), make_run.score("s1", None, "no_prediction"),
               make_run.score("f0", None, "both_empty")]  # fmt: skip
    runs = read_runs([make_run("bold", bold), make_run("careful", careful)])
    return select(tidy(runs))


def ranks_of(frame, policy, scheme):
    mine = frame[(frame["policy"] == policy) & (frame["scheme"] == scheme)]
    return dict(zip(mine["label"], zip(mine["rank"], mine["score"], strict=True), strict=True))


def test_a_rightly_empty_answer_is_perfect_where_cases_are_compared(make_run):
    held = r.case_matrix(table_of(make_run), ["bold", "careful"], DICE, Policy.WORST_CASE)
    assert list(held.cases) == ["f0", "s0", "s1"]
    assert held.values == pytest.approx(
        np.array([[0.0, np.nan], [0.8, 0.9], [0.8, 0.0]]), nan_ok=True
    )
    assert held.filled == pytest.approx(np.array([[0.0, 1.0], [0.8, 0.9], [0.8, 0.0]]))
    assert (held.weights == 1).all()


def test_a_miss_stays_undefined_where_undefined_values_are_left_out(make_run):
    held = r.case_matrix(table_of(make_run), ["bold", "careful"], DICE, Policy.EXCLUDE)
    assert held.filled == pytest.approx(
        np.array([[0.0, 1.0], [0.8, 0.9], [0.8, np.nan]]), nan_ok=True
    )
    # A test can leave the pair out, a rank in the case cannot.
    assert np.isnan(held.of(r.Scheme.TEST)[0, 1])
    assert held.of(r.Scheme.RANK)[0, 1] == 1
    assert np.isnan(held.of(r.Scheme.MEAN)[0, 1])


def test_a_case_that_is_empty_for_all_does_not_count_unless_that_is_perfect(make_run):
    rows = [make_run.score("s0", 0.8), make_run.score("f0", None, "both_empty")]
    table = select(tidy(read_runs([make_run("a", rows), make_run("b", rows)])))
    for policy, expected in ((Policy.WORST_CASE, np.nan), (Policy.BOTH_EMPTY_IS_PERFECT, 1.0)):
        held = r.case_matrix(table, ["a", "b"], DICE, policy)
        assert held.filled[0] == pytest.approx([expected, expected], nan_ok=True)


def test_the_table_of_ranks_by_hand(make_run):
    found = r.rank_table(table_of(make_run), ["bold", "careful"], [DICE])
    assert len(found) == 3 * 4 * 2
    near = pytest.approx
    assert ranks_of(found, "worst_case", "mean_then_rank") == {
        "bold": (1, near(1.6 / 3)), "careful": (2, near(0.45))}  # fmt: skip
    assert ranks_of(found, "exclude", "mean_then_rank") == {
        "bold": (2, near(1.6 / 3)), "careful": (1, near(0.9))}  # fmt: skip
    # Careful is first in two cases of three under every policy.
    for policy in Policy:
        assert ranks_of(found, policy, "rank_then_mean") == {
            "bold": (2, near(5 / 3)), "careful": (1, near(4 / 3))}  # fmt: skip
    assert ranks_of(found, "worst_case", "test_based") == {"bold": (1, 0.0), "careful": (1, 0.0)}


def test_means_are_ranked_as_the_leaderboard_ranks_them(make_run):
    table = table_of(make_run)
    found = r.rank_table(table, ["bold", "careful"], [DICE], schemes=[r.Scheme.MEAN])
    for policy, held in r.standings(table, ["bold", "careful"], DICE, "higher").items():
        ours = ranks_of(found, policy, "mean_then_rank")
        assert {n: (s.rank, pytest.approx(s.mean)) for n, s in held.items()} == ours


def test_what_has_no_rows_or_no_direction_is_not_ranked(make_run):
    found = r.rank_table(table_of(make_run), ["bold", "careful"], [Quantity("mvo", "dice")])
    assert found.empty
    assert list(found)[-3:] == ["score", "n", "note"]


def test_the_markdown_says_its_policy_and_its_schemes_and_escapes_names(make_run):
    rows = [make_run.score("s0", 0.8)]
    table = select(tidy(read_runs([make_run("a", rows), make_run("b", rows)])))
    found = r.rank_table(table, ["a", "b"], [DICE], schemes=[r.Scheme.MEAN, r.Scheme.RANK])
    text = r.rank_table_markdown(found.assign(label=found["label"].replace({"a": "x|<b>"})))
    lines = text.splitlines()
    assert lines[0] == "| method | scar dice, mean\\_then\\_rank | scar dice, rank\\_then\\_mean |"
    assert lines[2] == "| x\\|&lt;b&gt; | 1 (0.800) | 1 (1.500) |"
    assert "Policy worst\\_case: a miss" in text
    assert "mean of these ranks" in text
