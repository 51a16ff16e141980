"""Objectives: classes of nested masks, cross-entropy by hand, weights; batches and moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from benchmark import Region
from benchmark.methods._augment import apply, draw
from benchmark.methods._numerics import place
from benchmark.methods._objectives import TISSUES, Regions, Tissues
from benchmark.methods._recipe import AffineRanges
from benchmark.methods._training import Samples


def nested(classes: torch.Tensor) -> torch.Tensor:
    """Masks of the ventricle, the myocardium and the scar: ``(b, 3, y, x)``."""
    return torch.stack([classes >= 1, classes >= 2, classes >= 3], dim=1).float()


def tissues(logits: torch.Tensor) -> Tissues:
    return Tissues(lambda images: logits)


def test_classes_are_read_off_nested_masks() -> None:
    classes = torch.tensor([[[0, 1, 2, 3]]])
    assert torch.equal(Tissues.classes(nested(classes)), classes)
    stray = torch.tensor([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1)  # myocardium outside the ventricle
    assert Tissues.classes(stray).item() == 2
    assert [list(range(s.start, s.stop)) for s in TISSUES.values()] == [[1, 2, 3], [2, 3], [3]]


def test_cross_entropy_is_minus_the_log_of_the_true_classs_softmax() -> None:
    classes = torch.tensor([[[0, 3]]])
    logits = torch.zeros(1, 4, 1, 2)
    logits[0, 3, 0, 1] = math.log(5.0)  # softmax: 1/4 each, then 5/8 for scar
    expected = (math.log(4) + math.log(8 / 5)) / 2
    objective = tissues(logits)
    found = objective.outputs(torch.zeros(1), nested(classes))
    assert objective.loss(found, nested(classes), None).item() == pytest.approx(expected)


def test_a_samples_weight_multiplies_its_own_loss_alone() -> None:
    classes = torch.tensor([[[0, 0]], [[3, 3]]])
    logits = torch.zeros(2, 4, 1, 2)
    logits[1, 3] = math.log(5.0)
    objective, masks = tissues(logits), nested(classes)
    found = objective.outputs(torch.zeros(1), masks)
    weighted = objective.loss(found, masks, torch.tensor([2.0, 3.0]))
    assert weighted.item() == pytest.approx((2 * math.log(4) + 3 * math.log(8 / 5)) / 2)


def test_tissues_are_judged_by_the_myocardium_and_the_scar_in_it() -> None:
    truth = torch.tensor([[[0, 1, 2, 3, 3]]])
    said = torch.tensor([[[2, 1, 3, 3, 0]]])
    logits = nn.functional.one_hot(said, 4).movedim(-1, 1).float()
    counts = tissues(logits).counts({Region.LV: logits}, nested(truth))
    assert counts.tolist() == [[2, 3, 3], [1, 2, 2]]


def test_regions_are_weighed_and_counted_by_name() -> None:
    masks = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).reshape(1, 2, 1, 2)
    zero = torch.zeros(1, 1, 1, 2)
    regions = (Region.MYOCARDIUM, Region.SCAR)

    def loss(weight: float) -> float:
        objective = Regions(
            lambda images, truth: dict.fromkeys(regions, zero), regions, 0.0,
            {Region.MYOCARDIUM: weight},
        )  # fmt: skip
        return float(objective.loss(objective.outputs(zero, masks), masks, None))

    assert loss(0) == pytest.approx(math.log(2))  # the scar's alone
    assert loss(3) == pytest.approx(4 * math.log(2))
    objective = Regions(lambda images, truth: {Region.SCAR: zero + 1}, regions)
    assert objective.counts(objective.outputs(zero, masks), masks).tolist() == [[1, 2, 1]]


def test_batches_hold_whole_patients_where_there_are_any() -> None:
    patients = np.array([7, 7, 7, 3, 3, 9, 5, 5, 5, 5])
    samples = Samples(torch.zeros(10, 1, 2, 2), torch.zeros(10, 1, 2, 2), None, patients)
    assert samples.units == 4
    batches = samples.batches(2, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(10))
    assert [len(set(patients[b])) for b in batches] == [2, 2]
    assert not set(patients[batches[0]]) & set(patients[batches[1]])


def test_flips_turn_about_half_of_the_images_and_change_no_other_draw() -> None:
    plain = draw(200, 1, 2)
    both = draw(200, 1, 2, AffineRanges(flip_rows=True, flip_columns=True))
    x, y = (both[:, :, i] / plain[:, :, i] for i in (0, 1))
    assert torch.allclose(x.abs(), torch.ones_like(x))
    assert torch.equal(both[:, :, 2], plain[:, :, 2])
    for turned in (x[:, 0] < 0, y[:, 0] < 0):
        assert 70 < int(turned.sum()) < 130
    assert not torch.equal(x[:, 0] < 0, y[:, 0] < 0)


def test_a_flip_is_an_exact_mirror_image() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    across = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]])
    moved, mask = apply(image, (image > 7).float(), across)
    torch.testing.assert_close(moved, image.flip(-1))
    assert torch.equal(mask, (image.flip(-1) > 7).float())


def test_every_slice_of_a_slab_is_moved_alike() -> None:
    slab = torch.rand(2, 1, 3, 8, 8)
    masks = (torch.rand(2, 3, 3, 8, 8) > 0.5).float()
    theta = draw(2, 5, 6)
    moved, hard = apply(slab, masks, theta)
    assert moved.shape == slab.shape
    assert hard.shape == masks.shape
    for z in range(3):
        one, mask = apply(slab[:, :, z], masks[:, :, z], theta)
        torch.testing.assert_close(moved[:, :, z], one)
        assert torch.equal(hard[:, :, z], mask)


def test_weights_are_laid_out_for_convolutions_of_either_dimension() -> None:
    network = nn.Sequential(nn.Conv3d(2, 4, 3), nn.Flatten(), nn.Linear(2, 2))
    place(network, "cpu")
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    flat = nn.Sequential(nn.Conv2d(2, 4, 3))
    place(flat, "cpu")
    assert flat[0].weight.is_contiguous(memory_format=torch.channels_last)
