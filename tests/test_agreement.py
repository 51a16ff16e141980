"""Intraclass correlation: published values, a second implementation, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.agreement import IccKind, icc, icc_average_agreement
from benchmark.errors import DataError, UsageError

#: Six targets by four judges (Shrout and Fleiss 1979, their Table 2).
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_shrout_and_fleiss_have_620_for_the_average_of_four_judges() -> None:
    found = icc_average_agreement(SHROUT_FLEISS)
    assert found.value == pytest.approx(0.6200505, abs=1e-7)
    assert (found.n, found.k) == (6, 4)


@pytest.mark.parametrize(
    ("n", "k", "value", "interval"),
    [
        (20, 4, 0.9142675709751621, (0.83, 0.96)),
        (100, 3, 0.88313712988521, (0.83, 0.92)),
        (5, 2, 0.6327562637447443, (-15.73, 0.96)),
    ],
)
def test_values_and_intervals_are_those_of_pingouin(
    n: int, k: int, value: float, interval: tuple[float, float]
) -> None:
    """Of pingouin 0.7.0, ``ICC(A,k)``, on the same draws; it rounds intervals to two decimals."""
    rng = np.random.default_rng(0)
    for rows, columns in ((20, 4), (100, 3), (5, 2)):
        ratings = rng.normal(0, 1, (rows, 1)) + rng.normal(0, 0.5, (rows, columns))
        ratings = ratings + rng.normal(0, 0.3, (1, columns))
        if (rows, columns) == (n, k):
            break
    found = icc_average_agreement(ratings)
    assert found.value == pytest.approx(value, abs=1e-10)
    assert found.low == pytest.approx(interval[0], abs=0.0051)
    assert found.high == pytest.approx(interval[1], abs=0.0051)


def test_a_shift_of_one_rater_is_disagreement() -> None:
    ratings = np.arange(10.0)[:, None] + np.array([0.0, 0.1, -0.1])
    shifted = ratings + np.array([0.0, 0.0, 4.0])
    ours, theirs = icc_average_agreement(ratings), icc_average_agreement(shifted)
    assert ours.value is not None
    assert theirs.value is not None
    assert theirs.value < ours.value - 0.05


def test_a_subject_without_all_ratings_is_left_out() -> None:
    missing = np.vstack([SHROUT_FLEISS, [1.0, np.nan, 1.0, 1.0]])
    assert icc_average_agreement(missing) == icc_average_agreement(SHROUT_FLEISS)


@pytest.mark.parametrize(
    "ratings",
    [np.ones((4, 3)), np.ones((1, 3)), np.arange(4.0)[:, None], np.full((3, 3), np.nan)],
    ids=["all equal", "one subject", "one rater", "nothing"],
)
def test_without_variance_subjects_or_raters_there_is_no_coefficient(
    ratings: np.ndarray,
) -> None:
    found = icc_average_agreement(ratings)
    assert (found.value, found.low, found.high) == (None, None, None)


def test_perfect_agreement_is_one_without_an_interval() -> None:
    found = icc_average_agreement(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high) == (None, None)


#: Kind of ours -> name of pingouin's, value of Shrout and Fleiss, as printed.
KINDS: list[tuple[IccKind, str, float]] = [
    ("ICC(1)", "ICC(1,1)", 0.1657),
    ("ICC(A,1)", "ICC(A,1)", 0.2898),
    ("ICC(C,1)", "ICC(C,1)", 0.7148),
    ("ICC(1,k)", "ICC(1,k)", 0.4428),
    ("ICC(A,k)", "ICC(A,k)", 0.6201),
    ("ICC(C,k)", "ICC(C,k)", 0.9093),
]


@pytest.mark.parametrize(("kind", "name", "value"), KINDS)
def test_the_six_of_shrout_and_fleiss(kind: IccKind, name: str, value: float) -> None:
    found = icc(SHROUT_FLEISS, kind)
    assert found.value == pytest.approx(value, abs=5e-5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < value < found.high


@pytest.mark.filterwarnings("ignore")  # pingouin's own, of pandas
@pytest.mark.parametrize(("kind", "name", "value"), KINDS)
@pytest.mark.parametrize(("n", "k"), [(6, 4), (30, 2), (12, 3)])
def test_each_of_the_six_is_that_of_pingouin(
    kind: IccKind, name: str, value: float, n: int, k: int
) -> None:
    """Its values in full, its intervals to the two decimals it rounds them to."""
    pandas = pytest.importorskip("pandas")
    pingouin = pytest.importorskip("pingouin", reason="pingouin is not installed")
    rng = np.random.default_rng(n)
    ratings = rng.normal(0, 2, (n, 1)) + rng.normal(0, 1, (n, k)) + rng.normal(0, 0.5, k)
    long = pandas.DataFrame(
        {
            "subject": np.repeat(np.arange(n), k),
            "rater": np.tile(np.arange(k), n),
            "rating": ratings.ravel(),
        }
    )
    table = pingouin.intraclass_corr(long, "subject", "rater", "rating").set_index("Type")
    theirs = table.loc[name]
    found = icc(ratings, kind)
    assert found.value == pytest.approx(theirs["ICC"], abs=1e-9)
    ends = theirs["CI95"] if "CI95" in theirs else theirs["CI95%"]
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.0051)


@pytest.mark.parametrize("kind", ["ICC(1)", "ICC(C,1)"])
def test_the_exact_intervals_cover_the_truth_in_95_of_100_draws(kind: IccKind) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        ratings = rng.normal(0, 1, (15, 1)) + rng.normal(0, 1, (15, 3))
        found = icc(ratings, kind)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


def test_a_shift_leaves_consistency_alone() -> None:
    shifted = SHROUT_FLEISS + np.array([0.0, 5.0, 0.0, 0.0])
    ours, theirs = icc(SHROUT_FLEISS, "ICC(C,1)"), icc(shifted, "ICC(C,1)")
    assert ours.value == pytest.approx(theirs.value)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize(("kind", "name", "value"), KINDS)
@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        (np.ones((4, 3)), None),
        (np.ones((1, 3)), None),
        (np.arange(4.0)[:, None], None),
        (np.empty((0, 2)), None),
        (np.repeat(np.arange(5.0)[:, None], 3, axis=1), 1.0),
    ],
    ids=["all equal", "one subject", "one rater", "nothing", "perfect"],
)
def test_what_has_no_coefficient_or_interval_says_why(
    kind: IccKind, name: str, value: float, ratings: np.ndarray, expected: float | None
) -> None:
    found = icc(ratings, kind)
    assert found.value == (None if expected is None else pytest.approx(expected))
    assert (found.low, found.high) == (None, None)
    assert found.note


@pytest.mark.parametrize(("kind", "name", "value"), KINDS)
def test_raters_who_only_contradict_each_other_stay_below_zero(
    kind: IccKind, name: str, value: float
) -> None:
    """Subjects have equal means: nothing of the variance is between them."""
    found = icc(np.array([[1.0, 3.0], [3.0, 1.0], [1.0, 3.0], [3.0, 1.0]]), kind)
    if kind.endswith("k)"):
        assert found.value is None
    else:
        assert found.value is not None
        assert found.value <= -0.99


@pytest.mark.parametrize(
    ("ratings", "said"),
    [([[1.0, np.inf], [2.0, 3.0]], "infinite"), ([1.0, 2.0, 3.0], r"not of shape \(3,\)")],
)
def test_what_is_no_table_of_numbers_is_refused(ratings: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        icc(np.array(ratings), "ICC(A,1)")


def test_there_is_no_seventh() -> None:
    with pytest.raises(UsageError, match="There is no 'ICC\\(2,1\\)'"):
        icc(SHROUT_FLEISS, "ICC(2,1)")  # type: ignore[arg-type]
