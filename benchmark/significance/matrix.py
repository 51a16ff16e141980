"""All pairs of methods at once: a matrix of p values, and the table of tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..bootstrap import RESAMPLES
from ..compare import compare
from ..errors import DataError
from ..policies import Policy
from ..table import Quantity
from .exchange import permutation
from .holm import holm
from .paired import wilcoxon

__all__ = ["pairwise", "table_of_tests"]


def pairwise(
    matrix: ArrayLike,
    names: Sequence[str],
    test: Literal["wilcoxon", "permutation"] = "wilcoxon",
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """P values of every pair of methods, corrected by Holm's rule within this table.

    Args:
        matrix: ``(patient, method)``, one value per patient
            (:func:`benchmark.significance.per_patient`); a pair leaves out the patients where
            either is NaN, whatever the reason. An empty answer that was right is no exception here,
            as it is in :func:`table_of_tests`: put its value in if it shall count.
        names: Of the methods.
        test: Wilcoxon's signed-rank or the exchange test, both paired.
        seed: Of the exchange test.

    Returns:
        Methods by methods, symmetric, 1 on the diagonal; NaN where there is no test, which does not
        count among the comparisons either.

    Raises:
        DataError: The matrix does not fit the names.
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise DataError(
            f"{len(names)} names and values of the shape {values.shape}.",
            "Give a row per patient and a column per name.",
        )
    pairs = list(combinations(range(len(names)), 2))
    found = [
        wilcoxon(values[:, i], values[:, j]).p
        if test == "wilcoxon"
        else permutation(values[:, i], values[:, j], seed=seed).p
        for i, j in pairs
    ]
    p = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(p, 1.0)
    for (i, j), corrected in zip(pairs, holm(found), strict=True):
        p[i, j] = p[j, i] = np.nan if corrected is None else corrected
    return pd.DataFrame(p, index=list(names), columns=list(names))


def table_of_tests(
    table: pd.DataFrame,
    quantity: Quantity,
    *,
    dataset: str | None = None,
    baseline: str | None = None,
    policy: Policy = Policy.WORST_CASE,
    roles: Sequence[str] = ("test",),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Every pair of methods by one quantity: difference, interval, tests and power.

    Args:
        table: What :func:`benchmark.table.tidy` made.
        quantity: What is compared.
        dataset: Its name; may be left out if the table holds only one.
        baseline: Label of the method to compare all others with; by default every pair.
        policy: What undefined values count as.
        roles: Cases of which roles.
        resamples: Of the intervals.
        seed: Of the resampling and the exchanges.

    Returns:
        The rows of :func:`benchmark.compare.compare` (exchange test and power line among them)
        with ``p_holm`` added: the Wilcoxon p corrected for the pairs of this table.

    Raises:
        UsageError: Several data sets and none named, or no such baseline.
        DataError: No method, or only one, has the quantity.
    """
    found = compare(
        table,
        quantity.region,
        quantity.metric,
        quantity.dim,
        level=quantity.level,
        dataset=dataset,
        baseline=baseline,
        policy=policy,
        roles=roles,
        resamples=resamples,
        seed=seed,
    )
    return found.assign(p_holm=pd.array(holm(list(found["p"])), dtype="float64").to_numpy())
