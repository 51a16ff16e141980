"""What the network of mapping2023 sees and learns: maps and the weighted images they are fitted to.

Section 3.2: "To increase the training and validation sample of our algorithm we included each image
individually as well as T1 and T2 parametric maps." Each frame of each slice is a sample, with the
contours of the map: motion was corrected before they were drawn. The paper does not say how
intensities are made alike. Here:

* a map is a measurement in ms, so it has a fixed window for all patients: a myocardium of 1000 ms
  looks the same in everyone, and one of 1150 ms looks ill;
* a weighted image has arbitrary units and a contrast of its own, so each is scaled from its 1st to
  its 99th percentile, within the square.

"We use fixed cropping and resizing": a square of a fixed size in mm about the image's centre, by
one interpolation.

Masks come from contours where there are any, drawn straight on the network's pixels ("we generate
segmentation masks to match the resolution of the input samples"); else from labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark import Case, Contour, DataError, Region, Study, Volume
from benchmark.contours.filling import checked_on_grid, fill

from ._slices import Floats, Square, region_masks, unit_range

if TYPE_CHECKING:
    from ._training import Samples

__all__ = ["WINDOWS_MS", "as_samples", "map_images", "map_kind", "masks", "weighted_images"]

#: What becomes 0 and 1. Twice what T1 and three times what T2 is in healthy myocardium at 1.5 T:
#: blood has about 1.6 and 4 times its value, and may saturate in T2.
WINDOWS_MS = {"t1": (0.0, 2000.0), "t2": (0.0, 150.0)}


def map_kind(study: Study) -> str | None:
    """``t1`` or ``t2``: the map on whose grid the study is segmented; None if that is no map."""
    for modality in WINDOWS_MS:
        if study.images.get(modality) is study.target:
            return modality
    return None


def map_images(study: Study, square: Square) -> Floats:
    """``(slice, size, size)``: the study's map in [0, 1].

    Raises:
        DataError: It is no map, or has frames.
    """
    volume = _still(study)
    low, high = WINDOWS_MS[map_kind(study) or ""]
    # A pixel that could not be fitted may hold anything: bounded before neighbours are averaged.
    bounded = np.clip((volume.voxels - low) / (high - low), 0.0, 1.0)
    return square.resampled(bounded, volume.spacing)


def weighted_images(study: Study, square: Square) -> list[Floats]:
    """Per frame ``(slice, size, size)`` in [0, 1]; none where the study has no weighted images.

    Raises:
        DataError: They lie on another grid than the map, whose contours are to be theirs.
    """
    volume = _still(study)
    name = f"{map_kind(study)}_weighted"
    weighted = study.images.get(name)
    if weighted is None:
        return []
    spaced = np.allclose(weighted.spacing, volume.spacing, rtol=1e-3)
    if weighted.shape != volume.shape or not spaced:
        raise DataError(
            f"Study {study.id!r}: {name} has shape {weighted.shape} and spacing "
            f"{weighted.spacing}, its map {volume.shape} and {volume.spacing}.",
            "Give weighted images on the map's grid.",
        )
    frames = weighted.voxels.reshape(-1, *weighted.shape)
    return [unit_range(square.resampled(frame, volume.spacing)) for frame in frames]


def masks(case: Case, square: Square) -> NDArray[np.uint8]:
    """``(slice, 2, size, size)`` of 0 and 1: the ventricle, and in it the cavity.

    Raises:
        DataError: A contour lies off the image.
    """
    contours = case.reference.contours
    if not contours:
        return region_masks(case, (Region.LV, Region.CAVITY), square)
    volume = _still(case.study)
    drawn = np.zeros((volume.shape[0], 2, square.size, square.size), dtype=np.uint8)
    for contour in contours:
        checked_on_grid(contour, volume.shape)
        inside = fill(_on_square(contour, volume, square), drawn.shape[2:])
        # A cavity is part of the ventricle even where the two contours cross.
        for channel in (0, 1) if contour.kind == "endo" else (0,):
            drawn[contour.slice, channel] |= inside
    return drawn


def as_samples(
    cases: Sequence[Case], square: Square, *, weighted: bool = True
) -> tuple[Samples, NDArray[np.bool_]]:
    """Every slice of every map and weighted image of ``cases``; and which of them are of maps.

    Args:
        cases: At least one.
        square: The grid they are brought to.
        weighted: Whether weighted images are wanted.

    Raises:
        DataError: A case has no map, or no reference.
    """
    import torch

    from ._training import Samples

    images: list[Floats] = []
    learnt: list[NDArray[np.uint8]] = []
    are_maps: list[bool] = []
    for case in cases:  # once only: the engine loads a case whenever it is asked for one
        truth = masks(case, square)
        frames = weighted_images(case.study, square) if weighted else []
        images += [map_images(case.study, square), *frames]
        learnt += [truth] * (1 + len(frames))
        are_maps += [True] * len(truth) + [False] * (len(truth) * len(frames))
    samples = Samples(
        torch.from_numpy(np.concatenate(images)[:, None]), torch.from_numpy(np.concatenate(learnt))
    )
    return samples, np.array(are_maps)


def _still(study: Study) -> Volume:
    volume = study.target
    if map_kind(study) is None:
        raise DataError(f"Study {study.id!r} has no T1 or T2 map: {', '.join(study.images)}.")
    if volume.voxels.ndim != 3:
        raise DataError(
            f"Study {study.id!r}: its map has {volume.n_frames} frames.",
            "Give a map with axes (slice, row, column), and weighted images beside it.",
        )
    return volume


def _on_square(contour: Contour, volume: Volume, square: Square) -> NDArray[np.float64]:
    """The contour's points in pixels of the square, whose centre is that of the image."""
    middle = (np.array(volume.shape[1:]) - 1) / 2
    mm = (contour.points - middle) * volume.spacing[1:]
    return np.asarray(mm / square.pixel_mm + (square.size - 1) / 2)
