"""What some parameters may be; apart from torch, so that looking at a method costs nothing."""

from typing import Literal

__all__ = ["Backbone", "Precision", "Schedule"]

#: The segmentation network that every method of xing2023 is made of.
Backbone = Literal["unet"]
#: The dtype of convolutions; ``auto`` is bfloat16 where the hardware has it.
Precision = Literal["auto", "float32", "bfloat16"]
#: How the learning rate goes.
Schedule = Literal["one_cycle", "constant"]
