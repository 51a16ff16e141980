"""Cine made LGE-like: what is asked for, where it is asked for, with a known histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import DataError
from benchmark.methods._acs_style import (
    StyleSettings,
    enhanced_proportion,
    lge_like,
    match_histogram,
    pseudo_enhancement,
)

Y, X = np.mgrid[:64, :60]
RADIUS = np.hypot(Y - 30, X - 28)
WALL = (RADIUS < 18) & (RADIUS >= 11)
POOL = RADIUS < 11
#: Blood 200, myocardium 80, lung 20.
CINE = np.where(POOL, 200.0, np.where(WALL, 80.0, 20.0))
#: Without chance: no noise, no erosion, and the enhancement as bright as the blood.
PLAIN = {"probability": 1.0, "erosions": (0, 0), "elevation": (1.0, 1.0), "speckle": (0.0, 0.0)}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def donor(shape: tuple[int, ...] = (5, 64, 60)) -> NDArray[np.float32]:
    return rng(99).gamma(2.0, 40.0, shape).astype(np.float32)


def test_with_probability_0_there_is_no_enhancement_and_the_histogram_is_the_donors() -> None:
    one = donor(CINE.shape)
    image, enhancement = lge_like(CINE, WALL, one, rng(), StyleSettings(probability=0))
    assert not enhancement.any()
    assert np.array_equal(np.sort(image, axis=None), np.sort(one, axis=None))
    assert image[POOL].mean() > image[WALL].mean() > image[RADIUS > 20].mean()


def test_the_same_generator_gives_the_same_bytes_and_another_others() -> None:
    first, second, third = (lge_like(CINE, WALL, donor(), rng(seed)) for seed in (4, 4, 5))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()
    assert first[0].tobytes() != third[0].tobytes()


def test_quantiles_are_the_donors_whatever_its_size() -> None:
    for shape in ((64, 60), (3, 64, 60), (7, 50, 41), (10, 11)):
        stack = donor(shape)
        image, _ = lge_like(CINE, WALL, stack, rng(1))
        shares = (np.arange(200) + 0.5) / 200
        has = np.quantile(image, shares, method="inverted_cdf")
        ranks = np.searchsorted(np.sort(stack, axis=None), has) / stack.size
        assert np.abs(ranks - shares).max() < 1.5 / min(stack.size, image.size)
        assert np.isin(image, stack).all()


def test_matching_by_hand() -> None:
    image = np.array([[0.3, 0.1], [0.9, 0.5]])
    assert match_histogram(image, np.array([40, 10, 30, 20]), rng()).tolist() == [
        [20, 10],
        [40, 30],
    ]
    # Two values each for four pixels; and of eight, the middle ones of each pair from above.
    assert match_histogram(image, np.array([7, 1]), rng()).tolist() == [[1, 1], [7, 7]]
    assert match_histogram(image, np.arange(8), rng()).tolist() == [[3, 1], [7, 5]]
    assert match_histogram(image, np.array([5]), rng()).tolist() == [[5, 5], [5, 5]]


def test_pixels_of_equal_value_share_the_donors_values_at_random_not_by_place() -> None:
    flat = np.zeros((100, 100))
    matched = match_histogram(flat, np.arange(10_000), rng())
    assert np.array_equal(np.sort(matched, axis=None), np.arange(10_000))
    assert abs(np.corrcoef(matched.ravel(), np.arange(10_000))[0, 1]) < 0.05


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_matching_keeps_the_order_and_takes_the_middle_of_each_part(
    seed: int, n: int, m: int
) -> None:
    generator = rng(seed)
    image, stack = generator.permutation(n).astype(float), generator.normal(size=m)
    matched = match_histogram(image, stack, generator)
    ordered = np.sort(stack.astype(np.float32))
    for value, got in zip(image, matched, strict=True):
        assert got == ordered[int((2 * int(value) + 1) * m / (2 * n) + 1e-9)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.floats(0, 3))
def test_enhancement_lies_in_the_myocardium_and_is_never_nothing(
    seed: int, rounds: int, blur: float
) -> None:
    wanted = StyleSettings(erosions=(rounds, rounds), blur=(blur, blur))
    enhancement, overlay = pseudo_enhancement(WALL, rng(seed), wanted)
    assert enhancement.any()
    assert not (enhancement & ~WALL).any()
    assert 0 <= overlay.min() <= overlay.max() <= 1
    assert np.array_equal(enhancement, (overlay >= 0.5) & WALL)


def test_even_a_single_pixel_of_myocardium_can_be_enhanced() -> None:
    wall = np.zeros((9, 9), dtype=bool)
    wall[4, 4] = True
    enhancement, _ = pseudo_enhancement(wall, rng(), StyleSettings(blur=(2, 2), erosions=(3, 3)))
    assert np.array_equal(enhancement, wall)


def test_the_myocardium_is_raised_to_the_blood_where_enhanced_and_else_stays() -> None:
    sharp = StyleSettings(**PLAIN, blur=(0.0, 0.0))
    for seed in range(5):
        # A donor with the cine's own three values and counts: the match then changes no order.
        image, enhancement = lge_like(CINE, WALL, np.linspace(0, 1, CINE.size), rng(seed), sharp)
        low, high = image[WALL & ~enhancement], image[enhancement]
        assert high.min() > low.max()
        assert low.min() > image[RADIUS > 20].max()
        # With the blood, at random, as their values are the same.
        blood = np.concatenate([image[POOL], high])
        assert blood.min() > low.max()
        assert abs(high.mean() - image[POOL].mean()) < 0.1


def test_blurring_leaves_an_edge_between_dark_and_bright() -> None:
    soft = StyleSettings(**PLAIN, blur=(1.5, 1.5), shapes=(1, 1), extent=(0.3, 0.3))
    _, overlay = pseudo_enhancement(WALL, rng(3), soft)
    between = (overlay > 0.1) & (overlay < 0.9)
    assert between.sum() > 20
    sharp = StyleSettings(**PLAIN, blur=(0.0, 0.0), shapes=(1, 1), extent=(0.3, 0.3))
    assert set(np.unique(pseudo_enhancement(WALL, rng(3), sharp)[1])) == {0.0, 1.0}


def test_each_round_of_erosion_takes_from_the_edge() -> None:
    sizes = []
    for rounds in range(4):
        wanted = StyleSettings(erosions=(rounds, rounds), blur=(0, 0), shapes=(2, 2))
        found = [pseudo_enhancement(WALL, rng(seed), wanted)[0].sum() for seed in range(20)]
        sizes.append(np.mean(found))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[3] < 0.8 * sizes[0]


def test_shapes_differ_in_kind_size_and_place() -> None:
    one = StyleSettings(shapes=(1, 1), erosions=(0, 0), blur=(0, 0))
    found = [pseudo_enhancement(np.ones((64, 64), bool), rng(seed), one)[0] for seed in range(30)]
    assert len({mask.tobytes() for mask in found}) == 30
    # Of a box about it, an ellipse along the axes fills pi / 4, a diamond half, a rectangle all.
    areas = [mask.sum() for mask in found]
    assert min(areas) * 3 < max(areas)
    bigger = StyleSettings(shapes=(3, 3), erosions=(0, 0), blur=(0, 0))
    more = [pseudo_enhancement(np.ones((64, 64), bool), rng(s), bigger)[0].sum() for s in range(30)]
    assert np.mean(more) > 1.5 * np.mean(areas)


def test_the_proportion_of_slices_with_enhancement_is_the_probability() -> None:
    wall = np.broadcast_to(WALL, (300, *WALL.shape))
    cine = np.broadcast_to(CINE, wall.shape)
    for wanted in (0.25, 0.8):
        chosen = StyleSettings(probability=wanted)
        _, enhancement = lge_like(cine, wall, donor(), rng(7), chosen)
        got = enhanced_proportion(enhancement, wall)
        assert abs(got - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 300)
    _, always = lge_like(cine[:20], wall[:20], donor(), rng(7), StyleSettings(probability=1))
    assert enhanced_proportion(always, wall[:20]) == 1


def test_the_proportion_counts_slices_with_myocardium_only() -> None:
    wall, enhancement = np.zeros((5, 4, 4), dtype=bool), np.zeros((5, 4, 4), dtype=bool)
    wall[:4, 1], enhancement[2, 1, 1] = True, True
    assert enhanced_proportion(enhancement, wall) == 0.25
    with pytest.raises(DataError, match="No slice has myocardium"):
        enhanced_proportion(enhancement[4:], wall[4:])


def test_a_slice_without_myocardium_gets_no_enhancement() -> None:
    wall = np.stack([WALL, np.zeros_like(WALL), WALL])
    _, enhancement = lge_like(np.stack([CINE] * 3), wall, donor(), rng(), StyleSettings(**PLAIN))
    assert enhancement.any(axis=(1, 2)).tolist() == [True, False, True]


def test_scale_and_offset_of_the_cine_change_nothing_and_it_is_not_written_to() -> None:
    before = CINE.copy()
    first = lge_like(CINE, WALL, donor(), rng(2))
    again = lge_like(CINE * 4 - 512, WALL, donor(), rng(2))
    assert np.array_equal(CINE, before)
    assert np.array_equal(first[1], again[1])
    assert np.mean(first[0] == again[0]) > 0.99  # but where rounding decides between neighbours
    image, _ = lge_like(np.zeros_like(CINE), WALL, donor(), rng(2))  # a black slice: noise alone
    assert np.isfinite(image).all()


def test_speckle_grows_with_the_signal() -> None:
    noisy = StyleSettings(probability=0, speckle=(0.2, 0.2))
    image, _ = lge_like(CINE, WALL, np.linspace(0, 1, CINE.size), rng(), noisy)
    # 0 of the range is not moved at all; noise of one strength everywhere would mix it with 1/3.
    assert image[RADIUS > 20].max() < image[WALL].min()
    louder = StyleSettings(probability=0, speckle=(0.8, 0.8))
    image, _ = lge_like(CINE, WALL, np.linspace(0, 1, CINE.size), rng(), louder)
    assert image[POOL].min() < image[WALL].max()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability": 1.2}, "probability is 1.2; it is 0 to 1"),
        ({"bright": float("nan")}, "bright is nan"),
        ({"extent": (0.4, 0.2)}, "extent is 0.4 to 0.2"),
        ({"blur": (-1.0, 0.2)}, "blur is -1.0"),
        ({"speckle": (0.0, float("inf"))}, "speckle is 0.0 to inf"),
    ],
)
def test_settings_that_make_no_sense_are_errors(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        StyleSettings(**changes)


def test_arrays_that_do_not_fit_are_errors() -> None:
    with pytest.raises(DataError, match=r"\(64, 60\) and the myocardium \(63, 60\)"):
        lge_like(CINE, WALL[1:], donor(), rng())
    with pytest.raises(DataError, match="not finite"):
        lge_like(np.where(POOL, np.nan, CINE), WALL, donor(), rng())
    with pytest.raises(DataError, match="empty or holds"):
        lge_like(CINE, WALL, donor((0, 4, 4)), rng())
