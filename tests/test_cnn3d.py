"""cnn3d and cnn2d: one network and one training, with 3D and with 2D kernels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from benchmark import Case, DataError, Method, Region, Segmentation, Study, TrainContext, Volume
from benchmark.methods._objectives import Tissues
from benchmark.methods._slabwise import SlabwiseMethod
from benchmark.methods.cnn2d import CNN2D
from benchmark.methods.cnn3d import CNN3D

BOTH: list[type[SlabwiseMethod]] = [CNN3D, CNN2D]
TINY: dict[str, Any] = {"size": 16, "pixel_mm": 3.0, "channels": (4, 6), "epochs": 2}


def heart(name: str = "a", slices: int = 4, n: int = 24) -> Case:
    """A ring about the centre, part of it bright in all but the first slice; 48 mm wide."""
    rng = np.random.default_rng(slices)
    y, x = (np.mgrid[:n, :n] - (n - 1) / 2) * 48 / n
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    labels = np.zeros((slices, n, n), dtype=np.uint8)
    labels[:, radius < 17] = 2
    labels[1:, (radius < 17) & (angle > 1)] = 3
    labels[1:, (radius < 17) & (angle > 2.2)] = 4  # no-reflow, dark, counts as scar
    labels[:, radius < 9] = 1
    voxels = np.array([0.1, 0.7, 0.3, 1.0, 0.9])[labels] + rng.normal(0, 0.03, labels.shape)
    volume = Volume(voxels.astype(np.float32), (10.0, 48 / n, 48 / n))
    return Case(Study(name, {"lge": volume}), Segmentation(labels))


def trained(method: SlabwiseMethod, folder: Path, seed: int = 0) -> tuple[SlabwiseMethod, bytes]:
    """The method bound to what it learned of two hearts, and the bytes of its weights."""
    context = TrainContext(folder / "model", folder / "scratch", [heart("c", 3)], seed)
    method.train([heart("a"), heart("b", 2)], context)
    return method.at(folder / "model"), (folder / "model" / "model.pt").read_bytes()


def labels_of(method: Method, study: Study) -> NDArray[np.uint8]:
    labels = method.predict(study).labels
    assert labels is not None
    return labels


def test_the_networks_have_these_parameters() -> None:
    assert CNN3D().parameter_count() == 332_020
    assert CNN2D().parameter_count() == 112_996
    assert CNN3D(**CNN3D.profiles["paper"]).parameter_count() == 5_300_164
    assert CNN2D(**CNN2D.profiles["paper"]).parameter_count() == 1_797_508


@pytest.mark.parametrize("profile", ["quick", "smoke", "paper"])
def test_the_two_differ_in_their_kernels_alone(profile: str) -> None:
    deep, flat = (cls(**cls.profiles[profile]) for cls in BOTH)
    assert (deep.dimensions, flat.dimensions) == (3, 2)
    assert deep.model_dump() == flat.model_dump()
    assert deep.recipe == flat.recipe
    big, small = deep.build().state_dict(), flat.build().state_dict()
    assert len(big) == len(small)
    for (name, a), (other, b) in zip(big.items(), small.items(), strict=True):
        assert other == name.replace("tissues.", "tissues.network.")
        assert b.shape == (a.shape[:2] + a.shape[3:] if a.dim() == 5 else a.shape)


def test_with_one_seed_the_two_start_from_the_same_answers() -> None:
    stacks = torch.rand(2, 1, 3, 16, 16)
    with torch.inference_mode():
        first, second, other = (
            method.build(seed)["tissues"].eval()(stacks)
            for method, seed in ((CNN3D(**TINY), 5), (CNN2D(**TINY), 5), (CNN2D(**TINY), 6))
        )
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(first, other, atol=1e-2)


def test_the_two_are_given_the_very_same_samples() -> None:
    cases = [heart("a"), heart("b", 2), heart("c", 1)]
    deep, flat = (cls(**TINY).samples(cases) for cls in BOTH)
    assert torch.equal(deep.images, flat.images)
    assert torch.equal(deep.masks, flat.masks)
    assert deep.weights is not None
    assert flat.weights is not None
    assert torch.equal(deep.weights, flat.weights)


def test_the_paper_profile_has_the_papers_numbers() -> None:
    for cls in BOTH:
        method = cls(**cls.profiles["paper"])
        assert (method.size, len(method.channels)) == (128, 4)
        assert method.samples([heart("a", 11)]).images.shape == (9, 1, 3, 128, 128)
        assert (method.learning_rate, method.recipe.plateau.minimum) == (0.005, 0.0005)
        assert (method.epochs, method.schedule) == (250, "plateau")
        assert cls(**cls.profiles["quick"]) == cls()


def test_samples_are_moved_within_the_plane_turned_and_mirrored_and_nothing_else() -> None:
    ranges = CNN3D().recipe.augment
    assert ranges is not None
    assert (ranges.scale, ranges.shear) == (0, 0)
    assert min(ranges.degrees, ranges.shift) > 0
    assert ranges.flip_rows
    assert ranges.flip_columns
    assert CNN3D(augment=False).recipe.augment is None


def test_slabs_come_with_their_masks_and_the_weight_of_their_scar() -> None:
    # 16 pixels of 3 mm are the whole image of 48 mm; slices of 10 mm: 90 mm^3 each.
    samples = CNN3D(**TINY).samples([heart("a", 5), heart("b", 1)])
    assert samples.images.shape == (4, 1, 3, 16, 16)
    assert samples.masks.shape == (4, 3, 3, 16, 16)
    assert torch.equal(samples.images[0, :, 1:], samples.images[1, :, :2])
    assert torch.equal(samples.masks[1, :, 1:], samples.masks[2, :, :2])
    assert samples.weights is not None
    scar = samples.masks[:, 2].flatten(1).sum(dim=1)
    of_slice = int(samples.masks[0, 2, 1].sum())
    # The first slice of the heart has none; the heart of one slice has that slice alone.
    assert scar.tolist() == [2 * of_slice, 3 * of_slice, 3 * of_slice, 0]
    assert of_slice > 10
    expected = [math.log(10 + 0.09 * int(n)) for n in scar]
    np.testing.assert_allclose(samples.weights, expected, rtol=1e-6)


def test_no_reflow_is_scar_and_the_classes_are_those_of_the_labels() -> None:
    case = heart("a", 3, n=16)  # on the square's own grid
    samples = CNN3D(**TINY).samples([case])
    classes = Tissues.classes(samples.masks)[0].numpy()
    assert case.reference.labels is not None
    np.testing.assert_array_equal(classes, np.minimum(case.reference.labels, 3))


def test_a_scan_is_normalised_as_a_whole() -> None:
    bright, dark = np.full((2, 16, 16), 40.0), np.full((1, 16, 16), 10.0)
    bright[0, :8], dark[0, :8] = 100.0, 0.0
    volume = Volume(np.concatenate([bright, dark]), (10.0, 3.0, 3.0))
    case = Case(Study("a", {"lge": volume}), Segmentation(np.zeros((3, 16, 16), np.uint8)))
    images = CNN3D(**TINY).samples([case]).images[0, 0].numpy()
    np.testing.assert_allclose([images[0, 0, 0], images[1, 0, 0], images[2, 9, 0]], [1, 0.4, 0.1])


def test_a_slabs_loss_is_its_cross_entropy_times_its_weight() -> None:
    logits = torch.zeros(2, 4, 3, 2, 2)
    logits[1, 0] = math.log(3)  # background 3 of 6, each other 1 of 6
    masks = torch.zeros(2, 3, 3, 2, 2)
    masks[1] = 1  # all scar
    weights = torch.tensor([math.log(10), math.log(20)])
    objective = Tissues(lambda images: logits)
    loss = objective.loss(objective.outputs(logits, masks), masks, weights)
    expected = (math.log(10) * math.log(4) + math.log(20) * math.log(6)) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cls", BOTH)
def test_the_shipped_quick_optimiser_learns_one_case_by_heart(
    tmp_path: Path, cls: type[SlabwiseMethod]
) -> None:
    # Smaller in image and more epochs; network, optimiser, schedule, batch and loss as shipped.
    method = cls(size=32, pixel_mm=1.5, epochs=200, augment=False)
    case = heart(slices=3, n=32)
    method.train([case], TrainContext(tmp_path / "model", tmp_path / "scratch"))
    predicted = labels_of(method.at(tmp_path / "model"), case.study)
    assert case.reference.labels is not None
    for region in (Region.CAVITY, Region.MYOCARDIUM, Region.SCAR):
        a, b = region.mask(predicted), region.mask(case.reference.labels)
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.95


@pytest.mark.parametrize("cls", BOTH)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tmp_path: Path, cls: type[SlabwiseMethod]
) -> None:
    _, first = trained(cls(**TINY, dropout=0.2), tmp_path / "1")
    assert trained(cls(**TINY, dropout=0.2), tmp_path / "2")[1] == first
    assert trained(cls(**TINY, dropout=0.2), tmp_path / "3", seed=1)[1] != first


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("slices", [1, 2, 3, 6])
def test_labels_are_the_most_probable_tissue_whatever_the_number_of_slices(
    tmp_path: Path, cls: type[SlabwiseMethod], slices: int
) -> None:
    method, _ = trained(cls(**TINY), tmp_path)
    segmentation = method.predict(heart("d", slices, n=30).study)
    assert segmentation.labels is not None
    assert segmentation.labels.shape == (slices, 30, 30)
    p = segmentation.probabilities
    assert p is not None
    assert set(p) == method.produces
    tissues = np.stack([1 - p[Region.LV], p[Region.CAVITY],
                        p[Region.MYOCARDIUM] - p[Region.SCAR], p[Region.SCAR]])  # fmt: skip
    given = np.take_along_axis(tissues, segmentation.labels[None].astype(int), axis=0)[0]
    assert (given >= tissues.max(axis=0) - 1e-6).all()
    np.testing.assert_allclose(
        p[Region.LV], (p[Region.CAVITY] + p[Region.MYOCARDIUM]).clip(0, 1), atol=1e-6
    )


def changed(method: SlabwiseMethod) -> NDArray[np.bool_]:
    """In which of 7 slices the answer changes, where the image of slice 3 does."""
    study = heart("d", 7).study
    voxels = study.images["lge"].voxels.copy()
    voxels[3] = voxels[3].T[::-1]  # the same intensities, elsewhere
    other = Study("e", {"lge": Volume(voxels, study.images["lge"].spacing)})
    difference = np.abs(method.scores(study) - method.scores(other))
    return np.asarray(difference.max(axis=(1, 2, 3)) > 1e-5)


def test_a_slice_is_segmented_with_its_neighbours_in_3d_and_alone_in_2d(tmp_path: Path) -> None:
    deep, _ = trained(CNN3D(**TINY, precision="float32"), tmp_path / "3")
    flat, _ = trained(CNN2D(**TINY, precision="float32"), tmp_path / "2")
    # Slice 3 is in the slabs of 1 to 5.
    assert changed(deep).tolist() == [False, True, True, True, True, True, False]
    assert changed(flat).tolist() == [False] * 3 + [True] + [False] * 3


def test_merging_slabs_would_change_nothing_for_the_2d_network(tmp_path: Path) -> None:
    flat, _ = trained(CNN2D(**TINY, precision="float32"), tmp_path)
    case = heart("d", 5)
    scores = flat.scores(case.study)
    with torch.inference_mode():  # in the mode in which it was left: that of prediction
        maps = flat.network()["tissues"](flat.samples([case]).images).softmax(dim=1).numpy()
    for slab, first in zip(maps, range(3), strict=True):
        np.testing.assert_allclose(slab.swapaxes(0, 1), scores[first : first + 3], atol=1e-5)


@pytest.mark.parametrize("cls", BOTH)
def test_small_islands_of_scar_are_removed_unless_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cls: type[SlabwiseMethod]
) -> None:
    scores = np.zeros((1, 4, 16, 16), np.float32)
    scores[:, 2], scores[:, 3] = 0.9, 0.1
    scores[0, 3, 2:4, 2:4] = 1.0  # four pixels of 3 mm
    scores[0, 3, 8:10, 8:12] = 1.0
    monkeypatch.setattr(cls, "scores", lambda self, study: scores)
    volume = Volume(np.zeros((1, 16, 16)), (10.0, 3.0, 3.0))
    study = Study("a", {"lge": volume})
    kept, removed = labels_of(cls(**TINY, islands=0), study), labels_of(cls(**TINY), study)
    assert ((kept == 3).sum(), (removed == 3).sum()) == (12, 8)
    assert (removed[0, 2:4, 2:4] == 2).all()


def test_beyond_the_square_there_is_background(tmp_path: Path) -> None:
    method, _ = trained(CNN3D(**TINY), tmp_path)
    volume = Volume(np.random.default_rng(0).random((3, 40, 40)), (10.0, 3.0, 3.0))
    segmentation = method.predict(Study("a", {"lge": volume}))
    assert segmentation.labels is not None
    assert segmentation.probabilities is not None
    outside = np.ones((40, 40), bool)
    outside[11:29, 11:29] = False
    assert not segmentation.labels[:, outside].any()
    assert not segmentation.probabilities[Region.LV][:, outside].any()


@pytest.mark.parametrize("wrong", [{"size": 90}, {"channels": (4,)}, {"channels": (4, 0)}])
def test_parameters_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        CNN3D(**wrong)


def test_a_case_without_label_map_or_with_frames_is_named(tmp_path: Path) -> None:
    moving = Study("beating", {"lge": Volume(np.zeros((3, 2, 4, 4)), (1.0, 1.0, 1.0))})
    with pytest.raises(DataError, match="'beating': its image has 3 frames"):
        CNN3D(**TINY).at(tmp_path).predict(moving)
