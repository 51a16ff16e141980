"""A U-Net of overlapping slabs of three slices, with 3D kernels (fahmy2020).

Fahmy AS et al. Three-dimensional Deep Convolutional Neural Networks for Automated Myocardial Scar
Quantification in Hypertrophic Cardiomyopathy: A Multicenter Multivendor Study. Radiology 2020;
294(1):52-60.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ._slabwise import SlabwiseMethod

if TYPE_CHECKING:
    from ._tissue_unet import Dimensions

__all__ = ["CNN3D"]


class CNN3D(SlabwiseMethod):
    """Kernels of 3 x 3 x 3: a slice is segmented with its neighbours in view."""

    dimensions: ClassVar[Dimensions] = 3
