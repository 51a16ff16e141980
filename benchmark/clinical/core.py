"""Core scar and gray zone: the dense part of the scar, by full width at half maximum, and the rest.

Source: popescu2022, Training and evaluation, and its Figure 7.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..types import Label, Labels, Region, Volume

__all__ = ["CoreScar", "core_of", "core_scar", "gray_zone"]


class CoreScar(NamedTuple):
    """Dense scar by full width at half maximum.

    Attributes:
        mask: ``(slice, row, column)`` bool.
        remote: Median intensity of the remote myocardium.
        threshold: Intensity from which scar is core; infinite where there is no scar.
    """

    mask: NDArray[np.bool_]
    remote: float
    threshold: float


def core_scar(labels: Labels, image: NDArray[Any]) -> CoreScar | str:
    """The dense part of the scar: full width at half maximum above remote myocardium.

    ``core = scar and intensity >= remote + (peak - remote) / 2``, where ``remote`` is the median
    intensity of the myocardium outside this segmentation's own scar (popescu2022: "the median
    intensity value outside the predicted enhancement region", its modification of full width at
    half maximum) and ``peak`` the greatest intensity inside the scar, both over the whole stack.
    No-reflow is dark and so falls out of the core wherever its voxels are.

    Args:
        labels: ``(slice, row, column)`` canonical labels.
        image: Intensities on the same grid.

    Returns:
        The core scar, or the reason why it is not defined.

    Raises:
        DataError: The image is not on the labels' grid.
    """
    if image.shape != labels.shape:
        raise DataError(f"Core scar: labels have shape {labels.shape}, the image {image.shape}.")
    scar = Region.SCAR.mask(labels)
    intensities = image[scar].astype(np.float64)
    remote_voxels = image[labels == Label.MYOCARDIUM]
    if not remote_voxels.size:
        if intensities.size:
            return "no myocardium outside the scar to take the remote intensity from"
        return CoreScar(scar, float("nan"), float("inf"))
    remote = float(np.median(remote_voxels.astype(np.float64)))
    if not intensities.size:
        return CoreScar(scar, remote, float("inf"))
    peak = float(intensities.max())
    if peak <= remote:
        return CoreScar(np.zeros_like(scar), remote, float("inf"))
    threshold = remote + (peak - remote) / 2
    return CoreScar(scar & (image >= threshold), remote, threshold)


def core_of(labels: Labels, image: Volume | None) -> CoreScar | str:
    """:func:`core_scar` in ``image``, or the reason why it cannot be had."""
    if image is None:
        return "core scar needs the image"
    if image.voxels.ndim != 3:
        return f"core scar needs one frame; the image has {image.n_frames}"
    return core_scar(labels, image.voxels)


def gray_zone(labels: Labels, core: CoreScar) -> NDArray[np.bool_]:
    """``(slice, row, column)``: enhanced scar that is not core (popescu2022, Figure 7).

    No-reflow is neither: it is dark for want of contrast in the midst of dense scar, no border of
    it. So gray zone, core and the no-reflow outside the core make up the scar. The paper, whose
    reference has no label for it, is silent.
    """
    return np.asarray((labels == Label.SCAR) & ~core.mask)
