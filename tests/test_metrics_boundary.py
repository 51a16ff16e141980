"""Boundary IoU: bands by hand and by brute force, and what a large inside must not hide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import benchmark
from benchmark.metrics.boundary import inner_band

NAME = "boundary_iou@2mm"
spacings = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 1.25, 1.5, 2.0, 3.0])] * 3)


def value(reference, prediction, spacing, metric=NAME):
    return benchmark.score(reference, prediction, spacing, metrics=[metric]).loc[0, "value"]


def oracle_band(mask, width, spacing):
    """By comparing each voxel with each voxel on the border of its slice."""
    out = np.zeros_like(mask)
    for z, plane in enumerate(mask):
        wide = np.pad(plane, 1)
        inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
        border = np.argwhere(plane & ~inside)
        for y, x in np.argwhere(plane):
            steps = (border - (y, x)) * np.array(spacing[1:])
            out[z, y, x] = (np.hypot(*steps.T) <= width + 1e-8).any()
    return out


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8)),
    spacings,
    st.sampled_from([0.1, 1.0, 2.0, 3.5]),
)
def test_bands_are_those_of_brute_force(mask, spacing, width):
    np.testing.assert_array_equal(
        inner_band(mask, width, spacing), oracle_band(mask, width, spacing)
    )


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(bool, (1, 14, 15), fill=st.just(True)), spacings)
def test_bands_of_masks_with_an_inside_are_those_of_brute_force(mask, spacing):
    band = inner_band(mask, 2.0, spacing)
    np.testing.assert_array_equal(band, oracle_band(mask, 2.0, spacing))


def disk(shape=(1, 24, 24)):
    mask = np.zeros(shape, dtype=bool)
    mask[:, 2:22, 2:22] = True
    return mask


@pytest.mark.parametrize(
    ("pixel", "left"),
    [(1.0, 14), (1.5, 16), (2.0, 16), (2.1, 18), (5.0, 18), (0.5, 10)],
)
def test_the_band_of_a_square_by_hand(pixel, left):
    """A square of 20 pixels loses its border and the lines behind it that are within 2 mm."""
    inside = disk() & ~inner_band(disk(), 2.0, (8.0, pixel, pixel))
    assert inside.sum() == left**2
    middle = slice(12 - left // 2, 12 + left // 2)
    assert inside[0, middle, middle].all()


def test_the_width_is_measured_in_the_spacing_of_each_axis():
    inside = disk() & ~inner_band(disk(), 2.0, (8.0, 2.0, 1.0))
    assert inside.any(axis=(0, 2)).sum() == 20 - 2 * 2
    assert inside.any(axis=(0, 1)).sum() == 20 - 2 * 3


def test_iou_of_bands_by_hand():
    """A square of 20 pixels against one of 18 in its middle; at 2 mm a band is two pixels wide.

    Bands: 400 - 256 = 144 and 324 - 196 = 128; in common the ring between 18 and 16 wide: 68.
    """
    small = np.zeros_like(disk())
    small[:, 3:21, 3:21] = True
    assert value(disk(), small, (8.0, 2.0, 2.0)) == 68 / (144 + 128 - 68)
    assert value(disk(), small, (8.0, 2.0, 2.0), "iou") == 324 / 400


def test_a_large_inside_hides_nothing():
    """The same shift by a pixel: IoU forgives it the more, the larger the mask is."""
    spacing = (8.0, 1.0, 1.0)
    found = {}
    for size in (20, 80):
        mask = np.zeros((1, 100, 100), dtype=bool)
        mask[:, 5 : 5 + size, 5 : 5 + size] = True
        moved = np.roll(mask, 1, axis=2)
        found[size] = value(mask, moved, spacing), value(mask, moved, spacing, "iou")
    assert found[80][1] - found[20][1] > 0.05
    assert abs(found[80][0] - found[20][0]) < 0.02
    assert all(band < plain for band, plain in found.values())


def test_a_hole_in_the_middle_is_seen():
    holed = disk()
    holed[:, 11:13, 11:13] = False
    assert (
        value(disk(), holed, (8.0, 1.0, 1.0)) < 0.9 < value(disk(), holed, (8.0, 1.0, 1.0), "iou")
    )


def test_masks_thinner_than_the_band_have_the_iou_of_the_masks():
    rng = np.random.default_rng(0)
    masks = [rng.random((3, 9, 9)) < 0.4 for _ in range(2)]
    spacing = (8.0, 1.8, 1.8)
    assert inner_band(masks[0], 2.0, spacing).sum() == masks[0].sum()
    assert value(*masks, spacing) == value(*masks, spacing, "iou")


def test_a_missed_slice_counts_as_disagreement_and_slices_stand_alone():
    mask = disk((3, 24, 24))
    missed = mask.copy()
    missed[1] = False
    found = benchmark.score(
        mask, missed, (8.0, 2.0, 2.0), metrics=[NAME], levels=["volume", "slice"]
    )
    assert list(found["value"]) == [2 / 3, 1.0, 0.0, 1.0]
    assert list(found["status"]) == ["ok", "ok", "pred_empty", "ok"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.7]), spacings, st.integers(0, 3))
def test_it_is_symmetric_bounded_and_the_same_however_padded(seed, fill, spacing, pad):
    rng = np.random.default_rng(seed)
    masks = [rng.random((2, 7, 8)) < fill for _ in range(2)]
    for mask in masks:
        mask[0, 0, 0] = True
    found = value(*masks, spacing)
    assert 0 <= found <= 1
    assert found == value(*masks[::-1], spacing)
    wide = [np.pad(mask, ((pad, 0), (pad, 1), (2, pad))) for mask in masks]
    assert found == value(*wide, spacing)
    assert value(masks[0], masks[0], spacing) == 1.0
