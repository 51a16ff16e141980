"""The anatomical autoencoder of popescu2022: a myocardium as a vector of 16 numbers, and back.

"A convolutional autoencoder network (Figure 5), which consisted of 6 strided 3x3-kernel
convolutional layers, 2 dense layers, and 6 transpose convolutions. Leaky rectified linear unit
activations were used after each layer. On the encoding branch, the number of channels started at 16
and doubled after each convolutional layer to 2048, before being collapsed to the 16-dimensional
encoding vector by a dense layer."

Six layers that start at 16 and double end at 512, not at 2048. But six strides of 2 leave 2 x 2 of
the 128 x 128 pixels of stage 2, and 512 channels of 2 x 2 are 2048 numbers: what the dense layer
collapses. That fits both numbers of the sentence, so it is what is built. Where it is silent:

* The activation is not put after the encoding vector, in which Gaussians are to be fitted, nor
  after the last layer, whose output is a logit. Its slope is that of Keras, with which the paper's
  networks were made: 0.3. There is no normalisation between the layers.
* No loss is named. It is the sum of cross-entropy and Dice loss that this package trains with
  elsewhere, which is near the paper's pair of losses where beta favours neither kind of error.
* No augmentation is named, and the paper's profile has none. Elsewhere masks are turned, mirrored,
  scaled and sheared: a myocardium so moved is still one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from benchmark import Region
from benchmark.errors import UsageError

from ._objectives import Regions
from ._recipe import AffineRanges
from ._training import Samples

__all__ = ["SHAPES", "AnatomicalAutoencoder", "corner", "cut", "objective", "pasted", "samples"]

Mask = NDArray[np.bool_]

#: How far masks are moved in training. They come centred, so they are hardly shifted.
SHAPES = AffineRanges(
    scale=0.15, degrees=180.0, shift=0.02, shear=0.1, flip_rows=True, flip_columns=True
)
#: Of the leaky rectifiers.
_SLOPE = 0.3


class AnatomicalAutoencoder(nn.Module):
    """Encodes square masks into a few numbers, and decodes these into logits of a mask.

    Args:
        size: Side of the masks in pixels, a multiple of ``2**layers``.
        latent: Numbers that stand for a mask.
        channels: Of the first layer; doubled by each layer after it.
        layers: Strided convolutions, and transposed ones.

    Raises:
        UsageError: The size does not halve so often.
    """

    def __init__(
        self, size: int = 128, latent: int = 16, channels: int = 16, layers: int = 6
    ) -> None:
        super().__init__()
        if layers < 1 or size < 1 or size % 2**layers:
            raise UsageError(
                f"Masks of {size} pixels cannot be halved {layers} times.",
                f"Choose a size that is a multiple of {2**layers}.",
            )
        self.size, self.latent = size, latent
        widths = [channels * 2**i for i in range(layers)]
        side = size // 2**layers
        flat = widths[-1] * side**2
        down: list[nn.Module] = []
        for a, b in pairwise([1, *widths]):
            down += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        up: list[nn.Module] = []
        for a, b in pairwise([*widths[::-1], 1]):
            up += [
                nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1),
                nn.LeakyReLU(_SLOPE),
            ]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, latent))
        self.decoder = nn.Sequential(
            nn.Linear(latent, flat),
            nn.LeakyReLU(_SLOPE),
            nn.Unflatten(1, (widths[-1], side, side)),
            *up[:-1],
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, a=_SLOPE, mode=_fan(layer))
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def encode(self, masks: Tensor) -> Tensor:
        """``(n, latent)`` of masks ``(n, 1, size, size)`` of 0 and 1.

        What is between them, as on the edges of moved masks, is cut at one half: the network never
        sees in training what it does not see afterwards.
        """
        codes: Tensor = self.encoder((masks >= 0.5).to(masks.dtype))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Logits ``(n, 1, size, size)`` of ``(n, latent)``; the mask is where they exceed 0."""
        logits: Tensor = self.decoder(codes)
        return logits

    def forward(self, masks: Tensor) -> Tensor:
        """The logits of the decoded codes of ``masks``."""
        return self.decode(self.encode(masks)).float()


def _fan(layer: nn.Module) -> Any:
    # torch counts the inputs of a transposed kernel as its outputs.
    return "fan_out" if isinstance(layer, nn.ConvTranspose2d) else "fan_in"


def objective(autoencoder: AnatomicalAutoencoder) -> Regions:
    """What ``_training.fit`` trains it for: to decode the mask that it encoded."""
    return Regions(lambda masks, _: {Region.MYOCARDIUM: autoencoder(masks)}, (Region.MYOCARDIUM,))


def samples(masks: Sequence[NDArray[Any]], size: int) -> Samples:
    """Masks to learn from, each centred in a square.

    "The autoencoder used ground truth myocardial segmentations from all the available training
    data"; slices without myocardium have no shape and are left out.

    Args:
        masks: ``(row, column)`` each, of any shape.
        size: Side of the square in pixels.

    Raises:
        UsageError: No mask has any myocardium.
    """
    squares = [cut(np.asarray(m) != 0, corner(m, size), size) for m in masks if np.any(m)]
    if not squares:
        raise UsageError(
            "No slice to train the anatomical autoencoder on has any myocardium.",
            "Choose a split that has some.",
        )
    stack = torch.from_numpy(np.stack(squares)[:, None])
    return Samples(stack.float(), stack.to(torch.uint8))


def corner(mask: NDArray[Any], size: int) -> tuple[int, int]:
    """Where in ``mask``, which is not empty, a square begins that is centred on it.

    Its middle is the centre of mass of the mask with its holes filled, to the nearest pixel: what
    the paper centres by for stage 2 is the ventricle, wall and pool.
    """
    filled = ndimage.binary_fill_holes(np.asarray(mask) != 0)
    middle = np.argwhere(filled).mean(axis=0)
    row, column = np.floor(middle + 0.5).astype(int) - size // 2
    return int(row), int(column)


def cut(mask: Mask, at: tuple[int, int], size: int) -> Mask:
    """The square of ``size`` pixels of ``mask`` that begins at ``at``; background beyond it."""
    return pasted(mask, (-at[0], -at[1]), (size, size))


def pasted(square: Mask, at: tuple[int, int], shape: tuple[int, int]) -> Mask:
    """A mask of ``shape`` with ``square`` at ``at``; what reaches beyond is cut off."""
    whole = np.zeros(shape, dtype=bool)
    to = tuple(slice(max(0, a), max(0, a + n)) for a, n in zip(at, square.shape, strict=True))
    part = whole[to]
    begin = [max(0, -a) for a in at]
    part[:] = square[begin[0] : begin[0] + part.shape[0], begin[1] : begin[1] + part.shape[1]]
    return whole
