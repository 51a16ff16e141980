"""The residual U-Net of popescu2022, which its first two stages share.

Stage 1: "a U-Net with residuals (ResUNet) of depth 4. During the downsampling process, each of the
4 depth levels consisted of 2 repetitions of a block made up of a 3x3 2-D convolution, followed by a
rectified linear unit activation and batch normalization. After the 2 blocks, each was followed by a
2x2 max pooling layer and 20% dropout. The upsampling branch had a similar structure using 2x2
nearest-neighbor upsampling and identical convolutional layers." Stage 2 "used twice the number of
filters at each of the 4 depth levels" and has two outputs.

How many filters there are stands in the paper's Figure 4, whose numbers are not in its text. Chosen
here: 32 on the first level of stage 1, doubled on each; and, as four levels are followed by pooling
each, two blocks below the last pooling, again of twice the filters. A residual is what goes into a
level's two blocks added to what comes out of them, through a 1x1 convolution where widths differ;
dropout takes single features (Keras' ``Dropout``, the paper's library).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

__all__ = ["DEPTH", "DROPOUT", "ResUNet"]

#: How many levels are pooled: rows and columns must be multiples of ``2 ** DEPTH``.
DEPTH = 4
#: Share of features dropped after each pooling.
DROPOUT = 0.2


class ResUNet(nn.Module):
    """A residual U-Net with as many outputs as regions.

    Args:
        filters: Of the first level.
        outputs: Masks.
        depth: Levels that are pooled.
        dropout: Share of features dropped after pooling.
        inputs: Image channels.
    """

    def __init__(
        self,
        filters: int,
        outputs: int,
        *,
        depth: int = DEPTH,
        dropout: float = DROPOUT,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        widths = [filters * 2**i for i in range(depth + 1)]
        before = [inputs, *widths]
        self.down = nn.ModuleList(_Level(a, b) for a, b in zip(before, widths, strict=False))
        self.up = nn.ModuleList(
            _Level(fine + deep, fine)
            for fine, deep in zip(widths[-2::-1], widths[:0:-1], strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv2d(filters, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(b, outputs, y, x)``, float32; y and x are multiples of ``2 ** depth``."""
        features: list[Tensor] = []
        x = images
        for i, level in enumerate(self.down):
            x = level(self.dropout(F.max_pool2d(x, 2)) if i else x)
            features.append(x)
        x = features.pop()
        for level in self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = level(torch.cat([x, features.pop()], dim=1))
        logits: Tensor = self.head(x)
        return logits.float()


class _Level(nn.Module):
    """Twice (3x3 convolution, ReLU, batch normalisation), and the input added to the result."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (before, after):
            layers += [nn.Conv2d(width, after, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(after)]
        self.blocks = nn.Sequential(*layers)
        same = before == after
        self.short: nn.Module = nn.Identity() if same else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(b, after, y, x)`` of ``(b, before, y, x)``."""
        y: Tensor = self.blocks(x) + self.short(x)
        return y
