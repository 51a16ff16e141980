"""The network of cnn3d with 2D kernels: each slice by itself (fahmy2020).

Section Convolutional Neural Network: "To compare 3D CNN with 2D CNN, we implemented a 2D CNN with
the exact same architecture as the 3D CNN but with 2D convolutional kernels with a size of 3 x 3".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ._slabwise import SlabwiseMethod

if TYPE_CHECKING:
    from ._tissue_unet import Dimensions

__all__ = ["CNN2D"]


class CNN2D(SlabwiseMethod):
    """Kernels of 3 x 3: no slice is seen with its neighbours, in training or after."""

    dimensions: ClassVar[Dimensions] = 2
