"""The latent space: the mixture against known ones, the correction against a dense search."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from torch import Tensor

from benchmark.errors import DataError, PluginError
from benchmark.methods._acs_anatomy import Limits, failed
from benchmark.methods._acs_autoencoder import AnatomicalAutoencoder
from benchmark.methods._acs_latent import GRID, HALVINGS, LatentSpace
from benchmark.methods._acs_mixture import Gaussians, fit_gaussians

Mask = NDArray[np.bool_]

SIZE = 64
ONE = (1.0, 1.0)
LIMITS = Limits(defect_mm=2.5, circularity=0.9, thinnest_mm=3.0, thickest_mm=20.0)
FINEST = 1 / (GRID * 2**HALVINGS)


def ring(outer: float, wall: float, side: int = SIZE) -> Mask:
    y, x = np.mgrid[:side, :side] - side / 2
    r = np.hypot(y, x)
    return np.asarray((r <= outer) & (r > outer - wall))


class Rings(AnatomicalAutoencoder):
    """A decoder whose masks are known: a code is (outer radius, wall, radius of a second blob).

    Encoding measures the mask, so that known codes come back to within a pixel or so.
    """

    def __init__(self) -> None:
        super().__init__(SIZE, latent=3, channels=1)
        y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
        self.r = torch.from_numpy(np.hypot(y, x)).float()
        self.corner = torch.from_numpy(np.hypot(y + 27, x + 27)).float()

    def encode(self, masks: Tensor) -> Tensor:
        outer = (masks[:, 0] * self.r).flatten(1).amax(dim=1)
        area = masks.flatten(1).sum(dim=1)
        wall = outer - (outer**2 - area / torch.pi).clamp(min=0).sqrt()
        return torch.stack([outer, wall, torch.zeros_like(wall)], dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        outer, wall, blob = codes[:, :, None, None].unbind(dim=1)
        in_ring = torch.minimum(outer - self.r, self.r - (outer - wall))
        return torch.maximum(in_ring, blob - self.corner)[:, None]


def space(*points: tuple[float, float, float], limits: Limits = LIMITS) -> LatentSpace:
    return LatentSpace(np.array(points, dtype=np.float64), limits, ONE, len(points), 0, 1)


def decoded(network: AnatomicalAutoencoder, code: NDArray[np.float64]) -> Mask:
    with torch.inference_mode():
        return np.asarray(network.decode(torch.from_numpy(code[None]).float())[0, 0] > 0)


class Given(Rings):
    """The same decoder; every mask has one code."""

    def __init__(self, code: tuple[float, float, float]) -> None:
        super().__init__()
        self.code = code

    def encode(self, masks: Tensor) -> Tensor:
        return torch.tensor(self.code).expand(len(masks), 3)


class Seldom(Rings):
    """The same, but what has not a radius of 20 to the last digit is two objects."""

    def decode(self, codes: Tensor) -> Tensor:
        blob = torch.where(codes[:, 0] == 20, -99.0, 5.0)
        return super().decode(torch.column_stack([codes[:, :2], blob]))


# The mixture


def test_log_densities_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((2, 3, 3))
    mixture = Gaussians(
        np.array([0.7, 0.3]), rng.standard_normal((2, 3)), roots @ roots.swapaxes(1, 2)
    )
    x = rng.standard_normal((5, 3))
    expected = [
        np.log(w) + multivariate_normal(m, c).logpdf(x)
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_densities(x), np.transpose(expected), rtol=1e-10)
    total = np.logaddexp(*expected)
    assert mixture.log_likelihood(x) == pytest.approx(total.mean())


def test_draws_have_the_weights_means_and_covariances_of_the_mixture() -> None:
    mixture = Gaussians(
        np.array([0.75, 0.25]),
        np.array([[0.0, 0.0], [50.0, 0.0]]),
        np.array([[[4.0, 1.5], [1.5, 1.0]], [[1.0, 0.0], [0.0, 9.0]]]),
    )
    drawn = mixture.draw(40_000, np.random.default_rng(1))
    left = drawn[drawn[:, 0] < 25]
    assert len(left) / len(drawn) == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(np.cov(left.T), mixture.covariances[0], atol=0.1)
    np.testing.assert_allclose(left.mean(axis=0), [0, 0], atol=0.05)


def test_fitting_finds_the_mixture_that_points_were_drawn_from() -> None:
    truth = Gaussians(
        np.array([0.6, 0.4]),
        np.array([[0.0, 0.0, 0.0], [6.0, 3.0, 0.0]]),
        np.array([np.diag([1.0, 2.0, 0.5]), np.diag([0.5, 0.5, 3.0])]),
    )
    points = truth.draw(4000, np.random.default_rng(2))
    found = fit_gaussians(points, 2, seed=0)
    np.testing.assert_allclose(found.weights, truth.weights, atol=0.03)
    np.testing.assert_allclose(found.means, truth.means, atol=0.15)
    np.testing.assert_allclose(found.covariances, truth.covariances, atol=0.25)
    assert found.log_likelihood(points) >= truth.log_likelihood(points)


def test_fitting_is_as_likely_as_that_of_scikit_learn() -> None:
    mixture = pytest.importorskip("sklearn.mixture", reason="scikit-learn is not installed")
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.standard_normal((150, 4)) @ rng.standard_normal((4, 4)) + 4 * i
                             for i in range(3)])  # fmt: skip
    theirs = mixture.GaussianMixture(3, n_init=3, random_state=0).fit(points)
    ours = fit_gaussians(points, 3, seed=0)
    assert ours.log_likelihood(points) >= theirs.score(points) - 0.02
    same = Gaussians(theirs.weights_, theirs.means_, theirs.covariances_)
    assert same.log_likelihood(points) == pytest.approx(theirs.score(points))


@pytest.mark.parametrize(("n", "expected"), [(2, 1), (19, 1), (20, 2), (49, 4), (500, 5)])
def test_few_points_have_fewer_components(n: int, expected: int) -> None:
    points = np.random.default_rng(0).standard_normal((n, 9))
    found = fit_gaussians(points, 5, seed=0)
    assert len(found.weights) == expected
    assert found.weights.sum() == pytest.approx(1)
    assert np.isfinite(found.draw(10, np.random.default_rng(0))).all()


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.ones((1, 3)), np.ones((40, 3))])
def test_points_without_any_spread_are_refused(points: NDArray[np.float64]) -> None:
    with pytest.raises(DataError, match="make no distribution"):
        fit_gaussians(points, 5, seed=0)


def test_doubled_points_do_not_break_the_beginning() -> None:
    points = np.repeat(np.array([[0.0, 0.0], [3.0, 1.0]]), 20, axis=0)
    assert np.isfinite(fit_gaussians(points, 5, seed=0).log_likelihood(points))


# Filling the space


def training() -> tuple[list[Mask], list[tuple[float, float]]]:
    masks = [ring(outer, wall) for outer in range(15, 27) for wall in (6, 8, 10)]
    return masks, [(1.4, 1.4), (1.0, 1.0), (1.2, 1.2)] * 12


def filled(points: int = 60, seed: int = 0, limits: Limits = LIMITS) -> LatentSpace:
    return LatentSpace.fit(Rings(), *training(), limits, points=points, seed=seed)


def test_every_point_decodes_to_a_mask_that_passes() -> None:
    found, network = filled(), Rings()
    masks, spacings = training()
    assert found.sampled == 60
    assert found.spacing == (1.2, 1.2)
    assert found.tried >= 60
    assert found.acceptance == 60 / found.tried
    for point in found.points[found.trained :]:
        assert failed(decoded(network, point), found.spacing, LIMITS) == ()
    with torch.inference_mode():
        stack = torch.from_numpy(np.stack(masks)[:, None]).float()
        codes = network.encode(stack).double().numpy()
    passing = [
        code
        for code, s in zip(codes, spacings, strict=True)
        if not failed(decoded(network, code), s, LIMITS)
    ]
    np.testing.assert_array_equal(found.points[: found.trained], passing)


def test_draws_that_fail_are_rejected() -> None:
    strict = Limits(defect_mm=2.5, circularity=0.9, thinnest_mm=9.0, thickest_mm=20.0)
    found = filled(limits=strict)
    assert 0 < found.acceptance < 0.9
    assert 0 < found.trained < 36


def test_a_space_that_seldom_passes_ends_smaller_and_one_that_never_does_is_refused() -> None:
    masks, spacings = training()
    found = LatentSpace.fit(Seldom(), masks, spacings, LIMITS, points=4, seed=0)
    # The three walls of that radius among the training masks, and none of the draws.
    assert (found.trained, found.sampled, found.tried) == (3, 0, 200)
    assert found.acceptance == 0
    never = Limits(thinnest_mm=50.0)
    with pytest.raises(PluginError, match="none of 36 training masks and 200 draws"):
        filled(points=4, limits=never)


def test_the_same_seed_fills_the_same_space_and_another_another() -> None:
    first, again, other = filled(), filled(), filled(seed=1)
    assert first.points.tobytes() == again.points.tobytes()
    assert first.points.tobytes() != other.points.tobytes()


def test_a_space_comes_back_from_a_file_of_weights() -> None:
    before = filled(points=5)
    buffer = io.BytesIO()
    torch.save(before.state_dict(), buffer)
    buffer.seek(0)
    after = LatentSpace.from_state(torch.load(buffer, weights_only=True))
    assert after.points.tobytes() == before.points.tobytes()
    same = ("limits", "spacing", "trained", "tried", "components", "sampled")
    assert all(getattr(after, name) == getattr(before, name) for name in same)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("points"),
        lambda s: s.update(points=torch.zeros(0, 3)),
        lambda s: s.update(points=torch.full((2, 3), torch.nan)),
        lambda s: s.update(limits=torch.zeros(9)),
        lambda s: s.update(counts=torch.zeros(2)),
    ],
)
def test_a_state_of_something_else_is_refused(spoil: Callable[[dict[str, Tensor]], object]) -> None:
    state = filled(points=2).state_dict()
    spoil(state)
    with pytest.raises(PluginError, match="latent space"):
        LatentSpace.from_state(state)


# Correcting


def test_a_mask_whose_decoding_passes_does_not_move() -> None:
    network = Rings()
    mask = ring(20, 8)
    found = space((18.0, 9.0, 0.0)).correct(network, mask, ONE)
    assert (found.step, found.neighbour, found.valid_before, found.reason) == (0.0, -1, True, "")
    code = network.encode(torch.from_numpy(mask[None, None]).float())[0].double().numpy()
    assert np.array_equal(found.mask, decoded(network, code))


def test_a_valid_mask_is_decoded_too_unless_it_is_to_be_kept() -> None:
    mask = ring(20, 8)
    mask[10:13, 30:33] ^= True  # a dent that passes, but that no ring has
    loose = Limits(defect_mm=9.0, circularity=0.5, thinnest_mm=1.0, thickest_mm=30.0)
    assert failed(mask, ONE, loose) == ()
    latent = space((18.0, 9.0, 0.0), limits=loose)
    assert not np.array_equal(latent.correct(Rings(), mask, ONE).mask, mask)
    kept = latent.correct(Rings(), mask, ONE, keep_valid=True)
    assert np.array_equal(kept.mask, mask)
    assert (kept.step, kept.valid_before) == (0.0, True)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((20.0, 1.0, 0.0), (20.0, 9.0, 0.0)),  # too thin
        ((20.0, 8.0, 5.0), (18.0, 8.0, -2.0)),  # a second object
        ((27.0, 26.5, 0.0), (20.0, 6.0, 0.0)),  # too thick
        ((4.0, 1.0, 4.0), (22.0, 9.0, -9.0)),  # all of it
    ],
)
def test_the_step_is_the_least_of_a_dense_line_search(
    start: tuple[float, float, float], end: tuple[float, float, float]
) -> None:
    network = Given(start)
    found = space(end, (60.0, 9.0, 0.0)).correct(network, ring(20, 9), ONE)
    assert found.neighbour == 0
    a, b = np.array(start), np.array(end)
    valid = [
        not failed(decoded(network, (1 - t) * a + t * b), ONE, LIMITS)
        for t in np.linspace(0, 1, 1001)
    ]
    least = valid.index(True) / 1000
    assert 0 < least < 1
    assert found.step == pytest.approx(least, abs=FINEST + 1 / 1000)
    assert failed(found.mask, ONE, LIMITS) == ()
    moved = decoded(network, (1 - found.step) * a + found.step * b)
    assert np.array_equal(found.mask, moved)
    below = found.step - FINEST
    assert failed(decoded(network, (1 - below) * a + below * b), ONE, LIMITS)


def test_it_goes_to_the_nearest_point_that_is_valid_with_the_pixels_of_the_study() -> None:
    points = (20.0, 4.0, 0.0), (20.0, 8.0, 0.0), (20.0, 12.0, 0.0)
    network = Given((20.0, 1.0, 0.0))
    latent = space(*points)
    assert latent.correct(network, ring(20, 8), ONE).neighbour == 0
    # With pixels of half a millimetre a wall of 4 is too thin, one of 8 is not.
    half = latent.correct(network, ring(20, 8), (0.5, 0.5))
    assert half.neighbour == 1
    assert failed(half.mask, (0.5, 0.5), LIMITS) == ()


def test_where_no_point_is_valid_the_slice_is_empty_and_says_why() -> None:
    network = Given((20.0, 1.0, 0.0))
    found = space((20.0, 4.0, 0.0)).correct(network, ring(20, 8), (0.1, 0.1))
    assert not found.mask.any()
    assert found.reason == "none of 1 anatomical masks is one here, with pixels of 0.1 x 0.1 mm"


def test_nothing_stays_nothing() -> None:
    empty = np.zeros((30, 40), dtype=bool)
    found = space((20.0, 8.0, 0.0)).correct(Rings(), empty, ONE)
    assert found.mask.shape == (30, 40)
    assert not found.mask.any()
    assert found.reason == "no myocardium was segmented"


def test_a_mask_is_corrected_where_it_lies() -> None:
    mask = np.zeros((150, 130), dtype=bool)
    mask[80:144, 5:69] = ring(20, 8)
    found = space((18.0, 9.0, 0.0)).correct(Rings(), mask, ONE)
    back = found.mask[80:144, 5:69]
    assert found.mask.sum() == back.sum()
    assert 2 * (back & ring(20, 8)).sum() / (back.sum() + ring(20, 8).sum()) > 0.9


def test_what_the_edge_of_the_image_cuts_is_checked_as_cut() -> None:
    mask = ring(24, 8)[:, 30:]  # half a ring at the image's edge: a C, or too round to be one
    found = space((24.0, 8.0, 0.0), (10.0, 8.0, 0.0)).correct(Rings(), mask, ONE)
    assert found.mask.shape == mask.shape
    assert not found.mask.any() or failed(found.mask, ONE, LIMITS) == ()


FILLED = filled()


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90)),
    st.sampled_from([ONE, (1.5, 1.5), (2.0, 0.7)]),
    st.booleans(),
)
def test_whatever_is_given_the_answer_is_anatomical_or_empty(
    mask: Mask, spacing: tuple[float, float], keep: bool
) -> None:
    found = FILLED.correct(Rings(), mask, spacing, keep_valid=keep)
    assert found.mask.shape == mask.shape
    assert 0 <= found.step <= 1
    if found.mask.any():
        assert failed(found.mask, spacing, LIMITS) == ()
        assert not found.reason
    else:
        assert found.reason


def test_an_untrained_network_cannot_break_the_guarantee() -> None:
    torch.manual_seed(0)
    network = AnatomicalAutoencoder(SIZE, latent=3, channels=2)
    for mask in (ring(20, 8), np.random.default_rng(0).random((80, 80)) < 0.3):
        found = FILLED.correct(network, mask, ONE)
        assert not found.mask.any() or failed(found.mask, ONE, LIMITS) == ()


def test_correcting_twice_gives_the_same_bytes() -> None:
    mask = np.random.default_rng(1).random((70, 70)) < 0.4
    first, second = (FILLED.correct(Rings(), mask, ONE) for _ in range(2))
    assert first.mask.tobytes() == second.mask.tobytes()
    assert first.step == second.step
