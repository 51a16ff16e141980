"""The plain U-Net that mapping2023 compares with (its Table 6), and the networks by name.

Table 6: "Original U-Net (22)", 31 million parameters. Ronneberger et al. 2015: 64 to 1024 feature
maps on five levels, two 3x3 convolutions with ReLU on each, 2x2 maximum pooling on the way down,
2x2 up-convolutions that halve the feature maps on the way up, a 1x1 convolution to the classes;
dropout of a half at the end of the way down, whose place the text leaves open: here on what the
deepest level gives. Two things are as everybody has them today and as the other network has them:

* borders are padded, so that the answer has the size of the image and no tiles are needed;
* batch normalisation follows each convolution. Then the two networks differ in their shape alone,
  and not in whether training starts at all.

At width 64 it has 31,042,499 parameters for one image channel and three classes: the 31,030,723
that it has without normalisation, and 11,776 of that.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ._resnet_unet import DEPTHS, ResNetUNet, start_weights

__all__ = ["PlainUNet", "build"]

LEVELS = 5


class _Block(nn.Sequential):
    """Twice (3x3 convolution, batch normalisation, ReLU); keeps height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class PlainUNet(nn.Module):
    """The U-Net of 2015; rows and columns must be multiples of 16.

    Args:
        width: Feature maps of the finest level; 64 in the original.
        classes: Outputs.
        inputs: Image channels.
    """

    def __init__(self, width: int = 64, classes: int = 3, inputs: int = 1) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(LEVELS)]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_Block(a, b) for a, b in pairwise([inputs, *widths]))
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.5)
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(deep, fine, 2, stride=2) for fine, deep in reversed(pairs)
        )
        self.up = nn.ModuleList(_Block(2 * fine, fine) for fine, _ in reversed(pairs))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(b, classes, y, x)``, float32, of ``(b, inputs, y, x)``."""
        x = images
        features: list[Tensor] = []
        for block in self.down:
            x = block(self.pool(x) if features else x)
            features.append(x)
        x = self.dropout(features.pop())
        for widen, block in zip(self.widen, self.up, strict=True):
            x = block(torch.cat([widen(x), features.pop()], dim=1))
        logits: Tensor = self.head(x)
        return logits.float()


def build(encoder: str, width: int) -> nn.Module:
    """The network of that name with random first weights, drawn from torch's generator.

    It takes ``(b, 1, y, x)`` in [0, 1] and gives logits ``(b, 3, y, x)``: background, cavity,
    myocardium.

    Raises:
        KeyError: There is no such encoder.
    """
    network = PlainUNet(width) if encoder == "unet" else ResNetUNet(DEPTHS[encoder], width)
    start_weights(network)
    return network
