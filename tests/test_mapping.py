"""The method of mapping2023: its loss, its rate, its two phases, its contours, its ablations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from benchmark import Case, Contour, DataError, Region, Segmentation, Study, TrainContext, Volume
from benchmark.contours import TABLE_8, ablation, achievable_best, contours_to_labels, fit_contours
from benchmark.contours.fitting import STEPS, Fit
from benchmark.errors import UsageError
from benchmark.methods._mapping_images import as_samples, map_images, map_kind, weighted_images
from benchmark.methods._mapping_images import masks as drawn_masks
from benchmark.methods._mapping_loss import Layers, Perturbation, classes, jaccard_loss
from benchmark.methods._mapping_training import cosine, cycle_lengths
from benchmark.methods._slices import Square
from benchmark.methods.mapping import PHASES, Mapping2023

N = 32
PIXEL = 1.5
#: Of background, cavity, myocardium, in ms: a healthy heart at 1.5 T.
MS = {"t1": np.array([400.0, 1600.0, 1000.0]), "t2": np.array([35.0, 200.0, 50.0])}
TIMES = {
    "t1": (120.0, 200.0, 1000.0, 1080.0, 1900.0, 1980.0, 2800.0, 3700.0),
    "t2": (0.0, 25.0, 55.0),
}
TINY: dict[str, Any] = {
    "width": 4, "size": 32, "pixel_mm": PIXEL, "epochs": 6, "cycles": 2, "batch": 8
}  # fmt: skip


def circle(index: int, kind: Literal["endo", "epi"], radius: float) -> Contour:
    """Of that radius in mm about the middle of the image."""
    at = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    points = radius / PIXEL * np.stack([np.sin(at), np.cos(at)], axis=1)
    return Contour(index, kind, points + (N - 1) / 2)


def heart(
    name: str = "a", kind: str = "t1", *, weighted: bool = True, slices: int = 3, n: int = N
) -> Case:
    """A patient's map, larger towards the base, with the images that it could be fitted to."""
    rng = np.random.default_rng([len(name), ord(name[0]), kind == "t1"])
    contours = [
        c for i in range(slices) for c in (circle(i, "endo", 9 + i), circle(i, "epi", 16 + i))
    ]
    labels = contours_to_labels(contours, (slices, n, n))
    true = MS[kind][labels]
    true = true * (1 + 0.03 * rng.standard_normal(true.shape))
    spacing = (8.0, PIXEL, PIXEL)
    images = {kind: Volume(true.astype(np.float32), spacing)}
    if weighted:
        times = np.array(TIMES[kind]).reshape(-1, 1, 1, 1)
        signal = 1 - 2 * np.exp(-times / true) if kind == "t1" else np.exp(-times / true)
        frames = (1000 * np.abs(signal)).astype(np.float32)
        images[f"{kind}_weighted"] = Volume(frames, spacing, times_ms=TIMES[kind])
    study = Study(name, images, {"patient": name, "map": kind}, apex="first")
    return Case(study, Segmentation(labels, tuple(contours)))


def context(folder: Path, **others: Any) -> TrainContext:
    return TrainContext(folder / "model", folder / "scratch", **others)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


# -- loss ---------------------------------------------------------------------------------------


def test_the_jaccard_loss_of_four_pixels_by_hand() -> None:
    # Probabilities by class of the pixels, true classes 0, 0, 1, 2.
    p = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0, 0], [0.2, 0.8, 0], [0.25, 0.25, 0.5]])
    logits = p.clamp_min(1e-30).log().T.reshape(1, 3, 2, 2)
    truth = torch.tensor([[[0, 0], [1, 2]]])
    #          both           p sums to             t    both
    zero = 1 - 1.5 / (0.5 + 1 + 0.2 + 0.25 + 2 - 1.5)
    one = 1 - 0.8 / (0.25 + 0.8 + 0.25 + 1 - 0.8)
    two = 1 - 0.5 / (0.25 + 0.5 + 1 - 0.5)
    assert jaccard_loss(logits, truth).item() == pytest.approx((zero + one + two) / 3, abs=1e-5)


def test_a_perfect_answer_and_a_class_that_is_nowhere_cost_nothing() -> None:
    truth = torch.tensor([[[0, 0], [1, 1]]])
    sure = torch.nn.functional.one_hot(truth, 3).movedim(-1, 1) * 200.0
    assert jaccard_loss(sure, truth).item() == pytest.approx(0, abs=1e-5)
    # All of it wrong in two classes of three; the third stays out of it.
    assert jaccard_loss(sure, 1 - truth).item() == pytest.approx(2 / 3, abs=1e-5)


def test_the_loss_of_hard_answers_is_one_minus_the_mean_jaccard_index() -> None:
    rng = torch.Generator().manual_seed(0)
    truth, answer = (torch.randint(0, 3, (2, 6, 6), generator=rng) for _ in range(2))
    logits = torch.nn.functional.one_hot(answer, 3).movedim(-1, 1) * 200.0
    index = [
        ((truth == k) & (answer == k)).sum() / ((truth == k) | (answer == k)).sum()
        for k in range(3)
    ]
    expected = 1 - torch.stack(index).mean().item()
    assert jaccard_loss(logits, truth).item() == pytest.approx(expected, abs=1e-5)


def test_nested_masks_make_the_three_classes() -> None:
    lv, cavity = torch.tensor([[0, 1, 1, 0.0]]), torch.tensor([[0, 0, 1, 1.0]])
    assert classes(torch.stack([lv, cavity])[None]).tolist() == [[[0, 2, 1, 1]]]


def test_contrast_and_intensity_are_changed_image_by_image_within_their_ranges() -> None:
    image = torch.tensor([0.3, 0.5, 0.7]).view(1, 1, 1, 3).repeat(400, 1, 1, 1)
    torch.manual_seed(3)
    changed = Perturbation(0.2, 0.1)(image)
    contrast = (changed[..., 2] - changed[..., 0]).flatten() / 0.4
    moved = changed[..., 1].flatten() - 0.5
    for values, reach in ((contrast - 1, 0.2), (moved, 0.1)):
        assert -reach <= values.min() < -0.9 * reach
        assert 0.9 * reach < values.max() <= reach + 1e-6
    assert abs(np.corrcoef(contrast, moved)[0, 1]) < 0.2
    assert Perturbation(0, 5)(image).min() == 0  # clipped
    torch.testing.assert_close(Perturbation(0, 0)(image), image)


def test_the_network_sees_the_middle_and_is_judged_by_it() -> None:
    class Bright(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            assert images.shape[-2:] == (4, 4)
            return torch.cat([0.5 - images, images - 1, images - 0.5], dim=1) * 100

    masks = torch.zeros(1, 2, 8, 8)
    masks[:, 0, 3:5, 1:] = 1  # beyond the middle too
    objective = Layers(Bright(), size=4)
    answers = objective.outputs(masks[:, :1], masks)
    assert objective.loss(answers, masks, None).item() == pytest.approx(0, abs=1e-5)
    assert objective.counts(answers, masks).tolist() == [[0, 0, 0], [8, 8, 8]]


def test_only_training_perturbs() -> None:
    objective = Layers(nn.Conv2d(1, 3, 1), 4, Perturbation())
    images = torch.rand(2, 1, 4, 4)
    first, second = (objective.outputs(images, images)[Region.LV] for _ in range(2))
    assert not torch.equal(first, second)
    objective.network.eval()
    first, second = (objective.outputs(images, images)[Region.LV] for _ in range(2))
    assert torch.equal(first, second)


# -- rate ---------------------------------------------------------------------------------------


def test_the_papers_150_epochs_are_cycles_of_10_20_40_and_80() -> None:
    method = Mapping2023(**Mapping2023.profiles["paper"])
    assert cycle_lengths(150, 4) == (10, 20, 40, 80)
    first, second = (method.rates[phase] for phase in PHASES)
    assert (len(first), len(second)) == (70, 80)
    assert [i for i, rate in enumerate(first + second) if rate == 1e-5] == [0, 10, 30, 70]
    for epoch in (5, 20, 50, 110):  # the middle of each cycle
        assert (first + second)[epoch] == pytest.approx(0.5e-5)
    assert first[9] == pytest.approx(1e-5 * 0.5 * (1 + math.cos(math.pi * 0.9)))
    assert first[69] < 2e-8
    assert second[79] < 1e-8
    for start, end in ((0, 10), (10, 30), (30, 70), (70, 150)):
        cycle = (first + second)[start:end]
        assert list(cycle) == sorted(cycle, reverse=True)


def test_epochs_that_make_no_cycles_are_refused() -> None:
    assert cosine(2.0, (1, 2)) == (2.0, 2.0, 1.0)
    for epochs, cycles in ((149, 4), (0, 2), (2, 2)):
        with pytest.raises(ValueError, match="cycles"):
            cycle_lengths(epochs, cycles)
    with pytest.raises(ValidationError, match="epochs 16 is not a multiple of 15"):
        Mapping2023(epochs=16)
    constant = Mapping2023(schedule="constant").rates
    assert {rate for phase in PHASES for rate in constant[phase]} == {Mapping2023().learning_rate}


# -- what it sees -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "low", "high"), [("t1", 500.0, 2500.0), ("t2", 37.5, 187.5)])
def test_maps_have_a_fixed_window_in_ms(kind: str, low: float, high: float) -> None:
    voxels = np.full((1, 4, 4), low)
    voxels[0, 0, 0] = high
    study = Study("a", {kind: Volume(voxels, (8.0, 1.0, 1.0))})
    seen = map_images(study, Square(4, 1.0))
    np.testing.assert_allclose(seen[0, 0], [1.0, 0.25, 0.25, 0.25], atol=1e-6)


def test_a_pixel_that_could_not_be_fitted_does_not_bleed_into_its_neighbours() -> None:
    voxels = np.full((1, 4, 4), 1000.0)
    voxels[0, :, 2:] = 1e30
    seen = map_images(Study("a", {"t1": Volume(voxels, (8.0, 1.0, 1.0))}), Square(8, 0.5))
    assert seen.max() <= 1
    # Half a pixel beyond the image, at either end, there is nothing.
    expected = [0.375, 0.5, 0.5, 0.625, 0.875, 1, 1, 0.75]
    np.testing.assert_allclose(seen[0, 4], expected, atol=1e-6)


def test_each_weighted_image_has_a_scale_of_its_own() -> None:
    study, square = heart().study, Square(N, PIXEL)
    frames = weighted_images(study, square)
    assert [f.shape for f in frames] == [(3, N, N)] * 8
    louder = dict(study.images)
    voxels = louder["t1_weighted"].voxels * np.arange(1, 9).reshape(-1, 1, 1, 1)
    louder["t1_weighted"] = replace(louder["t1_weighted"], voxels=voxels)
    for frame, same in zip(frames, weighted_images(replace(study, images=louder), square),
                           strict=True):  # fmt: skip
        np.testing.assert_allclose(frame, same, atol=1e-5)
        assert (frame.min(), frame.max()) == (0, 1)


def test_every_weighted_image_is_a_sample_with_the_contours_of_its_map() -> None:
    cases = [heart("a"), heart("b", "t2"), heart("c", weighted=False)]
    samples, are_maps = as_samples(cases, Square(N, PIXEL))
    assert len(samples) == 3 * (1 + 8) + 3 * (1 + 3) + 3
    assert are_maps.tolist() == ([True] * 3 + [False] * 24 + [True] * 3 + [False] * 9 + [True] * 3)
    for i in range(27):
        assert torch.equal(samples.masks[i], samples.masks[i % 3])
    maps, all_maps = as_samples(cases, Square(N, PIXEL), weighted=False)
    assert all_maps.all()
    assert torch.equal(maps.images, samples.images[are_maps])
    assert torch.equal(maps.masks, samples.masks[are_maps])


def test_masks_are_drawn_on_the_networks_own_pixels() -> None:
    case = heart()
    fine = drawn_masks(case, Square(4 * N, PIXEL / 4))
    assert fine.shape == (3, 2, 4 * N, 4 * N)
    for i in range(3):  # the areas of the disks, to a fraction of an original pixel
        for channel, radius in ((0, 16 + i), (1, 9 + i)):
            area = fine[i, channel].sum() * (PIXEL / 4) ** 2
            polygon = 60 / 2 * math.sin(2 * math.pi / 60) * radius**2
            assert area == pytest.approx(polygon, abs=2)
    same = drawn_masks(case, Square(N, PIXEL))
    assert case.reference.labels is not None
    np.testing.assert_array_equal(same[:, 0] == 1, case.reference.labels > 0)
    np.testing.assert_array_equal(same[:, 1] == 1, case.reference.labels == 1)


def test_labels_do_where_there_are_no_contours_and_contours_where_they_cross() -> None:
    case = heart()
    bare = replace(case, reference=Segmentation(case.reference.labels))
    square = Square(N, PIXEL)
    np.testing.assert_array_equal(drawn_masks(bare, square), drawn_masks(case, square))
    crossed = replace(case, reference=Segmentation(contours=(circle(0, "endo", 12),)))
    masks = drawn_masks(crossed, square)
    np.testing.assert_array_equal(masks[:, 0], masks[:, 1])
    assert masks[0].any()
    assert not masks[1:].any()


def test_what_cannot_be_learnt_from_is_named() -> None:
    case, square = heart(), Square(N, PIXEL)
    images = dict(case.study.images)
    images["t1_weighted"] = Volume(np.zeros((8, 3, 9, 9)), (8.0, 1.5, 1.5))
    with pytest.raises(DataError, match="t1_weighted has shape"):
        weighted_images(replace(case.study, images=images), square)
    with pytest.raises(DataError, match="no T1 or T2 map: lge"):
        map_images(Study("b", {"lge": Volume(np.zeros((1, 2, 2)), (1.0, 1.0, 1.0))}), square)
    with pytest.raises(DataError, match="its map has 2 frames"):
        map_images(Study("b", {"t2": Volume(np.zeros((2, 1, 2, 2)), (1.0, 1.0, 1.0))}), square)
    lost = Segmentation(contours=(circle(7, "epi", 9.0),))
    with pytest.raises(DataError, match="slice 7"):
        drawn_masks(replace(case, reference=lost), square)


# -- applicability and parameters ---------------------------------------------------------------


def test_a_study_without_the_map_that_is_asked_for_is_not_applicable() -> None:
    t1, t2 = heart("a", "t1").study, heart("b", "t2").study
    lge = Study("c", {"lge": t1.target})
    both = Study("d", {"t1": t1.target, "t2": t2.target})
    assert (map_kind(t1), map_kind(t2), map_kind(lge), map_kind(both)) == ("t1", "t2", None, "t1")
    assert [Mapping2023().skip(s) for s in (t1, t2, both)] == [None] * 3
    assert Mapping2023().skip(lge) == "needs a t1 or a t2 map"
    assert Mapping2023(maps="t1").skip(t1) is None
    assert Mapping2023(maps="t1").skip(t2) == "is of t2 maps; this model is for t1 maps alone"
    assert Mapping2023(maps="t2").skip(t1) == "is of t1 maps; this model is for t2 maps alone"
    # Where there is LGE beside a map, LGE is what is segmented.
    beside = Study("e", {"lge": t1.target, "t1": Volume(np.zeros((1, 2, 2)), (1.0, 1.0, 1.0))})
    assert Mapping2023().skip(beside) == "needs a t1 or a t2 map"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 48}, "size 48 is not a multiple of 32"),
        ({"encoder": "unet", "size": 40}, "size 40 is not a multiple of 16"),
        ({"encoder_weights": "imagenet"}, "encoder resnet50, width 64"),
        ({"encoder": "resnet50", "encoder_weights": "imagenet"}, "width 64"),
        ({"encoder": "unet", "encoder_weights": "x.pt"}, "unet has none"),
        ({"encoder": "vit"}, "encoder"),
        ({"schedule": "one_cycle"}, "schedule"),
    ],
)
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Mapping2023(**wrong)


def test_the_paper_profile_has_the_papers_numbers_and_its_ablations_are_one_setting_each() -> None:
    paper = Mapping2023.profiles["paper"]
    method = Mapping2023(**paper)
    assert (method.encoder, method.encoder_weights, method.size) == ("resnet50", "imagenet", 224)
    assert (method.epochs, method.learning_rate, method.schedule) == (150, 1e-5, "cosine")
    assert Mapping2023(**Mapping2023.profiles["quick"]) == Mapping2023()
    assert Mapping2023(**{**paper, "encoder": "unet"}).files() == ()
    assert Mapping2023(**{**paper, "encoder_weights": "none"}).files() == ()
    for maps in ("t1", "t2"):
        assert Mapping2023(**{**paper, "maps": maps}).maps == maps


def test_parameters_are_counted() -> None:
    paper = Mapping2023.profiles["paper"]
    assert Mapping2023(**{**paper, "encoder_weights": "none"}).parameter_count() == 32_515_123
    assert Mapping2023().parameter_count() == 4_261_979
    assert Mapping2023().epoch_count == 15


def test_a_weights_file_is_part_of_the_key(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"1")
    assert list(Mapping2023(encoder_weights=str(path)).files()) == [path]
    assert list(Mapping2023(encoder_weights=str(tmp_path / "gone.pt")).files()) == []


def test_each_row_of_table_8_is_one_setting_and_shares_the_training() -> None:
    rows: dict[str, dict[str, Any]] = {
        "none": {"interpolate": False, "filter": False, "hull": False},
        "+ interpolation": {"filter": False, "hull": False},
        "+ filter": {"hull": False},
        "+ hull": {},
    }
    assert {name: Mapping2023(**row).fit.steps for name, row in rows.items()} == dict(TABLE_8)
    assert Mapping2023().fit == Fit()
    assert Mapping2023(dominant_points=False).fit.steps == frozenset(STEPS) - {"dominant_points"}
    usual = Mapping2023()
    assert usual.trainer() is usual
    for row in (*rows.values(), {"dominant_points": False}, {"labels": "contours"}):
        trainer = Mapping2023(**row).trainer()
        assert trainer == usual
        assert trainer.trainer() is trainer
    for other in ({"encoder": "unet"}, {"maps": "t1"}, {"width": 8}):
        assert Mapping2023(**other, hull=False).trainer() == Mapping2023(**other)


# -- training -----------------------------------------------------------------------------------


def train(
    folder: Path, *, stop: int | None = None, seed: int = 0, told: list[int] | None = None,
    **others: Any,
) -> bytes:  # fmt: skip
    """The bytes of the weights; ``stop`` is the step whose report is interrupted."""

    def report(step: int, of: int, values: Mapping[str, float]) -> None:
        assert 0 < step <= of
        assert math.isfinite(values["loss"])
        if told is not None:
            told.extend((step, of))
        if step == stop:
            raise KeyboardInterrupt

    cases, validation = [heart("a"), heart("b", "t2")], [heart("c")]
    method = Mapping2023(**{**TINY, **others})
    method.train(cases, context(folder, validation=validation, seed=seed, report=report))
    return (folder / "model" / "model.pt").read_bytes()


#: 39 images in batches of at most 8: 5 steps an epoch for 2 epochs; 6 maps: 1 step for 4 epochs.
STEPS_OF_TINY = 5 * 2 + 1 * 4


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[int]]:
    folder = tmp_path_factory.mktemp("mapping")
    told: list[int] = []
    return folder, train(folder, told=told), told


def test_both_phases_are_one_count_of_steps(trained: tuple[Path, bytes, list[int]]) -> None:
    told = trained[2]
    assert told[::2] == list(range(1, STEPS_OF_TINY + 1))
    assert set(told[1::2]) == {STEPS_OF_TINY}


def test_each_phase_trains_at_its_own_rates(trained: tuple[Path, bytes, list[int]]) -> None:
    rates = Mapping2023(**TINY).rates
    for phase in PHASES:
        state = torch.load(trained[0] / "scratch" / f"{phase}.pt", weights_only=True)
        assert state["epochs"] == len(rates[phase])
        assert [g["lr"] for g in state["optimiser"]["param_groups"]] == [rates[phase][-1]]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    trained: tuple[Path, bytes, list[int]], tmp_path: Path
) -> None:
    assert train(tmp_path / "same") == trained[1]
    assert train(tmp_path / "other", seed=1) != trained[1]


def test_a_training_interrupted_again_and_again_ends_with_the_same_bytes(
    trained: tuple[Path, bytes, list[int]], tmp_path: Path
) -> None:
    # One training: within an epoch and at its end, in either phase, each going on from the last.
    for stop in (3, 7, 10, 11, 13, 14):
        told: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, stop=stop, told=told)
        # Each starts where an epoch began, and never anew once there was one.
        assert told[0] == {3: 1, 7: 1, 10: 6, 11: 6, 13: 11, 14: 13}[stop]
    assert train(tmp_path) == trained[1]


def test_looking_less_often_is_resumed_as_well(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", validate_every=3)
    for stop in (12, 13):  # within a block of epochs
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "often", stop=stop, validate_every=3)
    assert train(tmp_path / "often", validate_every=3) == whole


def test_without_weighted_images_both_phases_are_of_maps(tmp_path: Path) -> None:
    cases = [heart("a", weighted=False), heart("b", "t2", weighted=False)]
    told: list[int] = []
    method = Mapping2023(**TINY)
    method.train(cases, context(tmp_path, report=lambda step, of, _: told.append(of)))
    assert set(told) == {6}
    with pytest.raises(UsageError, match="no training cases"):
        method.train([], context(tmp_path))


def test_the_estimate_counts_the_steps_of_both_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.methods import _training

    monkeypatch.setattr(_training, "step_seconds", lambda *_: 0.5)
    cases = [heart("a"), heart("b", "t2")]
    method = Mapping2023(**TINY)
    assert method.estimate_seconds(cases, context(tmp_path)) == 0.5 * STEPS_OF_TINY
    assert method.estimate_seconds([], context(tmp_path)) is None


@pytest.mark.parametrize("encoder", ["tiny_resnet", "unet"])
def test_the_shipped_quick_optimiser_learns_one_case_by_heart(encoder: str, tmp_path: Path) -> None:
    # Smaller in image and network, more epochs; optimiser, schedule, loss and batch as shipped.
    # Both see the same 48 mm; a ResNet begins at half the resolution, and needs finer pixels.
    size, epochs = {"tiny_resnet": (64, 60), "unet": (32, 45)}[encoder]
    method = Mapping2023(
        encoder=encoder, width=8, size=size, pixel_mm=48 / size, epochs=epochs, augment=False
    )
    case = heart()
    method.train([case], context(tmp_path, validation=[case]))
    predicted = method.at(tmp_path / "model").predict(case.study)
    assert predicted.labels is not None
    assert case.reference.labels is not None
    for region in method.produces:
        assert dice(region.mask(predicted.labels), region.mask(case.reference.labels)) > 0.95


# -- prediction ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Mapping2023:
    """Trained until it draws hearts."""
    folder = tmp_path_factory.mktemp("able")
    method = Mapping2023(width=8, size=32, epochs=30, augment=False)
    method.train([heart("a"), heart("b", "t2")], context(folder))
    return method.at(folder / "model")


def test_labels_are_the_mask_and_contours_are_fitted_to_it(able: Mapping2023) -> None:
    case = heart("z", "t2")
    answer = able.predict(case.study)
    assert answer.labels is not None
    assert answer.probabilities is not None
    fitted = fit_contours(answer.labels, case.study.target.spacing, Fit())
    assert [(c.slice, c.kind) for c in answer.contours] == [
        (i, kind) for i in range(3) for kind in ("endo", "epi")
    ]
    for ours, expected in zip(answer.contours, fitted, strict=True):
        np.testing.assert_array_equal(ours.points, expected.points)
    assert set(answer.probabilities) == able.produces
    lv = answer.probabilities[Region.CAVITY] + answer.probabilities[Region.MYOCARDIUM]
    np.testing.assert_allclose(answer.probabilities[Region.LV], lv, atol=1e-6)
    again = able.predict(case.study)
    np.testing.assert_array_equal(again.labels, answer.labels)


def test_labels_can_be_made_of_the_contours(able: Mapping2023) -> None:
    case = heart("z")
    other = Mapping2023(**{**able.model_dump(), "labels": "contours"}).at(able.model)
    mask, drawn = able.predict(case.study), other.predict(case.study)
    assert drawn.labels is not None
    expected = contours_to_labels(drawn.contours, case.study.target.shape)
    np.testing.assert_array_equal(drawn.labels, expected)
    assert [c.points.tolist() for c in drawn.contours] == [c.points.tolist() for c in mask.contours]


def test_a_run_of_it_feeds_table_8_and_figure_9(able: Mapping2023) -> None:
    case = heart("z")
    image, answer = case.study.target, able.predict(case.study)
    rows = ablation(case.reference, Segmentation(answer.labels), image.shape, image.spacing)
    for name, scores in rows.items():
        assert [(s.slice, s.kind, s.status) for s in scores] == [
            (i, kind, "ok") for i in range(3) for kind in ("endo", "epi")
        ], name
    best = achievable_best(case.reference.contours, image.shape, image.spacing)
    assert {s.status for s in best} == {"ok"}
    assert max(s.value or 0 for s in best if s.metric == "hd") < PIXEL


def test_a_contour_stays_on_the_image_where_the_mask_meets_its_edge(
    able: Mapping2023, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = heart("z").study
    shares = torch.zeros(3, 3, 32, 32)
    shares[:, 0] = 4.0
    shares[:, 2, :, 16:] = 9.0
    shares[:, 2, 8:24, 8:] = 9.0
    monkeypatch.setattr(Mapping2023, "answers", lambda *_: [{Region.LV: shares}])
    contours = able.predict(study).contours
    assert {c.kind for c in contours} == {"epi"}
    for contour in contours:
        assert contour.points.min() >= -0.5
        assert contour.points.max() <= N - 0.5
