"""Cells of agreement with the reference and of tests between two methods.

All take one pair of numbers per case; what the statistics do not define is said in the cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..agreement import bland_altman, pearson, proportion, regression
from ..significance import Test
from ..text import number
from .cohort import Floats
from .layout import Cell

if TYPE_CHECKING:
    from ..agreement import BlandAltman, Regression

__all__ = [
    "correlation_cell",
    "detection_cells",
    "limits_cell",
    "limits_of",
    "line_of",
    "p_cell",
    "pair_of",
    "slope_cell",
    "within_cell",
]  # fmt: skip


def pair_of(pairs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Reference and prediction of the cases that have both, ``(case,)`` each."""
    both = pairs[["reference", "prediction"]].dropna()
    return both["reference"].to_numpy(np.float64), both["prediction"].to_numpy(np.float64)


def line_of(pairs: pd.DataFrame, *, origin: bool = True) -> Regression:
    """The line of the prediction on the reference."""
    return regression(*pair_of(pairs), origin=origin)


def slope_cell(pairs: pd.DataFrame, *, origin: bool = True) -> Cell:
    """Its slope with its 95 % interval."""
    line = line_of(pairs, origin=origin)
    if line.slope is None:
        return Cell(missing=line.note or "not defined", n=line.n)
    return Cell(line.slope, low=line.slope_low, high=line.slope_high, n=line.n)


def correlation_cell(pairs: pd.DataFrame) -> Cell:
    """Pearson's r with its 95 % interval."""
    found = pearson(*pair_of(pairs))
    if found.r is None:
        return Cell(missing=found.note or "not defined", n=found.n)
    return Cell(found.r, low=found.low, high=found.high, n=found.n)


def limits_of(pairs: pd.DataFrame) -> BlandAltman:
    """Bland-Altman analysis of prediction minus reference; patients are those of the cases."""
    both = pairs.dropna(subset=["reference", "prediction"])
    return bland_altman(*pair_of(both), patients=both["patient"].to_numpy(str))


def limits_cell(found: BlandAltman, scale: float = 1.0) -> Cell:
    """The bias, and in brackets half the width of the limits of agreement."""
    if found.bias is None:
        return Cell(missing=found.note or "not defined", n=found.n)
    half = None
    if found.lower is not None and found.upper is not None:
        half = (found.upper - found.lower) / 2 * scale
    low, high = (None if end is None else end * scale for end in (found.bias_low, found.bias_high))
    return Cell(found.bias * scale, half, low, high, found.n)


def within_cell(pairs: pd.DataFrame, found: BlandAltman) -> Cell:
    """How many of 100 differences lie within the limits of agreement."""
    if found.lower is None or found.upper is None:
        return Cell(missing=found.note or "not defined", n=found.n)
    x, y = pair_of(pairs)
    gap = y - x
    share = float(((gap >= found.lower) & (gap <= found.upper)).mean())
    return Cell(100 * share, n=len(gap))


def detection_cells(
    truth: np.ndarray[Any, np.dtype[np.bool_]], found: np.ndarray[Any, np.dtype[np.bool_]]
) -> dict[str, Cell]:
    """Accuracy, specificity and sensitivity in %, with exact (Clopper-Pearson) intervals.

    Args:
        truth: ``(case,)``, what the reference has.
        found: ``(case,)``, what the prediction has.
    """
    right = truth == found
    cells = {}
    for name, of in (("accuracy", np.ones_like(truth)), ("specificity", ~truth),
                     ("sensitivity", truth)):  # fmt: skip
        k, n = int(right[of].sum()), int(of.sum())
        one = proportion(k, n, method="exact")
        ends = [None if end is None else 100 * end for end in (one.low, one.high)]
        value = None if one.value is None else 100 * one.value
        missing = "" if value is not None else "no such case"
        cells[name] = Cell(value, low=ends[0], high=ends[1], n=n, missing=missing)
    return cells


def p_cell(test: Test, digits: int = 3) -> Cell:
    """The p value of a test; one that would be printed as 0 is shown as a bound."""
    if test.p is None:
        return Cell(missing=test.note or "no test", n=sum(test.n))
    least = 10.0**-digits
    text = f"< {number(least, digits)}" if test.p < least / 2 else number(test.p, digits)
    return Cell(test.p, n=sum(test.n), text=text)
