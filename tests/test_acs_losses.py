"""The loss of popescu2022, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from benchmark import Region
from benchmark.methods._acs_losses import AcsRegions, balanced_cross_entropy, tversky_loss


def logit(*probabilities: float) -> Tensor:
    """One image of one row."""
    return torch.tensor(probabilities, dtype=torch.float64).logit().view(1, 1, 1, -1)


def truth(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def test_balanced_cross_entropy_weighs_the_region_by_beta_and_the_rest_by_one_minus_beta() -> None:
    loss = balanced_cross_entropy(logit(0.8, 0.25), truth(1, 0), 0.6)
    expected = -(0.6 * math.log(0.8) + 0.4 * math.log(0.75)) / 2
    assert loss.shape == (1, 1)
    assert loss.item() == pytest.approx(expected)


def test_balanced_cross_entropy_is_half_the_cross_entropy_at_one_half() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 4, 4), (torch.rand(2, 3, 4, 4) > 0.5).float()
    plain = nn.functional.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(balanced_cross_entropy(logits, target, 0.5).mean(), plain / 2)


def test_balanced_cross_entropy_is_finite_where_the_network_is_sure_and_wrong() -> None:
    logits = torch.full((1, 1, 1, 2), 200.0)
    loss = balanced_cross_entropy(logits, torch.zeros_like(logits), 0.4)
    assert loss.item() == pytest.approx(0.6 * 200)


# TP = 0.8 + 0.5, FP = 0.25, FN = 0.2 + 0.5
HAND = (logit(0.8, 0.5, 0.25), truth(1, 1, 0))


def test_the_printed_tversky_counts_true_positives_twice() -> None:
    loss = tversky_loss(*HAND, beta=0.6, smooth=0)
    assert loss.item() == pytest.approx(1 - 2.6 / (2.6 + 0.6 * 0.25 + 0.4 * 0.7))


def test_the_usual_tversky_counts_them_once() -> None:
    loss = tversky_loss(*HAND, beta=0.6, form="usual", smooth=0)
    assert loss.item() == pytest.approx(1 - 1.3 / (1.3 + 0.6 * 0.25 + 0.4 * 0.7))


def test_the_usual_form_is_the_dice_loss_at_one_half_and_the_printed_one_is_not() -> None:
    dice = 1 - 2 * 1.3 / (2 * 1.3 + 0.25 + 0.7)
    assert tversky_loss(*HAND, beta=0.5, form="usual", smooth=0).item() == pytest.approx(dice)
    assert tversky_loss(*HAND, beta=0.5, smooth=0).item() < dice - 0.05


def test_beta_makes_false_pixels_dear_in_one_half_and_missed_ones_in_the_other() -> None:
    false, missed = (logit(0.9, 0.9), truth(1, 0)), (logit(0.9, 0.1), truth(1, 1))
    for half, dearer, cheaper in (
        (tversky_loss, false, missed),
        (balanced_cross_entropy, missed, false),
    ):
        assert half(*dearer, 0.6) > half(*dearer, 0.4)
        assert half(*cheaper, 0.6) < half(*cheaper, 0.4)


def test_an_image_without_the_region_still_pays_for_false_pixels() -> None:
    few, many = (tversky_loss(logit(p, p), truth(0, 0), 0.4) for p in (0.1, 0.9))
    assert few.item() == pytest.approx(1 - 1 / (1 + 0.4 * 0.2))
    assert many > few
    nothing = tversky_loss(torch.full((1, 1, 1, 2), -50.0), torch.zeros(1, 1, 1, 2), 0.4)
    assert nothing.item() == pytest.approx(0, abs=1e-6)


class _Given(nn.Module):
    """Answers what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


@pytest.mark.parametrize("form", ["printed", "usual"])
def test_the_objective_is_half_of_each_per_image_times_its_weight(form: str) -> None:
    torch.manual_seed(1)
    logits, masks = torch.randn(3, 2, 4, 4), (torch.rand(3, 2, 4, 4) > 0.5).float()
    weights = torch.tensor([1.0, 0.5, 0.25])
    regions = (Region.MYOCARDIUM, Region.SCAR)
    goal = AcsRegions(_Given(), regions, 0.4, form)  # type: ignore[arg-type]
    outputs = goal.outputs(logits, masks)
    assert list(outputs) == list(regions)
    by_hand = []
    for image, mask in zip(logits, masks, strict=True):
        halves = [
            0.5 * balanced_cross_entropy(image[None, c : c + 1], mask[None, c : c + 1], 0.4)
            + 0.5 * tversky_loss(image[None, c : c + 1], mask[None, c : c + 1], 0.4, form)  # type: ignore[arg-type]
            for c in range(2)
        ]
        by_hand.append(torch.stack(halves).mean())
    each = torch.stack(by_hand)
    torch.testing.assert_close(goal.loss(outputs, masks, None), each.mean())
    torch.testing.assert_close(goal.loss(outputs, masks, weights), (each * weights).mean())


def test_the_objective_counts_hits_of_each_region() -> None:
    goal = AcsRegions(_Given(), (Region.MYOCARDIUM, Region.SCAR), 0.4)
    logits = torch.tensor([[[[1.0, 1.0, -1.0]], [[-1.0, -1.0, 1.0]]]])
    masks = torch.tensor([[[[1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]]])
    assert goal.counts(goal.outputs(logits, masks), masks).tolist() == [[1, 2, 2], [1, 1, 1]]
