"""The losses of xing2023: cross-entropy plus a weighted Dice loss.

Section 2.2 prints, for a reference Y and a prediction P of it,

    L(Y, P) = - sum Y log P - w sum (1 - (2 Y P + eps) / (Y + P + eps)),    eps = 1e-6.

Taken literally the minus before the second sum *rewards* a poor overlap, which cannot be meant: the
text calls L "a weighted sum of cross entropy and Dice loss". :func:`segmentation_loss` therefore
adds the two; :func:`printed_loss` keeps the formula as printed, and a test shows what is wrong with
it. Where the paper is silent:

* The first sum runs over the classes region and background, each a mean over pixels, so that its
  scale does not depend on the image size. With a sigmoid output this is binary cross-entropy.
* The Dice term is that of the region alone, from sums over all pixels of the batch: many slices
  have no scar, and there the term of a single slice is 1 whatever the network does.
* w is never given; it is 1.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

__all__ = ["EPSILON", "cross_entropy", "dice_loss", "printed_loss", "segmentation_loss"]

#: "In this paper, we set eps = 1e-6 in all our experiments" (section 2.2).
EPSILON = 1e-6


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over pixels of the cross-entropy of two classes.

    Args:
        logits: Of any shape; sigmoid(logits) is the probability of the region.
        truth: 0 or 1, of the same shape and of a floating dtype.
    """
    return F.binary_cross_entropy_with_logits(logits, truth)


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """``1 - (2 sum Y P + eps) / (sum Y + sum P + eps)`` over all pixels of the batch.

    Arguments as :func:`cross_entropy`. An empty reference met by an empty prediction costs 0.
    """
    probability = logits.sigmoid()
    overlap = 2 * (probability * truth).sum() + EPSILON
    return 1 - overlap / (probability.sum() + truth.sum() + EPSILON)


def segmentation_loss(logits: Tensor, truth: Tensor, dice_weight: float = 1.0) -> Tensor:
    """Cross-entropy plus ``dice_weight`` times the Dice loss: what the methods train with."""
    return cross_entropy(logits, truth) + dice_weight * dice_loss(logits, truth)


def printed_loss(logits: Tensor, truth: Tensor, dice_weight: float = 1.0) -> Tensor:
    """The loss with the sign printed in section 2.2; never trained with, see the module's text."""
    return cross_entropy(logits, truth) - dice_weight * dice_loss(logits, truth)
