"""The canonical labels, and the regions that are measured as unions of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["Label", "Labels", "Region"]

Labels = NDArray[np.uint8]


class Label(IntEnum):
    """The canonical label values; a data set maps its own codes to these."""

    BACKGROUND = 0
    CAVITY = 1
    MYOCARDIUM = 2
    SCAR = 3
    MVO = 4


class Region(StrEnum):
    """What is measured: a union of labels.

    ``core_scar`` has the labels of ``scar`` and is narrowed by full width at half maximum, so it
    needs the image as well (:mod:`benchmark.clinical`).
    """

    CAVITY = "cavity"
    MYOCARDIUM = "myocardium"
    LV = "lv"
    SCAR = "scar"
    MVO = "mvo"
    CORE_SCAR = "core_scar"

    @property
    def labels(self) -> tuple[Label, ...]:
        """The canonical labels whose union is this region."""
        return _REGION_LABELS[self]

    def mask(self, labels: Labels) -> NDArray[np.bool_]:
        """Where ``labels`` (any shape) belong to this region."""
        lookup = np.zeros(256, dtype=bool)
        lookup[list(self.labels)] = True
        return np.asarray(lookup[labels], dtype=bool)


_REGION_LABELS: Mapping[Region, tuple[Label, ...]] = MappingProxyType(
    {
        Region.CAVITY: (Label.CAVITY,),
        Region.MYOCARDIUM: (Label.MYOCARDIUM, Label.SCAR, Label.MVO),
        Region.LV: (Label.CAVITY, Label.MYOCARDIUM, Label.SCAR, Label.MVO),
        Region.SCAR: (Label.SCAR, Label.MVO),
        Region.MVO: (Label.MVO,),
        Region.CORE_SCAR: (Label.SCAR, Label.MVO),
    }
)
