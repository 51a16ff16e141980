"""What an undefined value counts as: every mean names the policy it was made under.

A value is undefined when a mask was empty, a prediction missing or a computation failed. With 40
hearts with scar and 10 without, the policy alone can decide which of two methods wins, so none is
applied silently and ``n_defined / n_total`` stands beside every mean.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd

from .errors import UsageError, near_misses

__all__ = ["KEYS", "Policy", "case_means", "parse_policy", "resolve"]

#: What one averaged value belongs to.
KEYS = ["dataset", "label", "region", "metric", "level", "dim", "patient", "case"]


class Policy(StrEnum):
    """How undefined values enter a mean.

    ``exclude`` drops them all. ``worst_case``, the default, gives a miss (one mask empty, no
    prediction, an error) the worst value there is, and drops cases where both masks are empty; the
    scar-free panel shows those. ``both_empty_is_perfect`` does the same, but counts both masks
    empty as perfect agreement.
    """

    EXCLUDE = "exclude"
    WORST_CASE = "worst_case"
    BOTH_EMPTY_IS_PERFECT = "both_empty_is_perfect"

    @property
    def sentence(self) -> str:
        """What it does, to stand beside a table."""
        return _SENTENCES[self]


_SENTENCES = {
    Policy.EXCLUDE: "undefined values are left out",
    Policy.WORST_CASE: (
        "a miss (one mask empty, no prediction, error) counts as the worst value: overlap 0, "
        "distance the diagonal of the uncropped field of view; both masks empty is left out"
    ),
    Policy.BOTH_EMPTY_IS_PERFECT: (
        "a miss (one mask empty, no prediction, error) counts as the worst value: overlap 0, "
        "distance the diagonal of the uncropped field of view; both masks empty is perfect: "
        "overlap 1, distance and error 0"
    ),
}


def parse_policy(name: str) -> Policy:
    """The policy of that name.

    Raises:
        UsageError: There is none.
    """
    try:
        return Policy(name)
    except ValueError:
        known = near_misses(name, map(str, Policy))
        raise UsageError(f"There is no policy {name!r}.", known) from None


def resolve(table: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The rows that count, with ``value`` as the policy has it; NaN is still undefined.

    Rows ``not_applicable`` never count and are dropped. What a miss counts as stands in the column
    ``worst``, which scoring filled by each metric's card (overlap 0, distance the diagonal of the
    uncropped field of view, volume error that of an empty answer); it is null where there is
    nothing to put in, such as for a case whose reference could not be read.

    Args:
        table: Rows of :func:`benchmark.table.tidy`.
        policy: What an undefined value counts as.
    """
    rows = table[(table["status"] != "not_applicable").to_numpy()]
    if policy is Policy.EXCLUDE:
        return rows
    value = rows["value"].fillna(rows["worst"])
    if policy is Policy.BOTH_EMPTY_IS_PERFECT:
        value = value.mask(_both_empty(rows), _perfect(rows))
    return rows.assign(value=value)


def _both_empty(rows: pd.DataFrame) -> pd.Series[bool]:
    return rows["value"].isna() & (rows["status"] == "both_empty")


def _perfect(rows: pd.DataFrame) -> pd.Series[float]:
    """The value of perfect agreement; of tables older than the column, that of their metrics."""
    older = pd.Series(np.where(rows["better"] == "higher", 1.0, 0.0), index=rows.index)
    return rows["best"].fillna(older) if "best" in rows else older


def case_means(table: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """One value per method and case: averaged over the case's slices, then over the seeds.

    Seeds are averaged within the case first; folds hold different cases and are thereby
    concatenated. A case that is undefined in some seeds is averaged over the others, and must then
    weigh by their share, ``defined``, in a mean over cases. Weighing in full, a scar-free heart
    where one seed of ten invents scar would cost as much as one where all ten do, and a method
    would look the worse the more seeds it was trained with.

    Returns:
        Columns :data:`KEYS`, sorted by them; ``value``, NaN if undefined in all seeds; ``defined``,
        the share with a value among the seeds it applies to; ``empty``, the share without one
        because both masks were empty (in all slices of the case); ``perfect``, the value of perfect
        agreement.
    """
    rows = resolve(table, policy)
    rows = rows.assign(empty=_both_empty(rows), perfect=_perfect(rows))
    by_run = rows.groupby([*KEYS, "run"], observed=True, dropna=False)[
        ["value", "empty", "perfect"]
    ].agg({"value": "mean", "empty": "min", "perfect": "first"})
    by_run = by_run.assign(
        defined=by_run["value"].notna().astype("float64"), empty=by_run["empty"].astype("float64")
    )
    means = by_run.groupby(level=KEYS, observed=True, dropna=False).mean()
    return means[["value", "defined", "empty", "perfect"]].reset_index()
