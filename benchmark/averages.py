"""Means over cases with their intervals: one cell for each method and quantity."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .bootstrap import interval, resampled_means
from .policies import Policy, case_means
from .table import Quantity

__all__ = ["Cell", "Joint", "cells", "cells_of", "joint", "matrix", "means"]


@dataclass(frozen=True)
class Cell:
    """A mean over cases.

    Attributes:
        mean: Each case weighs by the share of its seeds that have a value; None without any.
        low: Lower end of the 95 % interval over patients; None if it was not estimated.
        high: Upper end.
        n_defined: Cases with a value under the policy, in at least one seed.
        n_total: Cases to which the quantity applies; 0 where it never does.
    """

    mean: float | None
    low: float | None
    high: float | None
    n_defined: int
    n_total: int


def cells(
    table: pd.DataFrame,
    labels: Sequence[str],
    columns: Sequence[Quantity],
    policy: Policy,
    resamples: int,
    seed: int,
) -> dict[str, tuple[Cell, ...]]:
    """Per method, its cell for each column.

    Args:
        table: Rows of :func:`benchmark.table.select`.
        labels: The methods.
        columns: The quantities.
        policy: What undefined values count as.
        resamples: Of the intervals; the patients are resampled jointly for all cells.
        seed: Of the resampling.
    """
    return cells_of(joint(case_means(table, policy), labels, columns), resamples, seed)


@dataclass(frozen=True)
class Joint:
    """All columns of all methods over the same cases: what is resampled in one go.

    Attributes:
        labels: The methods.
        cases: ``(case,)`` ids.
        patients: ``(case,)``; whose.
        values: ``(case, column times label)``; NaN is undefined. All methods of the first column
            come first.
        weights: The same shape: the share of a case's seeds that have a value, NaN where the
            quantity does not apply.
    """

    labels: tuple[str, ...]
    cases: NDArray[np.str_]
    patients: NDArray[np.str_]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    def of(self, cases: Collection[str]) -> Joint:
        """Some of the cases: what the table of these alone would give."""
        keep = np.isin(self.cases, list(cases))
        return Joint(self.labels, self.cases[keep], self.patients[keep], self.values[keep],
                     self.weights[keep])  # fmt: skip


def joint(of_cases: pd.DataFrame, labels: Sequence[str], columns: Sequence[Quantity]) -> Joint:
    """The matrix of what :func:`benchmark.policies.case_means` gave."""
    values, shares = (
        pd.concat([matrix(of_cases, c, labels, what)[0] for c in columns], axis=1).sort_index()
        for what in ("value", "defined")
    )
    patients, cases = (values.index.get_level_values(i).to_numpy(dtype=str) for i in range(2))
    numbers = (frame.to_numpy(dtype=np.float64) for frame in (values, shares))
    return Joint(tuple(labels), cases, patients, *numbers)


def cells_of(joint: Joint, resamples: int, seed: int) -> dict[str, tuple[Cell, ...]]:
    """Per method, its cell for each column; patients are resampled jointly for all cells."""
    resampled = resampled_means(
        joint.values, joint.patients, joint.weights, resamples=resamples, seed=seed
    )
    across = len(joint.labels)
    found: dict[str, tuple[Cell, ...]] = {}
    for j, label in enumerate(joint.labels):
        row = []
        for at in range(j, joint.values.shape[1], across):
            values, weights = joint.values[:, at], joint.weights[:, at]
            known = ~np.isnan(values)
            low, high = interval(resampled[:, at], len(np.unique(joint.patients[known])))
            total = int((~np.isnan(weights)).sum())
            row.append(Cell(_mean(values, weights), low, high, int(known.sum()), total))
        found[label] = tuple(row)
    return found


def means(
    table: pd.DataFrame, labels: Sequence[str], quantity: Quantity, policy: Policy
) -> dict[str, float | None]:
    """Per method, the mean that :func:`cells` gives, alone."""
    of_cases = case_means(table[quantity.rows(table)], policy)
    values, shares = (matrix(of_cases, quantity, labels, what)[0] for what in ("value", "defined"))
    return {n: _mean(values[n].to_numpy(float), shares[n].to_numpy(float)) for n in labels}


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    known = ~np.isnan(values)
    if not known.any():
        return None
    return float((values[known] * weights[known]).sum()) / float(weights[known].sum())


def matrix(
    means: pd.DataFrame, quantity: Quantity, labels: Sequence[str], column: str = "value"
) -> tuple[pd.DataFrame, NDArray[np.str_]]:
    """Cases by methods: the values of one quantity, and the patient of each case.

    Args:
        means: What :func:`benchmark.policies.case_means` gave.
        quantity: Which.
        labels: Columns, in order; NaN where a method has no value of the case.
        column: Which column of ``means``.
    """
    rows = means[quantity.rows(means)]
    keys = [rows["patient"].astype(str), rows["case"].astype(str)]
    wide = rows[column].groupby([*keys, rows["label"].astype(str)]).mean().unstack()
    wide = wide.reindex(columns=list(labels)).sort_index()
    return wide, wide.index.get_level_values("patient").to_numpy(dtype=str)
