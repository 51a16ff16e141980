"""Scar is the brighter of the two Gaussians that make up the myocardium's intensities.

Dempster AP, Laird NM, Rubin DB. Maximum likelihood from incomplete data via the EM algorithm. J R
Stat Soc B 1977;39(1):1-38. Whether there are two at all is left to the Bayesian information
criterion: Schwarz G. Estimating the dimension of a model. Ann Stat 1978;6(2):461-464.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._myocardium import InMyocardium
from .otsu import threshold

__all__ = ["GMM", "Mixture", "fit_mixture", "normal_log_likelihood"]

#: Smallest variance of a Gaussian, as a share of that of all values: none shrinks to one value.
_FLOOR = 1e-6
_STEPS, _TOLERANCE = 1000, 1e-9
#: What two Gaussians have more than one: mean, variance, weight.
_MORE = 3


class GMM(InMyocardium):
    """A mixture of two Gaussians for each study, of the intensities of all its myocardium.

    Scar is what more probably belongs to the brighter one. What is darker than the mean of the
    darker never does, and what is brighter than the mean of the brighter always, whatever the tails
    of two unlike Gaussians say. The first guess is Otsu's split.

    A heart has no scar if one Gaussian describes it as well, by the information criterion; with the
    skewed intensities and the thousands of neighbours, not independent, of a real myocardium that
    is rare, and two are found in many hearts without scar. A myocardium of a single intensity, or
    of a single voxel, has none.
    """

    def scar(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Those of the brighter Gaussian."""
        ordered = values.astype(np.float64)
        if ordered.min() == ordered.max():
            return np.zeros(values.shape, dtype=bool)
        mixture = fit_mixture(ordered)
        gain = 2 * (mixture.log_likelihood - normal_log_likelihood(ordered))
        if gain <= _MORE * np.log(len(ordered)):
            return np.zeros(values.shape, dtype=bool)
        dark, bright = mixture.means
        likelier = np.argmax(mixture.log_densities(ordered), axis=0) == 1
        return np.asarray((likelier & (ordered > dark)) | (ordered >= bright))


@dataclass(frozen=True)
class Mixture:
    """Two weighted Gaussians, the one of the lower mean first, and how likely they make the data.

    Each attribute has shape ``(2,)``.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    log_likelihood: float

    def log_densities(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``(2, n)``: log of weight times density of each."""
        return _log_densities(values, self.weights, self.means, self.variances)


def fit_mixture(values: NDArray[np.float64]) -> Mixture:
    """The mixture of two Gaussians that expectation maximisation finds, from Otsu's split.

    Args:
        values: ``(n,)``, not all equal.
    """
    centre, scale = values.mean(), values.std()
    x = (values - centre) / scale
    shares = np.stack([x <= threshold(x), x > threshold(x)]).astype(np.float64)
    before = -np.inf
    for _ in range(_STEPS):
        counts = shares.sum(axis=1)
        weights, means = counts / len(x), shares @ x / counts
        variances = (shares * (x - means[:, None]) ** 2).sum(axis=1) / counts + _FLOOR
        logs = _log_densities(x, weights, means, variances)
        each = np.logaddexp(*logs)
        shares = np.exp(logs - each)
        now = float(each.mean())
        if now - before < _TOLERANCE or shares.sum(axis=1).min() < 1e-9:
            break
        before = now
    order = np.argsort(means, kind="stable")
    return Mixture(
        weights[order],
        means[order] * scale + centre,
        variances[order] * scale**2,
        float(each.sum() - len(x) * np.log(scale)),
    )


def normal_log_likelihood(values: NDArray[np.float64]) -> float:
    """Of the one Gaussian that fits best."""
    return float(-len(values) / 2 * (np.log(2 * np.pi * values.var()) + 1))


def _log_densities(
    x: NDArray[np.float64],
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> NDArray[np.float64]:
    squares = (x - means[:, None]) ** 2 / variances[:, None]
    logs = np.log(weights) - np.log(2 * np.pi * variances) / 2
    return np.asarray(logs[:, None] - squares / 2)
