"""Slabs of a stack, what is made of their maps, islands, and what a slab's loss counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.methods._slabs import loss_weight, merged, normalised, slabs, without_islands

Floats = NDArray[np.float32]


def random_maps(seed: int, *shape: int) -> Floats:
    """``(slab, 4, depth, y, x)`` of probabilities that sum to one over the tissues."""
    values = np.random.default_rng(seed).random((shape[0], 4, *shape[1:])) ** 4 + 1e-3
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def one_pixel(*tissues: tuple[float, float, float, float]) -> Floats:
    """Maps of one pixel: a slab for each three of ``tissues``, the tissues of its slices."""
    return np.array(tissues, np.float32).reshape(-1, 3, 4).swapaxes(1, 2)[..., None, None]


def test_five_slices_make_the_three_slabs_of_figure_2() -> None:
    assert slabs(5).tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_the_merge_of_figure_2_by_hand() -> None:
    # Background, blood, normal myocardium, scar; of S1, S2, S3, then S2, S3, S4, then S3, S4, S5.
    maps = one_pixel(
        (0.7, 0.1, 0.1, 0.1), (0.1, 0.2, 0.6, 0.1), (0.0, 0.1, 0.5, 0.4),
        (0.3, 0.4, 0.1, 0.2), (0.1, 0.2, 0.6, 0.1), (0.0, 0.9, 0.1, 0.0),
        (0.2, 0.0, 0.7, 0.1), (0.1, 0.5, 0.3, 0.1), (0.0, 0.0, 0.2, 0.8),
    )  # fmt: skip
    scores = merged(maps, slabs(5))[:, :, 0, 0]
    # S3 is in all three slabs: means of 0 .1 .2, of .1 .2 0, of .5 .6 .7; largest of .4 .1 .1.
    np.testing.assert_allclose(scores[2], [0.1, 0.1, 0.6, 0.4], atol=1e-7)
    # S2 is in two: means of .1 .3, of .2 .4, of .6 .1; largest of .1 .2.
    np.testing.assert_allclose(scores[1], [0.2, 0.3, 0.35, 0.2], atol=1e-7)
    np.testing.assert_allclose(scores[3], [0.05, 0.7, 0.2, 0.1], atol=1e-7)
    # S1 and S5 are in one: as they are.
    np.testing.assert_allclose(scores[0], [0.7, 0.1, 0.1, 0.1], atol=1e-7)
    np.testing.assert_allclose(scores[4], [0.0, 0.0, 0.2, 0.8], atol=1e-7)
    assert scores.argmax(axis=1).tolist() == [0, 2, 2, 1, 3]
    probabilities = normalised(scores[:, :, None, None])[:, :, 0, 0]
    np.testing.assert_allclose(probabilities[2], np.array([1, 1, 6, 4]) / 12, atol=1e-6)


def test_the_largest_scar_decides_where_the_mean_would_not() -> None:
    # Scar .6 in one slab and .1 in two: the mean, .27, is below normal myocardium's .5.
    maps = one_pixel(*[(0.0, 0.3, 0.1, 0.6)] * 3, *[(0.1, 0.1, 0.7, 0.1)] * 6)
    scores = merged(maps, slabs(5))[2, :, 0, 0]
    np.testing.assert_allclose(scores, [0.2 / 3, 0.5 / 3, 0.5, 0.6], atol=1e-6)
    assert scores.argmax() == 3


@given(n=st.integers(3, 40))
def test_a_slab_starts_at_every_slice_but_the_last_two(n: int) -> None:
    index = slabs(n)
    assert index.shape == (n - 2, 3)
    assert all(slab.tolist() == [i, i + 1, i + 2] for i, slab in enumerate(index))
    times = np.bincount(index.ravel())
    assert times.tolist() == [sum(i <= z <= i + 2 for i in range(n - 2)) for z in range(n)]


@given(n=st.integers(1, 12), depth=st.integers(1, 5))
def test_slabs_hold_every_slice_and_turn_over_with_the_stack(n: int, depth: int) -> None:
    index = slabs(n, depth)
    assert set(index.ravel()) == set(range(n))
    assert len(np.unique(index, axis=0)) == len(index)
    assert set(np.diff(index, axis=1).ravel()) <= {0, 1}
    np.testing.assert_array_equal(n - 1 - index[::-1, ::-1], index)


def test_short_stacks_go_on_with_copies_of_their_ends() -> None:
    assert slabs(1).tolist() == [[0, 0, 0]]
    assert slabs(2).tolist() == [[0, 0, 1], [0, 1, 1]]
    assert slabs(2, 1).tolist() == [[0], [1]]


def brute_force(maps: Floats, index: NDArray[np.int64]) -> Floats:
    """The merge pixel by pixel, as the paper says it."""
    n, tissues = int(index.max()) + 1, maps.shape[1]
    scores = np.empty((n, tissues, *maps.shape[3:]), dtype=np.float32)
    for z, tissue, y, x in np.ndindex(*scores.shape):
        said = [
            float(maps[slab, tissue, depth, y, x])
            for slab, slices in enumerate(index)
            for depth, slice_ in enumerate(slices)
            if slice_ == z
        ]
        scores[z, tissue, y, x] = max(said) if tissue == 3 else sum(said) / len(said)
    return scores


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 7), depth=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_the_merge_is_that_of_the_brute_force(n: int, depth: int, seed: int) -> None:
    index = slabs(n, depth)
    maps = random_maps(seed, len(index), depth, 3, 2)
    np.testing.assert_allclose(merged(maps, index), brute_force(maps, index), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), seed=st.integers(0, 99))
def test_merging_never_lowers_scar_and_normalising_keeps_the_most_probable(
    n: int, seed: int
) -> None:
    index = slabs(n)
    maps = random_maps(seed, len(index), 3, 4, 4)
    scores = merged(maps, index)
    for slab, slices in zip(maps, index, strict=True):
        assert (scores[slices, 3] >= slab[3]).all()
    assert (scores.sum(axis=1) >= 1 - 1e-5).all()
    probabilities = normalised(scores)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), scores.argmax(axis=1))


def test_slabs_that_agree_merge_into_what_they_say() -> None:
    maps = random_maps(0, 1, 1, 4, 5)
    same = np.repeat(np.repeat(maps, 3, axis=0), 3, axis=2)
    np.testing.assert_allclose(merged(same, slabs(5)), np.repeat(maps[:, :, 0], 5, axis=0),
                               atol=1e-6)  # fmt: skip


def painted(text: str, inside: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)) -> Floats:
    """One slice: ``inside`` where there is a #, normal myocardium elsewhere."""
    marks = np.array([list(row) for row in text.split()]) == "#"
    outside = np.array((0.1, 0.1, 0.7, 0.1), np.float32)
    pixels = np.where(marks[..., None], np.array(inside, np.float32), outside)
    return np.moveaxis(pixels, -1, 0)[None].astype(np.float32)


def test_islands_of_four_pixels_go_and_of_five_stay() -> None:
    four, five = painted("##... ##... ....."), painted("##... ##... ..#..")
    assert not (without_islands(four).argmax(axis=1) == 3).any()
    np.testing.assert_array_equal(without_islands(five), five)
    np.testing.assert_array_equal(without_islands(four, 3), four)
    np.testing.assert_array_equal(without_islands(five, 0), five)


def test_a_removed_island_becomes_the_next_most_probable_tissue() -> None:
    blood = without_islands(painted("#.. ... ...", (0.1, 0.3, 0.2, 0.4)))
    np.testing.assert_allclose(blood[0, :, 0, 0], np.array([1, 3, 2, 0]) / 6, atol=1e-6)
    assert blood.argmax(axis=1)[0].tolist() == [[1, 2, 2], [2, 2, 2], [2, 2, 2]]
    certain = without_islands(painted("#.. ... ...", (0.0, 0.0, 0.0, 1.0)))
    assert certain[0, :, 0, 0].tolist() == [1, 0, 0, 0]


def test_islands_are_those_of_a_slice() -> None:
    # Three pixels above three others: six in the stack, three in each slice.
    stack = np.concatenate([painted("###. ....")] * 2)
    assert not (without_islands(stack).argmax(axis=1) == 3).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), most=st.integers(0, 9))
def test_without_islands_nothing_else_changes(seed: int, most: int) -> None:
    before = random_maps(seed, 2, 1, 9, 9)[:, :, 0]
    after = without_islands(before, most)
    was, is_ = before.argmax(axis=1), after.argmax(axis=1)
    gone = was != is_
    assert (was[gone] == 3).all()
    assert not (is_[gone] == 3).any()
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)
    keep = np.broadcast_to(~gone[:, None], before.shape)
    np.testing.assert_array_equal(after[keep], before[keep])
    # What is left has no island to remove.
    np.testing.assert_array_equal(without_islands(after, most), after)


@pytest.mark.parametrize(
    ("scar_ml", "weight"), [(0.0, 2.302585), (5.0, 2.70805), (90.0, math.log(100))]
)
def test_a_slabs_loss_counts_the_natural_logarithm_of_ten_and_its_scar(
    scar_ml: float, weight: float
) -> None:
    assert loss_weight(scar_ml) == pytest.approx(weight, rel=1e-6)
