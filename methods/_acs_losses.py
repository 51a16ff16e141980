"""The loss of popescu2022: half balanced cross-entropy, half Tversky.

Training and evaluation prints, for a reference p and a prediction q of it,

    l1 = - (beta p log q + (1 - beta) (1 - p) log(1 - q))
    l2 = 1 - 2 TP / (2 TP + beta FP + (1 - beta) FN)

and "The final loss combined per-pixel mean loss (l1) and per-image (l2) loss in equal proportions";
beta is "a weight on the false positives, which was modulated up to beta = 0.6 in the first network
to avoid over-cropping and down to beta = 0.4 in the second to limit outliers".

* l2 is not the Tversky index of its reference (Salehi 2017), TP / (TP + beta FP + (1 - beta) FN):
  with 2 TP, false pixels count half of what they do there, and beta = 0.5 is not the Dice loss.
  ``printed`` trains; ``usual`` is the other by a field of the method.
* The two halves pull apart: in l1 a greater beta makes *missed* pixels dear, in l2 *false* ones.
  Over-cropping is avoided by l1 alone. Both are kept as printed.
* Of an image without the region TP is 0, and l2 is 1 whatever the network says. One pixel is
  therefore added above and below (:data:`SMOOTH`); the paper does not say what it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

from benchmark import Region

from ._objectives import overlap

__all__ = ["SMOOTH", "AcsRegions", "TverskyForm", "balanced_cross_entropy", "tversky_loss"]

#: How l2 is written.
TverskyForm = Literal["printed", "usual"]
#: Pixels added to numerator and denominator of l2.
SMOOTH = 1.0


def balanced_cross_entropy(logits: Tensor, truth: Tensor, beta: float) -> Tensor:
    """l1 of each image and output, the mean over its pixels.

    Args:
        logits: ``(b, c, y, x)``; their sigmoid is the probability of the region.
        truth: 0 or 1, of the same shape and of a floating dtype.
        beta: What a pixel of the region counts; one of the background counts ``1 - beta``.

    Returns:
        ``(b, c)``.
    """
    inside, outside = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(beta * truth * inside + (1 - beta) * (1 - truth) * outside).mean(dim=(2, 3))


def tversky_loss(
    logits: Tensor,
    truth: Tensor,
    beta: float,
    form: TverskyForm = "printed",
    smooth: float = SMOOTH,
) -> Tensor:
    """l2 of each image and output; TP, FP and FN are sums of probabilities.

    Args:
        logits: As for :func:`balanced_cross_entropy`.
        truth: Likewise.
        beta: What a false positive counts; a false negative counts ``1 - beta``.
        form: Whether TP counts twice (``printed``) or once (``usual``).
        smooth: Pixels added above and below.

    Returns:
        ``(b, c)``.
    """
    probability = logits.sigmoid()
    hits = (probability * truth).sum(dim=(2, 3))
    false = (probability * (1 - truth)).sum(dim=(2, 3))
    missed = ((1 - probability) * truth).sum(dim=(2, 3))
    found = (2.0 if form == "printed" else 1.0) * hits + smooth
    return 1 - found / (found + beta * false + (1 - beta) * missed)


@dataclass(frozen=True)
class AcsRegions:
    """The outputs of a network for regions, and the loss above of them.

    Where there are several outputs, the loss is their mean; the paper does not weigh them.

    Attributes:
        network: Gives logits ``(b, len(regions), y, x)``.
        regions: Of the outputs and of the masks' channels, in order.
        beta: See the module.
        form: Of the Tversky half.
    """

    network: nn.Module
    regions: Sequence[Region]
    beta: float
    form: TverskyForm = "printed"

    def outputs(self, images: Tensor, masks: Tensor) -> Mapping[Region, Tensor]:
        """Logits ``(b, 1, y, x)`` by region."""
        logits = self.network(images).float().split(1, dim=1)
        return dict(zip(self.regions, logits, strict=True))

    def loss(
        self, outputs: Mapping[Region, Tensor], masks: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Half of each; the mean over samples of each one's loss times its weight."""
        logits = torch.cat([outputs[r] for r in self.regions], dim=1)
        pixels = balanced_cross_entropy(logits, masks, self.beta)
        images = tversky_loss(logits, masks, self.beta, self.form)
        samples = (0.5 * pixels + 0.5 * images).mean(dim=1)
        return samples.mean() if weights is None else (samples * weights).mean()

    def counts(self, outputs: Mapping[Region, Tensor], masks: Tensor) -> Tensor:
        """Of each region."""
        return torch.stack(
            [overlap(outputs[r] > 0, masks[:, i : i + 1] > 0) for i, r in enumerate(self.regions)]
        )
