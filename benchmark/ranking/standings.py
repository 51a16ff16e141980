"""Ranks of methods by their means, under one policy for undefined values and under all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..averages import means
from ..policies import Policy
from ..table import Quantity
from .directions import badness, rank

__all__ = ["Standing", "ranks", "standings"]


@dataclass(frozen=True)
class Standing:
    """Where a method stands under one policy.

    Attributes:
        rank: 1 is best; equal means share a rank.
        mean: Over cases; None if no value is defined, which ranks last.
    """

    rank: int
    mean: float | None


def ranks(averages: Mapping[str, float | None], better: str) -> dict[str, int]:
    """1 for the best mean; means that are equal but for rounding share a rank, undefined are last.

    Args:
        averages: Mean by method.
        better: ``higher``, ``lower`` or ``zero``.

    Raises:
        UsageError: ``better`` is none of these.
    """
    means = np.array([np.nan if m is None else m for m in averages.values()], dtype=np.float64)
    return dict(zip(averages, map(int, rank(badness(means, better))), strict=True))


def standings(
    table: pd.DataFrame, labels: Sequence[str], quantity: Quantity, better: str
) -> dict[Policy, dict[str, Standing]]:
    """Ranks under every policy: whether the order depends on what an undefined value counts as.

    Args:
        table: Rows of :func:`benchmark.table.select`.
        labels: The methods that are ranked.
        quantity: What they are ranked by.
        better: Its direction.
    """
    found = {}
    for policy in Policy:
        averages = means(table, labels, quantity, policy)
        order = ranks(averages, better)
        found[policy] = {label: Standing(order[label], averages[label]) for label in labels}
    return found
