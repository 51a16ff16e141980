"""A U-Net whose way down is a ResNet, with a light way up: the network of mapping2023.

Section 3.4: "We opted for a ResNet-50 (25) encoder ... with 50 and 8 convolutional layers in the
encoder and the decoder, respectively. The reason for choosing a smaller decoder is to introduce
less randomly initialized weights". Its implementation names segmentation_models.pytorch, so the
shape is that of its Unet: features before and after each of the four stages of the ResNet; five
blocks up, each of which repeats the pixels, takes in the features of that size where there are any,
and has two 3x3 convolutions with batch normalisation and ReLU; 256, 128, 64, 32 and 16 feature
maps; a 3x3 convolution to the classes.

**Counts.** This network has 32,515,123 parameters for one image channel and three classes, the
paper's "32M". ResNet-50 is named for 49 convolutions and its classifier, which is not here; four
1x1 shortcuts are by custom not counted. The way up has eleven convolutions. The paper's eight are
those of the four blocks that take in features of the encoder; the fifth block, at full resolution,
and the last convolution hold 7,411 parameters, so that "32M" cannot tell whether they were meant to
be left out. Without them the answer would have half the resolution of the image.

The convolution that halves the size is the 3x3 one of a bottleneck, as in torchvision and timm,
whose names the encoder's weights have.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

__all__ = ["DEPTHS", "MEAN", "SPREAD", "ResNetEncoder", "ResNetUNet", "start_weights"]

#: Bottlenecks in each stage, by the encoder's name.
DEPTHS = {"resnet50": (3, 4, 6, 3), "tiny_resnet": (1, 1, 1, 1)}
#: Of ImageNet's pictures in [0, 1], over their three colours: what a pretrained encoder expects.
MEAN, SPREAD = 0.449, 0.226
#: Feature maps that a bottleneck gives for each it computes with.
_EXPANSION = 4


class _Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around which the input goes straight."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = _EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """``(b, 4 * width, y / stride, x / stride)``."""
        straight = x if self.downsample is None else self.downsample(x)
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + straight)


class ResNetEncoder(nn.Module):
    """A ResNet of bottlenecks without its classifier.

    Args:
        depths: Bottlenecks in each of the four stages.
        width: Feature maps of the first convolution, and within the first stage; 64 in ResNet-50.
            Each later stage has twice as many.
        inputs: Image channels.
    """

    def __init__(self, depths: Sequence[int], width: int = 64, inputs: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = width
        for i, depth in enumerate(depths):
            planes = width * 2**i
            blocks = []
            for j in range(depth):
                blocks.append(_Bottleneck(before, planes, 2 if i and not j else 1))
                before = _EXPANSION * planes
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        #: Of each level, finest (half the image's size) first.
        self.widths = (width, *(_EXPANSION * width * 2**i for i in range(len(depths))))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size of ``(b, inputs, y, x)``."""
        features = [torch.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(features[0])
        for i in range(len(self.widths) - 1):
            x = self.get_submodule(f"layer{i + 1}")(x)
            features.append(x)
        return features


class _Up(nn.Module):
    """Twice the size, joined by features of that size, through two convolutions."""

    def __init__(self, deep: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(deep + skip, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """``(b, outputs, 2 y, 2 x)`` of ``(b, deep, y, x)``."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        joined: Tensor = self.layers(x if skip is None else torch.cat([x, skip], dim=1))
        return joined


class ResNetUNet(nn.Module):
    """The U-Net; rows and columns must be multiples of 32.

    Args:
        depths: Bottlenecks in each stage of the encoder.
        width: Of the encoder. The way up narrows from four times to a quarter of it, but not below
            eight feature maps, which would be too few for three classes in small networks.
        classes: Outputs.
        inputs: Image channels, in [0, 1].
    """

    def __init__(
        self,
        depths: Sequence[int] = DEPTHS["resnet50"],
        width: int = 64,
        classes: int = 3,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(depths, width, inputs)
        *skips, before = self.encoder.widths
        blocks = []
        for i, skip in enumerate([*reversed(skips), 0]):
            after = max(8, 4 * width // 2**i)
            blocks.append(_Up(before, skip, after))
            before = after
        self.decoder = nn.ModuleList(blocks)
        self.head = nn.Conv2d(before, classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(b, classes, y, x)``, float32, of ``(b, inputs, y, x)`` in [0, 1]."""
        features = self.encoder((images - MEAN) / SPREAD)
        x = features.pop()
        for block in self.decoder:
            x = block(x, features.pop() if features else None)
        logits: Tensor = self.head(x)
        return logits.float()


def start_weights(network: nn.Module) -> None:
    """Random weights as ResNet has them (He et al. 2015): the spread that ReLU keeps.

    Drawn from torch's generator, in the order of the modules.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
