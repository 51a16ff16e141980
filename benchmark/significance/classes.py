"""The classes of Dice of fahmy2020: poor, moderate, good, excellent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .result import sample

__all__ = ["CLASSES", "DiceClasses", "dice_classes"]

#: Name and lower limit. fahmy2020, Statistical Analysis: "less than 0.25, poor; 0.25-0.49,
#: moderate; 0.5-0.74, good; and 0.75 or greater, excellent". Its limits have two decimals; ours are
#: closed below and open above, so that 0.495 is moderate.
CLASSES = (("poor", 0.0), ("moderate", 0.25), ("good", 0.5), ("excellent", 0.75))


@dataclass(frozen=True)
class DiceClasses:
    """How many Dice coefficients fall into each class, and the summary the paper prints.

    Attributes:
        counts: Cases by class, from poor to excellent.
        shares: The same as shares of ``n``; None each without a case.
        mean: Over cases; None without any.
        sd: Their standard deviation (ddof 1); None with fewer than two.
        quartiles: First, second and third, linearly interpolated; None without a case.
        n: Cases with a value.
        n_undefined: Cases without.
    """

    counts: dict[str, int]
    shares: dict[str, float | None]
    mean: float | None
    sd: float | None
    quartiles: tuple[float, float, float] | None
    n: int
    n_undefined: int


def dice_classes(dice: ArrayLike) -> DiceClasses:
    """The classes of ``dice``, ``(case,)``; NaN is undefined and falls into none.

    fahmy2020 counts only cases "with manually identified scars"; give those.

    Raises:
        DataError: A value is below 0 or above 1.
    """
    values, _ = sample(dice)
    wrong = values[(values < 0) | (values > 1)]
    if len(wrong):
        raise DataError(f"{float(wrong[0])} is no Dice coefficient.", "Give values from 0 to 1.")
    n = len(values)
    limits = [limit for _, limit in CLASSES]
    which = np.searchsorted(limits, values, side="right") - 1
    numbers = np.bincount(which, minlength=len(CLASSES))
    counts = {name: int(k) for (name, _), k in zip(CLASSES, numbers, strict=True)}
    quartiles = [float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])] if n else None
    return DiceClasses(
        counts=counts,
        shares={name: k / n if n else None for name, k in counts.items()},
        mean=float(values.mean()) if n else None,
        sd=float(values.std(ddof=1)) if n > 1 else None,
        quartiles=(quartiles[0], quartiles[1], quartiles[2]) if quartiles else None,
        n=n,
        n_undefined=len(np.asarray(dice)) - n,
    )
