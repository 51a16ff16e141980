"""Tests between success rates: of slices segmented, of patients recognised.

Where both methods saw the same slices, the answers come in pairs and McNemar's is the test;
fahmy2021 printed chi-square, which takes them for apart, so that is here too. All of them take
slices for independent, though slices of one heart are not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .result import Test, finite, quiet

__all__ = ["chi_square", "fisher_exact", "mcnemar"]

#: Below this, the chi-square distribution is a poor approximation (Cochran).
_FEW = 5


def mcnemar(both: int, only_a: int, only_b: int, neither: int, *, exact: bool = True) -> Test:
    """McNemar's test of paired successes: only those that one of both missed tell.

    Args:
        both: Successes of both methods.
        only_a: Successes of the first alone.
        only_b: Successes of the second alone.
        neither: Failures of both.
        exact: Binomial; otherwise chi-square with the continuity correction (Edwards 1948), which
            is 0 where both win equally often.

    Returns:
        ``statistic`` is the smaller of the two counts (exact) or chi-square. Where none of both
        wins anything alone p is 1; without any trial there is no test.

    Raises:
        DataError: A count is negative or not whole.
    """
    counts = _table([[both, only_a], [only_b, neither]])
    n = (int(counts.sum()),)
    name = "McNemar exact" if exact else "McNemar corrected"
    if not n[0]:
        return Test(name, None, (), None, n, "no trial")
    ours, theirs = int(counts[0, 1]), int(counts[1, 0])
    apart = ours + theirs
    if not apart:
        return Test(name, None, (), 1.0, n, "the two never differ")
    from scipy.stats import binomtest, chi2

    if exact:
        p = float(binomtest(ours, apart, 0.5).pvalue)
        return Test(name, float(min(ours, theirs)), (), p, n)
    statistic = max(0, abs(ours - theirs) - 1) ** 2 / apart
    return Test(name, statistic, (1.0,), float(chi2.sf(statistic, 1)), n)


def chi_square(table2x2: Sequence[Sequence[int]], *, yates: bool) -> Test:
    """Pearson's chi-square test of two rates, as if their trials were not the same.

    Args:
        table2x2: A row per method: successes, failures.
        yates: With Yates's continuity correction.

    Returns:
        If all trials have the same outcome, the rates are equal and p is 1; if a method has no
        trial there is no test.

    Raises:
        DataError: It is not 2 x 2, or a count is negative or not whole.
    """
    counts = _table(table2x2)
    name = "chi-square with Yates's correction" if yates else "chi-square"
    if (special := _degenerate(name, counts)) is not None:
        return special
    from scipy.stats import chi2_contingency

    with quiet():
        found = chi2_contingency(counts, correction=yates)
    few = float(found.expected_freq.min()) < _FEW
    note = f"an expected count is below {_FEW}: prefer Fisher's exact test" if few else ""
    return Test(name, float(found.statistic), (1.0,), float(found.pvalue), _rows(counts), note)


def fisher_exact(table2x2: Sequence[Sequence[int]]) -> Test:
    """Fisher's exact test of two rates; ``statistic`` is the odds ratio.

    Args:
        table2x2: A row per method: successes, failures.

    Returns:
        As :func:`chi_square` where a row or a column is empty; ``statistic`` is None where a count
        of 0 leaves no finite odds ratio.

    Raises:
        DataError: It is not 2 x 2, or a count is negative or not whole.
    """
    counts = _table(table2x2)
    if (special := _degenerate("Fisher exact", counts)) is not None:
        return special
    from scipy.stats import fisher_exact as exact

    with quiet():
        odds, p = exact(counts)
    ratio = finite(odds)
    note = "" if ratio is not None else "the odds ratio is infinite"
    return Test("Fisher exact", ratio, (), min(1.0, float(p)), _rows(counts), note)


def _degenerate(name: str, counts: NDArray[np.int64]) -> Test | None:
    if (counts.sum(axis=1) == 0).any():
        return Test(name, None, (), None, _rows(counts), "a method without a trial")
    if (counts.sum(axis=0) == 0).any():
        return Test(name, None, (), 1.0, _rows(counts), "all trials have the same outcome")
    return None


def _rows(counts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(row) for row in counts.sum(axis=1))


def _table(table: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    try:
        found = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full((0,), np.nan)
    if found.shape != (2, 2) or not (np.isfinite(found) & (found >= 0) & (found % 1 == 0)).all():
        raise DataError(
            f"{table!r} is no 2 x 2 table of counts.",
            "Give a row per method: successes and failures, whole numbers from 0 on.",
        )
    return found.astype(np.int64)
