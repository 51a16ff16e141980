"""Who is told right to be above a cut-off: scar at all, large scar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .pairs import Floats
from .proportions import IntervalMethod, Proportion, proportion

__all__ = ["LARGE_SCAR", "SCAR_PRESENT", "Cut", "Detection", "detection"]


@dataclass(frozen=True)
class Cut:
    """A cut-off of a feature.

    Attributes:
        name: What being above it means; names columns.
        value: In the feature's unit.
        inclusive: Whether the value itself is above.
    """

    name: str
    value: float
    inclusive: bool = True

    def above(self, values: ArrayLike) -> Floats:
        """1 where above, 0 where not, NaN where the value is."""
        known = np.asarray(values, dtype=np.float64)
        over = known >= self.value if self.inclusive else known > self.value
        return np.where(np.isnan(known), np.nan, over.astype(np.float64))

    def __str__(self) -> str:
        return f"{'>=' if self.inclusive else '>'} {self.value:g}"


#: Of ``scar_percent``: "presence of scar (defined as %Scar >1%)" (fahmy2021, Statistical Tests).
SCAR_PRESENT = Cut("scar_present", 1.0, inclusive=False)
#: Of ``scar_percent``: "large scars (defined as %LGE >=15%)" (fahmy2020, Results).
LARGE_SCAR = Cut("large_scar", 15.0)


@dataclass(frozen=True)
class Detection:
    """How often a method is right about presence.

    Attributes:
        sensitivity: Of those where it is present in truth, found.
        specificity: Of those where it is absent, not found.
        accuracy: Of all, right.
        ppv: Of those where it was found, present.
        npv: Of those where it was not found, absent.
        n: Cases whose truth is known.
        n_missing: Of them, without an answer.
    """

    sensitivity: Proportion
    specificity: Proportion
    accuracy: Proportion
    ppv: Proportion
    npv: Proportion
    n: int
    n_missing: int


def detection(
    truth: ArrayLike, found: ArrayLike, *, interval: IntervalMethod = "wilson"
) -> Detection:
    """Sensitivity, specificity, accuracy and predictive values, per case.

    A case without an answer is wrong: it counts in sensitivity or specificity and in accuracy, but
    was called neither present nor absent, so not in the predictive values. A proportion of no case
    has no value.

    Args:
        truth: ``(case,)`` of 0 and 1, or bool; NaN where unknown, which leaves the case out.
        found: ``(case,)``, the same of the method; NaN is no answer.
        interval: Which interval.

    Raises:
        DataError: Not of one length, or values other than these.
    """
    a, b = _flags(truth), _flags(found)
    if a.shape != b.shape:
        raise DataError(
            f"Detection is of pairs: the truth has shape {a.shape}, the answers {b.shape}."
        )
    known = ~np.isnan(a)
    a, b = a[known], b[known]
    present, absent, positive, negative = a == 1, a == 0, b == 1, b == 0

    def share(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> Proportion:
        return proportion(int((right & among).sum()), int(among.sum()), interval)

    return Detection(
        sensitivity=share(positive, present),
        specificity=share(negative, absent),
        accuracy=share((present & positive) | (absent & negative), np.ones(len(a), dtype=bool)),
        ppv=share(present, positive),
        npv=share(absent, negative),
        n=len(a),
        n_missing=int(np.isnan(b).sum()),
    )


def _flags(values: ArrayLike) -> Floats:
    flags = np.asarray(values, dtype=np.float64)
    if flags.ndim != 1 or not (np.isnan(flags) | (flags == 0) | (flags == 1)).all():
        raise DataError("Presence is 0 or 1 per case.", "Cut values by a Cut first.")
    return flags
