"""A mixture of Gaussians with full covariances in a few dimensions, to draw new points from.

Dempster AP, Laird NM, Rubin DB. Maximum likelihood from incomplete data via the EM algorithm. J R
Stat Soc B 1977;39(1):1-38; begun as Arthur D, Vassilvitskii S. k-means++: the advantages of careful
seeding. SODA 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError

__all__ = ["Gaussians", "fit_gaussians"]

Floats = NDArray[np.float64]

#: Least variance in any direction, as a share of the mean variance of all points along an axis.
_FLOOR = 1e-6
_STEPS, _TOLERANCE = 200, 1e-6
#: Beginnings of which the likeliest end is taken.
_STARTS = 3


@dataclass(frozen=True)
class Gaussians:
    """Weighted Gaussians in d dimensions, the heaviest first.

    Attributes:
        weights: ``(k,)``; they sum to 1.
        means: ``(k, d)``.
        covariances: ``(k, d, d)``.
    """

    weights: Floats
    means: Floats
    covariances: Floats

    def log_densities(self, points: Floats) -> Floats:
        """``(n, k)``: log of weight times density of each Gaussian at points ``(n, d)``."""
        roots = np.linalg.cholesky(self.covariances)
        away = points.T[None] - self.means[:, :, None]
        squares = (np.linalg.solve(roots, away) ** 2).sum(axis=1)
        halves = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        constant = np.log(self.weights) - halves - points.shape[1] / 2 * np.log(2 * np.pi)
        return np.asarray((constant[:, None] - squares / 2).T)

    def log_likelihood(self, points: Floats) -> float:
        """Mean over ``points`` of the log density of the mixture."""
        return float(np.logaddexp.reduce(self.log_densities(points), axis=1).mean())

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """``(n, d)`` points of the mixture."""
        which = rng.choice(len(self.weights), size=n, p=self.weights)
        normal = rng.standard_normal((n, self.means.shape[1]))
        roots = np.linalg.cholesky(self.covariances)
        moved: Floats = self.means[which] + np.einsum("nij,nj->ni", roots[which], normal)
        return moved


def fit_gaussians(points: Floats, components: int, seed: int) -> Gaussians:
    """The likeliest mixture that expectation maximisation finds.

    A covariance in d dimensions has a direction without any spread unless d + 1 points make it:
    there are fewer components where there are fewer points than that for each.

    Args:
        points: ``(n, d)``.
        components: How many Gaussians at most.
        seed: Decides where it begins.

    Raises:
        DataError: There are fewer than two points, or all are alike.
    """
    n, d = points.shape
    spread = float(points.var(axis=0).mean()) if n > 1 else 0.0
    if not spread > 0:
        raise DataError(
            f"{n} encoded masks, which differ by {spread:g}, make no distribution.",
            "Train on more slices with myocardium, or for longer.",
        )
    k = max(1, min(components, n // (d + 1)))
    floor = _FLOOR * spread * np.eye(d)
    rng = np.random.default_rng(seed)
    found = [_maximised(points, _begun(points, k, rng), floor) for _ in range(_STARTS)]
    best = max(found, key=lambda mixture: mixture.log_likelihood(points))
    order = np.argsort(-best.weights, kind="stable")
    return Gaussians(best.weights[order], best.means[order], best.covariances[order])


def _begun(points: Floats, k: int, rng: np.random.Generator) -> Floats:
    """``(n, k)``: 1 for the nearest of k points drawn far from each other, else 0."""
    squares = np.full((len(points), 0), np.inf)
    share = np.full(len(points), 1 / len(points))
    for _ in range(k):
        centre = points[rng.choice(len(points), p=share)]
        squares = np.column_stack([squares, ((points - centre) ** 2).sum(axis=1)])
        nearest = squares.min(axis=1)
        # Where every point is a centre any will do: two Gaussians then share its points.
        share = nearest / nearest.sum() if nearest.sum() > 0 else share
    return np.asarray(np.eye(k)[squares.argmin(axis=1)])


def _maximised(points: Floats, shares: Floats, floor: Floats) -> Gaussians:
    before = -np.inf
    mixture = _of_shares(points, shares, floor)
    for _ in range(_STEPS):
        logs = mixture.log_densities(points)
        each = np.logaddexp.reduce(logs, axis=1)
        if each.mean() - before < _TOLERANCE:
            break
        before = each.mean()
        mixture = _of_shares(points, np.exp(logs - each[:, None]), floor)
    return mixture


def _of_shares(points: Floats, shares: Floats, floor: Floats) -> Gaussians:
    counts = shares.sum(axis=0) + 10 * np.finfo(float).eps  # one that lost all its points stays
    means = shares.T @ points / counts[:, None]
    away = points[None] - means[:, None]
    covariances = np.einsum("nk,kni,knj->kij", shares, away, away, optimize=True)
    return Gaussians(counts / counts.sum(), means, covariances / counts[:, None, None] + floor)
