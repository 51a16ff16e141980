"""From a volume on its own grid to the square slices that a 2D network sees, and back.

The square has a fixed pixel size and lies at the centre of the image, or about a point of each
slice: everything in it is in millimetres, so hearts have the same size whatever the scanner's
matrix was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, DataError, Region, Study, Volume

__all__ = ["Square", "region_masks", "still_volume", "unit_range"]

Floats = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Square:
    """A square grid about the centre of an image's plane, or about another point of each slice.

    Attributes:
        size: Pixels along each side.
        pixel_mm: Side of a pixel in mm.
    """

    size: int
    pixel_mm: float

    def images(self, volume: Volume, centres: Points | None = None) -> Floats:
        """The slices of ``volume`` on this grid, each normalised to [0, 1].

        Returns:
            ``(slice, size, size)``. Outside the image it is 0.
        """
        return unit_range(self.resampled(volume.voxels, volume.spacing, centres))

    def resampled(
        self,
        values: NDArray[np.generic],
        spacing: tuple[float, float, float],
        centres: Points | None = None,
    ) -> Floats:
        """``(slice, row, column)`` values at this grid's pixels, 0 outside the image.

        Linear between pixels where the image is coarser; a triangular average as wide as a pixel of
        the grid where the image is finer.

        Args:
            values: What lies in the image's pixels.
            spacing: Of the image, (z, y, x) in mm.
            centres: ``(slice, 2)``: where the square's centre lies in each slice, (row, column) in
                mm from the image's; without it, there.
        """
        rows, columns = (
            _weights(self.size, self.pixel_mm, values.shape[1 + i], spacing[1 + i], at)
            for i, at in enumerate(_offsets(centres))
        )
        resampled = rows @ values.astype(np.float64) @ columns.swapaxes(-1, -2)
        return np.asarray(resampled, dtype=np.float32)

    def restored(self, values: Floats, like: Volume, centres: Points | None = None) -> Floats:
        """``(slice, size, size)`` probabilities on the grid of ``like``; 0 beyond this square.

        Threshold after this, not before: a boundary is then as fine as the native grid.

        Args:
            values: What lies in this square's pixels.
            like: Whose grid it is.
            centres: As in :meth:`resampled`.
        """
        rows, columns = (
            _weights(like.shape[1 + i], like.spacing[1 + i], self.size, self.pixel_mm, -at)
            for i, at in enumerate(_offsets(centres))
        )
        restored = rows @ values.astype(np.float64) @ columns.swapaxes(-1, -2)
        return np.asarray(np.clip(restored, 0.0, 1.0), dtype=np.float32)


def _offsets(centres: Points | None) -> tuple[Points, Points]:
    """Of rows and of columns: ``(slice, 1)``, or ``(1,)`` for all slices alike."""
    if centres is None:
        return np.zeros(1), np.zeros(1)
    return centres[:, :1], centres[:, 1:]


def _weights(
    n_to: int, step_to: float, n_from: int, step_from: float, offset: Points
) -> NDArray[np.float64]:
    """``(..., n_to, n_from)`` interpolation weights between two regular lines of pixels.

    A row sums to 1 where its pixel centre lies on the line, to less within one pixel of its end,
    and to 0 beyond. ``offset``, ``(..., 1)`` in mm, leads from the middle of the line that is given
    to the middle of the one to be filled.
    """
    width = max(step_to, step_from)
    beyond = math.ceil(width / step_from)  # so that cut-off rows are scaled like all others
    to = (np.arange(n_to) - (n_to - 1) / 2) * step_to + offset
    at = (np.arange(-beyond, n_from + beyond) - (n_from - 1) / 2) * step_from
    weights: NDArray[np.float64] = np.clip(1 - np.abs(to[..., None] - at) / width, 0.0, None)
    sums = np.maximum(weights.sum(axis=-1, keepdims=True), 0.5)  # rows far outside are 0
    return np.asarray((weights / sums)[..., beyond : beyond + n_from])


def unit_range(images: NDArray[np.floating]) -> Floats:
    """Each slice of ``(slice, row, column)`` scaled to [0, 1]; a constant slice becomes 0.

    xing2023 section 3.1: "All images are normalized to [0, 1] before sending to the network." Its
    images are single slices, so each slice is scaled by itself; from its 1st to its 99th percentile
    (the rest clipped), because one bright pixel must not set the contrast of the heart.
    """
    low, high = np.percentile(images, (1, 99), axis=(1, 2), keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    return np.asarray(np.clip((images - low) / span, 0.0, 1.0) * (high > low), dtype=np.float32)


def still_volume(study: Study) -> Volume:
    """The image to segment.

    Raises:
        DataError: It has frames; a 2D network takes one image per slice.
    """
    volume = study.target
    if volume.voxels.ndim != 3:
        raise DataError(
            f"Study {study.id!r}: its image has {volume.n_frames} frames.",
            "Give an image with axes (slice, row, column).",
        )
    return volume


def region_masks(
    case: Case, regions: Sequence[Region], square: Square, centres: Points | None = None
) -> NDArray[np.uint8]:
    """The reference's regions on ``square``: ``(slice, region, size, size)`` of 0 and 1.

    Raises:
        DataError: The reference has no label map.
    """
    labels = case.reference.labels
    if labels is None:
        raise DataError(
            f"Case {case.study.id!r}: its reference has contours but no label map.",
            "Train on cases with label maps.",
        )
    spacing = still_volume(case.study).spacing
    masks = [square.resampled(r.mask(labels), spacing, centres) >= 0.5 for r in regions]
    return np.stack(masks, axis=1).astype(np.uint8)
