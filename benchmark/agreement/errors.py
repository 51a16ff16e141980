"""Absolute errors of a feature, and cases that change class by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from ..bootstrap import RESAMPLES, resampled_means
from ..bootstrap import interval as percentile
from ..errors import UsageError
from .detection import Cut
from .pairs import pairs

__all__ = ["AbsoluteError", "NormalisedError", "Reclassification", "absolute_error",
           "normalised_mae", "reclassification"]  # fmt: skip


@dataclass(frozen=True)
class AbsoluteError:
    """Mean absolute error, in the feature's unit; None without a pair.

    ``low`` and ``high`` are its 95 % interval, patients resampled; None with fewer than two.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""


@dataclass(frozen=True)
class NormalisedError:
    """Absolute error as a share of the reference.

    Attributes:
        value: Mean over cases of ``100 |y - x| / |x|``, in percent.
        smallest, largest: Range over cases, which popescu2022 prints in parentheses.
        pooled: ``100 sum|y - x| / sum|x|``: defined with zeros among the references, and not
            carried by the smallest of them.
        n: Cases of the mean.
        n_zero: Cases left out because their reference is 0.
        note: Why something is None, or what was left out; empty otherwise.
    """

    value: float | None
    smallest: float | None
    largest: float | None
    pooled: float | None
    n: int
    n_zero: int
    note: str = ""


@dataclass(frozen=True)
class Reclassification:
    """Cases by class of the reference and of the method.

    Attributes:
        classes: Names, from below the first cut-off to above the last.
        counts: ``counts[i][j]`` cases of reference class ``i`` that the method puts into ``j``.
        up: Cases put into a higher class than the reference's.
        down: Into a lower one.
        net: ``up - down``.
        same: Into the same.
        n_missing: Cases with a known class that the method gave no value for.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    up: int
    down: int
    net: int
    same: int
    n_missing: int


def absolute_error(
    x: ArrayLike,
    y: ArrayLike,
    patients: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> AbsoluteError:
    """Mean of ``|y - x|`` over cases.

    Args:
        x: ``(case,)``, the reference; a pair with a NaN is left out.
        y: ``(case,)``, the method.
        patients: ``(case,)``; by default every case is of another patient.
        resamples: Of the interval; 0 leaves it out.
        seed: Of its draws.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, whose, _ = pairs(x, y, patients)
    if not len(a):
        return AbsoluteError(None, None, None, 0, "no pair")
    off = np.abs(b - a)
    if not resamples:
        return AbsoluteError(float(off.mean()), None, None, len(a), "no interval was asked for")
    means = resampled_means(off[:, None], whose, resamples=resamples, seed=seed)
    low, high = percentile(means[:, 0], len(np.unique(whose)))
    note = "" if low is not None else "no interval: fewer than 2 patients"
    return AbsoluteError(float(off.mean()), low, high, len(a), note)


def normalised_mae(x: ArrayLike, y: ArrayLike) -> NormalisedError:
    """Mean absolute error "normalized to the respective ground truth volume" (popescu2022).

    Each case's error is divided by that case's reference, then averaged: its Table 2 has a range
    over cases that ends at 100 % where a method found nothing. A reference of 0 has no such error;
    the paper had none (its smallest volume is 1 mL). Such cases are left out and counted.

    Args:
        x: ``(case,)``, the reference; a pair with a NaN is left out.
        y: ``(case,)``, the method.

    Raises:
        DataError: Not of one length, or an infinite value.
    """
    a, b, _, _ = pairs(x, y)
    if not len(a):
        return NormalisedError(None, None, None, None, 0, 0, "no pair")
    there = a != 0
    n, zero = int(there.sum()), int((~there).sum())
    if not n:
        return NormalisedError(None, None, None, None, 0, zero, "the reference is 0 everywhere")
    off = 100 * np.abs(b - a)[there] / np.abs(a)[there]
    pooled = 100 * float(np.abs(b - a).sum() / np.abs(a).sum())
    note = f"{zero} left out: their reference is 0" if zero else ""
    return NormalisedError(
        float(off.mean()), float(off.min()), float(off.max()), pooled, n, zero, note
    )


def reclassification(x: ArrayLike, y: ArrayLike, cuts: Sequence[Cut | float]) -> Reclassification:
    """Cases by class of the reference and of the method, across cut-offs.

    Args:
        x: ``(case,)``, the reference; a case with a NaN is left out.
        y: ``(case,)``, the method; a NaN is counted as missing and in no class.
        cuts: Rising; a plain number counts itself as above.

    Raises:
        DataError: Not of one length, or an infinite value.
        UsageError: No cut-off, one that is no number, or they do not rise.
    """
    given = [cut if isinstance(cut, Cut) else Cut(f"{cut:g}", float(cut)) for cut in cuts]
    values = [cut.value for cut in given]
    if not given or not np.isfinite(values).all() or any(b <= a for a, b in pairwise(values)):
        raise UsageError(
            f"Cut-offs have to be numbers that rise: {values}.", "Give each once, the lowest first."
        )
    a, b, _, _ = pairs(x, y)
    total = int((~np.isnan(np.asarray(x, dtype=np.float64))).sum())
    names = [_below(given[0]), *(str(cut) for cut in given)]
    of = [sum((cut.above(side) for cut in given), np.zeros(len(a))).astype(int) for side in (a, b)]
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (of[0], of[1]), 1)
    up, down = int(np.triu(counts, 1).sum()), int(np.tril(counts, -1).sum())
    return Reclassification(
        classes=tuple(names),
        counts=tuple(tuple(int(n) for n in row) for row in counts),
        up=up,
        down=down,
        net=up - down,
        same=int(np.trace(counts)),
        n_missing=total - len(a),
    )


def _below(cut: Cut) -> str:
    return f"{'<' if cut.inclusive else '<='} {cut.value:g}"
