"""Random affine transforms of a batch: scaling, rotating, translating, shearing, mirroring.

xing2023 section 3.1: "We generated random affine transforms, including scaling, rotating,
translating and shearing, for data augmentation." fahmy2021: "translation, rotation, and
up-down/left-right flipping"; fahmy2020: "in-plane translation, rotation, and mirroring", where
"similar parameters (eg, rotation angles) were used to transform all slices in the input volume".
None gives ranges; those of ``AffineRanges`` are usual. Drawing is apart from applying: a draw
depends on (seed, epoch, index) alone, so an epoch can be repeated exactly after a kill, whatever
the batches were.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from numpy.typing import NDArray
from torch import Tensor

from ._recipe import AffineRanges

__all__ = ["apply", "draw"]


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
    # From a stream of its own: where nothing is turned over, all else is drawn as it always was.
    turned = np.random.default_rng([seed, epoch, 2]).random((n, 2)) < 0.5
    if ranges.flip_columns:
        theta[turned[:, 0], :, 0] *= -1
    if ranges.flip_rows:
        theta[turned[:, 1], :, 1] *= -1
    return torch.from_numpy(theta.astype(np.float32))


def apply(images: Tensor, masks: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Images and their masks, moved alike; zero comes in from outside.

    Args:
        images: ``(b, c, y, x)`` or ``(b, c, z, y, x)``, interpolated linearly within the slice;
            every slice of a sample is moved alike.
        masks: ``(b, m, y, x)`` or ``(b, m, z, y, x)`` of 0 and 1; stays of 0 and 1 (linear, then
            from one half up).
        theta: ``(b, 2, 3)`` from :func:`draw`.
    """
    flat = [x.flatten(1, -3) for x in (images, masks)]
    both = torch.cat(flat, dim=1)
    grid = F.affine_grid(theta.to(both.device), list(both.shape), align_corners=False)
    moved = F.grid_sample(both, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    first, second = torch.split(moved, [x.shape[1] for x in flat], dim=1)
    return first.view(images.shape), (second.view(masks.shape) >= 0.5).to(masks.dtype)
