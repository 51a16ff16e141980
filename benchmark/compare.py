"""Methods against each other on the same patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .averages import matrix
from .bootstrap import RESAMPLES
from .errors import DataError, UsageError, near_misses
from .policies import Policy, case_means
from .significance import paired
from .table import Quantity, select
from .text import interval_text, markdown_cell, markdown_table, number

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["compare", "comparison_markdown", "comparison_view", "p_text", "tests_sentence"]

_HEADER = ("a", "b", "quantity", "mean a", "mean b", "a - b", "95 % interval", "Wilcoxon p",
           "cases", "patients", "note")  # fmt: skip
#: What follows where the tests of a whole table were corrected together.
_TESTED = ("exchange p", "Holm p", "could have shown")


def compare(
    table: pd.DataFrame,
    region: str = "scar",
    metric: str = "dice",
    dim: str | None = None,
    *,
    level: str = "volume",
    dataset: str | None = None,
    baseline: str | None = None,
    policy: Policy = Policy.WORST_CASE,
    roles: Sequence[str] = ("test",),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Paired differences of one quantity between methods, with intervals.

    Where ``worst_case`` leaves a case out because both masks are empty, but the other method has a
    value, the case counts, and that empty answer as perfect: it was right. Otherwise a method
    would be forgiven its false alarms wherever the other one raised none. At the level of slices
    this is so for hearts whose slices are all empty; within a heart, means are over the slices that
    have a value. A case that only one method has a value of is left out, and the note says how
    many there are.

    Args:
        table: What :func:`benchmark.table.tidy` made.
        region: Of which region.
        metric: Which metric.
        dim: Its surface rule, if it has one.
        level: ``volume``, ``slice``, ``apex``, ``middle`` or ``base``.
        dataset: Its name; may be left out if the table holds only one.
        baseline: Label of the method to compare all others with; by default every pair.
        policy: What undefined values count as.
        roles: Cases of which roles.
        resamples: Of the intervals.
        seed: Of the resampling.

    Returns:
        One row per pair: ``a, b, region, metric, dim, level, unit, better, policy`` and the fields
        of :class:`benchmark.significance.Paired`. The p values are not corrected for their number.

    Raises:
        UsageError: Several data sets and none named, or no such baseline.
        DataError: No method, or only one, has the quantity.
    """
    quantity = Quantity(region, metric, dim, level)
    names = sorted(table["dataset"].astype(str).unique())
    if dataset is None and len(names) > 1:
        raise UsageError(f"These runs are of {', '.join(names)}.", "Name one data set.")
    rows = select(table, [quantity], dataset=dataset, roles=roles)
    means = case_means(rows, policy)
    labels = sorted(means["label"].astype(str).unique())
    if len(labels) < 2:
        have = f"only {labels[0]} has" if labels else "no method has"
        raise DataError(
            f"There is nothing to compare: {have} {quantity} in cases with the role "
            f"{' or '.join(roles)}.",
            "Name runs of two methods.",
        )
    if baseline is not None and baseline not in labels:
        raise UsageError(f"There is no method {baseline!r}.", near_misses(baseline, labels))
    sides = _sides(means, quantity, labels, policy)
    patients = sides[labels[0]].patients
    if baseline is None:
        pairs = list(combinations(labels, 2))
    else:
        pairs = [(label, baseline) for label in labels if label != baseline]
    facts = {
        "region": region,
        "metric": metric,
        "dim": dim,
        "level": level,
        "unit": str(rows["unit"].iloc[0]),
        "better": str(rows["better"].iloc[0]),
        "policy": policy.value,
    }
    found = []
    for a, b in pairs:
        ours, theirs, remarks = _common(sides[a], sides[b], a, b)
        result = asdict(paired(ours, theirs, patients, resamples=resamples, seed=seed))
        note = "; ".join(part for part in (result.pop("note"), *remarks) if part)
        found.append({"a": a, "b": b, **facts, **result, "note": note})
    return pd.DataFrame(found)


class _Side(NamedTuple):
    """One method's values by case: as the policy has them, and with empty answers as perfect."""

    plain: NDArray[np.float64]
    filled: NDArray[np.float64]
    patients: NDArray[np.str_]


def _sides(
    means: pd.DataFrame, quantity: Quantity, labels: Sequence[str], policy: Policy
) -> dict[str, _Side]:
    names = ("value", "defined", "empty", "perfect")
    wide = {name: matrix(means, quantity, labels, name)[0] for name in names}
    patients = matrix(means, quantity, labels)[1]
    sides = {}
    for label in labels:
        value, defined, empty, perfect = (
            wide[name][label].to_numpy(dtype=np.float64) for name in names
        )
        if policy is Policy.EXCLUDE:  # says itself that nothing undefined counts
            empty = np.zeros_like(empty)
        filled = np.where(empty > 0, np.nan_to_num(value) * defined + perfect * empty, value)
        shares = np.where(empty > 0, defined + empty, 1.0)
        sides[label] = _Side(value, filled / shares, patients)
    return sides


def _common(
    ours: _Side, theirs: _Side, a: str, b: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """The values to compare, NaN where a case does not count, and what to say about them."""
    counts = ~(np.isnan(ours.plain) & np.isnan(theirs.plain))
    values = [np.where(counts, side.filled, np.nan) for side in (ours, theirs)]
    remarks = []
    for name, value, side, other in (
        (a, values[0], ours, values[1]),
        (b, values[1], theirs, values[0]),
    ):
        both = ~np.isnan(value) & ~np.isnan(other)
        put_in = int((both & (value != side.plain)).sum())
        if put_in:
            remarks.append(f"{put_in} rightly empty of {name} taken as perfect")
        alone = int((~np.isnan(value) & np.isnan(other)).sum())
        if alone:
            remarks.append(f"{alone} left out: only {name} has a value")
    return values[0], values[1], remarks


def comparison_markdown(comparison: pd.DataFrame) -> str:
    """The comparison as a Markdown table with its policy below."""
    lines = [[markdown_cell(cell) for cell in line] for line in _lines(comparison)]
    tested = "p_holm" in comparison
    policies = ", ".join(sorted(set(comparison["policy"])))
    silent = (
        ", or one has and the other is rightly empty, which is taken as perfect (a leaderboard "
        "leaves it to its panel on the presence of scar, so its order may be another)"
    )
    return (
        markdown_table([*_HEADER, *(_TESTED if tested else ())], lines, left=3)
        + f"\nPolicy {markdown_cell(policies)}; cases where both have a value"
        + (silent if policies == Policy.WORST_CASE.value else "")
        + "; percentile "
        "bootstrap over patients; Wilcoxon signed-rank over patients, two-sided, not corrected for "
        "the number of comparisons.\n" + (tests_sentence(comparison) if tested else "")
    )


def tests_sentence(comparison: pd.DataFrame) -> str:
    """What the further tests are; plain text."""
    return (
        "Exchange p: both methods exchanged at random within patients, two-sided. Holm p: "
        f"Wilcoxon's, corrected for the {int(comparison['p'].notna().sum())} tests of this table. "
        "Could have shown: the smallest true difference that these patients show with 80 % power "
        "at an uncorrected level of 0.05, by the paired t-test on normal differences.\n"
    )


def comparison_view(comparison: pd.DataFrame) -> Table:
    """The comparison for a terminal."""
    from rich.table import Table
    from rich.text import Text

    view = Table()
    tested = "p_holm" in comparison
    for name in (*_HEADER, *(_TESTED if tested else ())):
        view.add_column(name, justify="left" if name in ("a", "b", "quantity", "note") else "right")
    for line in _lines(comparison):
        view.add_row(*map(Text, line))
    return view


def _lines(comparison: pd.DataFrame) -> list[list[str]]:
    lines = []
    for row in comparison.to_dict("records"):
        digits = 2 if row["unit"] else 3
        dim = None if pd.isna(row["dim"]) else row["dim"]
        quantity = Quantity(row["region"], row["metric"], dim, row["level"])
        low, high, p = (None if pd.isna(row[k]) else float(row[k]) for k in ("low", "high", "p"))
        values = [number(row[k], digits) for k in ("mean_a", "mean_b", "difference")]
        unit = f" ({row['unit']})" if row["unit"] else ""
        lines.append(
            [row["a"], row["b"], f"{quantity}{unit}", *values, interval_text(low, high, digits),
             p_text(p), str(row["n_cases"]), str(row["n_patients"]), row["note"]]
        )  # fmt: skip
        if "p_holm" in row:
            exchange, corrected, least = (
                None if pd.isna(row[k]) else float(row[k])
                for k in ("permutation_p", "p_holm", "smallest")
            )
            lines[-1] += [p_text(exchange), p_text(corrected), number(least, digits)]
    return lines


def p_text(p: float | None) -> str:
    """A p value: never ``0``."""
    return "< 0.0001" if p is not None and p < 0.0001 else number(p, 4)
