"""What a test between methods found, and how its samples are made fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError

__all__ = ["Test"]

Floats = NDArray[np.float64]
#: Values closer than this, relative to their size, are equal: rounding is no difference.
SAME = 1e-12


@dataclass(frozen=True)
class Test:
    """The outcome of one test, two-sided.

    Attributes:
        name: Which test.
        statistic: Its statistic, None where it is not defined.
        df: Its degrees of freedom, empty where it has none.
        p: None where there is no test; ``note`` then says why.
        n: How many values each sample had (one number for pairs).
        note: What is special: why there is no test, what was left out, what it presumes.
    """

    __test__ = False  # not pytest's

    name: str
    statistic: float | None
    df: tuple[float, ...]
    p: float | None
    n: tuple[int, ...]
    note: str = ""


def sample(values: ArrayLike) -> tuple[Floats, str]:
    """The defined ones of ``values``, ``(n,)``, and what to say about the others.

    Raises:
        DataError: They are no numbers, or not one-dimensional.
    """
    found = _numbers(values)
    known = np.isfinite(found)
    return found[known], _left_out(int((~known).sum()))


def samples(groups: Sequence[ArrayLike]) -> tuple[list[Floats], str]:
    """:func:`sample` of each group."""
    found = [sample(group)[0] for group in groups]
    lost = sum(len(_numbers(g)) for g in groups) - sum(len(f) for f in found)
    return found, _left_out(lost)


def pairs(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats, str]:
    """The values where both are defined, ``(n,)`` each, and what to say about the others.

    Raises:
        DataError: They are no numbers, or not as many.
    """
    x, y = _numbers(a), _numbers(b)
    if len(x) != len(y):
        raise DataError(
            f"There are {len(x)} values of one and {len(y)} of the other.",
            "Give one value per patient of both, NaN where there is none.",
        )
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known], _left_out(int((~known).sum()))


def constant(values: Floats) -> bool:
    """Whether they differ by no more than rounding, as fewer than two always do."""
    if len(values) < 2:
        return True
    return float(np.ptp(values)) <= SAME * max(1.0, float(np.abs(values).max()))


def joined(*notes: str) -> str:
    """Notes as one, without those that are empty."""
    return "; ".join(note for note in notes if note)


@contextmanager
def quiet() -> Iterator[None]:
    """No warning leaves: where a result is not finite, the caller says so in a note."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def finite(value: Any) -> float | None:
    """``value``, or None where it is not a number."""
    found = float(value)
    return found if np.isfinite(found) else None


def _numbers(values: ArrayLike) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"These are no numbers: {error}.", "Give one number per patient.") from None
    if found.ndim != 1:
        raise DataError(
            f"The values have the shape {found.shape}.", "Give a flat list, one value per patient."
        )
    return found


def _left_out(count: int) -> str:
    return f"{count} undefined left out" if count else ""
