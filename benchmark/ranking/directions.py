"""What is better, and ranks of what is the less the better."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError

__all__ = ["badness", "matrix_of", "rank"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_DIRECTIONS = ("higher", "lower", "zero")


def badness(values: Floats, better: str) -> Floats:
    """The less the better.

    Raises:
        UsageError: ``better`` is none of ``higher``, ``lower`` and ``zero``.
    """
    if better not in _DIRECTIONS:
        raise UsageError(
            f"Nothing can be ranked whose better direction is {better!r}.",
            f"It must be one of {', '.join(_DIRECTIONS)}.",
        )
    return {"higher": -values, "lower": values}.get(better, np.abs(values))


def rank(bad: ArrayLike) -> Ints:
    """Ranks along the last axis: 1 for the least, ties share the better, NaN last and shared.

    Scores are compared to twelve decimals: the same mean summed in another order is the same.
    """
    from scipy.stats import rankdata

    filled = np.round(np.asarray(bad, dtype=np.float64), 12)
    filled = np.where(np.isnan(filled), np.inf, filled)
    if not filled.size:
        return np.zeros(filled.shape, dtype=np.int64)
    return np.asarray(rankdata(filled, method="min", axis=-1)).astype(np.int64)


def matrix_of(values: ArrayLike) -> Floats:
    """``values`` as floats, which must be ``(case, method)``."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"values must be (case, method), not of shape {matrix.shape}")
    return matrix
