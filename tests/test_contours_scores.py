"""Contour metrics: exact values, convergence of dense distances, statuses, and the two studies."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import Contour, DataError, Segmentation
from benchmark.contours import (
    METRICS,
    STEPS,
    TABLE_8,
    Curve,
    Fit,
    ablation,
    achievable_best,
    contours_to_labels,
    fit_contours,
    mean_score,
    score_contours,
    trace,
)
from benchmark.contours.distances import hd, hd_points, masd
from benchmark.errors import UsageError

SHAPE = (3, 60, 64)
SPACING = (8.0, 1.5, 1.25)
EMIDEC = Path(
    os.environ.get("SCARBENCH_EMIDEC", Path(__file__).parents[2] / "shared" / "data" / "emidec")
)
POINTS = st.lists(
    st.tuples(*[st.integers(0, 40).map(lambda n: n / 4)] * 2), min_size=3, max_size=7
).map(np.array)


def square(half: float, centre: tuple[float, float] = (0.0, 0.0)) -> Any:
    corners = np.array([(-half, -half), (-half, half), (half, half), (half, -half)])
    return corners + centre


def circle(radius: float, n: int, centre: tuple[float, float] = (30.0, 31.0)) -> Any:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.array(centre) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def heart(index: int = 1, **shift: float) -> tuple[Contour, Contour]:
    centre = (30.3 + shift.get("row", 0.0), 31.2 + shift.get("column", 0.0))
    return (
        Contour(index, "endo", circle(10, 90, centre)),
        Contour(index, "epi", circle(16, 120, centre)),
    )


def value(scores: Any, kind: str, metric: str, index: int = 1) -> float | None:
    (found,) = [s for s in scores if (s.slice, s.kind, s.metric) == (index, kind, metric)]
    return found.value


# Distances ----------------------------------------------------------------------------------------


def test_two_squares_have_the_distances_worked_out_by_hand() -> None:
    inner, outer = Curve([square(1)], 0.01), Curve([square(2)], 0.01)
    # corner to corner; the outer square's middle third of each side lies 1 away, the rest farther
    assert hd(inner, outer) == pytest.approx(math.sqrt(2), abs=1e-12)
    assert hd_points(inner, outer) == pytest.approx(math.sqrt(2), abs=1e-12)
    # per side of the outer: 2 long at distance 1, and twice the integral of sqrt(1 + t^2) to 1
    slanted = (math.sqrt(2) + math.asinh(1)) / 2
    assert masd(inner, outer) == pytest.approx((1 + (2 + 2 * slanted) / 4) / 2, abs=1e-5)


def test_discrete_points_exaggerate_what_dense_sampling_does_not() -> None:
    few, many = Curve([circle(10, 8)]), Curve([circle(10, 800)])
    chord = 2 * 10 * math.sin(math.pi / 16)  # from a point halfway to the nearest of eight
    assert hd_points(few, many) == pytest.approx(chord, rel=1e-3)
    sagitta = 10 * (1 - math.cos(math.pi / 8))
    assert hd(few, many) == pytest.approx(sagitta, abs=0.01)


def test_the_same_curve_with_other_points_is_at_no_distance() -> None:
    corners = square(3)
    halved = np.stack([corners, (corners + np.roll(corners, -1, axis=0)) / 2], axis=1)
    ours, theirs = Curve([corners]), Curve([halved.reshape(-1, 2)[::-1]])
    assert hd(ours, theirs) == pytest.approx(0, abs=1e-12)
    assert masd(ours, theirs) == pytest.approx(0, abs=1e-12)
    assert hd_points(ours, theirs) == 3


@pytest.mark.parametrize("step", [0.05, 0.3, 2.0])
def test_concentric_circles_are_apart_by_the_difference_of_radii(step: float) -> None:
    ours, theirs = Curve([circle(10, 2000)], step), Curve([circle(14.5, 2000)], step)
    # polygons of 2000 corners are within 2e-5 of their circles
    assert hd(ours, theirs) == pytest.approx(4.5, abs=1e-4)
    assert masd(ours, theirs) == pytest.approx(4.5, abs=1e-4)


def exact_distances(points: Any, polygon: Any) -> Any:
    """To every edge, by brute force."""
    begin, along = polygon, np.roll(polygon, -1, axis=0) - polygon
    square_lengths = (along**2).sum(axis=1)
    offset = points[:, None] - begin
    share = (offset * along).sum(axis=2) / np.where(square_lengths > 0, square_lengths, 1)
    return np.linalg.norm(offset - np.clip(share, 0, 1)[..., None] * along, axis=2).min(axis=1)


def dense(polygon: Any, n: int) -> tuple[Any, Any]:
    """``n`` points in the middle of as many parts of each edge, and the length of the parts."""
    along = np.roll(polygon, -1, axis=0) - polygon
    share = (np.arange(n) + 0.5)[:, None, None] / n
    lengths = np.linalg.norm(along, axis=1) / n
    return (polygon + share * along).reshape(-1, 2), np.tile(lengths, n)


@pytest.mark.parametrize("step", [0.1, 0.5, 2.0])
@settings(deadline=None, max_examples=60)
@given(first=POINTS, second=POINTS)
def test_dense_distances_stay_within_their_bounds_of_the_limit(
    step: float, first: Any, second: Any
) -> None:
    greatest, means = [], []
    for ours, theirs in ((first, second), (second, first)):
        points, weights = dense(ours, 400)
        far = exact_distances(points, theirs)
        greatest.append(max(far.max(), exact_distances(ours, theirs).max()))
        total = weights.sum()
        means.append((far * weights).sum() / total if total else far.mean())
    curves = Curve([first], step), Curve([second], step)
    tolerance = 15 / 400  # the longest edge, over the parts it is cut into by the oracle
    assert abs(hd(*curves) - max(greatest)) <= step / 2 + tolerance
    assert abs(masd(*curves) - sum(means) / 2) <= 3 * step / 4 + tolerance


def test_finer_sampling_converges_as_fast_as_it_should() -> None:
    first, second = circle(10, 7), circle(12, 5, (31.5, 29.0))
    steps = [2.0, 1.0, 0.5, 0.25, 0.125]
    limits = [f(Curve([first], 0.01), Curve([second], 0.01)) for f in (hd, masd)]
    errors = [
        [abs(f(Curve([first], s), Curve([second], s)) - limit) for s in steps]
        for f, limit in zip((hd, masd), limits, strict=True)
    ]
    for error in errors:
        assert all(e <= s / 2 for e, s in zip(error, steps, strict=True))
    assert errors[1][-1] < errors[1][0] / 50  # second order: 256 times, but for where it bends


@settings(deadline=None, max_examples=50)
@given(first=POINTS, second=POINTS, scale=st.sampled_from([0.5, 2.0, 4.0]))
def test_distances_are_symmetric_and_scale(first: Any, second: Any, scale: float) -> None:
    ours, theirs = Curve([first], 0.25), Curve([second], 0.25)
    larger = Curve([first * scale], 0.25 * scale), Curve([second * scale], 0.25 * scale)
    for metric in (hd_points, hd, masd):
        one = metric(ours, theirs)
        assert metric(theirs, ours) == pytest.approx(one, abs=1e-12)
        assert metric(*larger) == pytest.approx(scale * one, abs=1e-9)
    assert masd(ours, theirs) <= hd(ours, theirs) + 1e-12


@pytest.mark.parametrize("metric", [hd_points, hd, masd])
def test_it_does_not_matter_where_a_contour_begins_which_way_it_runs_or_what_it_repeats(
    metric: Any,
) -> None:
    first, second = circle(10, 7), Curve([circle(12, 5, (31.5, 29.0))])
    one = metric(Curve([first]), second)
    for same in (np.roll(first, 3, axis=0), first[::-1], np.repeat(first, 2, axis=0)):
        assert metric(Curve([same]), second) == pytest.approx(one, abs=1e-12)


def test_pieces_are_one_set_and_do_not_join() -> None:
    one, far = square(1), square(1, (0, 100))
    both = Curve([one, far])
    assert hd(Curve([one]), both) == pytest.approx(math.hypot(100, 0), abs=0.1)
    assert masd(Curve([one]), both) == pytest.approx((0 + 99.25 / 2) / 2, abs=0.5)
    assert len(both.samples) == 2 * len(Curve([one]).samples)
    assert both.weights.sum() == pytest.approx(1)


def test_points_without_length_still_have_distances() -> None:
    dot = Curve([np.array([(3.0, 4.0)] * 3)])
    assert hd(dot, Curve([np.zeros((3, 2))])) == 5
    assert masd(dot, Curve([np.zeros((3, 2))])) == 5


def test_no_contour_and_no_step_are_refused() -> None:
    with pytest.raises(DataError, match="at least one contour"):
        Curve([])
    for step in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="not positive"):
            Curve([square(1)], step)


# Scores -------------------------------------------------------------------------------------------


def test_a_shift_shows_as_its_length_in_millimetres() -> None:
    reference = Segmentation(contours=heart())
    shifted = Segmentation(contours=heart(row=2.0))
    scores = score_contours(reference, shifted, SHAPE, SPACING)
    assert [(s.slice, s.kind, s.metric) for s in scores] == [
        (1, kind, metric) for kind in ("endo", "epi") for metric in METRICS
    ]
    for kind in ("endo", "epi"):
        # two pixels of 1.5 mm; the ends of the ellipse are the farthest from the other one
        assert value(scores, kind, "hd") == pytest.approx(3.0, abs=1e-6)
        # |cos| of the direction, on average 2 / pi on a circle, is less on this wide one
        assert 0.5 * 3.0 < (value(scores, kind, "masd") or 0) < 0.7 * 3.0
    assert {s.status for s in scores} == {"ok"}


def test_epicardial_overlap_is_of_the_ring_and_endocardial_of_the_disk() -> None:
    reference, moved = (contours_to_labels(heart(row=r), SHAPE) for r in (0.0, 3.0))
    ring, disk = [x == 2 for x in (reference, moved)], [x == 1 for x in (reference, moved)]
    expected = {}
    for kind, (a, b) in (("epi", ring), ("endo", disk)):
        both = int((a & b).sum())
        expected[kind] = 2 * both / int(a.sum() + b.sum()), both / int((a | b).sum())
    scores = score_contours(
        Segmentation(contours=heart()), Segmentation(contours=heart(row=3.0)), SHAPE, SPACING
    )
    for kind, (dice, iou) in expected.items():
        assert value(scores, kind, "dice") == dice
        assert value(scores, kind, "iou") == iou
    assert expected["epi"][0] < expected["endo"][0]  # as the paper explains its Figure 5


def test_the_overlap_of_labels_does_not_depend_on_the_fit() -> None:
    reference = Segmentation(contours=heart())
    answer = Segmentation(labels=contours_to_labels(heart(column=1.4), SHAPE))
    fits = [Fit(), Fit(steps=frozenset()), Fit(through="centres")]
    scores = [score_contours(reference, answer, SHAPE, SPACING, fit=fit) for fit in fits]
    for kind in ("endo", "epi"):
        assert len({value(s, kind, "dice") for s in scores}) == 1
        assert len({value(s, kind, "hd") for s in scores}) == 3


def test_every_status_is_told_and_no_miss_gets_a_distance() -> None:
    reference = Segmentation(contours=(*heart(0), heart(1)[1]))
    compared = Segmentation(contours=(heart(0)[1], *heart(2)))
    scores = score_contours(reference, compared, SHAPE, SPACING, metrics=("hd", "dice"))
    assert [(s.slice, s.kind, s.metric, s.value, s.status) for s in scores] == [
        (0, "endo", "hd", None, "pred_empty"),
        (0, "endo", "dice", 0.0, "pred_empty"),
        (0, "epi", "hd", 0.0, "ok"),
        (0, "epi", "dice", value(scores, "epi", "dice", 0), "ok"),
        (1, "endo", "hd", None, "both_empty"),
        (1, "endo", "dice", None, "both_empty"),
        (1, "epi", "hd", None, "pred_empty"),
        (1, "epi", "dice", 0.0, "pred_empty"),
        (2, "endo", "hd", None, "ref_empty"),
        (2, "endo", "dice", 0.0, "ref_empty"),
        (2, "epi", "hd", None, "ref_empty"),
        (2, "epi", "dice", 0.0, "ref_empty"),
    ]


def test_a_mean_counts_a_miss_unless_told_otherwise_and_says_so() -> None:
    reference = Segmentation(contours=(*heart(0), *heart(1)))
    compared = Segmentation(contours=(*heart(0, row=2.0), heart(1, row=2.0)[1]))
    scores = score_contours(reference, compared, SHAPE, SPACING)
    diagonal = math.hypot(60 * 1.5, 64 * 1.25)
    counted = mean_score(scores, "hd")
    assert counted.value == pytest.approx((3 * 3.0 + diagonal) / 4, abs=1e-6)
    assert (counted.policy, counted.n_defined, counted.n_total) == ("worst_case", 3, 4)
    excluded = mean_score(scores, "hd", "exclude")
    assert excluded.value == pytest.approx(3.0, abs=1e-6)
    assert (excluded.policy, excluded.n_defined, excluded.n_total) == ("exclude", 3, 4)
    # an overlap has a value even where one side is empty, and the policies agree
    dice = [mean_score(scores, "dice", policy) for policy in ("worst_case", "exclude")]
    assert (
        dice[0].value == dice[1].value == np.mean([s.value for s in scores if s.metric == "dice"])
    )


def test_a_mean_of_nothing_is_null() -> None:
    alone = Segmentation(contours=(heart(0)[1],))
    scores = [s for s in score_contours(alone, alone, SHAPE, SPACING) if s.kind == "endo"]
    assert {(s.status, s.worst) for s in scores} == {("both_empty", None)}
    empty = mean_score(scores, "hd")
    assert (empty.value, empty.n_defined, empty.n_total) == (None, 0, 0)
    with pytest.raises(UsageError, match=r"'worst'.*'worst_case'"):
        mean_score(scores, "hd", "worst")  # type: ignore[arg-type]


def test_importing_contours_loads_no_scipy() -> None:
    code = "import sys, benchmark.contours; print('scipy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_an_elongated_answer_is_a_miss_for_distances_and_counts_for_overlap() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[1, 30:33, 10:50] = 2
    labels[1, 31, 11:49] = 1
    scores = score_contours(
        Segmentation(contours=heart()), Segmentation(labels=labels), SHAPE, SPACING
    )
    hds = [s for s in scores if s.metric == "hd"]
    assert [(s.value, s.status) for s in hds] == [(None, "pred_empty")] * 2
    assert 0 < (value(scores, "endo", "dice") or 0) < 0.5


def test_noise_is_scored_and_not_refused() -> None:
    labels = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    for steps in (STEPS, STEPS[:1], ("dominant_points", "spline"), ()):
        fit = Fit(steps=frozenset(steps))  # type: ignore[arg-type]
        scores = score_contours(
            Segmentation(contours=heart()), Segmentation(labels=labels), SHAPE, SPACING, fit=fit
        )
        assert len(scores) == len(SHAPE) * 2 * len(METRICS)


def test_a_mistake_is_named() -> None:
    drawn = Segmentation(contours=heart())
    with pytest.raises(UsageError, match=r"'hd95'.*'hd'"):
        score_contours(drawn, drawn, SHAPE, SPACING, metrics=("hd95",))
    other = Segmentation(labels=np.ones((2, 60, 64), dtype=np.uint8))
    with pytest.raises(DataError, match=r"\(2, 60, 64\), not \(3, 60, 64\)"):
        score_contours(drawn, other, SHAPE, SPACING)
    with pytest.raises(DataError, match="slice 9"):
        score_contours(drawn, Segmentation(contours=heart(9)), SHAPE, SPACING)


# Studies ------------------------------------------------------------------------------------------


def broken_answer() -> Any:
    """A good answer with a stray piece in one slice and a cavity open at one side in another."""
    labels = contours_to_labels([*heart(0), *heart(1), *heart(2)], SHAPE)
    labels[1, 2:6, 3:7] = 1
    labels[2, 29:33, 31:] = np.where(labels[2, 29:33, 31:] == 1, 2, labels[2, 29:33, 31:])
    return labels


def test_each_step_of_table_8_mends_what_it_is_for() -> None:
    reference = Segmentation(contours=(*heart(0), *heart(1), *heart(2)))
    answer = Segmentation(labels=broken_answer())
    rows = ablation(reference, answer, SHAPE, SPACING, metrics=("hd_points", "hd"))
    assert list(rows) == list(TABLE_8) == ["none", "+ interpolation", "+ filter", "+ hull"]
    none, spline, filtered, hull = (
        {(s.slice, s.kind, s.metric): s.value or 0.0 for s in scores} for scores in rows.values()
    )
    for place in ((0, "endo"), (0, "epi"), (1, "epi"), (2, "epi")):
        # a spline helps the published distance wherever the mask is right, by points alone
        assert spline[*place, "hd_points"] < none[*place, "hd_points"] or place == (1, "epi")
    assert none[0, "epi", "hd_points"] > 2 * none[0, "epi", "hd"]
    assert spline[1, "endo", "hd"] > 25  # the stray piece
    assert filtered[1, "endo", "hd"] < 2
    assert filtered[2, "endo", "hd"] > 10  # the open cavity
    assert hull[2, "endo", "hd"] < 3
    untouched = [key for key in hull if key[:2] != (2, "endo")]
    assert [hull[key] for key in untouched] == [filtered[key] for key in untouched]
    means = [mean_score(scores, "hd_points").value or 0 for scores in rows.values()]
    assert means == sorted(means, reverse=True)


def test_an_ablation_may_name_its_own_rows() -> None:
    answer = Segmentation(labels=broken_answer())
    rows = ablation(
        Segmentation(contours=heart(0)),
        answer,
        SHAPE,
        SPACING,
        rows={"trace": (), "largest": ("largest",)},
        metrics=("masd",),
    )
    assert list(rows) == ["trace", "largest"]
    with pytest.raises(UsageError, match="'splines'"):
        ablation(answer, answer, SHAPE, SPACING, rows={"x": ("splines",)})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="has contours"):
        ablation(answer, Segmentation(contours=heart(0)), SHAPE, SPACING)


def test_the_best_a_mask_can_do_is_under_a_pixel_and_not_nothing() -> None:
    best = achievable_best(heart(), SHAPE, SPACING)
    for kind in ("endo", "epi"):
        assert 0.1 < (value(best, kind, "hd") or 0) < 1.5
        assert 0.02 < (value(best, kind, "masd") or 0) < 0.5
    published = achievable_best(heart(), SHAPE, SPACING, fit=Fit(through="centres"))
    assert (value(published, "epi", "masd") or 0) > (value(best, "epi", "masd") or 0)


def test_a_finer_mask_can_do_better() -> None:
    def best(times: int) -> float:
        finer = [Contour(c.slice, c.kind, c.points * times) for c in heart()]
        shape = (3, 60 * times, 64 * times)
        scores = achievable_best(finer, shape, (8, 1.5 / times, 1.25 / times))
        return value(scores, "epi", "masd") or 0

    assert best(4) < best(2) < best(1)


def test_a_contour_between_pixel_centres_has_no_mask_to_come_back_from() -> None:
    tiny = Contour(1, "endo", np.array([(3.2, 3.2), (3.2, 3.6), (3.6, 3.4)]))
    best = achievable_best([tiny], SHAPE, SPACING, metrics=("hd",))
    endo: Literal["endo"] = "endo"
    assert [(s.kind, s.value, s.status) for s in best if s.kind == endo] == [
        ("endo", None, "pred_empty")
    ]


# Real hearts --------------------------------------------------------------------------------------


def emidec(name: str) -> tuple[Any, tuple[float, float, float]]:
    nibabel = pytest.importorskip("nibabel")
    path = EMIDEC / "emidec-dataset-1.0.1" / name / "Contours" / f"{name}.nii.gz"
    if not path.is_file():
        pytest.skip(f"EMIDEC is not at {EMIDEC}")
    image = nibabel.load(path)
    z, y, x = (float(s) for s in image.header.get_zooms()[::-1])
    return np.asarray(image.dataobj).T.astype(np.uint8), (z, y, x)


@pytest.mark.parametrize("name", ["Case_N013", "Case_P002", "Case_P080"])
def test_outlines_of_real_hearts_go_to_masks_and_back(name: str) -> None:
    labels, spacing = emidec(name)
    outlines = fit_contours(labels, spacing, Fit(steps=frozenset()))
    slices = [int(z) for z in np.flatnonzero(labels.any(axis=(1, 2)))]
    assert [(c.slice, c.kind) for c in outlines] == [
        (z, k) for z in slices for k in ("endo", "epi")
    ]
    back = contours_to_labels(outlines, labels.shape)
    np.testing.assert_array_equal(back, np.minimum(labels, 2))
    drawn = Segmentation(contours=outlines)
    for score in score_contours(drawn, drawn, labels.shape, spacing):
        perfect = 1 if score.metric in ("dice", "iou") else 0
        assert (score.value, score.status) == (pytest.approx(perfect, abs=1e-12), "ok")


@pytest.mark.parametrize("name", ["Case_N013", "Case_P002", "Case_P080"])
def test_the_whole_fit_keeps_real_hearts_within_pixels(name: str) -> None:
    labels, spacing = emidec(name)
    # A smooth line along the whole outline, as a reader draws it.
    drawn = fit_contours(labels, spacing, Fit(steps=frozenset({"spline"})))
    best = achievable_best(drawn, labels.shape, spacing)
    assert {s.status for s in best} == {"ok"}
    pixel = max(spacing[1:])
    by_metric = {m: [s.value or 0 for s in best if s.metric == m] for m in ("hd", "masd")}
    assert np.mean(by_metric["hd"]) < pixel
    assert max(by_metric["hd"]) < 2.5 * pixel
    assert max(by_metric["masd"]) < 0.5 * pixel
    # Along the centres of the boundary pixels the fit lies half a pixel inside, and is worse.
    inside = achievable_best(drawn, labels.shape, spacing, fit=Fit(through="centres"))
    assert mean_score(inside, "masd").value > 1.5 * np.mean(by_metric["masd"])


def test_a_real_heart_shifted_by_a_pixel_is_off_by_a_pixel() -> None:
    labels, spacing = emidec("Case_P002")
    answer = Segmentation(labels=np.roll(labels, 1, axis=2))
    scores = score_contours(Segmentation(labels=labels), answer, labels.shape, spacing)
    for score in scores:
        if score.metric in ("hd", "masd"):
            assert score.value is not None
            limit = spacing[2] * (1 + 1e-9)
            assert limit * (0.95 if score.metric == "hd" else 0.4) < score.value <= limit
    assert len(trace(labels[0] > 0)) == 1
