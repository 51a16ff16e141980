"""Methods against each other on the same patients."""

import io

import pandas as pd
import pytest

from benchmark.compare import compare, comparison_markdown, comparison_view
from benchmark.errors import DataError, UsageError
from benchmark.policies import Policy
from benchmark.table import load_runs


def scored(make_run, **values):
    """One run per method, with the Dice of cases a, b, c, ...; None is a case left out."""
    return load_runs(
        make_run(
            name,
            [make_run.score(case, v) for case, v in zip("abcd", column, strict=False) if v],
        )
        for name, column in values.items()
    )


def test_a_pair_by_hand(make_run):
    table = scored(make_run, x=[0.9, 0.8, 0.7], y=[0.6, 0.6, 0.6])
    (row,) = compare(table).to_dict("records")
    assert (row["a"], row["b"], row["n_cases"]) == ("x", "y", 3)
    assert row["difference"] == pytest.approx(0.2)
    assert row["low"] == pytest.approx(0.1)
    assert row["high"] == pytest.approx(0.3)
    assert row["p"] == pytest.approx(0.25)
    assert (row["unit"], row["better"], row["policy"]) == ("", "higher", "worst_case")


def test_only_common_cases_count(make_run):
    table = scored(make_run, x=[0.9, None, 0.5], y=[0.6, 0.1, None])
    (row,) = compare(table).to_dict("records")
    assert (row["n_cases"], row["mean_a"], row["mean_b"]) == (1, 0.9, 0.6)
    assert pd.isna(row["p"])
    assert row["note"] == "fewer than 2 patients"


def test_every_pair_or_all_against_a_baseline(make_run):
    table = scored(make_run, x=[0.9], y=[0.6], z=[0.3])
    assert compare(table)[["a", "b"]].to_numpy().tolist() == [["x", "y"], ["x", "z"], ["y", "z"]]
    against = compare(table, baseline="y")
    assert against[["a", "b"]].to_numpy().tolist() == [["x", "y"], ["z", "y"]]
    with pytest.raises(UsageError, match="no method 'w'"):
        compare(table, baseline="w")


def test_the_policy_decides_what_a_miss_costs(make_run):
    table = load_runs(
        make_run(name, [make_run.score("a", v, s, metric="hd95"),
                        make_run.score("b", 5.0, metric="hd95")])
        for name, v, s in (("x", None, "pred_empty"), ("y", 10.0, "ok"))
    )  # fmt: skip
    assert compare(table, "scar", "hd95", "3d")["difference"].tolist() == [(290 + 0) / 2]
    excluded = compare(table, "scar", "hd95", "3d", policy=Policy.EXCLUDE)
    assert excluded["difference"].tolist() == [0.0]
    assert excluded["n_cases"].tolist() == [1]


def test_seeds_are_averaged_before_methods_are_compared(make_run):
    paths = [make_run("x", [make_run.score("a", v)], seed=s) for s, v in enumerate([0.2, 0.6])]
    table = load_runs([*paths, make_run("y", [make_run.score("a", 0.1)])])
    assert compare(table)["difference"].tolist() == pytest.approx([0.3])


def test_one_method_is_nothing_to_compare(make_run):
    with pytest.raises(DataError, match="only x has scar dice"):
        compare(scored(make_run, x=[0.5]))
    with pytest.raises(DataError, match="no method has mvo dice"):
        compare(scored(make_run, x=[0.5]), "mvo")


def test_several_data_sets_need_a_name(make_run):
    paths = [make_run(n, [make_run.score("a", 0.5)], dataset=d) for n in "xy" for d in ("d", "e")]
    with pytest.raises(UsageError, match="of d, e"):
        compare(load_runs(paths))
    assert len(compare(load_runs(paths), dataset="d")) == 1


def test_text_has_the_numbers_and_never_a_p_of_zero(make_run):
    cases = [f"c{i:02}" for i in range(40)]
    table = load_runs(
        make_run(name, [make_run.score(c, base + i / 1000) for i, c in enumerate(cases)])
        for name, base in (("x", 0.5), ("y", 0.1))
    )
    comparison = compare(table)
    text = comparison_markdown(comparison)
    assert "| x | y | scar dice | 0.520 | 0.120 | 0.400 |" in text
    assert "&lt; 0.0001" in text
    assert "Policy worst\\_case" in text
    from rich.console import Console

    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(comparison_view(comparison))
    assert "< 0.0001" in console.export_text()


def test_the_same_table_gives_the_same_bytes(make_run):
    table = scored(make_run, x=[0.9, 0.8, 0.75], y=[0.6, 0.61, 0.6])
    shuffled = table.sample(frac=1, random_state=0)
    assert comparison_markdown(compare(table)) == comparison_markdown(compare(shuffled))
    assert compare(table).equals(compare(shuffled))
