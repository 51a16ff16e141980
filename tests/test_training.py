"""Training: slices there and back, augmentation, the loop, determinism, and being killed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark import Case, DataError, Region, Segmentation, Study, TrainContext, Volume
from benchmark.errors import PluginError, UsageError
from benchmark.methods import _training
from benchmark.methods._augment import apply, draw
from benchmark.methods._numerics import autocast_dtype
from benchmark.methods._objectives import Regions
from benchmark.methods._recipe import AffineRanges, Recipe
from benchmark.methods._schedule import one_cycle
from benchmark.methods._slices import Square, region_masks, still_volume, unit_range
from benchmark.methods._training import Samples, fit
from benchmark.methods._weights import weights_hash
from benchmark.methods.jdl import JDL
from benchmark.methods.two_step import TwoStep

TINY = {
    "backbone": "unet",
    "size": 16,
    "pixel_mm": 3.0,
    "channels": (4, 6),
    "epochs": 4,
    "batch": 4,
    "dropout": 0.3,
}


def heart(name: str = "a", slices: int = 5, shift: float = 0.0) -> Case:
    """A bright cavity in a grey ring, a third of which is bright too, and some noise."""
    rng = np.random.default_rng(len(name) + slices)
    y, x = np.mgrid[-12:12, -12:12] + 0.5
    radius, angle = np.hypot(y - shift, x), np.arctan2(y - shift, x)
    labels = np.zeros((slices, 24, 24), dtype=np.uint8)
    labels[:, radius < 8] = 2
    labels[:, (radius < 8) & (angle > 1)] = 3
    labels[:, radius < 4] = 1
    voxels = np.array([0.1, 0.7, 0.3, 1.0])[labels] + rng.normal(0, 0.02, labels.shape)
    volume = Volume(voxels.astype(np.float32), (10.0, 2.0, 2.0))
    return Case(Study(name, {"lge": volume}), Segmentation(labels))


def test_an_image_on_the_squares_own_grid_comes_back_unchanged() -> None:
    volume = Volume(np.random.default_rng(0).random((2, 8, 8)).astype(np.float32), (8, 1.5, 1.5))
    square = Square(8, 1.5)
    there = square.resampled(volume.voxels, volume.spacing)
    np.testing.assert_allclose(there, volume.voxels, atol=1e-6)
    np.testing.assert_allclose(square.restored(there, volume), volume.voxels, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    ny=st.integers(40, 70),
    nx=st.integers(40, 70),
    dy=st.floats(0.8, 2.2),
    dx=st.floats(0.8, 2.2),
    pixel=st.floats(1.0, 2.0),
)
def test_a_disk_survives_the_way_to_the_square_and_back(
    ny: int, nx: int, dy: float, dx: float, pixel: float
) -> None:
    y = (np.arange(ny) - (ny - 1) / 2)[:, None] * dy
    x = (np.arange(nx) - (nx - 1) / 2) * dx
    disk = (np.hypot(y, x) < 14)[None]
    like = Volume(np.zeros((1, ny, nx), dtype=np.float32), (10.0, dy, dx))
    square = Square(48, pixel)
    seen = square.resampled(disk, like.spacing)
    # In mm^2: the same disk, whatever the pixels are.
    assert seen.sum() * pixel**2 == pytest.approx(disk.sum() * dy * dx, rel=0.02)
    back = square.restored(seen, like) >= 0.5
    assert 2 * (back & disk).sum() / (back.sum() + disk.sum()) > 0.93


def test_a_ramp_is_read_off_at_pixel_centres_in_mm_from_the_image_centre() -> None:
    # 10 columns of 2 mm: centres at -9, -7 ... 9 mm; the value is that position.
    ramp = np.broadcast_to(np.arange(-9.0, 10.0, 2.0), (1, 10, 10))
    seen = Square(4, 3.0).resampled(ramp, (1.0, 2.0, 2.0))
    # Pixels of 3 mm at -4.5, -1.5, 1.5, 4.5; a triangle of 3 mm over samples 2 mm apart gives
    # -4.5: (-7 * .5 - 5 * 2.5 - 3 * 1.5) / 4.5; the others by symmetry and alike.
    outer = (7 * 0.5 + 5 * 2.5 + 3 * 1.5) / 4.5
    inner = (3 * 1.5 + 1 * 2.5 - 1 * 0.5) / 4.5
    np.testing.assert_allclose(seen[0, 1], [-outer, -inner, inner, outer], rtol=1e-6)


def test_outside_the_image_there_is_nothing_and_beyond_the_square_no_probability() -> None:
    ones = np.ones((1, 6, 6), dtype=np.float32)
    seen = Square(10, 1.0).resampled(ones, (1.0, 1.0, 1.0))
    assert seen[0, 2:8, 2:8].min() == 1
    assert seen.sum() == 36
    back = Square(6, 1.0).restored(ones, Volume(np.zeros((1, 10, 10)), (1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(back, seen)


def test_each_slice_is_normalised_by_its_own_1st_and_99th_percentile() -> None:
    ramp = np.arange(101.0).reshape(1, 1, 101)
    images = unit_range(np.concatenate([ramp, 5 * ramp + 7, np.full_like(ramp, 3)]))
    np.testing.assert_allclose(images[0, 0, [0, 1, 50, 99, 100]], [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(images[1], images[0], atol=1e-6)
    assert not images[2].any()


def test_masks_are_the_regions_of_the_label_map() -> None:
    labels = np.array([[[0, 1, 2, 3, 4, 2], [0] * 6, [4] * 6, [1] * 6, [3] * 6, [2] * 6]])
    case = Case(
        Study("a", {"lge": Volume(np.zeros((1, 6, 6)), (1.0, 1.0, 1.0))}),
        Segmentation(labels),
    )
    masks = region_masks(case, (Region.MYOCARDIUM, Region.SCAR), Square(6, 1.0))
    np.testing.assert_array_equal(masks[0, 0], (labels[0] >= 2).astype(np.uint8))
    np.testing.assert_array_equal(masks[0, 1], (labels[0] >= 3).astype(np.uint8))


def test_an_image_with_frames_is_refused_by_name() -> None:
    study = Study("beating", {"lge": Volume(np.zeros((3, 2, 4, 4)), (1.0, 1.0, 1.0))})
    with pytest.raises(DataError, match=r"'beating': its image has 3 frames"):
        still_volume(study)


def test_the_identity_transform_changes_nothing() -> None:
    theta = draw(3, seed=1, epoch=2, ranges=AffineRanges(0, 0, 0, 0))
    torch.testing.assert_close(theta[1], torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    images, truth = torch.rand(3, 1, 12, 12), (torch.rand(3, 2, 12, 12) > 0.5).float()
    moved, masks = apply(images, truth, theta)
    torch.testing.assert_close(moved, images, atol=1e-5, rtol=0)
    assert torch.equal(masks, truth)


def test_a_shift_moves_image_and_mask_alike() -> None:
    theta = torch.tensor([[[1.0, 0, 0.5], [0, 1, 0]]])  # half of half a side: 2 of 8 columns
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    moved, mask = apply(image, (image > 40).float(), theta)
    torch.testing.assert_close(moved[..., :6], image[..., 2:])
    assert torch.equal(mask[..., :6], (image[..., 2:] > 40).float())
    assert not moved[..., 6:].any()


def test_a_draw_depends_on_seed_epoch_and_index_alone() -> None:
    assert torch.equal(draw(9, 3, 4)[:5], draw(5, 3, 4))
    assert not torch.equal(draw(5, 3, 4), draw(5, 3, 5))
    assert not torch.equal(draw(5, 4, 4), draw(5, 3, 4))


def test_a_draw_stays_in_its_ranges() -> None:
    theta = draw(500, 0, 0, AffineRanges(scale=0.2, degrees=0, shift=0.1, shear=0)).numpy()
    assert np.abs(np.log(theta[:, 0, 0])).max() <= 0.2 + 1e-6
    assert 0.15 < np.abs(theta[:, :, 2]).max() <= 0.2  # a side spans 2
    angles = draw(500, 0, 0, AffineRanges(0, 30, 0, 0)).numpy()[:, 1, 0]
    assert 0.4 < np.abs(angles).max() <= math.sin(math.radians(30)) + 1e-6


def test_one_cycle_rises_for_a_fifth_and_falls_to_zero() -> None:
    rates = [one_cycle(1.0, i, 100) for i in range(100)]
    assert rates[0] == pytest.approx(1 / 20)
    assert rates[19] == 1.0
    assert rates[20] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[99] < 1e-3
    assert rates[20:] == sorted(rates[20:], reverse=True)


@pytest.mark.parametrize(("supported", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_chosen_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, supported: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    assert autocast_dtype("cpu") is dtype
    assert autocast_dtype("cpu", "float32") is torch.float32
    assert autocast_dtype("cpu", "bfloat16") is torch.bfloat16
    assert JDL().numerics("cpu") == ("bfloat16" if supported else "float32")


class _Scale(nn.Module):
    """A logit that is one number, which rises with every step."""

    def __init__(self) -> None:
        super().__init__()
        self.z = nn.Parameter(torch.tensor(-1.0))

    def forward(self, images: Tensor, truth: Mapping[Region, Tensor]) -> Mapping[Region, Tensor]:
        return {Region.SCAR: self.z * torch.ones_like(images)}


def test_the_best_epoch_on_the_validation_slices_is_kept(tmp_path: Path) -> None:
    def slices(value: int) -> Samples:
        masks = torch.full((2, 1, 4, 4), value, dtype=torch.uint8)
        return Samples(torch.zeros(2, 1, 4, 4), masks)

    # Trained on scar everywhere z crosses 0 after ten steps of 0.1. Where validation has scar
    # everywhere the first epoch beyond is best; where it has none, all score 0 and the first stays.
    recipe = Recipe(epochs=20, batch=2, learning_rate=0.1, augment=None)
    for validation, low, high in ((slices(1), 0.0, 0.12), (slices(0), -1.0, -0.85)):
        network = _Scale()
        context = TrainContext(tmp_path, tmp_path / str(high))
        fit(network, Regions(network, (Region.SCAR,)), slices(1), validation, recipe, context)
        assert low < network.z.item() <= high
    network = _Scale()
    fit(
        network,
        Regions(network, (Region.SCAR,)),
        slices(1),
        None,
        recipe,
        TrainContext(tmp_path, tmp_path / "last"),
    )
    assert network.z.item() > 0.5


@pytest.mark.parametrize("validated", [True, False])
def test_progress_tells_of_a_dice_only_where_there_is_one(tmp_path: Path, validated: bool) -> None:
    told: list[set[str]] = []

    def report(step: int, of: int, values: Mapping[str, float]) -> None:
        told.append(set(values))

    network, context = _Scale(), TrainContext(tmp_path, tmp_path, report=report)
    samples = Samples(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.uint8))
    chosen = samples if validated else None
    recipe = Recipe(epochs=3, batch=2, learning_rate=0.1, augment=None)
    fit(network, Regions(network, (Region.SCAR,)), samples, chosen, recipe, context)
    later = {"loss", "dice"} if validated else {"loss"}
    assert told == [{"loss"}, later, later]


def test_a_training_that_diverges_says_so_at_once(tmp_path: Path) -> None:
    method = JDL(**{**TINY, "learning_rate": 1e30})
    with pytest.raises(PluginError, match="diverged: its loss is") as error:
        train(method, tmp_path)
    assert "learning rate" in str(error.value)


def train(method: JDL | TwoStep, folder: Path, seed: int = 0, stop: int | None = None) -> bytes:
    """The bytes of the weights; ``stop`` is the step whose report is interrupted."""

    def report(step: int, of: int, values: Mapping[str, float]) -> None:
        assert 0 < step <= of
        assert math.isfinite(values["loss"])
        if step == stop:
            raise KeyboardInterrupt

    model = folder / "model"
    cases, validation = [heart("a"), heart("b", 4, 2.0)], [heart("c")]
    context = TrainContext(model, folder / "scratch", validation, seed, report=report)
    method.train(cases, context)
    return (model / "model.pt").read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    method = JDL(**TINY)
    first = train(method, tmp_path / "1")
    assert train(method, tmp_path / "2") == first
    assert train(method, tmp_path / "3", seed=1) != first


@pytest.mark.parametrize("method", [JDL(**TINY), TwoStep(**TINY)], ids=["jdl", "two_step"])
def test_a_training_interrupted_anywhere_and_started_again_ends_the_same(
    tmp_path: Path, method: JDL | TwoStep
) -> None:
    whole = train(method, tmp_path / "whole")
    # 9 slices in batches of at most 4: 3 steps an epoch, 12 a stage.
    steps = 12 * (2 if isinstance(method, TwoStep) else 1)
    for stop in (1, 3, 4, 8, steps // 2 + 1, steps):
        folder = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            train(method, folder, stop=stop)
        assert train(method, folder) == whole, f"interrupted at step {stop}"


def test_a_training_interrupted_at_every_step_still_ends_the_same(tmp_path: Path) -> None:
    method = JDL(**TINY)
    whole = train(method, tmp_path / "whole")
    for stop in (2, 5, 7, 12):  # each time within the next epoch, of the same folder
        with pytest.raises(KeyboardInterrupt):
            train(method, tmp_path / "often", stop=stop)
    (tmp_path / "often" / "scratch" / ".joint.pt.1.tmp").write_bytes(b"half a checkpoint")
    assert train(method, tmp_path / "often") == whole


def test_training_leaves_the_callers_torch_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train(JDL(**{**TINY, "epochs": 1}), tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_weights_hash_sees_values_shapes_and_names_but_not_layout() -> None:
    a = torch.arange(24.0).reshape(1, 2, 3, 4)
    here = weights_hash({"a": a, "b": torch.tensor(1)})
    laid_out = a.to(memory_format=torch.channels_last)
    assert weights_hash({"b": torch.tensor(1), "a": laid_out}) == here
    for other in (
        {"a": a.reshape(1, 2, 4, 3), "b": torch.tensor(1)},
        {"a": a, "c": torch.tensor(1)},
        {"a": a + 1e-6 * (a == 1), "b": torch.tensor(1)},
    ):
        assert weights_hash(other) != here


def test_training_without_cases_or_label_maps_says_so(tmp_path: Path) -> None:
    context = TrainContext(tmp_path / "model", tmp_path / "scratch")
    with pytest.raises(UsageError, match="no training cases"):
        JDL(**TINY).train([], context)


@pytest.mark.parametrize("content", [None, b"", b"not weights", b"PK\x03\x04"])
def test_weights_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(PluginError, match=r"model\.pt"):
        JDL(**TINY).at(tmp_path).predict(heart().study)


def test_weights_of_other_parameters_are_refused(tmp_path: Path) -> None:
    train(JDL(**{**TINY, "epochs": 1}), tmp_path)
    with pytest.raises(PluginError, match="do not fit"):
        JDL(**{**TINY, "channels": (4, 8)}).at(tmp_path / "model").predict(heart().study)


def test_the_estimate_is_steps_times_the_time_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_training, "step_seconds", lambda *args: 0.5)
    context = TrainContext(tmp_path, tmp_path)
    # 10 slices in batches of 4: 3 steps, 4 epochs; two stages in two_step.
    cases = [heart("a"), heart("b")]
    assert JDL(**TINY).estimate_seconds(cases, context) == pytest.approx(3 * 4 * 0.5)
    assert TwoStep(**TINY).estimate_seconds(cases, context) == pytest.approx(2 * 3 * 4 * 0.5)
    assert JDL(**TINY).estimate_seconds([], context) is None


def test_a_real_step_takes_time(tmp_path: Path) -> None:
    seconds = JDL(**TINY).estimate_seconds([heart()], TrainContext(tmp_path, tmp_path))
    assert seconds is not None
    assert seconds > 0
