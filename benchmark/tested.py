"""Several quantities compared in one table, whose tests are corrected together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from .significance import holm
from .significance.matrix import table_of_tests
from .table import Quantity

__all__ = ["compared_together"]


def compared_together(
    table: pd.DataFrame, quantities: Sequence[Quantity], **options: Any
) -> pd.DataFrame:
    """:func:`table_of_tests` of each quantity, ``p_holm`` corrected for all tests of the table.

    Args:
        table: What :func:`benchmark.table.tidy` made.
        quantities: What is compared, in order.
        **options: Of :func:`benchmark.significance.matrix.table_of_tests`.

    Raises:
        UsageError: Several data sets and none named, or no such baseline.
        DataError: No method, or only one, has a quantity.
    """
    found = pd.concat([table_of_tests(table, q, **options) for q in quantities], ignore_index=True)
    return found.assign(p_holm=pd.array(holm(list(found["p"])), dtype="float64").to_numpy())
