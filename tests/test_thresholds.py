"""Thresholds inside a myocardium: remote myocardium, n-SD, half maximum, mixtures; by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import Case, Region, Segmentation, Study, Volume
from benchmark.methods._myocardium import InMyocardium
from benchmark.methods._remote import enhanced, remote_region
from benchmark.methods.fwhm import FWHM
from benchmark.methods.gmm import GMM, fit_mixture, normal_log_likelihood
from benchmark.methods.n_sd import NSD
from benchmark.nifti import write_labels

MM = (8.0, 1.5, 1.5)
EVERY = [NSD, FWHM, GMM]


def ring(slices: int = 3, n: int = 41) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """A ring of radii 9 to 15 pixels, and the direction of each pixel in degrees."""
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    radius = np.hypot(y, x)
    mask = np.broadcast_to((radius >= 9) & (radius < 15), (slices, n, n))
    angle = np.degrees(np.arctan2(y, x)) % 360
    return mask.copy(), np.broadcast_to(angle, mask.shape)


def phantom(
    mean: float = 100.0, sd: float = 10.0, scar: float = 400.0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Noise of known mean and SD in a ring, in it 90 degrees of scar; image, ring, scar."""
    mask, angle = ring()
    image = np.random.default_rng(seed).normal(mean, sd, mask.shape)
    where = mask & (angle >= 30) & (angle < 120)
    image[where] += scar - mean
    return image, mask, where


def remote_values(image: Any, mask: Any, spacing: tuple[float, float, float]) -> Any:
    return image[remote_region(image, mask, spacing)]


# --- remote myocardium ---


def test_remote_is_the_darkest_sixty_degrees() -> None:
    mask, angle = ring()
    # 200 to 260 degrees are darkest; the image falls towards their middle
    image = np.abs((angle - 230 + 180) % 360 - 180)
    values = remote_values(image, mask, MM)
    assert values.max() <= 30.0
    assert len(values) == int((mask & (angle >= 200) & (angle < 260)).sum())


def test_remote_is_the_same_place_in_all_slices_and_avoids_scar_in_one() -> None:
    mask, angle = ring()
    image = np.where((angle >= 0) & (angle < 60), 50.0, 60.0)  # darkest in every slice
    image[1][(angle[1] >= 20) & (angle[1] < 50)] = 500.0  # but for scar in one of them
    image[:, (angle[0] >= 180) & (angle[0] < 240)] = 55.0  # second darkest, without scar
    assert set(remote_values(image, mask, MM)) == {55.0}


def test_angles_are_in_mm_about_the_centre_of_each_slice() -> None:
    mask = np.zeros((2, 9, 9), dtype=bool)
    image = np.full(mask.shape, 10.0)
    # a cross of four voxels in each slice, elsewhere in the second
    for z, (y, x) in enumerate([(3, 3), (5, 4)]):
        for dy, dx in ((-2, 0), (2, 0), (0, -2), (0, 2)):
            mask[z, y + dy, x + dx] = True
        image[z, y + 2, x] = 1.0 + z
    assert sorted(remote_values(image, mask, MM)) == [1.0, 2.0]
    # 5 rows and 2 columns away is at 68 degrees, or at 32 where columns are four times as wide
    wide = np.zeros((1, 11, 11), dtype=bool)
    wide[0, [5, 5, 10, 0], [8, 2, 7, 3]] = True
    dark = np.full(wide.shape, 5.0)
    dark[0, [5, 10], [8, 7]] = 1.0
    assert remote_values(dark, wide, (8.0, 1.0, 1.0)).tolist() == [1.0]
    assert remote_values(dark, wide, (8.0, 1.0, 4.0)).tolist() == [1.0, 1.0]


def test_a_direction_with_hardly_a_voxel_is_not_remote() -> None:
    mask, angle = ring()
    gap = (angle >= 90) & (angle < 150)
    mask &= ~gap
    image = np.full(mask.shape, 100.0)
    lonely = np.argwhere(gap & (np.abs(angle - 120) < 3))[0]
    mask[tuple(lonely)], image[tuple(lonely)] = True, 0.0
    assert len(remote_values(image, mask, MM)) >= mask.sum() / 12


def test_remote_of_a_phantom_has_its_mean_and_spread() -> None:
    image, mask, _ = phantom()
    values = remote_values(image, mask, MM)
    n = len(values)
    assert n > 150
    # darkest of 36 windows: lower by at most three standard errors
    assert 100 - 3 * 10 / np.sqrt(n) < values.mean() < 100
    assert values.std() == pytest.approx(10, rel=0.15)


def test_one_voxel_is_remote_of_itself() -> None:
    mask = np.zeros((1, 3, 3), dtype=bool)
    mask[0, 1, 1] = True
    assert remote_values(np.full(mask.shape, 7), mask, MM).tolist() == [7.0]


# --- n standard deviations ---


def test_n_sd_by_hand() -> None:
    """Remote is 8 and 12 (mean 10, SD 2): n = 2 is above 14, n = 3 above 16."""
    mask = np.zeros((1, 5, 5), dtype=bool)
    image = np.zeros(mask.shape)
    for (y, x), value in {(2, 3): 8, (2, 4): 12, (2, 1): 14, (2, 0): 15,
                          (3, 2): 16, (4, 2): 17, (1, 2): 13, (0, 2): 99}.items():  # fmt: skip
        mask[0, y, x], image[0, y, x] = True, value
    for n, expected in ((2, [15, 16, 17, 99]), (3, [17, 99]), (5, [99])):
        found = NSD(n=n).scar_in(image, mask, MM) & mask
        assert sorted(image[found]) == expected


def test_the_threshold_is_that_of_the_slice_unless_too_little_of_it_is_remote() -> None:
    image = np.zeros((3, 1, 24))
    image[0, 0, :20] = [8, 12] * 10  # mean 10, SD 2
    image[1, 0, :20] = [36, 44] * 10  # mean 40, SD 4
    image[2, 0, :4] = [0, 10, 20, 30]  # too few
    image[:, 0, 22] = 15
    mask = np.ones_like(image, dtype=bool)
    remote = np.zeros_like(mask)
    remote[:2, 0, :20] = remote[2, 0, :4] = True
    found = enhanced(image, mask, remote, 2.0)
    assert [image[z][found[z]].tolist() for z in range(2)] == [[15], []]
    every = image[remote]
    assert (found[2] == (image[2] > every.mean() + 2 * every.std())).all()
    image[1, 0, 22] = 48  # not above 40 + 2 * 4
    assert not enhanced(image, mask, remote, 2.0)[1].any()
    image[1, 0, 22] = 49
    assert enhanced(image, mask, remote, 2.0)[1].sum() == 1


def test_n_sd_finds_the_scar_of_a_phantom_and_no_noise() -> None:
    image, mask, scar = phantom()
    np.testing.assert_array_equal(NSD().scar_in(image, mask, MM) & mask, scar)
    image, mask, _ = phantom(scar=100.0)
    assert not (NSD().scar_in(image, mask, MM) & mask).any()
    few = NSD(n=2).scar_in(image, mask, MM)[mask].mean()
    assert 0.01 < few < 0.06  # 2.3 % of normal noise exceeds two standard deviations


images = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).gamma(2.0, 50.0, (2, 41, 41))
)


@settings(max_examples=40, deadline=None)
@given(images)
def test_more_standard_deviations_never_find_more(image: NDArray[np.float64]) -> None:
    mask, _ = ring(2)
    found = [NSD(n=n).scar_in(image, mask, MM) for n in (2, 3, 5, 6)]
    for more, fewer in pairwise(found):
        assert (fewer <= more).all()


# --- full width at half maximum ---


def line(values: list[float]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A remote wall of 10 at the right of the centre, ``values`` at its left."""
    image = np.zeros((1, 9, 41))
    mask = np.zeros(image.shape, dtype=bool)
    mask[0, 3:6, 30:40], image[0, 3:6, 30:40] = True, 10.0
    mask[0, 4, 1 : 1 + len(values)], image[0, 4, 1 : 1 + len(values)] = True, values
    return image, mask


def test_fwhm_by_hand() -> None:
    """The largest bright region reaches 50: half way from 10 is 30, wherever it is reached."""
    image, mask = line([90, 10, 10, 20, 31, 50, 30, 29, 10])
    found = FWHM(percentile=100).scar_in(image, mask, MM) & mask
    assert image[found].tolist() == [90, 31, 50, 30]
    # of 20 29 30 31 50, the median is 30, and half way 20
    found = FWHM(percentile=50).scar_in(image, mask, MM) & mask
    assert image[found].tolist() == [90, 20, 31, 50, 30, 29]


def test_fwhm_does_not_depend_on_the_scale_or_offset_of_the_image() -> None:
    image, mask, scar = phantom(scar=180.0)
    found = FWHM().scar_in(image, mask, MM) & mask
    assert 2 * (found & scar).sum() / (found.sum() + scar.sum()) > 0.98
    for other in (image * 8, image / 8, image + 1024):
        np.testing.assert_array_equal(FWHM().scar_in(other, mask, MM) & mask, found)


def test_fwhm_of_a_scar_darker_than_the_other_slices_is_not_all_of_those() -> None:
    image, mask, where = phantom(sd=2.0, scar=200.0)
    image[1:] = np.where(where[1:], image[1:] - 100, image[1:]) * 10  # bright, and without scar
    where[1:] = False
    image[0][mask[0] & ~where[0]] = np.clip(image[0][mask[0] & ~where[0]], 95, 105)
    found = FWHM().scar_in(image, mask, MM) & mask
    np.testing.assert_array_equal(found, where)


def test_fwhm_of_a_heart_where_nothing_is_bright_is_empty() -> None:
    image, mask, _ = phantom(scar=100.0)
    assert not (FWHM().scar_in(image, mask, MM) & mask).any()


# --- mixtures ---


def test_a_mixture_of_parts_far_apart_has_their_moments() -> None:
    low, high = np.array([9.0, 11.0, 9.0, 11.0]), np.array([99.0, 101.0])
    mixture = fit_mixture(np.concatenate([high, low]))
    np.testing.assert_allclose(mixture.weights, [2 / 3, 1 / 3], rtol=1e-9)
    np.testing.assert_allclose(mixture.means, [10.0, 100.0], rtol=1e-9)
    np.testing.assert_allclose(mixture.variances, [1.0, 1.0], rtol=0.01)
    expected = 6 * -0.5 * (np.log(2 * np.pi) + 1) + 4 * np.log(2 / 3) + 2 * np.log(1 / 3)
    assert mixture.log_likelihood == pytest.approx(expected, abs=1e-3)


def test_no_mixture_near_the_one_found_is_likelier() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(100, 15, 700), rng.normal(160, 30, 300)])
    mixture = fit_mixture(values)
    np.testing.assert_allclose(mixture.means, [100, 160], atol=8)
    np.testing.assert_allclose(np.sqrt(mixture.variances), [15, 30], atol=5)

    def likelihood(weight: float, means: Any, variances: Any) -> float:
        shares = np.array([weight, 1 - weight])[:, None]
        squares = (values - np.array(means)[:, None]) ** 2 / np.array(variances)[:, None]
        density = shares * np.exp(-squares / 2) / np.sqrt(2 * np.pi * np.array(variances))[:, None]
        return float(np.log(density.sum(axis=0)).sum())

    at = float(mixture.weights[0]), mixture.means, mixture.variances
    best = likelihood(*at)
    assert best == pytest.approx(mixture.log_likelihood, rel=1e-9)
    for step in (-0.02, 0.02):
        assert likelihood(at[0] + step, *at[1:]) < best
        for k in range(2):
            factor = np.where(np.arange(2) == k, 1 + step, 1.0)
            assert likelihood(at[0], at[1] * factor, at[2]) < best
            assert likelihood(at[0], at[1], at[2] * (1 + 5 * (factor - 1))) < best


def test_one_gaussian_has_the_likelihood_of_its_density() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    mean, variance = 4.0, 9.5
    by_hand = sum(-((v - mean) ** 2) / variance / 2 - np.log(2 * np.pi * variance) / 2
                  for v in values)  # fmt: skip
    assert normal_log_likelihood(values) == pytest.approx(by_hand)


def test_gmm_finds_the_scar_of_a_phantom_and_none_where_there_is_one_gaussian() -> None:
    image, mask, scar = phantom()
    np.testing.assert_array_equal(GMM().scar_in(image, mask, MM) & mask, scar)
    for seed in range(5):
        image, mask, _ = phantom(scar=100.0, seed=seed)
        assert not (GMM().scar_in(image, mask, MM) & mask).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.floats(0.2, 5))
def test_gmm_is_a_threshold_however_unlike_its_gaussians(
    seed: int, share: float, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    count = int(500 * share)
    values = np.concatenate([rng.normal(0, 1, 500 - count), rng.normal(6, spread, count)])
    found = GMM().scar(values)
    if found.any() and not found.all():
        assert values[found].min() > values[~found].max()


def test_mixtures_do_not_depend_on_order_or_scale() -> None:
    image, mask, _ = phantom(scar=150.0)
    values = image[mask]
    found = GMM().scar(values)
    shuffled = np.random.default_rng(0).permutation(len(values))
    np.testing.assert_array_equal(GMM().scar(values[shuffled]), found[shuffled])
    np.testing.assert_array_equal(GMM().scar(values * 16 - 512), found)


# --- all of them ---


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_constant_myocardium_and_a_single_voxel_have_no_scar(
    cls: type[InMyocardium], dtype: str
) -> None:
    mask, _ = ring()
    image = np.full(mask.shape, 300.1).astype(dtype)
    assert not (cls().scar_in(image, mask, MM) & mask).any()
    single = np.zeros_like(mask)
    single[1, 4, 5] = True
    assert not (cls().scar_in(image, single, MM) & single).any()


@pytest.mark.parametrize("cls", EVERY)
def test_scar_lies_inside_the_given_myocardium(cls: type[InMyocardium], tmp_path: Path) -> None:
    image, mask, scar = phantom()
    image[~mask] = 1000.0  # all that is outside is brighter still
    labels = np.where(scar, 3, np.where(mask, 2, 0)).astype(np.uint8)
    case = Case(Study("a", {"lge": Volume(image.astype(np.float32), MM)}), Segmentation(labels))
    write_labels(tmp_path / "a.nii.gz", labels, case.study.target)
    method = cls(myocardium=str(tmp_path))
    assert not method.trains
    predicted = method.predict(case.study).labels
    np.testing.assert_array_equal(predicted, labels)
    assert method.produces == {Region.MYOCARDIUM, Region.SCAR}


@pytest.mark.parametrize("cls", EVERY)
def test_an_empty_myocardium_is_no_case_to_fail_on(cls: type[InMyocardium], tmp_path: Path) -> None:
    volume = Volume(np.ones((2, 5, 5), dtype=np.int16), MM)
    write_labels(tmp_path / "a.nii.gz", np.zeros((2, 5, 5), dtype=np.uint8), volume)
    labels = cls(myocardium=str(tmp_path)).predict(Study("a", {"lge": volume})).labels
    assert not np.asarray(labels).any()
