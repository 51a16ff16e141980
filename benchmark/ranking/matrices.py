"""Cases by methods: what every way to rank starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..averages import matrix
from ..policies import Policy, case_means
from ..table import Quantity
from .schemes import Scheme

__all__ = ["CaseMatrix", "case_matrix"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CaseMatrix:
    """One quantity of all methods in all cases, under one policy.

    Attributes:
        policy: What undefined values count as.
        names: The methods.
        cases: ``(case,)``: their ids.
        patients: ``(case,)``.
        values: ``(case, method)``: averaged over seeds; NaN is undefined. For a mean, with
            ``weights``: then it is the leaderboard's.
        weights: ``(case, method)``: the share of seeds with a value; 1 where there is none.
        filled: ``(case, method)``: for what compares methods within a case. There a rightly empty
            answer, which ``values`` may leave undefined, is perfect wherever the case counts.
    """

    policy: Policy
    names: tuple[str, ...]
    cases: NDArray[np.str_]
    patients: NDArray[np.str_]
    values: Floats
    weights: Floats
    filled: Floats

    def of(self, scheme: Scheme) -> Floats:
        """What that scheme ranks: ``values`` of means, ``filled`` of what compares in the case."""
        within = scheme is Scheme.RANK or (
            scheme is Scheme.TEST and self.policy is not Policy.EXCLUDE
        )
        return self.filled if within else self.values

    def __len__(self) -> int:
        return len(self.cases)


def case_matrix(
    table: pd.DataFrame, labels: Sequence[str], quantity: Quantity, policy: Policy
) -> CaseMatrix:
    """The matrix of one quantity.

    A mean may leave a case out for the method that has no value in it. A comparison within the case
    cannot: where one method rightly finds no scar and another invents some, the first was better.
    Therefore, in ``filled`` and under every policy, an answer that is empty as the reference is
    counts as perfect in each case where any method has a value (``both_empty_is_perfect`` has one
    in all of them); what is undefined for another reason stays so, and sorts last. So does
    :func:`benchmark.compare.compare` with pairs, except under ``exclude``, which leaves such a pair
    out: a test between two methods can, and does so here too; a rank in a case cannot.

    Args:
        table: Rows of :func:`benchmark.table.select`.
        labels: The methods, in the order of the columns.
        quantity: Which.
        policy: What undefined values count as.
    """
    of_cases = case_means(table[quantity.rows(table)], policy)
    parts = {
        what: matrix(of_cases, quantity, labels, what)
        for what in ("value", "defined", "empty", "perfect")
    }
    value, defined, empty, perfect = (parts[w][0].to_numpy(dtype=np.float64) for w in parts)
    empty, defined = np.nan_to_num(empty), np.nan_to_num(defined)
    # Seeds with a value and seeds that were rightly empty, by their shares.
    mixed = np.nan_to_num(value) * defined + np.nan_to_num(perfect) * empty
    filled = np.where(empty > 0, mixed / np.where(empty > 0, defined + empty, 1.0), value)
    filled[np.isnan(value).all(axis=1)] = np.nan
    wide, patients = parts["value"]
    return CaseMatrix(
        policy=policy,
        names=tuple(labels),
        cases=wide.index.get_level_values("case").to_numpy(dtype=str),
        patients=patients,
        values=value,
        weights=np.where(np.isnan(value), 1.0, defined),
        filled=filled,
    )
