"""How much the mean of a metric moves from seed to seed, and what three seeds say about it.

    python benchmarks/drift_calibration.py leaderboards/lge leaderboards/emidec

The method gate allows for the variance between seeds. Three seeds estimate it with two degrees of
freedom, which by itself would need a loss of seven standard deviations to be sure; so the estimate
is moderated (Smyth 2004) by a second one that has more: the variance of single cases between seeds,
``v``, over the number of cases ``C``. If seeds moved each case by itself, the variance of the mean
would be ``v / C``; they move cases together, and it is ``v (1 + (C - 1) rho) / C`` with the
intraclass correlation ``rho``. The prior's weight in degrees of freedom, and ``rho``, are fitted by
maximum likelihood: given ``d`` degrees of freedom, the observed variance over the prior one is
F-distributed with ``(d, prior)``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drift_data import QUANTITIES, Series, distinct, entries, series_of
from numpy.typing import NDArray

__all__ = ["Fit", "Spread", "fit", "spread"]


RHOS = np.concatenate([[0.0], np.geomspace(0.002, 0.9, 60)])
PRIORS = np.geomspace(0.5, 100.0, 60)


@dataclass(frozen=True)
class Spread:
    """How one series varies between its seeds.

    Attributes:
        variance: Of the mean over cases, between seeds.
        df: Its degrees of freedom.
        cases: How many.
        single: Variance of one case between seeds, averaged over the cases.
        widest: The largest difference of one case between two seeds.
    """

    variance: float
    df: int
    cases: int
    single: float
    widest: float

    @property
    def design(self) -> float:
        """By how much the mean varies more than if cases varied by themselves."""
        return self.variance * self.cases / self.single if self.single else float("nan")


@dataclass(frozen=True)
class Fit:
    """The prior: intraclass correlation and weight in degrees of freedom, from ``n`` series."""

    rho: float
    df: float
    n: int


def spread(values: NDArray[np.float64]) -> Spread:
    """Of ``(seed, case)`` values, at least two seeds."""
    return Spread(
        variance=float(values.mean(axis=1).var(ddof=1)),
        df=len(values) - 1,
        cases=values.shape[1],
        single=float(values.var(axis=0, ddof=1).mean()),
        widest=float(np.ptp(values, axis=0).max()),
    )


def fit(spreads: Sequence[Spread]) -> Fit:
    """The prior under which these spreads are most likely, on a grid.

    A search would run away where the data say "the more degrees of freedom, the better": 100 of
    them are as good as none other.
    """
    from scipy.special import betaln

    known = [s for s in spreads if s.single > 0 and s.variance > 0]
    observed = np.array([s.design for s in known])
    cases = np.array([s.cases for s in known], dtype=np.float64)
    df = np.array([s.df for s in known], dtype=np.float64)
    rho, prior = RHOS[:, None, None], PRIORS[:, None]
    design = 1 + (cases - 1) * rho
    y = observed / design
    likely = (
        df / 2 * np.log(df / prior)
        + (df / 2 - 1) * np.log(y)
        - (df + prior) / 2 * np.log1p(df * y / prior)
        - betaln(df / 2, prior / 2)
        - np.log(design)
    ).sum(axis=-1)
    at = np.unravel_index(likely.argmax(), likely.shape)
    return Fit(float(RHOS[at[0]]), float(PRIORS[at[1]]), len(known))


def main() -> None:
    """Print the spreads of every entry named, and the prior that fits each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="leaderboards/DATASET")
    for folder in parser.parse_args().folders:
        groups = entries(folder)
        found: list[Series] = []
        print(f"\n{folder.name}: between seeds\n")
        print("| method | quantity | seeds | cases | mean | SD of the mean | SD of a case "
              "| widest case | design effect |")  # fmt: skip
        print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
        for method, runs in groups.items():
            for one in series_of(runs, method):
                found.append(one)
                s = spread(one.values)
                cells = (method, one.quantity, s.df + 1, s.cases, f"{one.values.mean():.3f}",
                         f"{s.variance**0.5:.4f}", f"{s.single**0.5:.4f}", f"{s.widest:.3f}",
                         f"{s.design:.2f}")  # fmt: skip
                print(f"| {' | '.join(map(str, cells))} |")
        kept = distinct(found)
        for quantity in (None, *QUANTITIES):
            mine = [spread(s.values) for s in kept if quantity in (None, s.quantity)]
            if len(mine) > 2:
                prior = fit(mine)
                print(f"{quantity or 'all'}: rho {prior.rho:.3f}, prior df {prior.df:.2f} "
                      f"({prior.n} series)")  # fmt: skip


if __name__ == "__main__":
    main()
