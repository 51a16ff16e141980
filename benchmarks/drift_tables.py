"""Shares of resamples that the method gate finds, as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from drift_calibration import fit, spread
from drift_data import Series, distinct
from drift_power import GATED, counts_of, decided, draw, injected, smallest
from numpy.typing import NDArray

from benchmark.drift.margins import allowance, loss_of, seed_spread
from benchmark.drift.tolerances import Tolerances
from benchmark.panel import wilson
from benchmark.table import Quantity

__all__ = ["Found", "Study", "false_alarms", "joined", "least_losses", "lines", "powers", "rate",
           "shared", "spreads"]  # fmt: skip

LOSSES = (0.002, 0.005, 0.01, 0.02, 0.05)
#: Between which the smallest loss that is found is looked for.
GRID = np.array([0.0, 0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02,
                 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5])  # fmt: skip
WHERE = {"all cases": None, "3 cases": 3, "1 case": 1}
DICE = (Quantity("scar", "dice"), Quantity("myocardium", "dice"))
INNER = 1000

Found = dict[str, list[Series]]


def rate(found: NDArray[np.bool_]) -> str:
    """A share of resamples with its interval, in per cent."""
    p = wilson(float(found.sum()), found.size)
    if p.value is None or p.low is None or p.high is None:
        return "-"
    return f"{100 * p.value:.1f} ({100 * p.low:.1f}-{100 * p.high:.1f})"


def lines(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    """A Markdown table; numbers to the right."""
    text = [f"| {' | '.join(head)} |", "|" + "|".join("---" for _ in head) + "|"]
    return "\n".join([*text, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


class Study:
    """The scores, and the gate's tolerances.

    Args:
        named: Series by method, of each data set.
        more: The same of seeds that no entry holds, trained under the entry's circumstances.
        other: The same of the entry's seeds, trained with another number of threads.
        tolerances: Of the gate.
        resamples: How many.
    """

    def __init__(
        self,
        named: Mapping[str, Found],
        more: Mapping[str, Found],
        other: Mapping[str, Found],
        tolerances: Tolerances,
        resamples: int,
    ) -> None:
        self.named, self.more, self.other = named, more, other
        self.tolerances, self.resamples = tolerances, resamples
        self._counts: dict[int, NDArray[np.float64]] = {}

    def counts(self, cases: int) -> NDArray[np.float64]:
        """The inner resamples of that many patients."""
        if cases not in self._counts:
            self._counts[cases] = counts_of(cases, INNER)
        return self._counts[cases]

    def seeds(self, dataset: str, method: str) -> list[Series]:
        """Each quantity with all seeds of the same circumstances."""
        extra = {s.quantity: s for s in self.more.get(dataset, {}).get(method, [])}
        return [joined(s, extra[s.quantity]) if s.quantity in extra else s
                for s in self.named[dataset][method]]  # fmt: skip

    def alarms(
        self, found: Sequence[Series], n_then: int, n_now: int, now: Sequence[Series] = ()
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether any quantity alarms in a resample of unchanged code: by its mean, by a case.

        All quantities see the same seeds; patients are resampled among those that a quantity has.
        """
        means, cases = np.zeros((2, self.resamples), dtype=bool)
        theirs = {s.quantity: s for s in now}
        for one in found:
            other = theirs.get(one.quantity)
            if now and other is None:
                continue
            first, second = (one, None) if other is None else shared(one, other)
            draws = draw(first, np.random.default_rng(0), self.resamples, n_then, n_now, now=second)
            a, b = decided(draws, self.tolerances, self.counts(len(first.cases)))
            means, cases = means | a, cases | b
        return means, cases

    def power(
        self, one: Series, loss: float, n: int | None, n_then: int, n_now: int, exact: bool
    ) -> NDArray[np.bool_]:
        """Whether a loss of one overlap is found by its mean or by a case, ``(resample,)``."""
        rng = np.random.default_rng(0)
        draws = draw(one, rng, self.resamples, n_then, n_now, exact=exact)
        worse = injected(draws, rng, loss, n)
        a, b = decided(worse, self.tolerances, self.counts(len(one.cases)))
        return a | b


def shared(one: Series, other: Series) -> tuple[Series, Series]:
    """Both, of the cases in common."""
    cases = [case for case in one.cases if case in other.cases]
    at = ([s.cases.index(case) for case in cases] for s in (one, other))
    a, b = (replace(s, cases=tuple(cases), values=s.values[:, i], defined=s.defined[:, i])
            for s, i in zip((one, other), at, strict=True))  # fmt: skip
    return a, b


def joined(one: Series, other: Series) -> Series:
    """The seeds of both, of the cases in common."""
    a, b = shared(one, other)
    return replace(a, seeds=a.seeds + b.seeds, values=np.concatenate([a.values, b.values]),
                   defined=np.concatenate([a.defined, b.defined]))  # fmt: skip


def spreads(study: Study) -> str:
    """Between-seed variation by data set and quantity, and the prior that fits it."""
    rows = []
    for dataset, found in study.named.items():
        kept = distinct(s for series in found.values() for s in series)
        for quantity in dict.fromkeys(s.quantity for s in kept):
            mine = [spread(s.values) for s in kept if s.quantity == quantity]
            sd = np.sqrt([s.variance for s in mine])
            prior = fit(mine)
            rows.append((
                dataset, quantity, len(mine), f"{sd.min():.4f}", f"{np.median(sd):.4f}",
                f"{sd.max():.4f}", f"{np.median(np.sqrt([s.single for s in mine])):.4f}",
                f"{max(s.widest for s in mine):.3f}",
                f"{np.nanmedian([s.design for s in mine]):.1f}",
                f"{np.nanmax([s.design for s in mine]):.1f}", f"{prior.rho:.3f}", f"{prior.df:.1f}",
            ))  # fmt: skip
    head = ("data set", "quantity", "series", "SD of the mean: least", "median", "most",
            "SD of a case", "widest case", "design effect: median", "most", "rho (ML)",
            "prior df (ML)")  # fmt: skip
    return lines(head, iter(rows))


def false_alarms(study: Study) -> str:
    """Unchanged code: the same seeds, other seeds, another number of threads."""
    rows: list[Sequence[object]] = []
    for dataset, found in study.named.items():
        for n_then, n_now in ((2, 1), (3, 1), (3, 2)):
            pooled: list[NDArray[np.bool_]] = []
            by_mean, by_case = [], []
            for method in found:
                series = study.seeds(dataset, method)
                few = n_then == 2 and len(series[0].seeds) > 3
                if len(series[0].seeds) < n_then + n_now or few:
                    continue
                means, cases = study.alarms(series, n_then, n_now)
                by_mean.append(means)
                by_case.append(cases)
                pooled.append(means | cases)
                rows.append((dataset, "other seeds", f"{n_then} + {n_now}", method, rate(means),
                             rate(cases), rate(pooled[-1])))  # fmt: skip
            if pooled:
                all_ = [np.concatenate(x) for x in (by_mean, by_case, pooled)]
                rows.append((f"**{dataset}**", "other seeds", f"{n_then} + {n_now}",
                             f"**{len(pooled)} methods**", *map(rate, all_)))  # fmt: skip
        for method, series in study.other.get(dataset, {}).items():
            for n_now in sorted({1, len(series[0].seeds)}):
                means, cases = study.alarms(found[method], 3, n_now, series)
                rows.append((dataset, "other threads", f"3 + {n_now}", method, rate(means),
                             rate(cases), rate(means | cases)))  # fmt: skip
    head = ("data set", "unchanged code", "seeds", "method", "by means, %", "by cases, %",
            "any quantity, %")  # fmt: skip
    return lines(head, iter(rows))


def powers(study: Study, dataset: str, methods: Sequence[str]) -> str:
    """Detection of a loss of Dice: of all cases or of few, the same models or other seeds."""
    rows = []
    for quantity in DICE:
        for method in methods:
            one = next((s for s in study.seeds(dataset, method) if s.quantity == quantity), None)
            if one is None:
                continue
            for how, n_then, n_now, exact in settings(len(one.seeds)):
                for where, n in WHERE.items():
                    found = [rate(study.power(one, loss, n, n_then, n_now, exact))
                             for loss in LOSSES]  # fmt: skip
                    rows.append((quantity, method, how, f"{n_then} + {n_now}", where, *found))
    head = ("quantity", "method", "new run", "seeds", "loss on",
            *(f"{100 * loss:g} %" for loss in LOSSES))  # fmt: skip
    return lines(head, iter(rows))


def settings(seeds: int) -> Iterator[tuple[str, int, int, bool]]:
    """What can be tried with so many seeds: name, seeds of the entry, of the run, same models."""
    yield "same models", 1, 1, True
    if seeds >= 3:
        yield "same models", 3, 3, True
    if seeds >= 5:
        yield "other seeds", 3, 1, False
        yield "other seeds", 3, 2, False
    elif seeds >= 3:
        yield "other seeds", 2, 1, False


def least_losses(study: Study, dataset: str) -> str:
    """The smallest loss on all cases that is found in 80 and 95 % of the resamples.

    That of other seeds is calculated where an entry has three, for any number of new ones: the
    margin, and as many standard deviations more as the share asks for.
    """
    from scipy.stats import norm

    rows = []
    rule = study.tolerances.seeds
    for quantity in DICE:
        for method, series in study.named[dataset].items():
            one = next((s for s in series if s.quantity == quantity), None)
            if one is None or len(one.seeds) < 3:
                continue
            then = loss_of(one.values[:3], "higher")
            of = study.tolerances.rule(quantity, dataset)
            level = one.values[:3].mean()
            base = 0.0 if of is None else of.tolerance(level)
            found = [study.power(one, loss, None, 3, 3, True).mean() for loss in GRID]
            cells = [points(smallest(found, GRID.tolist(), share), level) for share in (0.8, 0.95)]
            found = [study.power(one, loss, 1, 3, 3, True).mean() for loss in GRID]
            cells.append(points(smallest(found, GRID.tolist(), 0.8), level))
            for n_now in (1, 3):
                known = seed_spread(then, rule.rho, rule.prior_df)
                limit = base + float(allowance(known, n_now, rule.alpha / GATED))
                wide = spread(one.values).variance ** 0.5 * (1 / 3 + 1 / n_now) ** 0.5
                cells += [points(limit + float(norm.ppf(p)) * wide, level) for p in (0.8, 0.95)]
            sd = spread(one.values).variance ** 0.5
            rows.append((quantity, method, f"{level:.3f}", f"{sd:.4f}", *cells))
    head = ("quantity", "method", "mean", "SD between seeds", "same models, all cases: 80 %",
            "95 %", "one case: 80 %", "3 + 1 seeds: 80 %", "95 %", "3 + 3 seeds: 80 %",
            "95 %")  # fmt: skip
    return lines(head, iter(rows))


def points(loss: float | None, level: float) -> str:
    """A loss in per cent Dice; that there is not so much to lose is said."""
    if loss is None or loss > level:
        return "never"
    return f"{100 * loss:.2f}"
