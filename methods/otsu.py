"""Scar is the brighter of the two classes that Otsu's threshold makes of the myocardium.

Otsu N. A Threshold Selection Method from Gray-Level Histograms. IEEE Trans Syst Man Cybern 1979;
9(1):62-66: the threshold that maximises the variance between the two classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._myocardium import InMyocardium

__all__ = ["Otsu", "threshold"]


class Otsu(InMyocardium):
    """One threshold for each study, from the intensities of all its myocardium.

    There is no rule for a heart without scar: two classes are found in any noise, so such a heart
    gets some. A myocardium of a single intensity has none.
    """

    def scar(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Those above the threshold."""
        return np.asarray(values > threshold(values))


def threshold(values: NDArray[Any]) -> float:
    """Otsu's threshold, exact: every split of the sorted values is tried, no histogram.

    Args:
        values: ``(n,)`` intensities, n > 0.

    Returns:
        The largest value of the darker class; of equally good splits the lowest. The largest value
        of all if all are equal.
    """
    ordered = np.sort(values.astype(np.float64))
    ordered_sums = np.cumsum(ordered - ordered.mean())  # the mean taken off: no cancellation
    n = len(ordered)
    below = np.arange(1, n)
    # With the mean taken off, the variance between the classes goes as sum^2 / (below * above).
    between = ordered_sums[:-1] ** 2 / (below * (n - below))
    between[ordered[1:] == ordered[:-1]] = -1.0  # equal values do not part
    if n < 2 or between.max() < 0:
        return float(ordered[-1])
    return float(ordered[int(np.argmax(between))])
