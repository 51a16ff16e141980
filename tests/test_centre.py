"""The ventricle's centre: given, found from a probability, learned; and squares about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import Case, DataError, Region, Segmentation, Study, TrainContext, Volume
from benchmark.methods import _localiser
from benchmark.methods._centre import centres, given
from benchmark.methods._numerics import reproducible
from benchmark.methods._slices import Square, region_masks
from benchmark.methods._weights import load_weights

GRID = Square(40, 5.0)


def study(**attributes: Any) -> Study:
    """LGE of 3 slices, 11 rows of 2 mm and 21 columns of 1 mm; cine of 2 slices, 5 x 5 of 4 mm."""
    lge = Volume(np.zeros((3, 11, 21)), (10, 2, 1))
    cine = Volume(np.zeros((2, 5, 5)), (10, 4, 4))
    return Study("a", {"lge": lge, "cine": cine}, attributes)


def test_a_given_centre_is_in_pixels_of_its_image_for_all_slices_or_for_each() -> None:
    a = study(lv_centre="5,10", lv_centre_cine="0,4; 2.5,1")
    np.testing.assert_array_equal(given(a, "lge"), [[0, 0]] * 3)  # the middle
    np.testing.assert_array_equal(given(a, "cine"), [[-8, 8], [2, -4]])
    np.testing.assert_array_equal(given(study(lv_centre="7,9"), "lge"), [[4, -1]] * 3)
    assert given(study(), "lge") is None
    assert given(study(lv_centre="5,10"), "cine") is None


@pytest.mark.parametrize(
    "text", ["5", 5, "", "5,6,7", "5;6", "a,b", "nan,1", "inf,2", "5,10;5,10", "5,10;"]
)
def test_a_centre_that_cannot_be_read_is_refused(text: object) -> None:
    with pytest.raises(DataError, match=r"'a': lv_centre is .*'row,column' in pixels, or 3 such"):
        given(study(lv_centre=text), "lge")


@pytest.mark.parametrize("text", ["-1,3", "11,3", "3,20.6"])
def test_a_centre_outside_its_image_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"outside its image.*rows from 0 to 10.*columns .* 20"):
        given(study(lv_centre=text), "lge")


def disks(*middles: tuple[float, float] | None, radius: float = 25.0) -> NDArray[np.float32]:
    """A probability of 0.9 within ``radius`` mm of each slice's middle (row, column), in mm."""
    line = (np.arange(GRID.size) - (GRID.size - 1) / 2) * GRID.pixel_mm
    out = np.zeros((len(middles), GRID.size, GRID.size), dtype=np.float32)
    for plane, at in zip(out, middles, strict=True):
        if at is not None:
            plane[np.hypot(line[:, None] - at[0], line - at[1]) <= radius] = 0.9
    return out


def found(probability: NDArray[np.float32]) -> NDArray[np.float64] | None:
    return centres(probability, GRID, np.arange(len(probability)) * 10.0)


def test_the_centre_of_a_disk_is_found_to_a_fraction_of_a_pixel() -> None:
    wanted = np.array([[3.0, -12.0], [4.5, -11.0], [5.0, -9.0], [7.5, -8.5]])
    at = found(disks(*map(tuple, wanted)))
    assert at is not None
    np.testing.assert_allclose(at, wanted, atol=1.0)


def test_a_slice_without_a_ventricle_takes_its_place_on_the_axis() -> None:
    at = found(disks((0, 0), (5, -2.5), None, (15, -7.5), None))
    assert at is not None
    np.testing.assert_allclose(at[[2, 4]], [(10, -5), (20, -10)], atol=1.0)


def test_a_slice_whose_centre_strays_takes_its_place_on_the_axis() -> None:
    # Slice 2 shows something 40 mm aside; a breath-hold 4 mm off, in slice 4, is its own.
    at = found(disks((0, 0), (0, 0), (0, 40), (0, 0), (4, 0), (0, 0), (0, 0)))
    assert at is not None
    assert np.linalg.norm(at[2]) < 2
    assert at[4, 0] > 3


def test_what_lies_far_from_the_ventricle_does_not_draw_its_centre() -> None:
    probability = disks((0, 10), (0, 10), (0, 10))
    probability[1, 35:, :6] = 0.9  # a corner, 90 mm away
    at = found(probability)
    assert at is not None
    np.testing.assert_allclose(at, [(0, 10)] * 3, atol=1.0)


def test_without_a_ventricle_there_is_no_centre() -> None:
    assert found(disks(None, None)) is None
    assert found(disks((0, 0), radius=5.0)) is None  # 5 pixels of 25 mm2: noise
    assert found(0.4 * disks((0, 0)) / 0.9) is None
    at = found(disks((10, 5)))  # a single slice has no axis
    assert at is not None
    np.testing.assert_allclose(at, [(10, 5)], atol=1.0)


@drawn(rows=st.integers(-6, 6), columns=st.integers(-6, 6), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_a_square_moved_by_whole_pixels_holds_the_very_pixels(
    rows: int, columns: int, seed: int
) -> None:
    voxels = np.random.default_rng(seed).random((2, 21, 23)).astype(np.float32)
    at = np.array([[rows * 1.5, columns * 1.5], [0, 0]])
    seen = Square(7, 1.5).resampled(voxels, (10, 1.5, 1.5), at)
    wanted = voxels[0, 7 + rows : 14 + rows, 8 + columns : 15 + columns]
    np.testing.assert_allclose(seen[0], wanted, atol=1e-6)
    np.testing.assert_allclose(seen[1], voxels[1, 7:14, 8:15], atol=1e-6)
    back = Square(7, 1.5).restored(seen, Volume(voxels, (10, 1.5, 1.5)), at)
    np.testing.assert_allclose(back[0, 7 + rows : 14 + rows, 8 + columns : 15 + columns], wanted,
                               atol=1e-6)  # fmt: skip
    outside = np.ones((21, 23), dtype=bool)
    outside[7 + rows : 14 + rows, 8 + columns : 15 + columns] = False
    assert not back[0][outside].any()


@settings(max_examples=20, deadline=None)
@drawn(
    at=st.tuples(st.floats(-15, 15), st.floats(-15, 15)),
    pixel=st.floats(1.0, 2.0),
    native=st.floats(0.8, 2.0),
)
def test_a_disk_lies_in_the_middle_of_the_square_about_its_centre_and_comes_back(
    at: tuple[float, float], pixel: float, native: float
) -> None:
    n = 80
    y = (np.arange(n) - (n - 1) / 2)[:, None] * native - at[0]
    x = (np.arange(n) - (n - 1) / 2) * native - at[1]
    disk = (np.hypot(y, x) < 12)[None]
    like = Volume(np.zeros(disk.shape), (10, native, native))
    square, middle = Square(40, pixel), np.array([at])
    seen = square.resampled(disk, like.spacing, middle)
    rows, columns = np.mgrid[:40, :40] - 19.5
    assert (seen[0] * rows).sum() / seen.sum() == pytest.approx(0, abs=0.35)
    assert (seen[0] * columns).sum() / seen.sum() == pytest.approx(0, abs=0.35)
    back = square.restored(seen, like, middle) >= 0.5
    assert 2 * (back & disk).sum() / (back.sum() + disk.sum()) > 0.92


def test_masks_lie_about_the_centre_as_the_image_does() -> None:
    labels = np.zeros((1, 9, 9), dtype=np.uint8)
    labels[0, 6, 7] = 2
    case = Case(Study("a", {"lge": Volume(labels, (10, 1, 1))}), Segmentation(labels))
    masks = region_masks(case, (Region.MYOCARDIUM,), Square(3, 1.0), np.array([[2.0, 3.0]]))
    assert masks[0, 0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def phantom(name: str, seed: int, shifts: NDArray[np.float64] | None = None) -> Case:
    """A heart somewhere in a bright-edged chest; each cine slice shifted, at random if not said."""
    rng = np.random.default_rng(seed)
    n, pixel, slices = 80, 2.4, 4
    middle = rng.uniform(-18, 18, 2)
    shifts = rng.normal(0, 4, (slices, 2)) if shifts is None else shifts
    line = (np.arange(n) - (n - 1) / 2) * pixel
    lge = rng.normal(0.3, 0.05, (slices, n, n))
    cine = rng.normal(0.3, 0.05, (2, slices, n, n))
    labels = np.zeros((slices, n, n), dtype=np.uint8)
    for k in range(slices):
        r = np.hypot(line[:, None] - middle[0], line - middle[1])
        labels[k, r < 32] = 2
        labels[k, r < 20] = 1
        r = np.hypot(line[:, None] - middle[0] - shifts[k, 0], line - middle[1] - shifts[k, 1])
        for frame in cine:
            frame[k] += np.where(r < 20, 0.7, np.where(r < 32, -0.2, 0.0))
    lge += np.array([0, 0.5, -0.25])[labels]
    images = {
        "lge": Volume(lge, (10, pixel, pixel), trigger_delay_ms=400),
        "cine": Volume(cine, (10, pixel, pixel), times_ms=(0.0, 400.0)),
    }
    return Case(Study(name, images), Segmentation(labels))


@pytest.fixture(scope="module")
def localisers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Trained on phantoms whose cine is shifted at random, as breath-holds do."""
    folder = tmp_path_factory.mktemp("centre")
    context = TrainContext(folder / "model", folder / "scratch")
    cases = [phantom(f"t{i}", i) for i in range(12)]
    with reproducible(1):
        _localiser.train(cases, context, ("lge", "cine"), epochs=12)
    networks = _localiser.build(("lge", "cine"))
    load_weights(networks, folder / "model" / _localiser.FILE, "cpu")
    return networks


def test_a_cine_shifted_by_known_vectors_comes_back_aligned(localisers: Any) -> None:
    shifts = np.array([[8.0, -3.0], [0.0, 6.0], [-7.0, 2.0], [3.0, 9.0]])
    case = phantom("new", 99, shifts)
    at = _localiser.locate(localisers, case.study)
    rest = at["cine"] - at["lge"] - shifts
    # Within a pixel of the localiser's grid, 4 mm, where the shifts themselves are up to 9.5.
    assert np.linalg.norm(rest, axis=1).max() < _localiser.GRID.pixel_mm
    # In pictures: squares about the centres overlap as they would without any shift.
    square = Square(32, 2.4)
    images = []
    for name in ("lge", "cine"):
        values, spacing, _ = _localiser.stack(case.study, name)
        images.append(square.resampled(values, spacing, at[name]) > 0.65)
    cavities = 2 * (images[0] & images[1]).sum() / (images[0].sum() + images[1].sum())
    assert cavities > 0.85


def test_a_given_centre_is_taken_before_the_localisers(localisers: Any) -> None:
    case = phantom("new", 98)
    told = {"lv_centre": "30,40", "lv_centre_cine": "10,20;11,21;12,22;13,23"}
    a = Study("told", case.study.images, told)
    at = _localiser.locate(localisers, a)
    np.testing.assert_allclose(at["lge"], [[-9.5 * 2.4, 0.5 * 2.4]] * 4)
    np.testing.assert_allclose(at["cine"][3], [(13 - 39.5) * 2.4, (23 - 39.5) * 2.4])


def test_where_nothing_is_found_the_middle_stays_and_the_cine_is_not_moved(
    localisers: Any,
) -> None:
    case = phantom("new", 97)
    black = {
        name: Volume(np.zeros_like(v.voxels), v.spacing, None, v.times_ms, None, v.trigger_delay_ms)
        for name, v in case.study.images.items()
    }
    at = _localiser.locate(localisers, Study("black", black))
    assert not at["lge"].any()
    assert not at["cine"].any()
    a = Study("cine black", {**case.study.images, "cine": black["cine"]})
    at = _localiser.locate(localisers, a)
    np.testing.assert_array_equal(at["cine"], at["lge"])
