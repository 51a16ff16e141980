"""How to train: what the parameters may be, and the schedule they make. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmark import Region

__all__ = ["Backbone", "Precision", "Recipe", "Schedule"]

#: The segmentation network that every method of xing2023 is made of: the paper's, the same design
#: in small, or a U-Net.
Backbone = Literal["transunet", "tiny_transunet", "unet"]
#: The dtype of convolutions; ``auto`` is bfloat16 where the hardware has it.
Precision = Literal["auto", "float32", "bfloat16"]
#: How the learning rate goes.
Schedule = Literal["one_cycle", "constant"]


@dataclass(frozen=True)
class Recipe:
    """How to optimise. Adam throughout, as section 3.1 says; its weight decay is the L2 term.

    Attributes:
        epochs, batch: Passes over the slices; slices in a step.
        learning_rate: Of Adam; the peak, if the schedule is ``one_cycle``.
        schedule: ``constant``, or ``one_cycle``: up for a fifth of the steps, then half a cosine to
            zero, which reaches in few epochs what a constant rate needs many for.
        weight_decay: beta_M = beta_S of Eq. 1.
        dice_weight: w of the loss.
        region_weights: What each region's loss counts in the total (lambda of Eq. 1 for the
            myocardium); 1 where a region is not named.
        augment: Whether images are moved by random affine maps.
        validate_every: Epochs between looks at the validation slices; the last is always one.
        precision: Of convolutions.
    """

    epochs: int
    batch: int
    learning_rate: float
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    dice_weight: float = 1.0
    region_weights: Mapping[Region, float] | None = None
    augment: bool = True
    validate_every: int = 1
    precision: Precision = "auto"

    def steps_per_epoch(self, n_slices: int) -> int:
        """Batches of nearly equal size, none larger than ``batch``."""
        return math.ceil(n_slices / self.batch)

    def rate(self, step: int, of: int) -> float:
        """The learning rate of step ``step`` (from 0) of ``of``."""
        if self.schedule == "constant":
            return self.learning_rate
        rise = max(of // 5, 1)
        if step < rise:
            return self.learning_rate * (step + 1) / rise
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (of - rise)))
