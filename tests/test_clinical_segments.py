"""Walls and the 17 segments, on hearts that are drawn with compasses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import Region
from benchmark.clinical import SEGMENTS, Insertion, features, septum
from benchmark.clinical.aha import Sectors, rings_of, segments
from benchmark.clinical.planes import angles_of, planes
from benchmark.clinical.walls import walls
from benchmark.metrics.levels import thirds as split
from benchmark.scoring import ScoreTask, score_case

#: A stack of nine: base, middle and apex have three slices each, the apex first.
BETWEEN = {"apex": (0, 1, 2), "middle": (3, 4, 5), "base": (6, 7, 8)}


def heart(
    n: int = 9,
    spacing: tuple[float, float, float] = (10.0, 1.0, 1.0),
    endo: float = 20.0,
    epi: float = 30.0,
    scar: tuple[float, float, float] | None = None,
    cap: int = 0,
    size: float = 80.0,
) -> np.ndarray:
    """Rings about the middle; radii in mm; scar: from, to degrees and depth in mm from the endo."""
    rows, columns = (round(size / step) | 1 for step in spacing[1:])
    offsets = np.stack(
        np.meshgrid(np.arange(rows) - rows // 2, np.arange(columns) - columns // 2, indexing="ij"),
        axis=-1,
    )
    radius = np.hypot(offsets[..., 0] * spacing[1], offsets[..., 1] * spacing[2])
    degrees = np.degrees(angles_of(offsets, spacing)) % 360
    plane = np.zeros((rows, columns), dtype=np.uint8)
    plane[radius <= epi] = 2
    plane[radius <= endo] = 1
    if scar is not None:
        low, high, depth = scar
        wide = (degrees - low) % 360 <= (high - low)
        plane[wide & (radius > endo) & (radius <= endo + depth)] = 3
    stack = np.repeat(plane[None], n, axis=0)
    for z in range(cap):
        stack[z][stack[z] == 1] = 2
    return stack


def at(degrees: float, turn: int = 1) -> Insertion:
    return Insertion(turn, angle=np.radians(degrees))


def volume(found):
    return {f.feature: f for f in found if f.level == "volume"}


def by_segment(found, name):
    return {f.segment: f for f in found if f.level == "segment" and f.feature == name}


# Walls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(10, 1, 1), (10, 1.5, 1.5), (8, 2.0, 1.0), (8, 0.7, 1.4)])
@pytest.mark.parametrize(("endo", "epi"), [(20.0, 30.0), (22.3, 29.1), (10.0, 22.0)])
def test_a_ring_is_as_thick_as_its_radii_say(spacing, endo, epi) -> None:
    found = volume(features(heart(3, spacing, endo, epi), spacing))
    pixel = max(spacing[1:])
    assert found["wall_thickness_mean_mm"].value == pytest.approx(epi - endo, abs=0.12 * pixel)
    assert found["wall_thickness_max_mm"].value == pytest.approx(epi - endo, abs=0.8 * pixel)
    assert found["wall_thickness_max_mm"].value >= found["wall_thickness_mean_mm"].value


def test_a_thicker_sector_is_the_greatest_thickness() -> None:
    drawn = heart(3)
    grown = heart(3, epi=36.0, scar=(40.0, 100.0, 16.0))
    drawn[(grown == 3) & (drawn == 0)] = 2
    found = volume(features(drawn, (10.0, 1.0, 1.0)))
    assert found["wall_thickness_max_mm"].value == pytest.approx(16.0, abs=0.7)
    assert found["wall_thickness_mean_mm"].value == pytest.approx(10 + 6 * 60 / 360, abs=0.2)


@pytest.mark.parametrize("cavity", [True, False])
def test_an_open_ring_is_measured_where_there_is_wall(cavity) -> None:
    drawn = heart(1, scar=(0.0, 90.0, 10.0))
    drawn[drawn == 3] = 0
    if not cavity:
        drawn[drawn == 1] = 0
    seen = planes(drawn)
    assert not seen.closed.any()
    assert seen.centres[0] == pytest.approx([40.0, 40.0], abs=0.5)
    found = walls(drawn, (10.0, 1.0, 1.0), seen)
    assert np.isnan(found.thickness).mean() == pytest.approx(0.25, abs=0.02)
    assert found.mean_thickness() == pytest.approx(10.0, abs=0.15)
    assert found.greatest_thickness() == pytest.approx(10.0, abs=0.8)


def test_a_ring_without_a_drawn_cavity_has_its_hole() -> None:
    drawn = heart(2)
    bare = np.where(drawn == 1, 0, drawn).astype(np.uint8)
    spacing = (10.0, 1.0, 1.0)
    for name in ("wall_thickness_mean_mm", "wall_thickness_max_mm"):
        ours, theirs = (volume(features(a, spacing))[name].value for a in (drawn, bare))
        assert ours == theirs


def test_an_island_beside_the_wall_does_not_thicken_it() -> None:
    drawn = heart(1)
    before = walls(drawn, (10.0, 1.0, 1.0), planes(drawn)).thickness
    drawn[0, 38:43, 74:78] = 2
    after = walls(drawn, (10.0, 1.0, 1.0), planes(drawn)).thickness
    assert np.array_equal(before, after)


def test_a_slice_that_is_closed_has_no_thickness_in_plane() -> None:
    found = volume(features(heart(1, cap=1), (10.0, 1.0, 1.0)))["wall_thickness_mean_mm"]
    assert (found.value, found.status) == (None, "pred_empty")
    assert "meets a wall" in found.message


# Transmurality ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [2.5, 5.0, 7.5, 10.0])
@pytest.mark.parametrize("spacing", [(10.0, 1.0, 1.0), (8.0, 1.4, 0.9)])
def test_transmurality_is_the_depth_of_the_scar_over_that_of_the_wall(depth, spacing) -> None:
    found = volume(features(heart(3, spacing, scar=(20.0, 140.0, depth)), spacing))
    assert found["scar_transmurality_percent"].value == pytest.approx(10 * depth, abs=4.0)
    area = ((20 + depth) ** 2 - 20**2) / (30**2 - 20**2)
    assert found["scar_percent"].value == pytest.approx(100 * area * 120 / 360, rel=0.06)


def test_transmurality_counts_scar_wherever_it_lies_in_the_wall() -> None:
    """Mid-wall and epicardial scar are as deep as endocardial scar of the same width."""
    drawn = heart(1, scar=(0.0, 360.0, 5.0))
    turned = drawn.copy()
    turned[drawn == 2], turned[drawn == 3] = 3, 2
    for one in (drawn, turned):
        found = volume(features(one, (10.0, 1.0, 1.0)))
        assert found["scar_transmurality_percent"].value == pytest.approx(50.0, abs=1.0)


def test_without_scar_transmurality_is_undefined_and_of_a_segment_0() -> None:
    found = features(
        heart(), (10.0, 1.0, 1.0), thirds=BETWEEN, insertion=at(120), empty="ref_empty"
    )
    whole = volume(found)["scar_transmurality_percent"]
    assert (whole.value, whole.status, whole.message) == (None, "ref_empty", "there is no scar")
    depth = by_segment(found, "transmurality_percent")
    assert {depth[n].value for n in range(1, 17)} == {0.0}
    assert volume(found)["scar_segments"].value == 0.0


# Segments -----------------------------------------------------------------------------------------


def told(drawn, insertion, thirds=BETWEEN, spacing=(10.0, 1.0, 1.0)):
    """The segments of each voxel."""
    seen = planes(drawn)
    reference, turn = insertion.resolve(seen.centres, spacing)
    return segments(drawn, spacing, seen, Sectors(rings_of(drawn, seen, thirds), reference, turn))


#: In the bull's eye: the anterior insertion at 120 degrees, each segment at its middle.
MIDDLES = {1: 90, 2: 150, 3: 210, 4: 270, 5: 330, 6: 30, 7: 90, 8: 150, 9: 210, 10: 270, 11: 330,
           12: 30, 13: 90, 14: 180, 15: 270, 16: 0}  # fmt: skip


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("spun", [0.0, 77.0, -140.0])
def test_segments_lie_where_the_bull_s_eye_has_them(turn, spun) -> None:
    found = told(heart(), at(spun + turn * 120, turn))
    for number, degrees in MIDDLES.items():
        angle = np.radians(spun + turn * degrees)
        row, column = round(40 - 25 * np.sin(angle)), round(40 + 25 * np.cos(angle))
        z = {"b": 7, "m": 4, "a": 1}[SEGMENTS[number][0]]
        assert found[z, row, column] == number


def test_the_tip_is_where_the_wall_is_closed_and_only_at_the_apex() -> None:
    drawn = heart(cap=2)
    drawn[4][drawn[4] == 1] = 2  # closed in the middle: a fault of the drawing, no tip
    found = told(drawn, at(120))
    assert set(np.unique(found[:2])) == {0, 17}
    assert set(np.unique(found[2])) == {0, 13, 14, 15, 16}
    assert set(np.unique(found[4])) == {0, 7, 8, 9, 10, 11, 12}
    upside = told(drawn[::-1], at(120), {"apex": (6, 7, 8), "middle": (3, 4, 5), "base": (0, 1, 2)})
    assert np.array_equal(upside[::-1], found)


def test_the_tip_has_an_area_and_no_rays() -> None:
    drawn = heart(cap=1)
    drawn[0, 40, 30:35] = 3
    found = features(drawn, (10.0, 1.0, 1.0), thirds=BETWEEN, insertion=at(120))
    share = by_segment(found, "scar_percent")[17]
    assert share.value == pytest.approx(100 * 5 / (drawn[0] > 0).sum())
    for name in ("transmurality_percent", "wall_thickness_mm"):
        assert by_segment(found, name)[17].status == "not_applicable"
        assert "closed" in by_segment(found, name)[17].message


def test_a_sector_of_scar_is_in_its_segments_by_hand() -> None:
    """Scar of half the wall from 120 to 180 degrees: all of segments 2 and 8, and part of 14."""
    drawn = heart(scar=(120.0, 179.9, 5.0))
    found = features(drawn, (10.0, 1.0, 1.0), thirds=BETWEEN, insertion=at(120))
    share, depth = (by_segment(found, n) for n in ("scar_percent", "transmurality_percent"))
    inner = 100 * (25**2 - 20**2) / (30**2 - 20**2)
    assert [share[n].value for n in (2, 8)] == pytest.approx([inner] * 2, abs=2.5)
    assert share[14].value == pytest.approx(inner * 45 / 90, abs=2.5)  # from 135 to 180
    assert share[13].value == pytest.approx(inner * 15 / 90, abs=2.5)  # from 120 to 135
    assert [depth[n].value for n in (2, 8, 13, 14)] == pytest.approx([50.0] * 4, abs=4.0)
    assert [depth[n].value for n in (4, 5, 6, 10, 11, 15, 16)] == [0.0] * 7
    thick = by_segment(found, "wall_thickness_mm")
    assert [thick[n].value for n in range(1, 17)] == pytest.approx([10.0] * 16, abs=0.35)
    assert volume(found)["scar_segments"].value == 4.0


def test_a_stack_of_one_slice_is_the_middle() -> None:
    drawn = heart(1)
    parts = split([True], [0.0], "first")
    found = features(drawn, (10.0, 1.0, 1.0), thirds=parts, insertion=at(120))
    share = by_segment(found, "scar_percent")
    assert [n for n in SEGMENTS if share[n].status == "ok"] == [7, 8, 9, 10, 11, 12]
    assert "no myocardium in this segment" in share[1].message
    assert share[1].status == "pred_empty"


def test_without_an_insertion_or_an_apex_segments_are_not_applicable() -> None:
    for known in ({"thirds": BETWEEN}, {"insertion": at(120)}):
        found = features(heart(), (10.0, 1.0, 1.0), **known)
        rows = [f for f in found if f.level == "segment"]
        assert {(f.status, f.segment, f.value) for f in rows} == {("not_applicable", None, None)}
        assert len(rows) == 3
        reason = "apex" if "insertion" in known else "right ventricle joins the left"
        assert all(reason in f.message for f in rows)


def test_segments_of_an_undrawn_region_are_not_applicable_one_by_one() -> None:
    regions = {Region.MYOCARDIUM, Region.CAVITY}
    known = {"thirds": BETWEEN, "insertion": at(120), "regions": regions}
    found = features(heart(), (10.0, 1.0, 1.0), **known)
    assert {f.status for f in by_segment(found, "scar_percent").values()} == {"not_applicable"}
    assert by_segment(found, "wall_thickness_mm")[3].value == pytest.approx(10, abs=0.35)
    assert volume(found)["scar_segments"].message == "scar is not part of this segmentation"
    none = features(heart(), (10.0, 1.0, 1.0), **{**known, "regions": {Region.CAVITY}})
    assert {f.message for f in none if f.level == "segment"} == {
        "myocardium is not part of this segmentation"
    }


def test_the_septum_is_five_segments() -> None:
    drawn = heart()
    mask = septum(drawn, (10.0, 1.0, 1.0), BETWEEN, at(120))
    assert np.array_equal(mask, np.isin(told(drawn, at(120)), (2, 3, 8, 9, 14)))
    assert septum(drawn, (10.0, 1.0, 1.0), BETWEEN, "nobody knows") == "nobody knows"


def test_slices_beyond_the_thirds_belong_to_the_nearest() -> None:
    drawn = heart()
    inner = {"apex": (2,), "middle": (3, 4), "base": (5,)}
    found = told(drawn, at(120), inner)
    assert set(np.unique(found[0])) == {0, 13, 14, 15, 16}
    assert set(np.unique(found[8])) == {0, 1, 2, 3, 4, 5, 6}


# Properties ---------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    insertion=st.floats(-400, 400),
    turn=st.sampled_from([1, -1]),
    apex=st.sampled_from(["first", "last"]),
)
def test_segments_part_any_myocardium_and_their_scar_adds_up(seed, insertion, turn, apex) -> None:
    """Of noise too: every voxel in one segment, and areas weigh to the share of the whole."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 7)), int(rng.integers(3, 20)), int(rng.integers(3, 20)))
    drawn = rng.choice(5, size=shape, p=[0.5, 0.15, 0.25, 0.07, 0.03]).astype(np.uint8)
    drawn[rng.random(shape[0]) < 0.2] = 0
    spacing = (8.0, 1.3, 0.8)
    parts = split(drawn.any(axis=(1, 2)).tolist(), [8.0 * z for z in range(shape[0])], apex)
    found = features(drawn, spacing, thirds=parts, insertion=at(insertion, turn))
    wall = Region.MYOCARDIUM.mask(drawn)
    if not drawn.any():
        return
    numbers = told(drawn, at(insertion, turn), parts, spacing)
    assert np.array_equal(numbers > 0, wall)
    area = np.bincount(numbers[wall], minlength=18)[1:]
    share = [by_segment(found, "scar_percent")[n].value for n in SEGMENTS]
    assert [v is None for v in share] == (area == 0).tolist()
    if area.any():
        whole = sum(a * v for a, v in zip(area, share, strict=True) if v is not None) / area.sum()
        assert whole == pytest.approx(volume(found)["scar_percent"].value, abs=1e-9)
    for f in found:
        if f.feature.endswith("_percent") and f.value is not None:
            assert 0.0 <= f.value <= 100.0
        assert (f.value is None) == (f.status != "ok")


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_the_heart_with_its_insertion_turns_nothing(quarters) -> None:
    """By quarters, so that the pixels are the same: every feature, exactly but for rounding."""
    drawn = heart(scar=(100.0, 215.0, 6.0), cap=1)
    turned = np.rot90(drawn, quarters, axes=(1, 2)).copy()
    before, after = (
        features(a, (10.0, 1.0, 1.0), thirds=BETWEEN, insertion=at(117.0 + d))
        for a, d in ((drawn, 0.0), (turned, 90.0 * quarters))
    )
    assert [replace_value(f) for f in before] == [replace_value(f) for f in after]


def test_an_image_seen_from_the_base_has_the_same_segments() -> None:
    drawn = heart(scar=(100.0, 215.0, 6.0))
    mirrored = drawn[:, :, ::-1].copy()
    known = {"thirds": BETWEEN}
    before = features(drawn, (10.0, 1.0, 1.0), insertion=at(117.0), **known)
    after = features(mirrored, (10.0, 1.0, 1.0), insertion=at(180.0 - 117.0, -1), **known)
    assert [replace_value(f) for f in before] == [replace_value(f) for f in after]


def replace_value(found):
    return found._replace(value=None if found.value is None else round(found.value, 9))


# Scoring ------------------------------------------------------------------------------------------


def test_scoring_leaves_segments_of_both_sides_where_the_insertion_is_known() -> None:
    drawn = heart(scar=(120.0, 180.0, 5.0))
    task = ScoreTask(
        "a", drawn, heart(), (10.0, 1.0, 1.0), apex="first", insertion=at(120), message="lost"
    )
    rows = [r for r in score_case(task, metrics=["dice"]).features if r["level"] == "segment"]
    assert {r["source"] for r in rows} == {"reference", "prediction"}
    assert len(rows) == 2 * 17 * 3
    (row,) = [
        r for r in rows
        if (r["source"], r["feature"], r["segment"]) == ("reference", "transmurality_percent", 2)
    ]  # fmt: skip
    assert row["value"] == pytest.approx(50.0, abs=4.0)
    lost = score_case(replace(task, prediction=None), metrics=["dice"]).features
    gone = [r for r in lost if r["level"] == "segment" and r["source"] == "prediction"]
    assert {(r["status"], r["message"]) for r in gone} == {("no_prediction", "lost")}
    assert {r["segment"] for r in gone} == set(SEGMENTS)


def test_without_an_insertion_scoring_says_so_in_three_rows() -> None:
    task = ScoreTask("a", heart(2), heart(2), (10.0, 1.0, 1.0), apex="first")
    rows = [r for r in score_case(task, metrics=["dice"]).features if r["level"] == "segment"]
    assert [r["status"] for r in rows] == ["not_applicable"] * 6
    assert {r["segment"] for r in rows} == {None}
