"""Scar is what exceeds half the maximum of the enhancement: full width at half maximum.

Amado LC, et al. Accurate and objective infarct sizing by contrast-enhanced magnetic resonance
imaging in a canine myocardial infarction model. J Am Coll Cardiol 2004;44(12):2383-2389. Flett AS,
et al. Evaluation of techniques for the quantification of myocardial scar of differing etiology
using cardiac magnetic resonance. JACC Cardiovasc Imaging 2011;4(2):150-156, found it as near to
readers as any and the most reproducible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ._myocardium import InMyocardium
from ._remote import enhanced, remote_region

__all__ = ["FWHM"]


class FWHM(InMyocardium):
    """One threshold for each study, half way from remote myocardium to the maximum of the scar.

    Readers point at the enhancement whose maximum counts. Here it is the largest connected region
    (by faces, over slices) of what exceeds remote myocardium as in ``n_sd``; and its maximum is a
    percentile, since the brightest of many noisy voxels says more of the noise. Half is counted
    from the mean of remote myocardium, which is zero in an inversion-recovery image with a perfect
    null: so an image's offset does not matter, as in the region ``core_scar``. A candidate in a
    slice so much darker than the others that its maximum does not reach that mean is the scar: half
    way down would be far below the myocardium of all other slices.

    In a heart without scar there is none if nothing exceeds ``n`` standard deviations; but what
    does, be it one voxel shared with bright blood, sets a threshold about half as high, and a large
    false scar may follow. A myocardium of a single intensity, or of a single voxel, has no scar.
    """

    n: float = Field(5.0, gt=0, le=20, description="standard deviations that a candidate exceeds")
    percentile: float = Field(
        99.0, gt=0, le=100, description="of the candidate's intensities: its maximum"
    )

    def scar_in(
        self,
        voxels: NDArray[Any],
        mask: NDArray[np.bool_],
        spacing: tuple[float, float, float],
    ) -> NDArray[np.bool_]:
        """From half the maximum on."""
        from scipy import ndimage

        remote = remote_region(voxels, mask, spacing)
        parts, count = ndimage.label(enhanced(voxels, mask, remote, self.n))
        if not count:
            return np.zeros_like(mask)
        sizes = np.bincount(parts.ravel())[1:]
        candidate = parts == int(np.argmax(sizes)) + 1
        peak = float(np.percentile(voxels[candidate].astype(np.float64), self.percentile))
        floor = float(voxels[remote].astype(np.float64).mean())
        if peak <= floor:
            return np.asarray(candidate)
        return np.asarray(voxels >= floor + (peak - floor) / 2)
