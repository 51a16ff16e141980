"""The ledger of undefined values: how many of a method's values have which status."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from .metrics.definition import STATUSES
from .table import Quantity

__all__ = ["ledger"]


def ledger(table: pd.DataFrame, quantity: Quantity) -> dict[str, Mapping[str, int]]:
    """Values by method and status, every one counted: of each case (or slice) and seed.

    Args:
        table: Rows of :func:`benchmark.table.select`.
        quantity: Which.
    """
    rows = table[quantity.rows(table)]
    counted = rows.groupby([rows["label"].astype(str), rows["status"].astype(str)]).size()
    return {
        label: {status: int(counted.get((label, status), 0)) for status in STATUSES}
        for label in counted.index.unique(level=0)
    }
