"""All pairs at once: the matrix of p values and the table of tests."""

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.significance import holm, letters, permutation, smallest_difference, wilcoxon
from benchmark.significance import matrix as made
from benchmark.table import Quantity, load_runs

SCAR = Quantity("scar", "dice")


@pytest.mark.parametrize(("name", "test"), [("wilcoxon", wilcoxon), ("permutation", permutation)])
def test_the_matrix_holds_every_pair_corrected_for_their_number(name, test):
    rng = np.random.default_rng(0)
    values = rng.random((9, 3)) + np.array([0.0, 0.3, 0.6])
    got = made.pairwise(values, ["x", "y", "z"], name)
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = holm([test(values[:, i], values[:, j]).p for i, j in pairs])
    assert [got.iloc[i, j] for i, j in pairs] == expected
    np.testing.assert_array_equal(got, got.T)
    assert list(np.diag(got)) == [1, 1, 1]
    assert list(got.index) == list(got.columns) == ["x", "y", "z"]
    assert letters(["x", "y", "z"], got)["x"] == "a"


def test_a_pair_without_common_patients_has_no_p_and_does_not_count():
    values = np.array([[1.0, 2.0, np.nan]] * 6 + [[np.nan, np.nan, 1.0]] * 6)
    got = made.pairwise(values, ["x", "y", "z"])
    assert got.loc["x", "y"] == wilcoxon(values[:6, 0], values[:6, 1]).p
    assert np.isnan(got.loc["x", "z"])
    assert np.isnan(got.loc["y", "z"])


def test_one_method_or_none_has_no_pair():
    assert made.pairwise(np.ones((4, 1)), ["x"]).to_numpy().tolist() == [[1.0]]
    assert made.pairwise(np.ones((4, 0)), []).shape == (0, 0)
    assert np.isnan(made.pairwise(np.ones((0, 2)), ["x", "y"]).loc["x", "y"])
    assert made.pairwise(np.ones((4, 2)), ["x", "y"]).loc["x", "y"] == 1.0


def test_a_matrix_that_does_not_fit_its_names_is_refused():
    with pytest.raises(DataError, match=r"1 names and values of the shape \(4, 2\)"):
        made.pairwise(np.ones((4, 2)), ["x"])


def toy(make_run, **methods):
    return load_runs(
        make_run(name, [make_run.score(f"c{i}", v) for i, v in enumerate(values)])
        for name, values in methods.items()
    )


def test_the_table_holds_what_each_test_says(make_run):
    rng = np.random.default_rng(4)
    values = {name: np.round(rng.random(10), 3) for name in ("p", "q", "r")}
    got = made.table_of_tests(toy(make_run, **values), SCAR)
    rows = {(row["a"], row["b"]): row for row in got.to_dict("records")}
    assert list(rows) == [("p", "q"), ("p", "r"), ("q", "r")]
    for (a, b), row in rows.items():
        assert row["difference"] == pytest.approx((values[a] - values[b]).mean())
        assert row["p"] == pytest.approx(wilcoxon(values[a], values[b]).p)
        assert row["permutation_p"] == pytest.approx(permutation(values[a], values[b]).p)
        assert row["smallest"] == pytest.approx(
            smallest_difference(values[a] - values[b]).difference
        )
        assert row["low"] < row["difference"] < row["high"]
        assert row["n_patients"] == 10
    assert list(got["p_holm"]) == holm(list(got["p"]))
    alone = made.table_of_tests(toy(make_run, **values), SCAR, baseline="q")
    assert [(row.a, row.b) for row in alone.itertuples()] == [("p", "q"), ("r", "q")]
    assert list(alone["p_holm"]) == holm(list(alone["p"]))


def test_one_patient_has_a_row_without_tests(make_run):
    got = made.table_of_tests(toy(make_run, p=[0.5], q=[0.25]), SCAR)
    (row,) = got.to_dict("records")
    assert row["difference"] == 0.25
    assert got[["p", "permutation_p", "p_holm", "smallest", "low", "high"]].isna().all(axis=None)


def test_the_table_is_the_same_twice(make_run):
    rng = np.random.default_rng(4)
    table = toy(make_run, p=rng.random(30), q=rng.random(30))  # exchanges are drawn
    one, two = (made.table_of_tests(table, SCAR) for _ in range(2))
    assert one.to_json() == two.to_json()
