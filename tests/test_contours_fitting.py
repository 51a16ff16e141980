"""Contours: from masks to points and back, dominant points, and each step of the fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from benchmark import Contour, DataError
from benchmark.contours import STEPS, Fit, contours_to_labels, fill, fit_contours, fit_mask, trace
from benchmark.contours.dominant import dominant_points, support
from benchmark.contours.shaping import area, convex_hull, elongation, spline
from benchmark.contours.tracing import signed_area
from benchmark.errors import UsageError

THROUGH = ("midpoints", "edges", "centres")
MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))
HALVES = st.tuples(*[st.integers(-4, 24).map(lambda n: n / 2)] * 2)


def disk(radius: float, centre: tuple[float, float] = (40.2, 39.7), size: int = 80) -> Any:
    row, column = np.mgrid[:size, :size]
    return (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= radius**2


def smooth_blob(seed: int, size: int = 24) -> Any:
    noise = np.random.default_rng(seed).random((size, size))
    blurred = ndimage.gaussian_filter(noise, 2.0)
    return blurred > np.quantile(blurred, 0.6)


# Tracing ------------------------------------------------------------------------------------------


def test_a_pixel_has_four_midpoints_four_corners_and_one_centre() -> None:
    mask = np.zeros((4, 5))
    mask[2, 3] = 7
    traced = [trace(mask, through)[0].tolist() for through in ("midpoints", "edges", "centres")]
    assert traced == [
        [[1.5, 3], [2, 3.5], [2.5, 3], [2, 2.5]],
        [[1.5, 2.5], [1.5, 3.5], [2.5, 3.5], [2.5, 2.5]],
        [[2, 3]],
    ]


def test_a_corner_joins_foreground_and_does_not_join_background() -> None:
    assert len(trace(np.eye(3))) == 1
    (around,) = trace(np.array([(0, 1, 0), (1, 0, 1), (0, 1, 0)]))
    assert fill(around, (3, 3)).sum() == 5
    assert trace(np.zeros((3, 3))) == ()


@pytest.mark.parametrize("through", THROUGH)
@settings(deadline=None)
@given(mask=MASKS)
def test_filling_a_traced_mask_gives_it_back_with_its_holes_filled(mask: Any, through: Any) -> None:
    filled = np.zeros(mask.shape, dtype=bool)
    for points in trace(mask, through):
        filled |= fill(points, mask.shape)
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(mask))


@settings(deadline=None)
@given(mask=MASKS)
def test_there_is_one_contour_for_each_piece_and_edges_enclose_its_pixels(mask: Any) -> None:
    whole = ndimage.binary_fill_holes(mask)
    pieces, n = ndimage.label(whole, np.ones((3, 3)))
    assert [len(trace(mask, through)) for through in THROUGH] == [n] * 3
    sizes = sorted(np.bincount(pieces.ravel())[1:].tolist())
    assert sorted(signed_area(points) for points in trace(mask, "edges")) == sizes


@settings(deadline=None)
@given(mask=MASKS)
def test_traced_points_walk_in_order_without_a_leap(mask: Any) -> None:
    for through, longest in (("midpoints", 1.0), ("edges", 1.0), ("centres", math.sqrt(2))):
        for points in trace(mask, through):  # type: ignore[arg-type]
            steps = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
            assert steps.max() <= longest
            assert steps.min() > 0 or len(points) == 1


def test_midpoints_lie_on_either_side_of_the_boundary_and_centres_inside() -> None:
    for radius in (6.0, 15.0, 30.0):
        off = {t: np.hypot(*(trace(disk(radius), t)[0] - (40.2, 39.7)).T) - radius for t in THROUGH}
        assert abs(off["midpoints"].mean()) < 0.05
        assert abs(off["midpoints"]).max() <= 0.5
        assert -0.5 < off["centres"].mean() < -0.4
        assert off["centres"].max() <= 0


@pytest.mark.parametrize(
    ("mask", "through", "error", "says"),
    [
        (np.zeros((2, 3, 4)), "midpoints", DataError, r"shape \(2, 3, 4\)"),
        (np.zeros((3, 4)), "middle", UsageError, "'middle'.*midpoints"),
    ],
)
def test_what_cannot_be_traced_is_refused(mask: Any, through: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        trace(mask, through)


# Filling ------------------------------------------------------------------------------------------


def winding_oracle(points: Any, row: int, column: int) -> bool:
    """On an edge, or wound around at least once: by angles, unlike the scan lines."""
    turned = 0.0
    for (y0, x0), (y1, x1) in zip(points, [*points[1:], points[0]], strict=True):
        ay, ax, by, bx = y0 - row, x0 - column, y1 - row, x1 - column
        cross, dot = ay * bx - ax * by, ay * by + ax * bx
        if cross == 0 and dot <= 0:
            return True
        turned += math.atan2(cross, dot)
    return round(turned / (2 * math.pi)) != 0


@settings(deadline=None)
@given(points=st.lists(HALVES, min_size=1, max_size=9))
def test_filling_agrees_with_winding_numbers_on_any_polygon(points: Any) -> None:
    mask = fill(np.array(points), (9, 10))
    expected = [[winding_oracle(points, r, c) for c in range(10)] for r in range(9)]
    np.testing.assert_array_equal(mask, expected)


@settings(deadline=None)
@given(points=st.lists(HALVES, min_size=3, max_size=9))
def test_a_mirrored_or_reversed_contour_gives_the_mirrored_or_same_mask(points: Any) -> None:
    drawn = np.array(points)
    mask = fill(drawn, (9, 9))
    np.testing.assert_array_equal(fill(drawn[::-1], (9, 9)), mask)
    flipped = np.array([8, 0]) + drawn * (-1, 1)
    np.testing.assert_array_equal(fill(flipped, (9, 9)), mask[::-1])
    np.testing.assert_array_equal(fill(drawn[:, ::-1], (9, 9)), mask.T)


def test_a_pixel_belongs_when_its_centre_does() -> None:
    square = np.array([(1.5, 1.5), (1.5, 4.5), (3.5, 4.5), (3.5, 1.5)])
    expected = np.zeros((6, 6), dtype=bool)
    expected[2:4, 2:5] = True
    np.testing.assert_array_equal(fill(square, (6, 6)), expected)
    np.testing.assert_array_equal(fill(square + 0.49, (6, 6)), expected)
    np.testing.assert_array_equal(fill(square - (0, 0.5), (6, 6))[2], [0, 1, 1, 1, 1, 0])
    assert not fill(np.array([(2.1, 2.1), (2.1, 2.9), (2.9, 2.5)]), (6, 6)).any()


def test_a_loop_where_a_drawn_contour_closes_leaves_no_hole() -> None:
    around = [(1, 1), (1, 7), (7, 7), (7, 1)]
    np.testing.assert_array_equal(
        fill(np.array(around * 2), (9, 9)), fill(np.array(around), (9, 9))
    )


def test_contours_become_cavity_and_myocardium() -> None:
    def square(half: float) -> Any:
        return np.array([(5 - half, 5 - half), (5 - half, 5 + half), (5 + half, 5 + half),
                         (5 + half, 5 - half)])  # fmt: skip

    contours = [
        Contour(1, "endo", square(1.5)),
        Contour(1, "epi", square(3.5)),
        Contour(2, "endo", square(0.5)),
    ]
    labels = contours_to_labels(contours, (3, 11, 11))
    expected = np.zeros((3, 11, 11), dtype=np.uint8)
    expected[1, 2:9, 2:9] = 2
    expected[1, 4:7, 4:7] = 1
    expected[2, 5, 5] = 1
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(contours_to_labels(contours[::-1], (3, 11, 11)), expected)


@pytest.mark.parametrize(
    ("index", "points", "says"),
    [
        (3, [(1, 1), (1, 2), (2, 2)], "slice 3, but the image has slices 0 to 2"),
        (-1, [(1, 1), (1, 2), (2, 2)], "slice -1"),
        (0, [(1, 1), (1, 30), (2, 2)], "outside of an image of 10 rows and 20 columns"),
        (0, [(15, 1), (1, 3), (2, 2)], r"Give \(row, column\)"),
        (0, [(-3, 1), (1, 3), (2, 2)], "-3"),
    ],
)
def test_contours_of_another_grid_are_refused(index: int, points: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        contours_to_labels([Contour(index, "epi", np.array(points))], (3, 10, 20))


# Dominant points ----------------------------------------------------------------------------------


def support_oracle(points: Any, i: int) -> int:
    """The region of support as Teh and Chin print it, point by point, in whole numbers."""
    p = [(int(2 * y), int(2 * x)) for y, x in points]
    n = len(p)

    def chord(k: int) -> tuple[int, int]:
        (y0, x0), (y1, x1), (y, x) = p[(i - k) % n], p[(i + k) % n], p[i]
        return (y1 - y0) ** 2 + (x1 - x0) ** 2, (y1 - y0) * (x - x0) - (x1 - x0) * (y - y0)

    for k in range(1, (n - 1) // 2 + 1):
        (l, d), (next_l, next_d) = chord(k), chord(k + 1)  # noqa: E741 - its names
        if l >= next_l:
            return k
        # d / l as ratios of d l = cross product and l squared, multiplied out
        if (d > 0 and d * next_l >= next_d * l) or (d < 0 and d * next_l <= next_d * l):
            return k
    return (n - 1) // 2


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("seed", range(4))
def test_regions_of_support_are_those_of_the_definition(seed: int, through: Any) -> None:
    for points in trace(smooth_blob(seed), through):
        if len(points) >= 5:
            expected = [support_oracle(points, i) for i in range(len(points))]
            assert support(points).tolist() == expected


@pytest.mark.parametrize("measure", ["k_cosine", "1_curvature"])
@pytest.mark.parametrize("through", ["edges", "centres"])
def test_a_rectangle_has_four_dominant_points(through: Any, measure: Any) -> None:
    mask = np.zeros((20, 30))
    mask[4:12, 5:22] = 1
    found = dominant_points(trace(mask, through)[0], measure)
    half = 0.5 if through == "edges" else 0
    corners = [[4 - half, 5 - half], [4 - half, 21 + half], [11 + half, 21 + half],
               [11 + half, 5 - half]]  # fmt: skip
    assert found.tolist() == corners


@pytest.mark.parametrize("measure", ["k_cosine", "1_curvature"])
@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize("seed", range(4))
def test_dominant_points_are_fewer_ordered_and_keep_the_shape(
    seed: int, through: Any, measure: Any
) -> None:
    for points in trace(smooth_blob(seed), through):
        found = dominant_points(points, measure)
        index = [int(np.flatnonzero((points == p).all(axis=1))[0]) for p in found]
        if len(set(map(tuple, points.tolist()))) == len(points):  # no spike is walked twice
            assert index == sorted(index)
        if len(points) > 30:
            assert 3 <= len(found) < len(points) / 2
            assert area(found) == pytest.approx(area(points), rel=0.2)


def test_no_dominant_point_lies_within_a_straight_run() -> None:
    points = trace(disk(12.3), "edges")[0]
    found = dominant_points(points)
    inward, outward = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    straight = points[(inward == outward).all(axis=1)]
    assert not set(map(tuple, found.tolist())) & set(map(tuple, straight.tolist()))


def test_a_curve_of_a_few_points_stays_as_it_is_and_a_strange_measure_is_refused() -> None:
    pixel = trace(np.ones((1, 1)))[0]
    assert dominant_points(pixel).tolist() == pixel.tolist()
    with pytest.raises(UsageError, match=r"'k_sine'.*k_cosine"):
        dominant_points(pixel, "k_sine")  # type: ignore[arg-type]


# Hull, elongation, spline -------------------------------------------------------------------------


@settings(deadline=None)
@given(points=st.lists(HALVES, min_size=3, max_size=14))
def test_the_hull_is_convex_holds_every_point_and_no_other_is_smaller(points: Any) -> None:
    from scipy.spatial import ConvexHull, QhullError

    drawn = np.array(points)
    hull = convex_hull(drawn)
    try:
        expected = ConvexHull(drawn)
    except QhullError:
        assert area(hull) == 0  # all on one line
        return
    assert signed_area(hull) == pytest.approx(expected.volume)
    assert {tuple(p) for p in hull.tolist()} == {
        tuple(p) for p in drawn[expected.vertices].tolist()
    }


def test_elongation_is_measured_in_millimetres() -> None:
    box = np.array([(0, 0), (0, 6), (2, 6), (2, 0)], dtype=float)
    assert elongation(box) == 3
    assert elongation(box, (3.0, 1.0)) == 1
    assert elongation(box, (1.0, 1.0), margin=1) == pytest.approx(7 / 3)
    assert elongation(box[:2]) == math.inf


def test_a_spline_that_is_not_smoothed_goes_through_every_point() -> None:
    points = trace(smooth_blob(1))[0]
    sampled = spline(points, step=0.3, smoothing=0)
    gaps = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    assert len(sampled) == np.ceil(gaps / 0.3).sum()
    starts = np.concatenate([[0], np.cumsum(np.ceil(gaps / 0.3))[:-1]]).astype(int)
    np.testing.assert_allclose(sampled[starts], points, atol=1e-9)


def test_a_spline_through_points_of_a_circle_is_the_circle() -> None:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = 20 + 10 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    sampled = spline(circle, smoothing=0)
    # periodic cubic interpolation with 12 knots is off by a few parts in ten thousand
    np.testing.assert_allclose(np.hypot(*(sampled - 20).T), 10, atol=0.01)
    assert np.hypot(*(np.roll(sampled, -1, axis=0) - sampled).T).max() < 0.27


@pytest.mark.parametrize("radius", [10.0, 15.0, 22.3, 30.0])
def test_smoothing_takes_back_what_pixels_put_in(radius: float) -> None:
    points = dominant_points(trace(disk(radius))[0])
    off = {
        s: np.abs(np.hypot(*(spline(points, smoothing=s) - (40.2, 39.7)).T) - radius).max()
        for s in (0.0, Fit().smoothing)
    }
    assert off[Fit().smoothing] < 0.4
    assert off[0.0] > 1.0


def bending(knots: Any, at: Any) -> float:
    """The squared second derivative of the closed spline through ``knots``, integrated exactly."""
    from scipy.interpolate import CubicSpline

    curve = CubicSpline(at, np.concatenate([knots, knots[:1]]), bc_type="periodic")
    second = curve(at, 2)
    first, last = second[:-1], second[1:]
    return float((np.diff(at)[:, None] * (first**2 + first * last + last**2) / 3).sum())


@pytest.mark.parametrize("smoothing", [0.1, 0.2887, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_spline_passes_points_as_told_and_no_other_that_does_bends_less(
    seed: int, smoothing: float
) -> None:
    points = dominant_points(max(trace(smooth_blob(seed, 40)), key=len))
    knots = spline(points, step=1e6, smoothing=smoothing)  # one sample for each point
    passed = np.sqrt(((knots - points) ** 2).sum(axis=1).mean())
    assert passed == pytest.approx(smoothing, rel=1e-6)
    lengths = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    at = np.concatenate([[0], np.cumsum(lengths)])
    least = bending(knots, at)
    rng = np.random.default_rng(seed)
    for size in (1e-3, 1e-2, 0.1):
        other = knots - points + size * rng.normal(size=points.shape)
        other *= smoothing / np.sqrt((other**2).sum(axis=1).mean())
        assert bending(points + other, at) > least


@pytest.mark.parametrize("through", THROUGH)
def test_a_fit_does_not_depend_on_where_a_boundary_begins(through: Any) -> None:
    points = trace(smooth_blob(2), through)[0]
    for measure in ("k_cosine", "1_curvature"):
        found = dominant_points(points, measure)  # type: ignore[arg-type]
        shifted = dominant_points(np.roll(points, 7, axis=0), measure)  # type: ignore[arg-type]
        assert sorted(found.tolist()) == sorted(shifted.tolist())
    sampled = spline(found)
    again = spline(np.roll(found, -1, axis=0))
    first = int(np.argmin(np.hypot(*(sampled - again[0]).T)))
    np.testing.assert_allclose(np.roll(sampled, -first, axis=0), again, atol=1e-6)


def test_what_is_smaller_than_the_smoothing_shrinks_to_its_centre() -> None:
    pixel = trace(np.ones((1, 1)))[0]
    np.testing.assert_allclose(spline(pixel, smoothing=0.5001), 0, atol=1e-12)
    shrunk = spline(pixel, step=1e6, smoothing=0.1)
    np.testing.assert_allclose(np.hypot(*shrunk.T), 0.5 - 0.1, atol=1e-9)


def test_a_spline_of_fewer_than_three_points_is_those_points() -> None:
    twice = np.array([(1.0, 1.0), (1.0, 1.0), (1.0, 4.0)])
    assert spline(twice).tolist() == [[1, 1], [1, 4]]


# The fit ------------------------------------------------------------------------------------------


def test_each_step_can_be_left_out() -> None:
    mask = np.zeros((60, 60), dtype=bool)
    mask |= disk(9, (20, 20), 60)
    mask |= disk(4, (45, 45), 60)
    mask[52:54, 5:50] = True  # elongated, and of more pixels than the small disk
    counted = {
        steps: len(fit_mask(mask, Fit(steps=frozenset(steps))))
        for steps in ((), ("roundness",), ("largest",), ("roundness", "largest"))
    }
    assert list(counted.values()) == [3, 2, 1, 1]
    (largest,) = fit_mask(mask, Fit(steps=frozenset({"largest"})))
    np.testing.assert_allclose(largest.mean(axis=0), (20, 20), atol=1e-9)
    line_only = mask & ~disk(9, (20, 20), 60) & ~disk(4, (45, 45), 60)
    assert fit_mask(line_only) == ()
    assert len(fit_mask(line_only, Fit(ratio=40))) == 1


def test_the_ratio_of_a_piece_takes_the_shape_of_pixels_into_account() -> None:
    mask = np.zeros((30, 30))
    mask[10:13, 5:17] = 1  # 3 by 12 pixels
    assert fit_mask(mask) == ()
    assert len(fit_mask(mask, pixel_mm=(3.0, 1.0))) == 1
    # of pixels counted, not of the distances between their centres: 12 / 5 here, and not 11 / 4
    mask[10:15, 5:17] = 1
    for through in THROUGH:
        assert len(fit_mask(mask, Fit(through=through, ratio=2.5))) == 1


def test_a_c_is_closed_by_its_hull_and_a_round_piece_is_left_alone() -> None:
    ring = disk(12) & ~disk(6)
    opened = ring.copy()
    opened[38:43, 40:] = False
    steps = frozenset({"largest", "hull"})
    closed = fill(fit_mask(opened, Fit(steps=steps))[0], opened.shape)
    assert closed[40, 40]
    assert closed.sum() == pytest.approx(disk(12).sum(), rel=0.05)
    as_it_is = fill(fit_mask(opened, Fit(steps=steps - {"hull"}))[0], opened.shape)
    np.testing.assert_array_equal(as_it_is, opened)
    round_one = disk(12)
    np.testing.assert_array_equal(
        fill(fit_mask(round_one, Fit(steps=steps))[0], (80, 80)), round_one
    )
    assert len(fit_mask(round_one, Fit(steps=steps))[0]) == len(trace(round_one)[0])


def test_the_order_in_which_steps_are_named_does_not_matter() -> None:
    mask = smooth_blob(3)
    one = fit_mask(mask, Fit(steps=STEPS))  # type: ignore[arg-type]
    other = fit_mask(mask, Fit(steps=STEPS[::-1]))  # type: ignore[arg-type]
    assert [p.tobytes() for p in one] == [p.tobytes() for p in other]


@settings(deadline=None)
@given(mask=MASKS, through=st.sampled_from(THROUGH), steps=st.sets(st.sampled_from(STEPS)))
def test_any_mask_can_be_fitted_by_any_steps(mask: Any, through: Any, steps: Any) -> None:
    for points in fit_mask(mask, Fit(steps=frozenset(steps), through=through)):
        Contour(0, "endo", points)  # which refuses fewer than three points and what is not finite


def test_contours_of_a_segmentation_are_its_cavity_and_its_whole_ventricle() -> None:
    labels = np.zeros((3, 80, 80), dtype=np.uint8)
    labels[1][disk(20)] = 2
    labels[1][disk(12)] = 1
    labels[1][38:44, 20:26] = 3  # scar belongs to the ventricle
    labels[2][disk(8)] = 2  # no cavity here
    found = fit_contours(labels, (8, 1.5, 1.5))
    assert [(c.slice, c.kind) for c in found] == [(1, "endo"), (1, "epi"), (2, "epi")]
    radii = [np.hypot(*(c.points - (40.2, 39.7)).T).mean() for c in found]
    assert radii == pytest.approx([12, 20, 8], abs=0.3)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"steps": {"splines"}}, "'splines'.*'spline'"),
        ({"steps": "spline"}, None),
        ({"through": "corners"}, "through.*'corners'"),
        ({"measure": "2_curvature"}, "1_curvature"),
        ({"ratio": 0.5}, "ratio.*at least 1, not 0.5"),
        ({"ratio": math.nan}, "ratio"),
        ({"solidity": 1.5}, "solidity.*1.5"),
        ({"sample": 0.0}, "sample"),
        ({"smoothing": -1.0}, "smoothing"),
    ],
)
def test_a_fit_that_makes_no_sense_is_refused(more: Any, says: str | None) -> None:
    if says is None:
        assert Fit(**more).steps == {"spline"}
        return
    with pytest.raises(UsageError, match=says):
        Fit(**more)
