"""Core scar: the dense part of predicted enhancement, by a modified full width at half maximum.

popescu2022, Training and evaluation: "To quantify core scar, the enhanced (scar/fibrosis) region
segmented by the network was used to extract the dense core scar region using a modified version of
the full width at half maximum algorithm. The remote nonenhanced myocardium intensity used by the
full width at half maximum algorithm was automatically determined as the median intensity value
outside the predicted enhancement region." What enhancement is not core is grey zone (its Figure 7).

The arithmetic is the engine's, :func:`benchmark.clinical.core_scar`, so that the region
``core_scar`` that is scored and the one seen here cannot differ: remote is the median of the
myocardium outside the enhancement, the maximum is that in the enhancement, both of the whole stack,
and core is enhancement from half way between them on.

Method ``fwhm`` differs because it has no prediction to start from and delineates scar, not its
core: its remote is the mean of the darkest sector, its maximum a percentile of the largest
candidate, and its threshold holds in the whole myocardium.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError, Label

__all__ = ["core_scar"]


def core_scar(
    image: NDArray[Any], enhancement: NDArray[Any], myocardium: NDArray[Any]
) -> NDArray[np.bool_]:
    """Where enhancement is core scar.

    Args:
        image: ``(z, y, x)`` intensities, or one slice ``(y, x)``.
        enhancement: The predicted enhancement, on the same grid; taken as myocardium too.
        myocardium: The whole myocardium.

    Returns:
        A bool mask on the same grid, within ``enhancement``. Empty where nothing is enhanced, or
        where no enhancement is brighter than remote myocardium.

    Raises:
        DataError: The grids differ, or the enhancement leaves no myocardium to be remote, so that
            nothing says how bright core scar is.
    """
    from benchmark.clinical import core_scar as measured

    scar = np.asarray(enhancement).astype(bool)
    wall = np.asarray(myocardium).astype(bool)
    if not scar.shape == wall.shape == image.shape:
        raise DataError(
            f"Core scar: the image has shape {image.shape}, enhancement {scar.shape}, "
            f"myocardium {wall.shape}.",
            "Give all three on one grid.",
        )
    labels = np.where(scar, Label.SCAR, np.where(wall, Label.MYOCARDIUM, 0)).astype(np.uint8)
    core = measured(labels, np.asarray(image))
    if isinstance(core, str):
        raise DataError(f"Core scar is not defined: there is {core}.")
    return np.asarray(core.mask & scar)
