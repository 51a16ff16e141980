"""Features of one segmentation, on shapes whose volumes are known."""

import numpy as np
import pytest

from benchmark import DataError, Region, Volume
from benchmark.clinical import (
    can_describe,
    core_scar,
    features,
    gray_zone,
    has_large_scar,
    has_scar,
    missing_features,
)

SPACING = (10.0, 2.0, 1.0)  # a voxel is 0.02 mL, a pixel 2 mm2


def labels():
    """Two slices: 10 cavity, 20 myocardium, 6 scar, 4 no-reflow; then 5 cavity, 10 myocardium."""
    array = np.zeros((2, 8, 8), dtype=np.uint8)
    array[0].flat[:40] = [1] * 10 + [2] * 20 + [3] * 6 + [4] * 4
    array[1].flat[:15] = [1] * 5 + [2] * 10
    return array


def by_name(found, level="volume", slice_=None):
    return {f.feature: f for f in found if f.level == level and f.slice == slice_}


def test_volumes_mass_and_burden_by_hand():
    found = by_name(features(labels(), SPACING))
    expected = {
        "cavity_ml": (15 * 0.02, "mL"),
        "myocardium_ml": (40 * 0.02, "mL"),
        "lv_ml": (55 * 0.02, "mL"),
        "scar_ml": (10 * 0.02, "mL"),
        "mvo_ml": (4 * 0.02, "mL"),
        "myocardium_mass_g": (40 * 0.02 * 1.05, "g"),
        "scar_percent": (25.0, "%"),
        "mvo_percent": (10.0, "%"),
        "scar_mass_g": (10 * 0.02 * 1.05, "g"),
    }
    for name, (value, unit) in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
        assert (found[name].unit, found[name].status) == (unit, "ok")
    needs_image = {"core_scar_ml", "gray_zone_ml", "core_scar_percent", "gray_zone_percent"}
    walls = {"wall_thickness_mean_mm", "wall_thickness_max_mm", "scar_transmurality_percent"}
    assert set(found) == {*expected, *needs_image, *walls, "scar_segments"}
    assert {found[name].status for name in needs_image} == {"not_applicable"}


def test_areas_by_slice():
    found = features(labels(), SPACING)
    first, second = by_name(found, "slice", 0), by_name(found, "slice", 1)
    assert first["scar_area_mm2"].value == 20.0
    assert second["scar_area_mm2"].value == 0.0
    assert second["lv_area_mm2"].value == 30.0
    assert "core_scar_area_mm2" not in first


def test_a_region_that_is_not_drawn_is_not_applicable_never_zero():
    found = by_name(features(labels(), SPACING, regions={Region.MYOCARDIUM}))
    for name in ("scar_ml", "scar_percent", "cavity_ml", "core_scar_ml"):
        assert found[name].value is None
        assert found[name].status == "not_applicable"
    assert "scar is not part" in found["scar_percent"].message
    assert found["myocardium_mass_g"].status == "ok"


def test_a_share_of_no_myocardium_is_undefined_and_says_whose_it_was():
    nothing = np.zeros((2, 4, 4), dtype=np.uint8)
    ours = by_name(features(nothing, SPACING, empty="ref_empty"))["scar_percent"]
    theirs = by_name(features(nothing, SPACING))["scar_percent"]
    assert (ours.value, ours.status) == (None, "ref_empty")
    assert (theirs.value, theirs.status) == (None, "pred_empty")
    assert by_name(features(nothing, SPACING))["scar_ml"].value == 0.0


def test_core_scar_is_scar_from_half_way_between_remote_and_peak():
    array = labels()
    image = np.zeros(array.shape)
    image[array == 2] = 100.0
    image[array == 3] = [150, 199, 200, 201, 260, 300]  # half way is 200
    image[array == 4] = 90.0
    image[array == 1] = 900.0  # blood is brighter and must not matter
    core = core_scar(array, image)
    assert core.remote == 100.0
    assert core.threshold == 200.0
    assert image[core.mask].tolist() == [200, 201, 260, 300]
    found = by_name(features(array, SPACING, image=Volume(image, SPACING)))
    assert found["core_scar_ml"].value == pytest.approx(4 * 0.02)
    assert found["core_scar_percent"].value == pytest.approx(100 * 4 / 40)
    # Two of the enhanced are gray; no-reflow, dark as it is, is neither gray nor core.
    assert image[gray_zone(array, core)].tolist() == [150, 199]
    assert found["gray_zone_ml"].value == pytest.approx(2 * 0.02)
    assert found["gray_zone_percent"].value == pytest.approx(100 * 2 / 40)


def test_core_scar_takes_the_median_of_unsigned_pixels_without_overflow():
    array = np.array([[[2, 2, 3, 3]]], dtype=np.uint8)
    image = np.array([[[250, 250, 253, 255]]], dtype=np.uint8)
    core = core_scar(array, image)
    assert (core.remote, core.threshold) == (250.0, 252.5)
    assert core.mask.sum() == 2


def test_scar_darker_than_remote_has_no_core():
    array = np.array([[[2, 2, 3, 3]]], dtype=np.uint8)
    core = core_scar(array, np.array([[[10.0, 10.0, 5.0, 10.0]]]))
    assert not core.mask.any()


def test_core_scar_without_scar_is_empty_and_without_remote_undefined():
    image = np.ones((1, 1, 2))
    assert not core_scar(np.array([[[2, 2]]], dtype=np.uint8), image).mask.any()
    assert not core_scar(np.array([[[0, 0]]], dtype=np.uint8), image).mask.any()
    assert "remote" in core_scar(np.array([[[3, 0]]], dtype=np.uint8), image)


def test_core_scar_needs_one_image_on_the_same_grid():
    found = by_name(features(labels(), SPACING))["core_scar_ml"]
    assert (found.status, found.message) == ("not_applicable", "core scar needs the image")
    frames = Volume(np.zeros((3, 2, 8, 8)), SPACING)
    found = by_name(features(labels(), SPACING, image=frames))["core_scar_ml"]
    assert "3" in found.message
    with pytest.raises(DataError, match=r"\(2, 8, 8\).*\(2, 8, 9\)"):
        core_scar(labels(), np.zeros((2, 8, 9)))


def test_core_scar_follows_from_scar_and_myocardium():
    assert can_describe(Region.CORE_SCAR, {Region.SCAR, Region.MYOCARDIUM})
    assert not can_describe(Region.CORE_SCAR, {Region.SCAR})
    assert not can_describe(Region.MVO, {Region.SCAR, Region.MYOCARDIUM})


def test_a_missing_segmentation_has_the_same_features_without_values():
    names = [f.feature for f in features(labels(), SPACING) if f.level == "volume"]
    found = missing_features("no_prediction", "no file")
    assert [f.feature for f in found if f.level == "volume"] == names
    assert {f.level for f in found} == {"volume", "segment"}
    assert {(f.value, f.status, f.message) for f in found} == {(None, "no_prediction", "no file")}


def test_scar_is_present_above_one_percent_and_large_from_fifteen_on():
    share = np.array([0.0, 1.0, 1.0001, 14.999, 15.0, np.nan])
    assert has_scar(share).tolist()[:5] == [0, 0, 1, 1, 1]
    assert has_large_scar(share).tolist()[:5] == [0, 0, 0, 0, 1]
    assert np.isnan(has_scar(share)[5])
    assert np.isnan(has_large_scar(share)[5])


def test_an_empty_stack_has_no_wall_and_nothing_else_either():
    found = by_name(features(np.zeros((2, 4, 4), dtype=np.uint8), SPACING))
    for name in ("wall_thickness_mean_mm", "wall_thickness_max_mm"):
        assert (found[name].value, found[name].status) == (None, "pred_empty")
        assert found[name].message == "there is no myocardium"
    assert found["scar_transmurality_percent"].message == "there is no scar"
    assert found["scar_mass_g"].value == 0.0
