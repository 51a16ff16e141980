"""Maps from weighted images: two exponentials, fitted to the magnitudes of every pixel.

T1. What MOLLI shows is |A - B exp(-t / T1*)| (mapping2023, section 3.2, prints it without the
star). The readouts make T1* shorter than T1; the Look-Locker correction ``T1 = T1* (B / A - 1)``
undoes that (Messroghli, Magn Reson Med 2004; 52:141), and scanners' maps carry it. Both can be had.

T2. What T2 preparation leaves is S exp(-TE / T2).

For a given time constant the other parameters are a linear fit, so only that one is searched: on a
logarithmic grid, then by Gauss-Newton steps on what the linear fit leaves (Golub and Pereyra 1973;
Kaufman 1975). The signs that the magnitudes lost come back by trial: an inversion recovery is
negative up to some image and positive from there, and the fit with the least residual says which.

Everything is additions, multiplications, divisions and comparisons in a fixed order, so a map has
the same bits on every machine. As a second safeguard, the delivered map is rounded: a difference in
the last bit could show only where a value lies on the border between two steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ._portable import Floats, exp, exponentials

__all__ = ["Recovery", "fit_decay", "fit_recovery", "look_locker"]

Number = TypeVar("Number", float, Floats)
#: Ratio of neighbouring time constants of the grid: the basins of the residual are wider.
_RATIO = 1.15
_STEPS = 6


@dataclass(frozen=True)
class Recovery:
    """The three parameters of |A - B exp(-t / T1*)|, per pixel.

    Attributes:
        a, b: In units of the signal; 0 where there is no recovery to fit.
        t1_star: Apparent T1 in ms; 0 there.
        negative: How many of the images, the earliest, are negative.
    """

    a: Floats
    b: Floats
    t1_star: Floats
    negative: NDArray[np.intp]


def look_locker(fit: Recovery) -> Floats:
    """T1 in ms, corrected for the readouts: ``T1* (B / A - 1)``; 0 where nothing was fitted.

    Also 0 where A is not positive, or B no larger than A: there was no inversion.
    """
    good = (fit.a > 0.0) & (fit.b > fit.a)
    return np.where(good, fit.t1_star * (fit.b / np.where(good, fit.a, 1.0) - 1.0), 0.0)


def fit_recovery(
    magnitudes: Floats, times: Sequence[float], bounds: tuple[float, float] = (20.0, 6000.0)
) -> Recovery:
    """Fit inversion recoveries.

    Args:
        magnitudes: ``(image, pixel)``, none negative.
        times: Inversion times in ms, rising; at least four.
        bounds: Within which T1* is searched, ms.
    """
    n = len(times)
    y = [np.array(image, dtype=np.float64) for image in magnitudes]
    pixels = y[0].shape
    sums = [_total(y)]
    for k in range(n - 1):  # k + 1 images negative
        sums.append(sums[-1] - 2.0 * y[k])
    explained = [np.zeros(pixels) for _ in y]  # by number of negative images
    constants = [np.zeros(pixels) for _ in y]
    for t in _grid(bounds):
        e = [exp(-time / t) for time in times]
        mean = _total(e) / n
        norm = math.sqrt(_total([(value - mean) * (value - mean) for value in e]))
        q = [(value - mean) / norm for value in e]
        along = _total([image * weight for image, weight in zip(y, q, strict=True)])
        for k in range(n):
            if k:
                along = along - (2.0 * q[k - 1]) * y[k - 1]
            # What the fit explains of the (fixed) sum of squares; only recoveries rise.
            now = np.where(along < 0.0, sums[k] * sums[k] / n + along * along, 0.0)
            better = now > explained[k]
            explained[k] = np.where(better, now, explained[k])
            constants[k] = np.where(better, t, constants[k])
    first, second = _two_best(explained)
    one, two = (_signed_fit(y, times, constants, negative) for negative in (first, second))
    take = one[3] <= two[3]
    a, b, t1_star, _ = (np.where(take, u, v) for u, v in zip(one, two, strict=True))
    negative = np.where(take, first, second)
    failed = (t1_star == 0.0) | (b <= 0.0)
    a, b, t1_star = (np.where(failed, 0.0, value) for value in (a, b, t1_star))
    return Recovery(a, b, t1_star, negative)


def _two_best(explained: list[Floats]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which two of the list are largest, per pixel.

    Two, for an image near zero fits the grid's time constants about as well with either sign.
    """
    places = []
    left = list(explained)
    for _ in range(2):
        top, where = left[0], np.zeros(left[0].shape, dtype=np.intp)
        for k, values in enumerate(left):
            where = np.where(values > top, k, where)
            top = np.maximum(top, values)
        places.append(where)
        left = [np.where(where == k, -1.0, values) for k, values in enumerate(left)]
    return places[0], places[1]


def _signed_fit(
    y: list[Floats],
    times: Sequence[float],
    constants: list[Floats],
    negative: NDArray[np.intp],
) -> tuple[Floats, Floats, Floats, Floats]:
    """A, B, T1* and the sum of squares left, with the first ``negative`` images turned."""
    signed = [np.where(negative > i, -image, image) for i, image in enumerate(y)]
    start = constants[0]
    for k, values in enumerate(constants):
        start = np.where(negative == k, values, start)
    a, b, t = _refined(signed, times, start, True)
    e = [exponentials(-time / np.where(t > 0.0, t, 1.0)) for time in times]
    left = [image - a + b * value for image, value in zip(signed, e, strict=True)]
    squares = _total([d * d for d in left])
    return a, b, t, np.where(t > 0.0, squares, np.inf)


def fit_decay(
    magnitudes: Floats, times: Sequence[float], bounds: tuple[float, float] = (5.0, 1000.0)
) -> tuple[Floats, Floats]:
    """Fit mono-exponential decays: the signal at time 0, and T2 in ms (0 where there is none).

    Args:
        magnitudes: ``(image, pixel)``, none negative.
        times: Echo times in ms, rising; at least three.
        bounds: Within which T2 is searched, ms.
    """
    y = [np.array(image, dtype=np.float64) for image in magnitudes]
    best, constant = np.zeros(y[0].shape), np.zeros(y[0].shape)
    for t in _grid(bounds):
        e = [exp(-time / t) for time in times]
        norm = _total([value * value for value in e])
        along = _total([image * value for image, value in zip(y, e, strict=True)])
        explained = along * along / norm
        constant = np.where(explained > best, t, constant)
        best = np.maximum(best, explained)
    _, minus, constant = _refined(y, times, constant, False)
    return -minus, constant


def _grid(bounds: tuple[float, float]) -> list[float]:
    values = [bounds[0]]
    while values[-1] * _RATIO < bounds[1]:
        values.append(values[-1] * _RATIO)
    return [*values, bounds[1]]


def _total(values: Sequence[Number]) -> Number:
    """Their sum, from the first to the last: NumPy and newer Pythons' ``sum`` have other ways."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _refined(
    y: list[Floats], times: Sequence[float], constant: Floats, offset: bool
) -> tuple[Floats, Floats, Floats]:
    """A, B and T of A - B exp(-t / T) from T on the grid; A is 0 without an ``offset``."""
    start = np.where(constant > 0.0, constant, 1.0)
    low, high = start / _RATIO, start * _RATIO
    t = start
    for step in range(_STEPS + 1):
        e = [exponentials(-time / t) for time in times]
        mean_e = _total(e) / len(e) if offset else np.zeros_like(t)
        mean_y = _total(y) / len(y) if offset else np.zeros_like(t)
        q = [value - mean_e for value in e]
        norm = _total([value * value for value in q])
        b = -_total([value * image for value, image in zip(q, y, strict=True)]) / norm
        if step == _STEPS:
            break
        # The slope of the model in T, less what A and B would take up of it.
        slope = [value * time for value, time in zip(e, times, strict=True)]
        mean = _total(slope) / len(e) if offset else np.zeros_like(t)
        share = _total([s * v for s, v in zip(slope, q, strict=True)]) / norm
        rest = [s - mean - share * v for s, v in zip(slope, q, strict=True)]
        left = [image - mean_y + b * v for image, v in zip(y, q, strict=True)]
        up = _total([r * d for r, d in zip(rest, left, strict=True)])
        down = b * _total([r * r for r in rest])
        turn = -t * t * up / np.where(down == 0.0, 1.0, down)
        t = np.minimum(high, np.maximum(low, np.where(down == 0.0, t, t + turn)))
    a = mean_y + b * mean_e
    return a, b, np.where(constant > 0.0, t, 0.0)
