"""Means of contour scores, each naming what it did with misses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError, near_misses
from .scores import ContourScore

__all__ = ["ContourMean", "mean_score"]


@dataclass(frozen=True)
class ContourMean:
    """A mean that says how it came about.

    Attributes:
        value: None where nothing went into it.
        policy: ``worst_case`` or ``exclude``.
        n_defined: How many scores have a value of their own.
        n_total: How many there are where either side has something.
    """

    value: float | None
    policy: Literal["worst_case", "exclude"]
    n_defined: int
    n_total: int


def mean_score(
    scores: Iterable[ContourScore],
    metric: str,
    policy: Literal["worst_case", "exclude"] = "worst_case",
) -> ContourMean:
    """The mean of one metric over slices and both kinds, as the tables of mapping2023 print it.

    Args:
        scores: Of any number of cases.
        metric: Which of their metrics.
        policy: ``worst_case`` counts a miss at its worst value, ``exclude`` leaves it out, which
            rewards whoever answers only where it is easy. Neither counts what both sides lack.

    Raises:
        UsageError: No such policy.
    """
    if policy not in ("worst_case", "exclude"):
        known = near_misses(str(policy), ("worst_case", "exclude"))
        raise UsageError(f"No policy for missing contours is {policy!r}.", known)
    present = [s for s in scores if s.metric == metric and s.status != "both_empty"]
    defined = [s.value for s in present if s.value is not None]
    taken = [s.worst for s in present if s.worst is not None] if policy == "worst_case" else defined
    value = math.fsum(taken) / len(taken) if taken else None
    return ContourMean(value, policy, len(defined), len(present))
