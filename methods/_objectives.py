"""What a network is trained for: its outputs, their loss, and how well they overlap the masks.

Masks are nested regions throughout (the whole ventricle, in it the myocardium, in it the scar), not
disjoint classes: moved by a fraction of a pixel and cut at one half again, nested regions leave no
gaps where three classes meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor

from benchmark import Region

from ._losses import segmentation_loss

__all__ = ["TISSUES", "Forward", "Objective", "Regions", "Tissues", "overlap"]

#: From images ``(b, c, [z,] y, x)`` and the true masks by region to logits by region.
Forward = Callable[[Tensor, Mapping[Region, Tensor]], Mapping[Region, Tensor]]


class Objective(Protocol):
    """The seam between a method and the training loop, which knows no more of a loss than this."""

    def outputs(self, images: Tensor, masks: Tensor) -> Mapping[Region, Tensor]:
        """What the networks say of images; masks only for what is trained under a manual mask."""

    def loss(
        self, outputs: Mapping[Region, Tensor], masks: Tensor, weights: Tensor | None
    ) -> Tensor:
        """A scalar; ``weights (b,)`` of the samples, where they have any."""

    def counts(self, outputs: Mapping[Region, Tensor], masks: Tensor) -> Tensor:
        """``(k, 3)`` whole numbers: hits, predicted and true pixels of the regions judged by."""


def overlap(predicted: Tensor, truth: Tensor) -> Tensor:
    """Hits, predicted and true pixels of one region; both masks are bool."""
    return torch.stack([(predicted & truth).sum(), predicted.sum(), truth.sum()])


@dataclass(frozen=True)
class Regions:
    """One binary output for each region: the loss of xing2023, see ``_losses``.

    Attributes:
        forward: Logits by region.
        regions: What the channels of the masks are.
        dice_weight: w of the loss.
        region_weights: What each region's loss counts in the total (lambda of Eq. 1 for the
            myocardium); 1 where a region is not named.
    """

    forward: Forward
    regions: Sequence[Region]
    dice_weight: float = 1.0
    region_weights: Mapping[Region, float] = field(default_factory=dict)

    def outputs(self, images: Tensor, masks: Tensor) -> Mapping[Region, Tensor]:
        """Logits ``(b, 1, y, x)`` by region."""
        return self.forward(images, self._truth(masks))

    def loss(
        self, outputs: Mapping[Region, Tensor], masks: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Weighted sum over regions; samples have no weights in this loss."""
        truth = self._truth(masks)
        return torch.stack(
            [
                self.region_weights.get(region, 1.0)
                * segmentation_loss(value, truth[region], self.dice_weight)
                for region, value in outputs.items()
            ]
        ).sum()

    def counts(self, outputs: Mapping[Region, Tensor], masks: Tensor) -> Tensor:
        """Of each region that there is an output for."""
        truth = self._truth(masks)
        return torch.stack([overlap(z > 0, truth[r] > 0) for r, z in outputs.items()])

    def _truth(self, masks: Tensor) -> dict[Region, Tensor]:
        return {r: masks[:, i : i + 1] for i, r in enumerate(self.regions)}


#: The channels of masks, and the classes 1 to 3 as whose union each is given: blood, normal
#: myocardium, scar. Class 0 is background.
TISSUES: Mapping[Region, slice] = {
    Region.LV: slice(1, 4),
    Region.MYOCARDIUM: slice(2, 4),
    Region.SCAR: slice(3, 4),
}


@dataclass(frozen=True)
class Tissues:
    """Softmax over background, blood, normal myocardium and scar, with cross-entropy.

    fahmy2021, Network Architecture: "A softmax layer was used ... to produce four maps representing
    the probability of each pixel to belong to scar, normal-myocardium, blood, or background
    regions ... a cross-entropy loss function"; fahmy2020 alike. No-reflow is scar.

    Attributes:
        network: Gives logits ``(b, 4, [z,] y, x)``.
    """

    network: Callable[[Tensor], Tensor]

    def outputs(self, images: Tensor, masks: Tensor) -> Mapping[Region, Tensor]:
        """The logits of all four classes, under the name of the region that is their union."""
        return {Region.LV: self.network(images).float()}

    def loss(
        self, outputs: Mapping[Region, Tensor], masks: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Mean over pixels, then the mean over samples of that times its weight."""
        pixels = F.cross_entropy(outputs[Region.LV], self.classes(masks), reduction="none")
        samples = pixels.flatten(1).mean(dim=1)
        return samples.mean() if weights is None else (samples * weights).mean()

    def counts(self, outputs: Mapping[Region, Tensor], masks: Tensor) -> Tensor:
        """Of the myocardium and of the scar in it: what the papers measure."""
        predicted, truth = outputs[Region.LV].argmax(dim=1), self.classes(masks)
        return torch.stack([overlap(predicted >= k, truth >= k) for k in (2, 3)])

    @staticmethod
    def classes(masks: Tensor) -> Tensor:
        """The class of each pixel, ``(b, [z,] y, x)``, of the nested masks of :data:`TISSUES`."""
        lv, myocardium, scar = (masks[:, i] > 0 for i in range(3))
        inside = torch.where(scar, 3, torch.where(myocardium, 2, 1))
        # Scar or myocardium in a stray pixel that is not of the ventricle is still that tissue.
        return torch.where(lv | myocardium | scar, inside, 0)
