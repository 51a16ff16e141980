"""Intraclass correlation: published values, a second implementation, and what has none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.agreement import icc_average_agreement

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
