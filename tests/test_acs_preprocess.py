"""From a study to the square and exactly back."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import DataError, Study, Volume
from benchmark.methods._acs_preprocess import (
    Frame,
    equalised,
    intensities,
    prepare,
    quarter_turns,
)

#: Affines whose columns and rows run left and back after 0, 1, 2, 3 quarter turns.
LEFT, RIGHT, BACK, FRONT = (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)
TURNED = {0: (LEFT, BACK), 1: (FRONT, LEFT), 2: (RIGHT, FRONT), 3: (BACK, RIGHT)}


def affine(column: tuple[int, ...], row: tuple[int, ...]) -> NDArray[np.float64]:
    out = np.eye(4)
    out[:3, 0], out[:3, 1] = column, row
    out[:3, 2] = np.cross(column, row)
    return out


def study(
    shape: tuple[int, int, int],
    turns: int | None = None,
    apex: Literal["first", "last"] | None = "first",
    voxels: NDArray[Any] | None = None,
    **attributes: Any,
) -> Study:
    values = np.random.default_rng(0).normal(100, 20, shape) if voxels is None else voxels
    placed = None if turns is None else affine(*TURNED[turns])
    return Study("s", {"lge": Volume(values, (8.0, 2.0, 1.5), placed)}, attributes, apex)


@pytest.mark.parametrize("turns", TURNED)
def test_images_are_turned_so_that_columns_run_left_and_rows_back(turns: int) -> None:
    made = study((1, 6, 4), turns)
    assert quarter_turns(made.target) == turns
    # walk the turned image: where does its first row or column go in the patient?
    index = np.arange(24).reshape(1, 6, 4)
    turned = Frame.of(made, 8).turned(index)[0]
    directions = affine(*TURNED[turns])

    def place(pixel: int) -> NDArray[np.float64]:
        row, column = divmod(int(pixel), 4)
        return np.asarray((directions @ [column, row, 0, 1])[:3])

    np.testing.assert_array_equal(place(turned[0, 1]) - place(turned[0, 0]), LEFT)
    np.testing.assert_array_equal(place(turned[1, 0]) - place(turned[0, 0]), BACK)


def test_an_oblique_short_axis_takes_the_nearest_turn() -> None:
    c, s = np.cos(0.6), np.sin(0.6)
    oblique = np.eye(4)
    oblique[:3, 0], oblique[:3, 1] = (-c, -s, 0), (0.3 * s, -0.3 * c, -np.sqrt(1 - 0.09))
    assert quarter_turns(Volume(np.zeros((1, 2, 2)), (1.0, 1.0, 1.0), oblique)) == 0


def test_an_image_without_an_affine_stays_as_it_is() -> None:
    assert quarter_turns(study((2, 3, 4)).target) == 0


def test_spacing_turns_with_the_image() -> None:
    pixels = [Frame.of(study((2, 6, 4), k), 8).pixel for k in range(4)]
    assert pixels == [(2.0, 1.5), (1.5, 2.0), (2.0, 1.5), (1.5, 2.0)]


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 41), st.integers(1, 41)),
    turns=st.integers(0, 3),
    apex=st.sampled_from(["first", "last", None]),
    size=st.sampled_from([16, 17, 32]),
    seed=st.integers(0, 99),
)
def test_labels_come_back_exactly_but_for_what_is_cut_off(
    shape: tuple[int, int, int], turns: int, apex: Any, size: int, seed: int
) -> None:
    frame = Frame.of(study(shape, turns, apex), size)
    labels = np.random.default_rng(seed).integers(1, 5, shape).astype(np.uint8)
    square = frame.to_square(labels)
    back = frame.to_grid(square)
    assert back.shape == shape
    rows, columns = shape[1:]
    kept = back > 0
    np.testing.assert_array_equal(back[kept], labels[kept])
    # all of a small image, and of a large one a middle of which as much is cut off on either side
    assert kept.sum() == shape[0] * min(rows, size) * min(columns, size)
    for axis, n in ((1, rows), (2, columns)):
        lines = np.flatnonzero(kept.any(axis=(0, 3 - axis)))
        assert abs(int(lines[0]) - (n - 1 - int(lines[-1]))) <= 1
    np.testing.assert_array_equal(frame.to_square(back), square)
    assert (square[(slice(None), *frame.inside)] > 0).all()
    assert (square > 0).sum() == kept.sum()


@pytest.mark.parametrize("shape", [(3, 200, 231), (2, 97, 41), (1, 192, 192)])
@pytest.mark.parametrize("turns", TURNED)
def test_a_mask_in_the_papers_square_comes_back_to_it(
    shape: tuple[int, int, int], turns: int
) -> None:
    frame = Frame.of(study(shape, turns, "last"), 192)
    labels = np.random.default_rng(1).integers(0, 5, shape).astype(np.uint8)
    square = frame.to_square(labels)
    assert square.shape == (shape[0], 192, 192)
    np.testing.assert_array_equal(frame.to_square(frame.to_grid(square)), square)


def test_slices_go_from_apex_to_base() -> None:
    stack = np.arange(3)[:, None, None] * np.ones((1, 2, 2))
    for apex, order in (("first", [0, 1, 2]), ("last", [2, 1, 0]), (None, [0, 1, 2])):
        square = Frame.of(study((3, 2, 2), None, apex), 2).to_square(stack)  # type: ignore[arg-type]
        assert square[:, 0, 0].tolist() == order


def test_images_span_0_to_255_and_padding_is_black() -> None:
    prepared = prepare(study((3, 40, 30), 1), 48)
    assert prepared.images.dtype == np.float32
    np.testing.assert_array_equal(prepared.images.max(axis=(1, 2)), 255)
    np.testing.assert_array_equal(prepared.images.min(axis=(1, 2)), 0)
    beyond = prepared.frame.to_square(np.ones((3, 40, 30), dtype=np.uint8)) == 0
    assert beyond.any()
    assert not prepared.images[beyond].any()


def test_equalisation_raises_the_contrast_of_a_dark_half() -> None:
    ramp = np.tile(np.concatenate([np.linspace(0, 10, 32), np.linspace(90, 100, 32)]), (64, 1))
    made = study((1, 64, 64), voxels=ramp[None])
    image = prepare(made, 64).images[0]
    plain = 255 * ramp / 100
    assert np.ptp(image[:, :32]) > 1.4 * np.ptp(plain[:, :32])


@pytest.mark.parametrize("level", [0.0, 7.0, -1e300])
def test_a_slice_of_one_value_becomes_black(level: float) -> None:
    made = study((2, 20, 20), voxels=np.full((2, 20, 20), level))
    assert not prepare(made, 32).images.any()


def test_huge_intensities_stay_finite() -> None:
    voxels = np.random.default_rng(0).choice([-1.7e308, 0.0, 1.7e308], (1, 20, 20))
    assert np.isfinite(prepare(study((1, 20, 20), voxels=voxels), 16).images).all()


def test_the_scale_of_the_voxels_does_not_matter() -> None:
    values = np.random.default_rng(3).normal(0, 1, (2, 30, 30))
    frame = Frame.of(study((2, 30, 30)), 32)
    plain, scaled = equalised(values, frame), equalised(1024 * values, frame)
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


def test_dicom_attributes_are_applied_in_their_order() -> None:
    voxels = np.array([[[0.0, 10.0], [20.0, 40.0]]])
    given = {"RescaleSlope": 2, "RescaleIntercept": "-10", "WindowCenter": "30\\80",
             "WindowWidth": 40.0}  # fmt: skip
    # -10, 10, 30, 70; the window is 10 to 50
    got = intensities(study((1, 2, 2), voxels=voxels, **given))
    assert got.tolist() == [[[10.0, 10.0], [30.0, 50.0]]]
    half = intensities(study((1, 2, 2), voxels=voxels, WindowCenter=5.0))
    assert half.tolist() == voxels.tolist()


@pytest.mark.parametrize(
    ("name", "value"), [("RescaleSlope", "steep"), ("WindowWidth", 0), ("WindowWidth", "nan")]
)
def test_an_attribute_that_is_no_number_is_named(name: str, value: Any) -> None:
    made = study((1, 4, 4), WindowCenter=1, **{name: value})
    with pytest.raises(DataError, match=f"'s': attribute {name} is"):
        intensities(made)


def test_an_image_with_frames_is_refused() -> None:
    frames = Study("s", {"lge": Volume(np.zeros((2, 3, 4, 4)), (1.0, 1.0, 1.0))})
    with pytest.raises(DataError, match="has 2 frames"):
        prepare(frames, 16)


@pytest.mark.parametrize(
    "attributes", [{"RescaleSlope": 0}, {"RescaleSlope": -1e308}, {"RescaleIntercept": "1e400"}]
)
def test_attributes_that_leave_no_image_are_refused(attributes: dict[str, Any]) -> None:
    voxels = np.linspace(-100, 100, 2 * 9 * 9).reshape(2, 9, 9)
    with pytest.raises(DataError, match=next(iter(attributes))):
        intensities(study((2, 9, 9), voxels=voxels, **attributes))
