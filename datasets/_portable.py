"""Elementary functions and random numbers with the same bits on every machine.

NumPy's ``exp``, ``sin`` and ``log`` differ in the last bit between processors, and its
distributions may change between versions. What IEEE 754 fixes exactly does not: ``+ - * /`` and
``sqrt`` of doubles, comparisons, and integers. Everything here is made of those, on top of the raw
integers of PCG64 (O'Neill 2014), whose stream NumPy guarantees.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["PI", "Floats", "Stream", "box3", "cos_sin", "exp", "exponentials", "smoothstep"]

Floats = NDArray[np.float64]
PI = 3.141592653589793
_LN2 = 0.6931471805599453


def exp(x: float) -> float:
    """Exponential of ``x``: a Taylor series on |r| < 0.35, scaled by an exact power of two."""
    k = math.floor(x / _LN2 + 0.5)
    r = x - k * _LN2
    total = 1.0
    for n in range(16, 0, -1):
        total = 1.0 + total * r / n
    return math.ldexp(total, k)


def exponentials(x: Floats) -> Floats:
    """Exponential of each of ``x``, by the series of :func:`exp`."""
    k = np.floor(x / _LN2 + 0.5)
    r = x - k * _LN2
    total = np.ones_like(r)
    for n in range(14, 0, -1):
        total = 1.0 + total * r / n
    return np.ldexp(total, k.astype(np.int32))


def cos_sin(angle: float) -> tuple[float, float]:
    """Cosine and sine of ``angle`` in radians, by Taylor series after reduction to [-pi, pi]."""
    x = angle - math.floor(angle / (2.0 * PI) + 0.5) * (2.0 * PI)
    x2 = x * x
    cosine = sine = 1.0
    for n in range(30, 0, -2):
        cosine = 1.0 - cosine * x2 / (n * (n - 1))
        sine = 1.0 - sine * x2 / (n * (n + 1))
    return cosine, sine * x


def smoothstep(x: float) -> float:
    """0 below 0, 1 above 1, and a cubic with flat ends between."""
    x = min(1.0, max(0.0, x))
    return x * x * (3.0 - 2.0 * x)


@cache
def _normal_quantiles() -> Floats:
    """Standard normal quantiles at the 65536 midpoints (i + 0.5) / 65536.

    The density is integrated with Simpson's rule from -5.5 in steps of 1/512 and the cumulative
    curve inverted by linear interpolation: right to 1e-6 in the middle and 1e-3 in the far tails,
    and of exact operations only.
    """
    step = 1.0 / 512.0
    grid = [-5.5 + i * step for i in range(5633)]
    cumulative = [0.0]
    for left in grid[:-1]:
        middle, right = left + 0.5 * step, left + step
        area = exp(-0.5 * left * left) + 4.0 * exp(-0.5 * middle * middle)
        cumulative.append(cumulative[-1] + (area + exp(-0.5 * right * right)) * step / 6.0)
    curve = np.array(cumulative)
    wanted = (np.arange(65536, dtype=np.float64) + 0.5) / 65536.0 * cumulative[-1]
    cell = np.searchsorted(curve, wanted) - 1
    inside = (wanted - curve[cell]) / (curve[cell + 1] - curve[cell])
    return np.asarray(np.array(grid)[cell] + inside * step)


class Stream:
    """Random numbers of one purpose: the key alone fixes all of them.

    Args:
        key: Integers that name the purpose, such as (version, case, purpose).
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(list(key))

    def _raw(self, n: int) -> NDArray[np.uint64]:
        return np.asarray(self._bits.random_raw(n), dtype=np.uint64)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number in [low, high)."""
        return low + (high - low) * (int(self._raw(1)[0]) >> 11) / 9007199254740992.0

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """One normal number, of 65536 equally likely quantiles."""
        return mean + sd * float(_normal_quantiles()[int(self._raw(1)[0]) >> 48])

    def normals(self, n: int) -> Floats:
        """``n`` standard normal numbers; each raw integer gives four."""
        raw = self._raw((n + 3) // 4)
        quarters = np.empty((len(raw), 4), dtype=np.intp)
        for i in range(4):
            quarters[:, i] = (raw >> np.uint64(16 * i)) & np.uint64(0xFFFF)
        return np.asarray(_normal_quantiles()[quarters.ravel()[:n]])

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def permutation(self, n: int) -> list[int]:
        """0 ... n-1 in random order."""
        return [int(i) for i in np.argsort(self._raw(n), kind="stable")]


def box3(image: Floats, side: float) -> Floats:
    """``image`` blurred along its last two axes with the kernel (side, 1 - 2 side, side).

    Borders repeat. The order of the additions is fixed, which a library's filter does not promise.
    """
    for axis in (image.ndim - 1, image.ndim - 2):
        padded = np.pad(image, [(int(a == axis),) * 2 for a in range(image.ndim)], mode="edge")
        before, after = [slice(None)] * image.ndim, [slice(None)] * image.ndim
        before[axis], after[axis] = slice(0, -2), slice(2, None)
        image = image * (1.0 - 2.0 * side) + (padded[tuple(before)] + padded[tuple(after)]) * side
    return image
