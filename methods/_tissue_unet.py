"""The U-Net of fahmy2020 and fahmy2021, of slices or of thin stacks of them: one class for both.

fahmy2020, Convolutional Neural Network: "a 3D CNN based on U-Net architecture with four
multiresolution processing levels and 3 x 3 x 3 convolutional kernels with in-plane pooling"; and "a
2D CNN with the exact same architecture as the 3D CNN but with 2D convolutional kernels with a size
of 3 x 3". So ``dimensions`` changes the kernels and nothing else: with 3 as with 2, rows and
columns alone are pooled, and a stack keeps its slices at every level.

Their appendix with the rest is not at hand, so these are choices, the same for both:

* two convolutions on each level, each with batch normalisation and ReLU (fahmy2021 has these; the
  U-Net that both cite has two convolutions);
* borders padded with zeros, slices too, so that the answer has the size of the image;
* the way up repeats pixels, after a 1x1 convolution to the finer level's width;
* dropout, where there is any, on what goes into each level below the finest.

Every operation has a deterministic gradient on CPU and on CUDA. torch's own 3D maximum pooling has
not, so stacks are pooled as what they are here: slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

__all__ = ["Dimensions", "SliceBySlice", "TissueUNet", "inflate"]

#: Of the kernels.
Dimensions = Literal[2, 3]

_CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORMALISATION: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class TissueUNet(nn.Module):
    """A U-Net with one decoder that tells tissues apart.

    Args:
        channels: Feature maps of each level, finest first; each level has half the rows and columns
            of the one before.
        dimensions: 2 for images ``(b, c, y, x)``, 3 for stacks ``(b, c, z, y, x)``.
        inputs: Images laid on each other: 1, or 2 where cine joins LGE.
        outputs: Tissues.
        dropout: Probability with which a feature is set to 0 in training.
        convolutions: On each level, on the way down and on the way up.
        residual: Whether what goes into a level's convolutions is added to what comes out: the
            "short skip-connections" of fahmy2021, through a 1x1 convolution where widths differ.
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        dimensions: Dimensions = 2,
        inputs: int = 1,
        outputs: int = 4,
        dropout: float = 0.0,
        convolutions: int = 2,
        residual: bool = False,
    ) -> None:
        super().__init__()

        def block(before: int, after: int) -> _Block:
            return _Block(before, after, dimensions, convolutions, residual)

        pairs = list(pairwise(channels))
        self.first = block(inputs, channels[0])
        self.halve = _Halve()
        self.dropout = nn.Dropout(dropout)
        self.down = nn.ModuleList(block(fine, deep) for fine, deep in pairs)
        # Before the pixels are repeated: the same values as after, for a quarter of the work.
        self.narrow = nn.ModuleList(
            _CONVOLUTION[dimensions](deep, fine, 1) for fine, deep in reversed(pairs)
        )
        self.repeat = _Repeat()
        self.up = nn.ModuleList(block(2 * fine, fine) for fine, _ in reversed(pairs))
        self.head = _CONVOLUTION[dimensions](channels[0], outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(b, outputs, [z,] y, x)``, float32.

        Rows and columns must be multiples of two to the number of levels less one.
        """
        features = [self.first(images)]
        for block in self.down:
            features.append(block(self.dropout(self.halve(features[-1]))))
        x = features.pop()
        for narrow, block in zip(self.narrow, self.up, strict=True):
            x = block(torch.cat([self.repeat(narrow(x)), features.pop()], dim=1))
        logits: Tensor = self.head(x)
        return logits.float()


class SliceBySlice(nn.Module):
    """A network of single slices, given stacks of them: no slice knows of its neighbours."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, stacks: Tensor) -> Tensor:
        """``(b, outputs, z, y, x)`` of ``(b, c, z, y, x)``."""
        b, _, z, *_ = stacks.shape
        slices = stacks.transpose(1, 2).flatten(0, 1)
        answers: Tensor = self.network(slices.contiguous(memory_format=torch.channels_last))
        return answers.view(b, z, *answers.shape[1:]).transpose(1, 2)


def inflate(flat: TissueUNet, deep: TissueUNet) -> None:
    """Give ``deep``, of 3D kernels, the weights of ``flat``, of 2D kernels of the same widths.

    They become the middle planes of its kernels; the outer ones are 0. It then says of every slice
    what ``flat`` says of it, until training finds a use for the neighbours.
    """
    state = flat.state_dict()
    with torch.no_grad():
        for name, value in deep.state_dict().items():
            if value.dim() == 5:
                value.zero_()
                value[:, :, value.shape[2] // 2] = state[name]
            else:
                value.copy_(state[name])


class _Block(nn.Module):
    """Convolutions of width 3, each with batch normalisation and ReLU; keeps the size."""

    def __init__(
        self, before: int, after: int, dimensions: Dimensions, convolutions: int, residual: bool
    ) -> None:
        super().__init__()
        convolution, normalisation = _CONVOLUTION[dimensions], _NORMALISATION[dimensions]
        layers: list[nn.Module] = []
        for i in range(convolutions):
            width = before if i == 0 else after
            # No bias: the normalisation would take it off again.
            layers.append(convolution(width, after, 3, padding=1, bias=False))
            layers.append(normalisation(after))
            layers.append(nn.ReLU())
        # The last ReLU comes after the sum, where there is one.
        self.layers = nn.Sequential(*layers[:-1])
        self.short: nn.Module | None = None
        if residual:
            self.short = nn.Identity() if before == after else convolution(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, after, [z,] y, x)`` of ``(b, before, [z,] y, x)``."""
        y = self.layers(x)
        return torch.relu(y if self.short is None else y + self.short(x))


class _Halve(nn.Module):
    """2x2 maximum over rows and columns."""

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, [z,] y / 2, x / 2)`` of ``(b, c, [z,] y, x)``."""
        if x.dim() == 4:
            return F.max_pool2d(x, 2)
        b, _, z, *_ = x.shape
        slices = x.transpose(1, 2).flatten(0, 1)
        halved = F.max_pool2d(slices, 2)
        return halved.view(b, z, *halved.shape[1:]).transpose(1, 2)


class _Repeat(nn.Module):
    """Every pixel twice along rows and columns."""

    def forward(self, x: Tensor) -> Tensor:
        """``(b, c, [z,] 2 y, 2 x)`` of ``(b, c, [z,] y, x)``."""
        factors = (2.0, 2.0) if x.dim() == 4 else (1.0, 2.0, 2.0)
        return F.interpolate(x, scale_factor=factors, mode="nearest")
