"""Where the right ventricle joins the left: given by a study, or found from a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark import DataError, Study, Volume
from benchmark.clinical import Insertion, insertion_of, of_right_ventricle, turn_of
from benchmark.clinical.planes import angles_of, planes
from benchmark.scoring import ScoreTask

SHAPE = (3, 81, 81)
SPACING = (10.0, 1.0, 1.0)
#: Columns to the left, rows to the back, slices up: seen from the apex, if that is first.
UP = np.diag([-1.0, -1.0, 10.0, 1.0])


def study(affine: Any = UP, apex: Any = "first", **attributes: Any) -> Study:
    return Study("s", {"lge": Volume(np.zeros(SHAPE), SPACING, affine)}, attributes, apex=apex)


def degrees(insertion: Any, centre: tuple[float, float] = (40.0, 40.0)) -> tuple[list[float], int]:
    assert isinstance(insertion, Insertion), insertion
    found = insertion.resolve(np.array([centre] * 3), SPACING)
    assert not isinstance(found, str), found
    return np.degrees(found[0]).round(6).tolist(), found[1]


def test_angles_are_counter_clockwise_in_the_displayed_image_and_of_millimetres() -> None:
    offsets = np.array([[0.0, 1], [-1, 0], [0, -1], [1, 0], [-1, 1]])
    assert np.degrees(angles_of(offsets, SPACING)).tolist() == [0, 90, 180, -90, 45]
    assert np.degrees(angles_of(offsets[4], (10.0, 3.0, 1.0))) == pytest.approx(71.565051)


def test_nothing_is_guessed() -> None:
    assert insertion_of(study()) == "where the right ventricle joins the left is not known"
    assert "no" in str(insertion_of(study(affine=None, rv_insertion="30,30")))
    assert "affine" in str(insertion_of(study(affine=None, rv_insertion_deg=120)))
    assert "apex" in str(insertion_of(study(apex=None, rv_insertion_deg=120)))


def test_a_direction_holds_for_all_slices() -> None:
    assert degrees(insertion_of(study(rv_insertion_deg=120))) == ([120.0] * 3, 1)
    assert degrees(insertion_of(study(rv_insertion_deg=-30.5))) == ([-30.5] * 3, 1)


def test_a_place_is_a_direction_from_each_slice_s_own_centre() -> None:
    assert degrees(insertion_of(study(rv_insertion="20,40"))) == ([90.0] * 3, 1)
    each = insertion_of(study(rv_insertion="20,40;40,20;20,20"))
    assert degrees(each) == ([90.0, 180.0, 135.0], 1)
    assert degrees(each.moved((10, 10)), (30.0, 30.0)) == degrees(each)


@pytest.mark.parametrize(
    ("affine", "apex", "turn"),
    [
        (UP, "first", 1),
        (UP, "last", -1),
        (np.diag([-1.0, -1.0, -10.0, 1.0]), "last", 1),  # stored from base to apex
        (np.diag([1.0, -1.0, 10.0, 1.0]), "first", -1),  # mirrored: seen from the base
        (np.array([[0, -1.0, 0, 0], [-1, 0, 0, 0], [0, 0, 9, 0], [0, 0, 0, 1]]), "first", -1),
    ],
)
def test_from_the_apex_segments_go_counter_clockwise(affine, apex, turn) -> None:
    image = Volume(np.zeros(SHAPE), SPACING, affine)
    assert turn_of(image, apex) == turn
    assert degrees(insertion_of(study(affine, apex, rv_insertion_deg=120)))[1] == turn


def test_two_insertions_tell_the_turn_themselves() -> None:
    """The septum is the shorter way from the anterior to the inferior insertion."""
    left = study(affine=None, apex=None, rv_insertion="25,20", rv_insertion_inferior="55,20")
    assert degrees(insertion_of(left))[1] == 1
    right = study(affine=None, apex=None, rv_insertion="25,60", rv_insertion_inferior="55,60")
    assert degrees(insertion_of(right))[1] == -1
    opposite = insertion_of(study(rv_insertion="20,40", rv_insertion_inferior="60,40"))
    told = opposite.resolve(np.array([[40.0, 40.0]] * 3), SPACING)
    assert told == "the septum is on neither side of its two RV insertions"


@pytest.mark.parametrize(
    "attributes",
    [
        {"rv_insertion": "20"},
        {"rv_insertion": "20,b"},
        {"rv_insertion": "20,30;20,30"},
        {"rv_insertion": "20,inf"},
        {"rv_insertion": "20,99"},
        {"rv_insertion": 12},
        {"rv_insertion_deg": "120"},
        {"rv_insertion_deg": True},
        {"rv_insertion_deg": 120, "rv_insertion": "20,30"},
        {"rv_insertion_deg": 120, "rv_insertion_inferior": "20,30"},
        {"rv_insertion_inferior": "20,30"},
    ],
)
def test_a_wrong_attribute_is_named(attributes) -> None:
    with pytest.raises(DataError, match="rv_insertion") as caught:
        insertion_of(study(**attributes))
    assert "Give" in str(caught.value)


def test_an_insertion_is_one_thing_and_has_a_side() -> None:
    with pytest.raises(DataError, match="one of the two"):
        Insertion(1)
    with pytest.raises(DataError, match="which side"):
        Insertion(None, angle=0.0)
    labels = np.ones(SHAPE, dtype=np.uint8)
    with pytest.raises(DataError, match="2 RV insertions for 3 slices"):
        ScoreTask("a", labels, labels, SPACING, insertion=Insertion(1, angle=np.zeros(2)))


# From a mask --------------------------------------------------------------------------------------


def hearts(spacing=(10.0, 1.0, 1.0), gap: float = 0.0):
    """A ring about the middle, and a right ventricle that touches it from 120 to 240 degrees."""
    rows, columns = (round(100 / step) | 1 for step in spacing[1:])
    offsets = np.stack(
        np.meshgrid(np.arange(rows) - rows // 2, np.arange(columns) - columns // 2, indexing="ij"),
        axis=-1,
    )
    radius = np.hypot(offsets[..., 0] * spacing[1], offsets[..., 1] * spacing[2])
    angle = np.degrees(angles_of(offsets, spacing)) % 360
    left = np.where(radius <= 20, 1, np.where(radius <= 30, 2, 0)).astype(np.uint8)
    right = (radius > 30 + gap) & (radius < 45) & (angle >= 120) & (angle <= 240)
    return np.stack([left] * 3), np.stack([right] * 3)


@pytest.mark.parametrize(("spacing", "gap"), [((10, 1, 1), 0), ((8, 0.8, 1.5), 0), ((8, 1, 1), 1)])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_mask_tells_its_insertions(spacing, gap, turn) -> None:
    labels, right = hearts(spacing, gap)
    right[0] = False  # takes the nearest slice's
    found = of_right_ventricle(right, labels, planes(labels).centres, spacing, turn)
    assert isinstance(found, Insertion)
    told, way = found.resolve(planes(labels).centres, spacing)
    # The arc is wider by the pixels that may lie between: 2 pixels of 30 mm at either end.
    expected = 120 if turn == 1 else 240
    error = (np.degrees(told) - expected + 180) % 360 - 180
    assert np.abs(error).max() < 2 + np.degrees(2 * max(spacing[1:]) / 30)
    assert way == turn
    assert told[0] == told[1]


def test_a_right_ventricle_elsewhere_or_all_around_has_none() -> None:
    labels, right = hearts()
    centres = planes(labels).centres
    reason = "the right ventricle touches the left one in no slice"
    for mask in (np.zeros_like(right), np.roll(right, -20, axis=2), labels == 0):
        assert of_right_ventricle(mask, labels, centres, SPACING, 1) == reason
    with pytest.raises(DataError, match="right ventricle's mask"):
        of_right_ventricle(right[:2], labels, centres, SPACING, 1)
