"""TransUNet: a ResNet whose deepest features a transformer relates, and a convolutional decoder.

Chen J et al. TransUNet: Transformers Make Strong Encoders for Medical Image Segmentation.
arXiv:2102.04306, 2021: the backbone of every method of xing2023 ("All the networks mentioned above
use the TransUNet as backbone", section 3.1). The encoder is the hybrid "R50+ViT-B_16" of
Dosovitskiy A et al. An Image is Worth 16x16 Words. ICLR 2021: a ResNet-50 cut after its third stage
(3, 4, 9 units), with weight-standardised convolutions and group normalisation, whose 1/16 features
are the tokens of a ViT-B. The cascaded up-sampler doubles the size four times, the first three
times joined by the ResNet's features of that size.

Where this departs from the reference design, and why:

* Up-sampling repeats the nearest pixel instead of interpolating: the backward pass of bilinear
  interpolation adds in no fixed order on CUDA, and the same seed shall give the same weights there
  too. Two 3x3 convolutions follow it and can smooth. For the same reason attention is written out
  instead of left to a fused kernel.
* Convolutions and pooling pad as the published weights were trained: the odd row or column goes to
  the bottom and right. So features of each stage are exactly a half of those before, and no skip
  needs cropping or filling.
* There is no class token: nothing is classified, and the decoder takes the patches alone.
* For several outputs the whole decoder is there for each (xing2023: "we duplicated the decoder
  (i.e. the upscaling convolutional layers) of the TransUNet").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

__all__ = ["FULL", "PATCH", "TINY", "Sizes", "TransUNet"]

#: Pixels of the image along each side of a token.
PATCH = 16


@dataclass(frozen=True)
class Sizes:
    """How large each part is.

    Attributes:
        colours: Channels that the grey image is repeated to.
        stem: Features at 1/2.
        widths, units: Features and bottleneck units of the stages at 1/4, 1/8, 1/16.
        groups: Of each group normalisation in the ResNet, whose convolutions then have standardised
            weights; 0 for batch normalisation and plain convolutions.
        hidden, layers, heads, mlp: The transformer's width, depth, attention heads and inner width.
        bridge: Features that the transformer's are brought to for the decoder.
        decoder: Features at 1/8, 1/4, 1/2 and 1.
    """

    colours: int
    stem: int
    widths: tuple[int, int, int]
    units: tuple[int, int, int]
    groups: int
    hidden: int
    layers: int
    heads: int
    mlp: int
    bridge: int
    decoder: tuple[int, int, int, int]


#: R50-ViT-B/16 with the decoder of the paper. Weights of colour images need three channels.
FULL = Sizes(3, 64, (256, 512, 1024), (3, 4, 9), 32, 768, 12, 12, 3072, 512, (256, 128, 64, 16))
#: What two CPU cores can train in a minute or two, from random weights. Batch normalisation, for
#: with nothing pre-trained it learned faster and segmented better than the normalisation that the
#: published weights need.
TINY = Sizes(1, 16, (64, 96, 128), (1, 1, 1), 0, 128, 2, 4, 512, 96, (64, 48, 32, 16))


class _Conv(nn.Conv2d):
    """A convolution without bias; ``standardised``: weights of mean 0, variance 1 per output.

    Height and width, if even, are divided by ``stride``; the larger half of an uneven padding goes
    behind.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, standardised: bool
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)
        self.standardised = standardised
        self.before, self.behind = _padding(kernel, stride)
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if self.standardised:
            variance, mean = torch.var_mean(weight, dim=(1, 2, 3), keepdim=True, correction=0)
            weight = (weight - mean) * torch.rsqrt(variance + 1e-8)
        if self.before != self.behind:
            x = F.pad(x, (self.before, self.behind) * 2)
            return F.conv2d(x, weight, stride=self.stride)
        return F.conv2d(x, weight, stride=self.stride, padding=self.before)


def _padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind a line whose length is a multiple of ``stride``."""
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2


def _norm(channels: int, groups: int) -> nn.Module:
    return nn.GroupNorm(groups, channels) if groups else nn.BatchNorm2d(channels)


class _Unit(nn.Module):
    """A bottleneck unit: 1x1, 3x3, 1x1, added to what came in."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        inner, std = outputs // 4, groups > 0
        self.conv1 = _Conv(inputs, inner, 1, standardised=std)
        self.norm1 = _norm(inner, groups)
        self.conv2 = _Conv(inner, inner, 3, stride, standardised=std)
        self.norm2 = _norm(inner, groups)
        self.conv3 = _Conv(inner, outputs, 1, standardised=std)
        self.norm3 = _norm(outputs, groups)
        self.shortcut = nn.Sequential()
        if inputs != outputs or stride > 1:
            self.shortcut = nn.Sequential(
                _Conv(inputs, outputs, 1, stride, standardised=std), _norm(outputs, groups)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


class _Attention(nn.Module):
    """Each token takes from all tokens what its query finds in their keys, by several heads."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        # Fused kernels save memory that a few hundred tokens do not need; not all keep an order.
        weights = (q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5).softmax(dim=-1)
        y: Tensor = self.out((weights.to(v.dtype) @ v).transpose(1, 2).reshape(b, n, c))
        return y


class _Layer(nn.Module):
    """Attention and a two-layer perceptron, each of the normalised tokens and added to them."""

    def __init__(self, hidden: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden, eps=1e-6)
        self.attention = _Attention(hidden, heads)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-6)
        self.fc1 = nn.Linear(hidden, mlp)
        self.fc2 = nn.Linear(mlp, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        y = self.fc2(self.dropout(F.gelu(self.fc1(self.norm2(x)))))
        total: Tensor = x + self.dropout(y)
        return total


class _Encoder(nn.Module):
    """The ResNet and the transformer on top of it."""

    def __init__(self, sizes: Sizes, size: int, dropout: float) -> None:
        super().__init__()
        self.colours, self.grid = sizes.colours, size // PATCH
        self.stem = _Conv(sizes.colours, sizes.stem, 7, 2, standardised=sizes.groups > 0)
        self.stem_norm = _norm(sizes.stem, sizes.groups)
        self.stages = nn.ModuleList()
        inputs = sizes.stem
        for i, (width, units) in enumerate(zip(sizes.widths, sizes.units, strict=True)):
            first = _Unit(inputs, width, 1 if i == 0 else 2, sizes.groups)
            others = (_Unit(width, width, 1, sizes.groups) for _ in range(units - 1))
            self.stages.append(nn.Sequential(first, *others))
            inputs = width
        self.embedding = nn.Conv2d(inputs, sizes.hidden, 1)
        self.positions = nn.Parameter(torch.zeros(1, self.grid**2, sizes.hidden))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            _Layer(sizes.hidden, sizes.heads, sizes.mlp, dropout) for _ in range(sizes.layers)
        )
        self.norm = nn.LayerNorm(sizes.hidden, eps=1e-6)
        nn.init.trunc_normal_(self.positions, std=0.02)
        for module in self.layers.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features at 1/2, 1/4, 1/8 of the size, and the transformer's at 1/16."""
        x = images.expand(-1, self.colours, -1, -1)
        x = F.relu(self.stem_norm(self.stem(x)))
        features = [x]
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 3, 2)  # a zero beside what is never below it
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        y = self.embedding(x).flatten(2).transpose(1, 2)
        y = self.dropout(y + self.positions)
        for layer in self.layers:
            y = layer(y)
        y = self.norm(y).transpose(1, 2).unflatten(2, (self.grid, self.grid))
        features[-1] = y.contiguous(memory_format=torch.channels_last)
        return features


class _ConvRelu(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU; keeps height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class _Decoder(nn.Module):
    """The cascaded up-sampler: from 1/16 to the image's size, and one output."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.bridge = _ConvRelu(sizes.hidden, sizes.bridge)
        skips = (sizes.widths[1], sizes.widths[0], sizes.stem, 0)
        inputs = (sizes.bridge, *sizes.decoder[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(_ConvRelu(a + skip, b), _ConvRelu(b, b))
            for a, skip, b in zip(inputs, skips, sizes.decoder, strict=True)
        )
        self.head = nn.Conv2d(sizes.decoder[-1], 1, 3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of the image's size from the encoder's features."""
        *skips, x = features
        x = self.bridge(x)
        for i, block in enumerate(self.blocks):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips[-1 - i]], dim=1) if i < len(skips) else x)
        logits: Tensor = self.head(x)
        return logits


class TransUNet(nn.Module):
    """A TransUNet whose outputs share the encoder and have a decoder each.

    Args:
        heads: How many binary outputs, and so decoders, there are.
        sizes: How large it is; :data:`FULL` is the paper's.
        size: Pixels along each side of the image; positions are learned for each place.
        dropout: Probability in the transformer: of the embedded tokens, of what attention gives
            and twice in each perceptron, where the reference design has it.

    Raises:
        ValueError: ``size`` is not a multiple of 16.
    """

    def __init__(
        self, heads: int = 1, sizes: Sizes = FULL, size: int = 224, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if size < PATCH or size % PATCH:
            raise ValueError(f"size {size} is not a multiple of {PATCH}, the side of a token")
        self.size = size
        self.encoder = _Encoder(sizes, size, dropout)
        self.decoders = nn.ModuleList(_Decoder(sizes) for _ in range(heads))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(batch, head, size, size)`` of grey images ``(batch, 1, size, size)``.

        Raises:
            ValueError: The images are of another size.
        """
        if images.shape[-2:] != (self.size, self.size):
            given = " x ".join(map(str, images.shape[-2:]))
            raise ValueError(f"images of {given} pixels; this network takes size {self.size}")
        features = self.encoder(images)
        return torch.cat([decoder(features) for decoder in self.decoders], dim=1).float()
