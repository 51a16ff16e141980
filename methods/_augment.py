"""Random affine transforms of a batch: scaling, rotating, translating, shearing.

xing2023 section 3.1: "We generated random affine transforms, including scaling, rotating,
translating and shearing, for data augmentation." The ranges are not given; those here are usual.
Drawing is apart from applying: a draw depends on (seed, epoch, index) alone, so an epoch can be
repeated exactly after a kill, whatever the batches were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["AffineRanges", "apply", "draw"]


@dataclass(frozen=True)
class AffineRanges:
    """How far each parameter may go from the identity, either way, drawn uniformly.

    Attributes:
        scale: Relative size, as a natural logarithm.
        degrees: Rotation.
        shift: Translation along each axis as a share of the image's side.
        shear: Tangent of the shear angle.
    """

    scale: float = 0.15
    degrees: float = 30.0
    shift: float = 0.06
    shear: float = 0.10


def draw(n: int, seed: int, epoch: int, ranges: AffineRanges | None = None) -> Tensor:
    """One affine map for each of ``n`` images.

    Returns:
        ``(n, 2, 3)`` float32 as ``affine_grid`` takes it. Row ``i`` depends on seed, epoch and
        ``i`` alone, not on ``n``.
    """
    ranges = ranges or AffineRanges()
    u = np.random.default_rng([seed, epoch]).uniform(-1.0, 1.0, size=(n, 5))
    scale = np.exp(ranges.scale * u[:, 0])
    angle = np.deg2rad(ranges.degrees) * u[:, 1]
    shear = ranges.shear * u[:, 2]
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    theta: NDArray[np.float64] = np.empty((n, 2, 3))
    # Rotation and scale times the shear [[1, shear], [0, 1]].
    theta[:, 0, 0], theta[:, 0, 1] = cos, shear * cos - sin
    theta[:, 1, 0], theta[:, 1, 1] = sin, shear * sin + cos
    # The grid's coordinates span 2 over a side.
    theta[:, :, 2] = 2 * ranges.shift * u[:, 3:5]
    return torch.from_numpy(theta.astype(np.float32))


def apply(images: Tensor, truth: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Images and their masks, moved alike; zero comes in from outside.

    Args:
        images: ``(b, c, y, x)``, interpolated linearly.
        truth: ``(b, r, y, x)`` of 0 and 1; stays of 0 and 1 (linear, then from one half up).
        theta: ``(b, 2, 3)`` from :func:`draw`.
    """
    both = torch.cat([images, truth], dim=1)
    grid = F.affine_grid(theta.to(both.device), list(both.shape), align_corners=False)
    moved = F.grid_sample(both, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    split = images.shape[1]
    return moved[:, :split], (moved[:, split:] >= 0.5).to(truth.dtype)
