"""The five anatomical checks: hand-made masks with known measures, and slow oracles."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from benchmark import DataError
from benchmark.contours.shaping import area, convex_hull
from benchmark.contours.tracing import trace
from benchmark.methods._acs_anatomy import (
    CHECKS,
    Limits,
    Measures,
    failed,
    is_c_shaped,
    measure,
)

Mask = NDArray[np.bool_]

ONE = (1.0, 1.0)
KULPA = math.pi * (1 + math.sqrt(2)) / 8
#: Nothing of degree fails.
LAX = Limits(defect_mm=1e9, circularity=0.0, thinnest_mm=0.0, thickest_mm=1e9)


def disk(radius: float, side: int = 60, at: tuple[float, float] | None = None) -> Mask:
    y, x = np.mgrid[:side, :side]
    row, column = at or ((side - 1) / 2, (side - 1) / 2)
    return np.asarray(np.hypot(y - row, x - column) <= radius)


def ring(outer: float, inner: float, side: int = 60) -> Mask:
    return disk(outer, side) & ~disk(inner, side)


def square_ring() -> Mask:
    """20 x 20 pixels with a pool of 10 x 10: walls of 5."""
    mask = np.zeros((30, 32), dtype=bool)
    mask[4:24, 6:26] = True
    mask[9:19, 11:21] = False
    return mask


def square_c() -> Mask:
    """The square ring with 4 rows of its right-hand wall taken out."""
    mask = square_ring()
    mask[12:16, 21:26] = False
    return mask


def blob(seed: int, side: int = 40) -> Mask:
    """One random piece, mostly a ragged ring, with or without holes and bays."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 2)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    field = noise / noise.std() + 2.6 - np.abs(np.hypot(y, x) - side / 3.6) / 2
    regions, _ = ndimage.label(field > 0, np.ones((3, 3)))
    sizes = np.bincount(regions.ravel())
    return np.asarray(regions == 1 + sizes[1:].argmax())


def test_a_square_ring_measures_what_it_does_by_hand() -> None:
    found = measure(square_ring(), ONE)
    enclosed = 19**2 + 4 * 19 / 2 + 4 / 8  # every corner is cut by a half diagonal
    around = (4 * 19 + 4 * math.sqrt(2) / 2) * KULPA
    assert found == Measures(
        objects=1,
        holes=0,
        c_shaped=False,
        defect_mm=0.0,
        circularity=pytest.approx(4 * math.pi * enclosed / around**2),
        thinnest_mm=5.0,
        thickest_mm=pytest.approx(math.hypot(5, 5)),  # from the corner to the pool's
    )
    assert 0.89 < found.circularity < 0.90


def test_measures_are_in_mm_along_each_axis() -> None:
    found = measure(square_ring(), (2.0, 1.0))
    assert found.thinnest_mm == 5.0
    assert found.thickest_mm == pytest.approx(math.hypot(10, 5))
    enclosed = 2 * (19**2 + 4 * 19 / 2 + 4 / 8)
    around = (2 * 19 * 2 + 2 * 19 + 4 * math.hypot(2, 1) / 2) * KULPA
    assert found.circularity == pytest.approx(4 * math.pi * enclosed / around**2)


def test_a_c_is_judged_as_the_ring_it_was_opened_from() -> None:
    whole, opened = measure(square_ring(), ONE), measure(square_c(), ONE)
    assert opened.c_shaped
    assert not whole.c_shaped
    assert opened == Measures(**{**vars(whole), "c_shaped": True})
    assert failed(square_c(), ONE, LAX) == ()


@pytest.mark.parametrize("degrees", [10, 30, 60, 90, 150])
def test_a_ring_stays_anatomical_as_it_opens(degrees: float) -> None:
    y, x = np.mgrid[:60, :60] - 29.5
    gap = np.abs(np.degrees(np.arctan2(y, x))) < degrees / 2
    mask = ring(25, 17) & ~gap
    found = measure(mask, ONE)
    assert is_c_shaped(mask)
    assert found.objects == 1
    assert found.holes == 0
    assert found.defect_mm < 1.5
    assert 7 <= found.thinnest_mm <= found.thickest_mm <= 9.5


@pytest.mark.parametrize("mask", [ring(20, 12), disk(9), disk(9) & (disk(9, at=(22, 29.5)) == 0)])
def test_rings_disks_and_dented_disks_are_no_c(mask: Mask) -> None:
    assert not is_c_shaped(mask)


def test_a_hole_beside_the_pool_fails_and_the_pool_is_the_largest() -> None:
    mask = square_ring()
    mask[6, 8] = False
    assert measure(mask, ONE).holes == 1
    assert failed(mask, ONE, LAX) == ("holes",)
    mask[6:8, 15:17] = False
    assert measure(mask, ONE).holes == 2


def test_a_c_with_a_hole_in_its_wall_is_no_ring_around_the_hole() -> None:
    mask = square_c()
    mask[13, 8] = False
    assert not is_c_shaped(mask)
    assert "convexity" in failed(mask, ONE, Limits())


def test_two_blobs_are_two_objects_and_a_corner_joins_them() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[2:5, 2:5] = mask[6:9, 6:9] = True
    assert measure(mask, ONE) == Measures(objects=2)
    assert failed(mask, ONE, LAX) == ("objects",)
    mask[5, 5] = True
    assert measure(mask, ONE).objects == 1


def test_nothing_is_no_object() -> None:
    for shape in ((8, 8), (0, 5), (1, 1)):
        assert failed(np.zeros(shape, dtype=bool), ONE, LAX) == ("objects",)


def test_a_notch_is_as_deep_as_its_rows() -> None:
    mask = np.zeros((20, 24), dtype=bool)
    mask[3:15, 4:20] = True
    assert measure(mask, (1.5, 1.0)).defect_mm == 0.0
    mask[3:7, 11:13] = False  # four rows of 1.5 mm
    assert measure(mask, (1.5, 1.0)).defect_mm == pytest.approx(6.0)
    assert failed(mask, ONE, Limits(3.99, 0.0, 0.0, 99.0)) == ("convexity",)
    assert failed(mask, ONE, Limits(4.0, 0.0, 0.0, 99.0)) == ()


def test_a_spike_fails_convexity_and_circularity() -> None:
    mask = ring(15, 8)
    mask[29:31, 44:56] = True
    assert {"convexity", "circularity"} <= set(failed(mask, ONE, Limits()))


def test_a_square_is_not_round_and_a_disk_is() -> None:
    assert failed(square_ring(), ONE, Limits()) == ("circularity",)
    assert failed(ring(13, 6), ONE, Limits()) == ()


@pytest.mark.parametrize("radius", [8, 10, 15, 20, 28])
def test_the_circularity_of_a_disk_is_one_within_some_hundredths(radius: int) -> None:
    near = 0.05 if radius >= 15 else 0.1
    for at in ((29.5, 29.5), (30.0, 30.0), (29.7, 30.2)):
        assert measure(disk(radius, at=at), ONE).circularity == pytest.approx(1, abs=near)


def test_a_wall_of_a_thread_is_too_thin_and_one_of_a_fist_too_thick() -> None:
    thin = ring(15, 14)
    assert measure(thin, ONE).thinnest_mm == 1.0
    assert failed(thin, ONE, Limits()) == ("thickness",)
    thick = ring(28, 2)
    assert measure(thick, ONE).thickest_mm > 25
    assert failed(thick, ONE, Limits()) == ("thickness",)
    assert failed(thick, (0.8, 0.8), Limits()) == ()


def test_a_pinhole_at_the_side_does_not_make_a_solid_disk_a_thin_ring() -> None:
    mask = disk(28)
    mask[29, 10] = False
    assert measure(mask, ONE).thinnest_mm < 10
    assert measure(mask, ONE).thickest_mm > 40


def test_a_solid_disk_is_as_thick_as_its_deepest_pixel_lies() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:14, 5:14] = True
    found = measure(mask, (1.5, 1.5))
    assert found.thinnest_mm == found.thickest_mm == 5 * 1.5
    assert failed(disk(6, at=(30, 30)), (1.5, 1.5), Limits()) == ()


@pytest.mark.parametrize(
    "pixels", [[(3, 3)], [(3, 3), (3, 4)], [(3, 3), (4, 4), (5, 5)], [(3, 3), (3, 4), (4, 3)]]
)
def test_masks_of_few_pixels_are_measured_and_too_thin(pixels: list[tuple[int, int]]) -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[tuple(np.transpose(pixels))] = True
    assert "thickness" in failed(mask, (1.5, 1.5), Limits())
    assert not is_c_shaped(mask)


def test_a_mask_that_fills_the_image_is_measured_as_if_there_were_background_beyond() -> None:
    mask = square_ring()
    tight = mask[4:24, 6:26]
    assert measure(tight, ONE) == measure(mask, ONE)


def outside_of(outline: Mask) -> Mask:
    return np.asarray(~outline)


def touching(region: Mask, of: Mask) -> Mask:
    return np.asarray(ndimage.binary_dilation(region) & of)


def depth_by_segments(outline: Mask, spacing: tuple[float, float]) -> float:
    """The greatest distance of a border pixel to the hull's boundary, edge by edge."""
    border = np.argwhere(touching(outside_of(outline), outline)) * spacing
    corners = convex_hull(border)
    deepest = 0.0
    for point in border:
        nearest = math.inf
        for a, b in pairwise([*corners, corners[0]]):
            t = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            nearest = min(nearest, float(np.hypot(*(a + t * (b - a) - point))))
        deepest = max(deepest, nearest)
    return deepest


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("spacing", [ONE, (1.5, 0.9)])
def test_measures_agree_with_slow_oracles(seed: int, spacing: tuple[float, float]) -> None:
    mask = np.pad(blob(seed), 2)
    found = measure(mask, spacing)
    regions, n = ndimage.label(~mask)
    outline = regions != 1
    assert found.holes == max(0, n - 2)
    if found.c_shaped or n < 2:  # closed or solid: by hand above
        return
    assert found.defect_mm == pytest.approx(depth_by_segments(outline, spacing), abs=1e-9)
    (contour,) = trace(outline)
    scaled = contour * spacing
    length = np.hypot(*(np.roll(scaled, -1, axis=0) - scaled).T).sum() * KULPA
    assert found.circularity == pytest.approx(4 * math.pi * area(scaled) / length**2)
    sizes = np.bincount(regions.ravel())
    pool = regions == 2 + sizes[2:].argmax()
    inward = ndimage.distance_transform_edt(outline, sampling=spacing)
    outward = ndimage.distance_transform_edt(~pool, sampling=spacing)
    inner, outer = touching(pool, mask), touching(outside_of(outline), mask)
    assert found.thinnest_mm == pytest.approx(inward[inner].min())
    assert found.thickest_mm == pytest.approx(max(inward[inner].max(), outward[outer].max()))


def test_the_oracles_have_seen_rings() -> None:
    holes = [ndimage.label(~np.pad(blob(seed), 2))[1] - 1 for seed in range(12)]
    assert sum(h > 0 for h in holes) >= 6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.booleans())
def test_turning_and_mirroring_changes_no_measure(seed: int, turns: int, mirror: bool) -> None:
    mask = blob(seed, side=24)
    moved = np.rot90(mask[:, ::-1] if mirror else mask, turns)
    spacing = (1.5, 0.9) if turns % 2 == 0 else (0.9, 1.5)
    before, after = measure(mask, (1.5, 0.9)), measure(moved, spacing)
    assert vars(after) == pytest.approx(vars(before), abs=1e-9)


def test_the_failures_come_in_the_order_of_the_checks() -> None:
    mask = ring(28, 2)
    mask[29:31, 57:] = True
    mask[20, 20] = False
    everything = failed(mask, ONE, Limits(0.0, 2.0, 99.0, 0.0))
    assert everything == ("convexity", "holes", "circularity", "thickness")
    assert set(everything) < set(CHECKS)


def test_limits_lose_the_worst_of_twenty_and_are_what_the_others_have() -> None:
    masks = [ring(20, 10)] * 19 + [ring(26, 2)]  # 1 of 20 is 5 %
    usual = measure(ring(20, 10), ONE)
    limits = Limits.from_masks(masks, [ONE] * 20)
    assert limits.thickest_mm == usual.thickest_mm
    assert [failed(m, ONE, limits) for m in masks] == [()] * 19 + [("thickness",)]
    kept = Limits.from_masks(masks, [ONE] * 20, share=0.049)
    assert kept.thickest_mm == measure(ring(26, 2), ONE).thickest_mm


def test_limits_of_one_rank_lose_masks_by_each_measure() -> None:
    walls = [ring(22, 22 - wall) for wall in range(4, 14)]  # unlike by the wall alone
    limits = Limits.from_masks(walls, [ONE] * 10, share=0.2)
    # The thinnest and the thickest go, and the next are the limits.
    assert [bool(failed(m, ONE, limits)) for m in walls] == [True, *[False] * 8, True]
    assert limits.thinnest_mm == measure(walls[1], ONE).thinnest_mm
    assert limits.thickest_mm == measure(walls[-2], ONE).thickest_mm


def test_masks_in_pieces_are_among_those_that_are_lost() -> None:
    pieces = disk(5) | disk(2, at=(5, 5))
    masks = [ring(20, 20 - w) for w in range(5, 15)] + [pieces, pieces]
    limits = Limits.from_masks(masks, [ONE] * len(masks))
    assert not any(failed(m, ONE, limits) for m in masks[:-2])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=50), st.floats(0, 0.5))
def test_no_more_than_the_share_is_lost(seeds: list[int], share: float) -> None:
    masks = [ring(12 + s % 7, 4 + s % 5) | blob(s, 60) & ring(20, 10) for s in seeds]
    whole = [m for m in masks if measure(m, ONE).objects == 1 and not measure(m, ONE).holes]
    if not whole:
        return
    limits = Limits.from_masks(whole, [ONE] * len(whole), share)
    lost = sum(bool(failed(m, ONE, limits)) for m in whole)
    assert lost <= share * len(whole) + 1e-9


def test_limits_want_a_myocardium_and_leave_out_empty_masks() -> None:
    empty = np.zeros((5, 5), dtype=bool)
    with pytest.raises(DataError, match="None of the 0 masks"):
        Limits.from_masks([empty], [ONE])
    masks = [ring(20, 10)] * 3
    assert Limits.from_masks([*masks, empty], [ONE] * 4) == Limits.from_masks(masks, [ONE] * 3)


def test_limits_come_back_from_their_numbers() -> None:
    limits = Limits(1.25, 0.875, 2.5, 20.0)
    assert Limits(*limits.numbers()) == limits
