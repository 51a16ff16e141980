"""What the network of mapping2023 is trained for: the Jaccard loss of three classes.

Section 3.4: "The objective function for segmentation training is the Jaccard loss (27)", and three
classes: "left ventricular cavity (area enclosed by the endocardial contour), left ventricular
myocardium (area between the endo- and epicardial contour), and 'background'". Where it is silent:

* The loss of a class is 1 - sum(p t) / sum(p + t - p t) over all pixels of the batch, p its softmax
  and t 0 or 1; the loss is the mean of the three, background among them. A class that is neither
  there nor predicted costs nothing.
* Masks are nested, as everywhere here: the ventricle and in it the cavity; the classes are made of
  them after samples have been moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

from benchmark import Region

from ._objectives import overlap

__all__ = ["EPSILON", "REGIONS", "Layers", "Perturbation", "classes", "jaccard_loss"]

#: Keeps a class that is nowhere from being 0 / 0.
EPSILON = 1e-6
#: The channels of masks.
REGIONS = (Region.LV, Region.CAVITY)


def jaccard_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the soft Jaccard index, averaged over classes.

    Args:
        logits: ``(b, k, y, x)``.
        truth: ``(b, y, x)``, the class of each pixel: 0 to k - 1.
    """
    p = logits.float().softmax(dim=1)
    t = F.one_hot(truth, logits.shape[1]).movedim(-1, 1).to(p.dtype)
    both = (p * t).sum(dim=(0, 2, 3))
    either = (p + t).sum(dim=(0, 2, 3)) - both
    return (1 - (both + EPSILON) / (either + EPSILON)).mean()


def classes(masks: Tensor) -> Tensor:
    """The class of each pixel ``(b, y, x)``: 0 background, 1 cavity, 2 myocardium.

    Args:
        masks: ``(b, 2, y, x)`` of 0 and 1, by :data:`REGIONS`.
    """
    lv, cavity = masks[:, 0] > 0, masks[:, 1] > 0
    return torch.where(cavity, 1, torch.where(lv, 2, 0))


@dataclass(frozen=True)
class Perturbation:
    """Random contrast and brightness of training images.

    Section 3.4 has "random cropping, resizing, contrast and intensity perturbations" without
    ranges, and names albumentations, whose ranges by default are these.

    Attributes:
        contrast: Contrast about the image's mean is multiplied by 1 plus or minus up to this.
        intensity: Up to this is added or subtracted; images are in [0, 1].
    """

    contrast: float = 0.2
    intensity: float = 0.2

    def __call__(self, images: Tensor) -> Tensor:
        """``(b, c, y, x)``, each image changed by itself, kept in [0, 1].

        Drawn from torch's generator on the CPU, which the loop seeds in each epoch: the same on
        every device.
        """
        u = torch.rand(2, len(images), 1, 1, 1).mul(2).sub(1).to(images)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        changed = (images - mean) * (1 + self.contrast * u[0]) + mean + self.intensity * u[1]
        return changed.clamp(0, 1)


@dataclass(frozen=True)
class Layers:
    """An objective for the training loop: background, cavity and myocardium by softmax.

    Training samples are larger than what the network sees: moved and scaled as a whole, then cut
    to the middle, they are random crops in which the surroundings of the heart are still there.

    Attributes:
        network: Gives logits ``(b, 3, y, x)``.
        size: Side in pixels of what the network sees.
        perturbation: Of training images; None: none.
    """

    network: nn.Module
    size: int
    perturbation: Perturbation | None = None

    def outputs(self, images: Tensor, masks: Tensor) -> Mapping[Region, Tensor]:
        """The logits of the three classes, under the name of the region that is their union."""
        images = self._middle(images)
        if self.perturbation is not None and self.network.training:
            images = self.perturbation(images)
        images = images.contiguous(memory_format=torch.channels_last)
        return {Region.LV: self.network(images).float()}

    def loss(
        self, outputs: Mapping[Region, Tensor], masks: Tensor, weights: Tensor | None
    ) -> Tensor:
        """The Jaccard loss; it is of a batch as a whole, so samples have no weights in it."""
        return jaccard_loss(outputs[Region.LV], classes(self._middle(masks)))

    def counts(self, outputs: Mapping[Region, Tensor], masks: Tensor) -> Tensor:
        """Of the cavity and of the myocardium: the disk and the ring whose Dice it reports."""
        predicted, truth = outputs[Region.LV].argmax(dim=1), classes(self._middle(masks))
        return torch.stack([overlap(predicted == k, truth == k) for k in (1, 2)])

    def _middle(self, images: Tensor) -> Tensor:
        margin = (images.shape[-1] - self.size) // 2
        inside = slice(margin, margin + self.size)
        return images[..., inside, inside]
