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
    assert row["note"] == (
        "fewer than 2 patients; 1 left out: only x has a value; 1 left out: only y has a value"
    )


def halves(make_run, **methods):
    """Runs of one or more seeds of each method; None is a scar-free heart left empty."""
    return load_runs(
        make_run(
            name,
            [
                make_run.score(case, 0.0 if v == "alarm" else v, STATUS.get(v, "ok"))
                for case, v in zip("abcd", column, strict=False)
            ],
            seed=seed,
        )
        for name, columns in methods.items()
        for seed, column in enumerate(columns)
    )


STATUS = {None: "both_empty", "alarm": "ref_empty"}


def test_a_false_alarm_costs_as_much_as_a_right_silence_earns(make_run):
    """The scar-free heart b is 0 against 1; the scar-free heart c, empty in both, is left out."""
    table = halves(make_run, x=[[0.8, None, None]], y=[[0.9, "alarm", None]])
    (row,) = compare(table).to_dict("records")
    assert (row["n_cases"], row["difference"]) == (2, pytest.approx((-0.1 + 1.0) / 2))
    assert (row["mean_a"], row["mean_b"]) == (pytest.approx(0.9), pytest.approx(0.45))
    assert row["note"] == "1 rightly empty of x taken as perfect"
    swapped = compare(table, baseline="x").to_dict("records")[0]
    assert swapped["difference"] == -row["difference"]
    assert swapped["note"] == row["note"]
    excluded = compare(table, policy=Policy.EXCLUDE).to_dict("records")[0]
    assert (excluded["n_cases"], excluded["difference"]) == (1, pytest.approx(-0.1))
    assert "1 left out: only y has a value" in excluded["note"]
    said = [
        comparison_markdown(compare(table, policy=p)) for p in (Policy.WORST_CASE, Policy.EXCLUDE)
    ]
    assert ["rightly empty, which is taken" in text for text in said] == [True, False]
    perfect = compare(table, policy=Policy.BOTH_EMPTY_IS_PERFECT).to_dict("records")[0]
    assert (perfect["n_cases"], perfect["difference"]) == (3, pytest.approx(0.9 / 3))


def test_of_several_seeds_each_that_is_rightly_empty_counts_as_perfect(make_run):
    table = halves(make_run, x=[[None], ["alarm"], [None], [None]], y=[["alarm"]])
    (row,) = compare(table).to_dict("records")
    assert (row["mean_a"], row["mean_b"], row["difference"]) == (0.75, 0.0, 0.75)


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
