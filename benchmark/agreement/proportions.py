"""Shares of cases with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..bootstrap import LEVEL
from ..errors import UsageError
from ..panel import wilson

__all__ = ["IntervalMethod", "Proportion", "proportion"]

IntervalMethod = Literal["wilson", "exact"]


@dataclass(frozen=True)
class Proportion:
    """``k`` of ``n``, with a 95 % interval; all three None where ``n`` is 0."""

    value: float | None
    low: float | None
    high: float | None
    k: int
    n: int


def proportion(k: int, n: int, method: IntervalMethod = "wilson") -> Proportion:
    """A share with its interval.

    Args:
        k: How many.
        n: Of how many; of none, there is no share.
        method: ``wilson`` (score interval, Wilson 1927) or ``exact`` (Clopper and Pearson 1934),
            which fahmy2020 printed: 10 of 12 is 51.6 to 97.9 %.

    Raises:
        UsageError: ``k`` is not between 0 and ``n``, or there is no such method.
    """
    if not 0 <= k <= n:
        raise UsageError(f"There is no share of {k} in {n}.", "Give a count from 0 to n.")
    if method not in ("wilson", "exact"):
        raise UsageError(f"There is no interval {method!r}.", "There are: wilson, exact.")
    if not n:
        return Proportion(None, None, None, k, n)
    if method == "wilson":
        found = wilson(k, n, LEVEL)
        return Proportion(found.value, found.low, found.high, k, n)
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    below = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    above = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Proportion(k / n, below, above, k, n)
