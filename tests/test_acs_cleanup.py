"""The clean-up of enhancement: each step by hand, the search against the whole grid."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from benchmark import DataError
from benchmark.methods._acs_cleanup import RADII, Cleanup, greedy_search, mean_dice
from benchmark.methods._postprocess import disk

Mask = NDArray[np.bool_]


def picture(text: str) -> Mask:
    return np.array([[c == "#" for c in row] for row in text.split()])


def brute(mask: Mask, radius: float, every: bool) -> Mask:
    """Erosion (every pixel of the disk is set) or dilation (any is), beyond the edge nothing."""
    shape = disk(radius)
    r = shape.shape[0] // 2
    wide = np.pad(mask, r)
    out = np.zeros_like(mask)
    for y, x in np.ndindex(*mask.shape):
        under = wide[y : y + 2 * r + 1, x : x + 2 * r + 1][shape]
        out[y, x] = under.all() if every else under.any()
    return out


def reference(mask: Mask, cleanup: Cleanup) -> Mask:
    room = 8
    wide = np.pad(mask, room)
    wide = brute(wide, cleanup.erosion, every=True)
    wide = brute(brute(wide, cleanup.opening, every=True), cleanup.opening, every=False)
    wide = brute(brute(wide, cleanup.closing, every=False), cleanup.closing, every=True)
    return wide[room:-room, room:-room]


def test_each_step_does_what_its_name_says() -> None:
    mask = picture(
        """
        .........
        .###..#..
        .###.....
        .###..##.
        ......##.
        """
    )
    assert np.array_equal(Cleanup()(mask), mask)
    eroded = picture("......... ......... ..#...... ......... .........")
    assert np.array_equal(Cleanup(erosion=1)(mask), eroded)
    # A disk of 1 fits the square of nine alone, and gives it back without its corners.
    opened = picture("......... ..#...... .###..... ..#...... .........")
    assert np.array_equal(Cleanup(opening=1)(mask), opened)
    # The whole square fits the 3 x 3 disk of 1.5.
    squared = picture("......... .###..... .###..... .###..... .........")
    assert np.array_equal(Cleanup(opening=1.5)(mask), squared)
    gap = picture("###.### ###.### ###.###")
    closed = picture("###.### ####### ###.###")
    assert np.array_equal(Cleanup(closing=1)(gap), closed)


def test_steps_run_in_the_order_of_their_names() -> None:
    # Eroded first, the two halves of the bar are too far apart to be closed.
    bar = np.pad(picture("###.### ###.### ###.###"), 3)
    assert Cleanup(closing=1)(bar)[4].sum() == 7
    assert Cleanup(erosion=1, closing=1)(bar).sum() == 2
    # Opened first, the speck is gone before a closing can join it to the square.
    speck = np.pad(picture("###.. ###.# ###.."), 3)
    assert Cleanup(opening=1.5, closing=1)(speck).sum() == 9
    assert Cleanup(closing=1)(speck).sum() == 11


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)),
    st.tuples(*[st.sampled_from(RADII)] * 3),
)
def test_cleaning_equals_brute_force_up_to_the_edges(mask: Mask, radii: tuple[float, ...]) -> None:
    cleanup = Cleanup(*radii)
    before = mask.copy()
    assert np.array_equal(cleanup(mask), reference(mask, cleanup))
    assert np.array_equal(mask, before)


def test_planes_are_cleaned_apart_and_empty_ones_stay_empty() -> None:
    rng = np.random.default_rng(0)
    stack = rng.random((2, 3, 12, 11)) < 0.6
    stack[0, 1] = False
    cleanup = Cleanup(0, 1, 1.5)
    whole = cleanup(stack)
    assert whole.shape == stack.shape
    assert not whole[0, 1].any()
    for i, j in np.ndindex(2, 3):
        assert np.array_equal(whole[i, j], cleanup(stack[i, j]))
    assert cleanup(np.zeros((0, 4, 4))).shape == (0, 4, 4)
    assert not cleanup(np.zeros((4, 4), dtype=np.uint8)).any()


def test_dice_is_averaged_over_slices_and_two_empty_slices_agree() -> None:
    predicted = np.zeros((4, 2, 2), dtype=bool)
    truth = predicted.copy()
    predicted[0, 0] = truth[0, :, 0] = True  # 2 and 2 pixels, 1 shared: 0.5
    predicted[1, 0, 0] = True  # false: 0
    truth[2] = True  # missed: 0
    assert mean_dice(predicted, truth) == pytest.approx((0.5 + 0 + 0 + 1) / 4)
    with pytest.raises(DataError, match="at least one plane"):
        mean_dice(predicted[:0], truth[:0])
    with pytest.raises(DataError, match=r"\(4, 2, 2\)"):
        mean_dice(predicted, truth[:3])


def smear(truth: Mask, rng: np.random.Generator, noise: float) -> Mask:
    """What a network might make of it: too fat, with specks and holes."""
    fat = brute(truth, 1, every=False)
    return np.asarray(fat ^ (rng.random(truth.shape) < noise))


def cohort(seed: int, noise: float = 0.04) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :24]
    truths, predictions = [], []
    for _ in range(4):
        a, b = rng.integers(7, 17, size=2)
        r = rng.uniform(0, 5)
        truth = np.hypot(y - a, x - b) < r if r > 1.5 else np.zeros((24, 24), dtype=bool)
        truths.append(truth)
        predictions.append(smear(truth, rng, noise))
    return np.stack(predictions), np.stack(truths)


@pytest.mark.parametrize("seed", range(6))
def test_greedy_lies_between_no_cleanup_and_the_whole_grid(seed: int) -> None:
    predicted, truth = cohort(seed)
    radii = (0.0, 1.0, 1.5, 2.0)
    found = greedy_search(predicted, truth, radii)
    score = mean_dice(found(predicted), truth)
    grid = {r: mean_dice(Cleanup(*r)(predicted), truth)
            for r in itertools.product(radii, repeat=3)}  # fmt: skip
    assert grid[0.0, 0.0, 0.0] < score <= max(grid.values())
    # No change of one radius alone is better.
    at = (found.erosion, found.opening, found.closing)
    for i, radius in itertools.product(range(3), radii):
        assert grid[*at[:i], radius, *at[i + 1 :]] <= grid[at]


def test_a_fat_prediction_is_eroded_and_a_speckled_one_opened() -> None:
    truth = np.zeros((1, 20, 20), dtype=bool)
    truth[0, 5:15, 5:15] = True
    fat = np.zeros_like(truth)
    fat[0, 4:16, 4:16] = True
    assert greedy_search(fat, truth) == Cleanup(erosion=1)
    speckled = truth.copy()
    speckled[0, 1, ::3] = speckled[0, 18, ::3] = True
    assert greedy_search(speckled, truth) == Cleanup(opening=1.5)  # 1 would cost the corners
    holed = truth.copy()
    holed[0, 8, 8] = holed[0, 11, 6] = False
    assert greedy_search(holed, truth) == Cleanup(closing=1)
    assert greedy_search(truth, truth) == Cleanup()


def test_of_equal_radii_the_smallest_is_taken_and_none_if_nothing_is_gained() -> None:
    empty = np.zeros((2, 9, 9), dtype=bool)
    speck = empty.copy()
    speck[0, 4, 4] = True
    # An erosion by anything removes it, and so would an opening; erosion is searched first.
    assert greedy_search(speck, empty) == Cleanup(erosion=1)
    full = ~empty
    assert greedy_search(empty, full) == Cleanup()
    assert greedy_search(speck, empty, radii=()) == Cleanup()


def test_the_search_is_over_rounds_until_nothing_changes() -> None:
    found = [greedy_search(*cohort(seed, 0.08)) for seed in range(4)]
    assert found == [greedy_search(*cohort(seed, 0.08)) for seed in range(4)]
    assert any(cleanup != Cleanup() for cleanup in found)


def test_its_state_is_plain_numbers() -> None:
    cleanup = Cleanup(1, 1.5, 2)
    state = json.loads(json.dumps(cleanup.state_dict()))
    assert state == {"erosion": 1.0, "opening": 1.5, "closing": 2.0}
    assert Cleanup.from_state(state) == cleanup
    with pytest.raises(DataError, match="not \\['erosion'\\]"):
        Cleanup.from_state({"erosion": 1.0})


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf])
def test_a_radius_is_a_length(radius: float) -> None:
    with pytest.raises(DataError, match=r"radius of the opening is .* 0 or more"):
        Cleanup(opening=radius)
