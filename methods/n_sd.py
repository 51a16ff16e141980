"""Scar is what exceeds remote myocardium by n of its standard deviations.

Bondarenko O, et al. Standardizing the definition of hyperenhancement in the quantitative assessment
of infarct size and myocardial viability using delayed contrast-enhanced CMR. J Cardiovasc Magn
Reson 2005;7(2):481-485, compared 2 to 6 standard deviations with readers: 2, the usual choice
until then, gave far too much, and 5 did not differ from them. Flett AS, et al. Evaluation of
techniques for the quantification of myocardial scar of differing etiology using cardiac magnetic
resonance. JACC Cardiovasc Imaging 2011;4(2):150-156, compared the same with the full width at half
maximum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ._myocardium import InMyocardium
from ._remote import enhanced, remote_region

__all__ = ["NSD"]


class NSD(InMyocardium):
    """A threshold for each slice: mean plus n standard deviations of its remote myocardium.

    The paper's remote myocardium is of the same slice, and a reader's; here it is the same sixth of
    the ring in all slices, found by itself (:mod:`._remote`).

    In a heart without scar it finds what noise and the neighbours of the myocardium leave above the
    threshold: with n = 5 hardly any noise, but pixels shared with bright blood. A myocardium of a
    single intensity, or of a single voxel, has no scar.
    """

    n: float = Field(5.0, gt=0, le=20, description="standard deviations above remote; 2, 3, 5, 6")

    def scar_in(
        self,
        voxels: NDArray[Any],
        mask: NDArray[np.bool_],
        spacing: tuple[float, float, float],
    ) -> NDArray[np.bool_]:
        """What lies above the threshold of its slice."""
        return enhanced(voxels, mask, remote_region(voxels, mask, spacing), self.n)
