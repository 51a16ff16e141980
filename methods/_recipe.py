"""How to train: what the parameters may be, and the batches they make. Free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ._schedule import Plateau, Schedule

__all__ = ["AffineRanges", "Backbone", "Precision", "Recipe"]

#: The segmentation network that every method of xing2023 is made of.
Backbone = Literal["unet"]
#: The dtype of convolutions; ``auto`` is bfloat16 where the hardware has it.
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class AffineRanges:
    """How far each parameter may go from the identity, either way, drawn uniformly.

    Attributes:
        scale: Relative size, as a natural logarithm.
        degrees: Rotation.
        shift: Translation along each axis as a share of the image's side.
        shear: Tangent of the shear angle.
        flip_rows, flip_columns: Whether every other image, at random, is turned over along an axis.
    """

    scale: float = 0.15
    degrees: float = 30.0
    shift: float = 0.06
    shear: float = 0.10
    flip_rows: bool = False
    flip_columns: bool = False


@dataclass(frozen=True)
class Recipe:
    """How to optimise: Adam throughout, as all the papers have it.

    Attributes:
        epochs: Passes over the samples.
        batch: Samples in a step; patients in a step, where samples come in patients.
        learning_rate: Of Adam: the first, or the peak if the schedule is ``one_cycle``.
        schedule: How the rate goes.
        plateau: What ``plateau`` does.
        weight_decay: Of Adam, an L2 term.
        augment: How far samples are moved; None: not at all.
        validate_every: Epochs between looks at the validation samples; the last is always one.
        precision: Of convolutions.
    """

    epochs: int
    batch: int
    learning_rate: float
    schedule: Schedule = "constant"
    plateau: Plateau = field(default_factory=Plateau)
    weight_decay: float = 0.0
    augment: AffineRanges | None = AffineRanges()
    validate_every: int = 1
    precision: Precision = "auto"

    def steps_per_epoch(self, n: int) -> int:
        """How many batches, of nearly equal size, ``n`` samples or patients make."""
        return math.ceil(n / self.batch)
