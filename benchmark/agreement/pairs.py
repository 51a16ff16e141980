"""Pairs of a reference value and a method's: checked, and without those that lack either."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError

__all__ = ["Floats", "Pairs", "pairs", "vanishes"]

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """What is left of the pairs where both values are known.

    Attributes:
        x: Reference.
        y: Method.
        patients: Whose each pair is, as text; each pair's own where none were given.
        n_left_out: Pairs that lacked a value.
    """

    x: Floats
    y: Floats
    patients: NDArray[np.str_]
    n_left_out: int


def pairs(x: ArrayLike, y: ArrayLike, patients: ArrayLike | None = None) -> Pairs:
    """Pairs of numbers, those with a NaN left out.

    Args:
        x: ``(case,)``, the reference.
        y: ``(case,)``, the method.
        patients: ``(case,)``; by default every case is of another patient.

    Raises:
        DataError: They are not of one length, or a value is infinite.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (x, y))
    whose: NDArray[Any] = np.arange(len(a)) if patients is None else np.asarray(patients)
    if a.ndim != 1 or a.shape != b.shape or whose.shape != a.shape:
        raise DataError(
            f"Agreement is of pairs: the reference has shape {a.shape}, the method {b.shape}, the "
            f"patients {whose.shape}.",
            "Give one value per case in each.",
        )
    if np.isinf(a).any() or np.isinf(b).any():
        raise DataError("Agreement is of numbers: a value is infinite.", "Give NaN where unknown.")
    known = ~(np.isnan(a) | np.isnan(b))
    return Pairs(a[known], b[known], whose[known].astype(str), int((~known).sum()))


def vanishes(spread: float, size: float) -> bool:
    """Whether a sum of squares is what rounding leaves of none.

    Args:
        spread: The sum of squares about a mean or a line.
        size: The sum of squares of the values themselves.
    """
    return spread <= 1e-22 * size
