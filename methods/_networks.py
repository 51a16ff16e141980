"""The networks by name, and one of them: a 2D U-Net with one encoder, a decoder for each output.

With one decoder this is the U-Net of the separate networks; with two it is the multi-task network
of xing2023 section 3.1 ("we duplicated the decoder ... as two sub-branch networks").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ._recipe import Backbone
from ._transunet import FULL, TINY, TransUNet

__all__ = ["UNet", "build", "parameter_count"]


class _Block(nn.Sequential):
    """Twice (3x3 convolution, batch normalisation, ReLU); keeps height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class _Encoder(nn.Module):
    """Blocks with 2x2 maximum pooling between them; dropout on the deepest features."""

    def __init__(self, inputs: int, channels: Sequence[int], dropout: float) -> None:
        super().__init__()
        widths = [inputs, *channels]
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in zip(widths, channels, strict=False))
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of each level, finest first."""
        features: list[Tensor] = []
        for block in self.blocks:
            x = block(self.pool(x) if features else x)
            features.append(x)
        features[-1] = self.dropout(features[-1])
        return features


class _Decoder(nn.Module):
    """Halves the depth step by step, each time joined by the encoder's features of that size."""

    def __init__(self, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        pairs = list(pairwise(channels))[::-1]
        # The 1x1 convolution comes before the nearest-neighbour step: the same values as after it,
        # for a quarter of the work.
        self.narrow = nn.ModuleList(nn.Conv2d(deep, fine, 1) for fine, deep in pairs)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.blocks = nn.ModuleList(_Block(2 * fine, fine) for fine, _ in pairs)
        self.head = nn.Conv2d(channels[0], outputs, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits at the finest level's size."""
        x = features[-1]
        for narrow, block, skip in zip(self.narrow, self.blocks, features[-2::-1], strict=True):
            x = block(torch.cat([self.up(narrow(x)), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits


class UNet(nn.Module):
    """A U-Net whose outputs share the encoder and have a decoder each.

    Args:
        heads: How many binary outputs, and so decoders, there are.
        channels: Feature maps of each level, finest first; each level has half the size.
        dropout: Probability with which a feature map of the deepest level is dropped in training.
        inputs: Image channels.
    """

    def __init__(
        self,
        heads: int = 1,
        channels: Sequence[int] = (16, 32, 64, 64),
        dropout: float = 0.0,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        self.encoder = _Encoder(inputs, channels, dropout)
        self.decoders = nn.ModuleList(_Decoder(channels, 1) for _ in range(heads))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(batch, head, row, column)`` of ``(batch, channel, row, column)`` images.

        One logit z stands for the two-class softmax of (0, z): its sigmoid is the probability of
        the region, and one minus that the background's.
        """
        features = self.encoder(images)
        return torch.cat([decoder(features) for decoder in self.decoders], dim=1).float()


def build(
    backbone: Backbone,
    *,
    heads: int,
    channels: Sequence[int] = (16, 32, 64, 64),
    size: int = 224,
    dropout: float = 0.0,
) -> nn.Module:
    """The network called ``backbone``; each takes ``(b, 1, y, x)`` and gives ``(b, heads, y, x)``.

    ``channels`` is for the U-Net alone, ``size`` for the TransUNets.

    Raises:
        KeyError: There is no such backbone.
        ValueError: A TransUNet cannot have this size.
    """
    if backbone == "unet":
        return UNet(heads=heads, channels=channels, dropout=dropout)
    sizes = {"transunet": FULL, "tiny_transunet": TINY}[backbone]
    return TransUNet(heads, sizes, size, dropout)


def parameter_count(network: nn.Module) -> int:
    """How many trainable numbers ``network`` has."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
