"""The exchange test: what if the two methods' values were swapped within a patient?

If neither method is better, each patient's difference is as likely with the other sign. The p value
is the share of sign patterns whose sum is at least as far from zero as the one found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .result import SAME, Test, joined, pairs

__all__ = ["RESAMPLES", "all_exchanges_p", "exchange_p", "permutation"]

#: Exchanges drawn where they are too many to go through.
RESAMPLES = 9999
#: Up to this many patients that differ, all exchanges are gone through (half a million).
_ALL = 20
Floats = NDArray[np.float64]


def permutation(a: ArrayLike, b: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> Test:
    """Two-sided exchange test of the mean difference ``a - b``.

    Exact up to 20 patients with a difference; beyond that ``resamples`` exchanges are drawn.

    Args:
        a: ``(patient,)``; a patient where either is NaN is left out.
        b: The same patients.
        resamples: How many exchanges to draw.
        seed: Of the draws.

    Returns:
        ``statistic`` is the mean difference. Without any difference p is 1; with fewer than two
        patients there is no test.

    Raises:
        DataError: There are not as many of both.
    """
    x, y, lost = pairs(a, b)
    n = (len(x),)
    if len(x) < 2:
        note = joined("fewer than 2 patients", lost)
        return Test("permutation", float((x - y).mean()) if len(x) else None, (), None, n, note)
    found = x - y
    differ = found[np.abs(found) > SAME]
    if len(differ) <= _ALL:
        p = all_exchanges_p(differ / len(x))
        how = "" if len(differ) else "all differences are zero"
    else:
        p = exchange_p(found / len(x), resamples, np.random.default_rng(seed))
        how = f"{resamples} exchanges drawn"
    return Test("permutation", float(found.mean()), (), p, n, joined(how, lost))


def all_exchanges_p(shares: Floats) -> float:
    """The share of all sign patterns of ``shares`` whose sum is as far from 0 as theirs."""
    if not len(shares):
        return 1.0
    sums = shares[:1]  # a pattern and its mirror image are equally far, so the first sign is fixed
    for share in shares[1:]:
        sums = np.concatenate([sums + share, sums - share])
    return float((np.abs(sums) >= abs(shares.sum()) - _slack(shares)).mean())


def exchange_p(shares: Floats, resamples: int, rng: np.random.Generator) -> float:
    """As :func:`all_exchanges_p`, of sign patterns drawn at random.

    Args:
        shares: ``(patient,)``: what each contributes to the difference.
        resamples: How many patterns.
        rng: Draws them.
    """
    signs = rng.choice([-1.0, 1.0], size=(resamples, len(shares)))
    # The order found is one of the possible ones, so p is never 0.
    reached = np.abs(signs @ shares) >= abs(shares.sum()) - _slack(shares)
    return float((1 + reached.sum()) / (1 + resamples))


def _slack(shares: Floats) -> float:
    """Sums closer than this are equal: rounding must not decide who reaches."""
    return SAME * max(1.0, float(np.abs(shares).sum()))
