"""Tests between several groups: methods, vendors, sites.

They take groups for independent. Methods on the same patients are not; mapping2023 tests them so
all the same, which makes its letters those of these tests. The matrices of p values are symmetric,
1 on the diagonal, and NaN where there is no test.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .result import Test, constant, finite, joined, quiet, samples

__all__ = ["dscf", "games_howell", "kruskal", "tukey", "welch_anova"]

Floats = NDArray[np.float64]


def kruskal(groups: Sequence[ArrayLike]) -> Test:
    """Kruskal-Wallis test, corrected for ties, by the chi-square approximation.

    Args:
        groups: ``(n,)`` each; NaN is left out, and so is a group that has nothing else.

    Returns:
        With fewer than two groups there is no test; where all values are equal p is 1.
    """
    found, lost = samples(groups)
    used = [group for group in found if len(group)]
    n = tuple(len(group) for group in found)
    note = joined(_idle(len(found) - len(used), "without a value"), lost)
    if len(used) < 2:
        return Test("Kruskal-Wallis", None, (), None, n, joined("fewer than 2 groups", note))
    if constant(np.concatenate(used)):
        return Test("Kruskal-Wallis", None, (), 1.0, n, joined("all values are equal", note))
    from scipy.stats import kruskal as test

    with quiet():
        result = test(*used)
    df = (float(len(used) - 1),)
    return Test("Kruskal-Wallis", float(result.statistic), df, float(result.pvalue), n, note)


def dscf(groups: Sequence[ArrayLike]) -> Floats:
    """P values of all pairs by Dwass, Steel, Critchlow and Fligner, ``(group, group)``.

    Each pair is ranked by itself (with ties) and the p value is that of the studentised range of
    all groups, so no further correction is due.

    Args:
        groups: ``(n,)`` each; NaN is left out. A group without a value has no test, and does not
            count among the groups. Two groups of the same one value have p 1.
    """
    found, _ = samples(groups)
    p = _unknown(len(found))
    used = [i for i, group in enumerate(found) if len(group)]
    if len(used) < 2:
        return p
    import pandas as pd
    from scikit_posthocs import posthoc_dscf

    long = pd.DataFrame(
        {
            "value": np.concatenate([found[i] for i in used]),
            "group": np.repeat(np.arange(len(used)), [len(found[i]) for i in used]),
        }
    )
    with quiet():
        table = posthoc_dscf(long, val_col="value", group_col="group").to_numpy(dtype=np.float64)
    for (r, i), (c, j) in combinations(enumerate(used), 2):
        alike = constant(np.concatenate([found[i], found[j]]))
        p[i, j] = p[j, i] = 1.0 if alike else np.clip(table[r, c], 0.0, 1.0)
    return p


def welch_anova(groups: Sequence[ArrayLike]) -> Test:
    """Welch's analysis of variance: means of groups of unequal variance.

    Args:
        groups: ``(n,)`` each; NaN is left out.

    Returns:
        ``df`` holds both degrees of freedom. Every group needs two values and a variance: with
        fewer than two groups, a group of fewer than two, or one that is constant there is no test,
        except that p is 1 where all values of all groups are equal.
    """
    found, lost = samples(groups)
    n = tuple(map(len, found))
    name = "Welch ANOVA"
    if len(found) < 2:
        return Test(name, None, (), None, n, joined("fewer than 2 groups", lost))
    if min(n) < 2:
        return Test(name, None, (), None, n, joined("a group of fewer than 2 values", lost))
    if constant(np.concatenate(found)):
        return Test(name, None, (), 1.0, n, joined("all values are equal", lost))
    if any(map(constant, found)):
        return Test(name, None, (), None, n, joined("a group without variance", lost))
    from scipy.stats import f_oneway

    with quiet():
        result = f_oneway(*found, equal_var=False)
    p = finite(result.pvalue)
    df = (float(len(found) - 1), _welch_df(found))
    note = "" if p is not None else "not defined"
    return Test(name, finite(result.statistic), df, p, n, joined(note, lost))


def _welch_df(groups: Sequence[Floats]) -> float:
    """The second degrees of freedom of Welch's test (Biometrika 1951;38:330-336), not in scipy."""
    weights = np.array([len(group) / group.var(ddof=1) for group in groups])
    rest = (1 - weights / weights.sum()) ** 2 / np.array([len(group) - 1 for group in groups])
    return float((len(groups) ** 2 - 1) / (3 * rest.sum()))


def games_howell(groups: Sequence[ArrayLike]) -> Floats:
    """P values of all pairs by Games and Howell: variances may be unequal, ``(group, group)``.

    Args:
        groups: ``(n,)`` each; NaN is left out. A group of fewer than two values has no test and
            does not count among the groups. Of two groups without variance p is 1 if they are
            equal, otherwise there is no test.
    """
    return _ranges(groups, equal_var=False)


def tukey(groups: Sequence[ArrayLike]) -> Floats:
    """P values of all pairs by Tukey and Kramer: one variance for all, ``(group, group)``.

    Args:
        groups: As those of :func:`games_howell`; the variance is that of all of them, so a group
            without one has a test as long as another has one.
    """
    return _ranges(groups, equal_var=True)


def _ranges(groups: Sequence[ArrayLike], *, equal_var: bool) -> Floats:
    found, _ = samples(groups)
    p = _unknown(len(found))
    used = [i for i, group in enumerate(found) if len(group) > 1]
    if len(used) < 2:
        return p
    from scipy.stats import tukey_hsd

    with quiet():
        table = tukey_hsd(*(found[i] for i in used), equal_var=equal_var).pvalue
    flat = [constant(found[i]) for i in used]
    for (r, i), (c, j) in combinations(enumerate(used), 2):
        value = float(table[r, c])
        if (flat[r] and flat[c] and not equal_var) or all(flat):
            value = 1.0 if constant(np.concatenate([found[i], found[j]])) else np.nan
        p[i, j] = p[j, i] = value
    return p


def _unknown(k: int) -> Floats:
    p = np.full((k, k), np.nan)
    np.fill_diagonal(p, 1.0)
    return p


def _idle(count: int, why: str) -> str:
    return f"{count} group{'s' if count > 1 else ''} {why}" if count else ""
