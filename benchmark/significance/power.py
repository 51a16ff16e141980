"""The power line: the smallest difference a test set could have shown.

A test that finds nothing on few patients says little; this says how little.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from numpy.typing import ArrayLike

from ..errors import UsageError
from .result import constant, joined, sample

__all__ = ["ALPHA", "POWER", "Power", "smallest_difference"]

POWER = 0.8
ALPHA = 0.05
_OF_T = "of the paired t-test on normal differences"


@dataclass(frozen=True)
class Power:
    """The smallest true mean difference that would probably have been shown.

    Attributes:
        difference: In the unit of the values, positive; None where it cannot be told.
        n: Patients.
        sd: Standard deviation of their differences (ddof 1); None with fewer than two.
        power: How probably.
        alpha: Two-sided level of the test.
        note: What it holds for, or why there is none.
    """

    difference: float | None
    n: int
    sd: float | None
    power: float
    alpha: float
    note: str


def smallest_difference(
    differences: ArrayLike, *, power: float = POWER, alpha: float = ALPHA
) -> Power:
    """The smallest mean difference that a paired t-test shows with this power.

    The standard deviation of the differences at hand stands for the true one. This is not the
    power of the difference found, which would be p in other words.

    Args:
        differences: ``(patient,)``, one per patient; NaN is left out.
        power: Between ``alpha`` and 1.
        alpha: Two-sided level, between 0 and 1.

    Returns:
        None with fewer than three patients, or if all differences are equal. The note also says
        where a signed-rank test could show nothing at all, because even its least p,
        ``2 / 2 ** n``, is above the level.

    Raises:
        UsageError: Power or level are out of range.
    """
    if not 0 < alpha < power < 1:
        raise UsageError(
            f"Power {power} at level {alpha} cannot be asked for.", "Give 0 < alpha < power < 1."
        )
    values, lost = sample(differences)
    n = len(values)
    sd = float(values.std(ddof=1)) if n > 1 else None
    if n < 3 or sd is None:
        return Power(None, n, sd, power, alpha, joined("fewer than 3 patients", lost))
    if constant(values):
        return Power(None, n, sd, power, alpha, joined("the differences do not vary", lost))
    never = "too few for any signed-rank test" if 2 / 2**n > alpha else ""
    note = joined(_OF_T, never, lost)
    return Power(_effect(n, power, alpha) * sd, n, sd, power, alpha, note)


@lru_cache(maxsize=256)
def _effect(n: int, power: float, alpha: float) -> float:
    """The mean difference in standard deviations.

    Of the noncentral F distribution of t squared, which is the two-sided test in one piece: in
    scipy's noncentral t (and so in statsmodels' power) the far tail is NaN for many effects.
    """
    from scipy.optimize import brentq
    from scipy.special import ncfdtr
    from scipy.stats import t

    critical = float(t.ppf(1 - alpha / 2, n - 1)) ** 2

    def lacking(effect: float) -> float:
        return 1 - float(ncfdtr(1, n - 1, n * effect**2, critical)) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    return float(brentq(lacking, 0.0, high, xtol=1e-12))
