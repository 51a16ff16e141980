"""The losses of xing2023 against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from benchmark.methods._losses import (
    EPSILON,
    cross_entropy,
    dice_loss,
    printed_loss,
    segmentation_loss,
)

# Probabilities 3/4, 1/4, 1/2, 1/2 where the truth is 1, 1, 0, 0.
PROBABILITIES = torch.tensor([0.75, 0.25, 0.5, 0.5], dtype=torch.float64)
LOGITS = torch.log(PROBABILITIES / (1 - PROBABILITIES))
TRUTH = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
# -(ln 3/4 + ln 1/4 + ln 1/2 + ln 1/2) / 4
CROSS_ENTROPY = -(math.log(0.75) + math.log(0.25) + 2 * math.log(0.5)) / 4
# 2 * (3/4 + 1/4) / (2 + 2), the epsilon being far below the tolerance
DICE_LOSS = 0.5


def test_cross_entropy_is_the_mean_over_pixels_of_both_classes() -> None:
    assert cross_entropy(LOGITS, TRUTH).item() == pytest.approx(CROSS_ENTROPY, abs=1e-12)


def test_dice_loss_of_a_hand_computed_case() -> None:
    assert dice_loss(LOGITS, TRUTH).item() == pytest.approx(DICE_LOSS, abs=1e-6)


def test_epsilon_is_the_papers_and_decides_where_both_are_empty() -> None:
    assert EPSILON == 1e-6
    nothing = torch.zeros(4, dtype=torch.float64)
    never = torch.full((4,), -800.0, dtype=torch.float64)  # sigmoid underflows to exactly 0
    assert dice_loss(never, nothing).item() == 0.0
    # One pixel of probability 1/2 where there is nothing: 1 - eps / (1/2 + eps).
    one = torch.tensor([0.0, -800.0, -800.0, -800.0], dtype=torch.float64)
    assert dice_loss(one, nothing).item() == pytest.approx(1 - 1e-6 / (0.5 + 1e-6), abs=1e-15)


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_the_corrected_loss_adds_and_the_printed_one_subtracts_the_dice_loss(weight: float) -> None:
    added = segmentation_loss(LOGITS, TRUTH, weight).item()
    printed = printed_loss(LOGITS, TRUTH, weight).item()
    assert added == pytest.approx(CROSS_ENTROPY + weight * DICE_LOSS, abs=1e-5)
    assert printed == pytest.approx(CROSS_ENTROPY - weight * DICE_LOSS, abs=1e-5)


def test_the_printed_sign_rewards_a_worse_overlap() -> None:
    # The Dice part alone: what is left of each loss beyond the cross-entropy.
    better = TRUTH * 8 - 4
    worse = -better
    gain = dice_loss(worse, TRUTH) - dice_loss(better, TRUTH)
    assert gain > 0.9
    for loss, sign in ((segmentation_loss, 1.0), (printed_loss, -1.0)):
        parts = [loss(z, TRUTH) - cross_entropy(z, TRUTH) for z in (worse, better)]
        assert (parts[0] - parts[1]).item() == pytest.approx(sign * gain.item(), abs=1e-9)


def test_a_step_down_the_corrected_loss_improves_the_overlap() -> None:
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    segmentation_loss(logits, TRUTH).backward()
    moved = logits.detach() - 0.1 * logits.grad
    assert dice_loss(moved, TRUTH) < dice_loss(logits.detach(), TRUTH)
