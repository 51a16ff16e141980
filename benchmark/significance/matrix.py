"""All pairs of methods at once: a matrix of p values, and the table of tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..bootstrap import RESAMPLES
from ..compare import compare, p_text
from ..errors import DataError
from ..policies import Policy
from ..table import Quantity
from ..text import interval_text, markdown_cell, markdown_table, number
from .exchange import RESAMPLES as EXCHANGES
from .exchange import permutation
from .holm import holm
from .paired import wilcoxon

__all__ = ["markdown_of_tests", "pairwise", "table_of_tests"]

_HEADER = ("a", "b", "quantity", "a - b", "95 % interval", "Wilcoxon p", "exchange p",
           "Holm p", "could have shown", "patients", "note")  # fmt: skip


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
            either is NaN.
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
        The rows of :func:`benchmark.compare.compare` with ``p_holm`` added: the Wilcoxon p
        corrected for the pairs of this table.

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


def markdown_of_tests(tests: pd.DataFrame) -> str:
    """What :func:`table_of_tests` gave as a Markdown table, with what it is made of below."""
    lines = [[markdown_cell(cell) for cell in line] for line in _lines(tests)]
    policies = ", ".join(sorted(set(tests["policy"])))
    return (
        markdown_table(_HEADER, lines, left=3)
        + f"\nPolicy {markdown_cell(policies)}; cases where both have a value; interval by "
        "percentile bootstrap over patients. All tests are two-sided, over patients: Wilcoxon's "
        "signed-rank; the exchange of both methods within patients, all exchanges up to 20 "
        f"patients that differ and {EXCHANGES} drawn beyond; Holm p is Wilcoxon's, corrected for "
        f"the {int(tests['p'].notna().sum())} tests of this table. Could have shown: the smallest "
        "true difference that these patients show with 80 % power at a two-sided, uncorrected "
        "level of 0.05, by the t-test on normal differences.\n"
    )


def _lines(tests: pd.DataFrame) -> list[list[str]]:
    lines = []
    for row in tests.to_dict("records"):
        digits = 2 if row["unit"] else 3
        dim = None if pd.isna(row["dim"]) else row["dim"]
        quantity = Quantity(row["region"], row["metric"], dim, row["level"])
        low, high, p, exchange, corrected = (
            None if pd.isna(row[key]) else float(row[key])
            for key in ("low", "high", "p", "permutation_p", "p_holm")
        )
        unit = f" ({row['unit']})" if row["unit"] else ""
        lines.append(
            [row["a"], row["b"], f"{quantity}{unit}", number(row["difference"], digits),
             interval_text(low, high, digits), p_text(p), p_text(exchange), p_text(corrected),
             number(row["smallest"], digits), str(row["n_patients"]), row["note"]]
        )  # fmt: skip
    return lines
