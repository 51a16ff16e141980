"""The method gate, quantity by quantity: means over cases and seeds, and single cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..table import Quantity
from ..text import number
from .margins import (
    allowance,
    case_allowance,
    is_better,
    is_regression,
    loss_of,
    mean_loss,
    patient_intervals,
    seed_spread,
)
from .measured import ALARM, Measured
from .pairing import Pairing
from .tolerances import Tolerances
from .verdict import CaseChange, Change, Finding, Outcome

__all__ = ["findings_of"]

#: How many cases a finding names.
_SHOWN = 5

Floats = NDArray[np.float64]


def findings_of(
    measured: Sequence[Measured], pairing: Pairing, tolerances: Tolerances, seed: int
) -> list[Finding]:
    """What became of each quantity; all see the same resamples of the patients."""
    bounds = _intervals(measured, seed)
    alpha = tolerances.seeds.alpha / max(1, len(measured))
    case_alpha = tolerances.seeds.case_alpha / max(1, len(measured))
    return [
        _finding(one, pairing, tolerances, alpha, case_alpha, bounds[one.quantity])
        for one in measured
    ]


def _intervals(measured: Sequence[Measured], seed: int) -> Mapping[Quantity, tuple[float, float]]:
    patient = {c: p for one in measured for c, p in zip(one.cases, one.patients, strict=True)}
    ids = sorted(patient)
    if not ids:
        return {one.quantity: (np.nan, np.nan) for one in measured}
    losses = np.full((len(ids), len(measured)), np.nan)
    for column, one in enumerate(measured):
        rows = np.searchsorted(np.array(ids), np.array(one.cases, dtype=str))
        losses[rows, column] = _case_losses(one)
    low, high = patient_intervals(losses, np.array([patient[i] for i in ids]), seed=seed)
    return {one.quantity: (float(low[i]), float(high[i])) for i, one in enumerate(measured)}


def _case_losses(one: Measured) -> Floats:
    found: Floats = loss_of(one.now, one.better).mean(axis=0) - loss_of(one.then, one.better).mean(
        axis=0
    )
    return found


def _finding(
    one: Measured,
    pairing: Pairing,
    tolerances: Tolerances,
    alpha: float,
    case_alpha: float,
    bounds: tuple[float, float],
) -> Finding:
    if not one.cases:
        return Finding(
            "method", one.quantity, Outcome.NOT_MEASURED,
            reason=f"No case in common has a value of {one.quantity} to compare.",
        )  # fmt: skip
    old, new = (loss_of(v, one.better) for v in (one.then, one.now))
    then, now = (float(np.abs(x).mean()) if one.better == "zero" else float(x.mean())
                 for x in (one.then, one.now))  # fmt: skip
    loss = float(mean_loss(old, new))
    low, high = bounds
    sign = -1.0 if one.better == "higher" else 1.0
    ends = sorted((sign * low + 0.0, sign * high + 0.0)) if np.isfinite(low) else (None, None)
    margin, rounding = one.rule.inferior(then), one.rule.tolerance(then)
    base = Finding(
        "method", one.quantity, Outcome.SAME, then, now, sign * loss + 0.0, ends[0], ends[1],
        margin, rounding, len(one.cases),
        f"All values of seed {', '.join(map(str, pairing.now))} are the same to the last bit.",
    )  # fmt: skip
    if one.same:
        return base
    chance, limits = _chance(one, old, new.shape[0], pairing, tolerances, alpha, case_alpha)
    if np.isnan(chance):
        return replace(
            base, outcome=Outcome.NOT_MEASURED, tolerance=None,
            reason=f"The entry holds {len(pairing.then)} seed of a method that learns, which says "
            "nothing of how much seeds differ.",
        )  # fmt: skip
    tolerance = rounding + chance
    worse = bool(is_regression(loss, high, tolerance, margin))
    losses = _case_losses(one)
    fallen = (losses > np.maximum(limits, one.rule.case)) & (new.min(axis=0) > old.max(axis=0))
    base = replace(base, tolerance=tolerance, worst=_worst_cases(one, losses, fallen))
    if worse or fallen.any():
        return replace(base, outcome=Outcome.REGRESSION,
                       reason=_worse(one, base, worse, fallen, pairing))  # fmt: skip
    if not pairing.exact and tolerance >= _room(one, then):
        return replace(
            base, outcome=Outcome.NOT_MEASURED,
            reason=f"Seeds alone explain {_n(tolerance)}, more than there is to lose: nothing can "
            "be shown. More seeds in the entry would.",
        )  # fmt: skip
    if bool(is_better(loss, high, tolerance)):
        reason = f"Better by more than {_n(tolerance)}, {pairing.explains}."
        return replace(base, outcome=Outcome.BETTER, reason=reason)
    reason = f"The difference is no more than {_n(tolerance)}, {pairing.explains}."
    if loss > tolerance:
        reason = (
            f"Worse by more than {_n(tolerance)}, but by less than the {_n(margin)} that matter, "
            "as the interval over patients shows."
        )
    return replace(base, outcome=Outcome.EQUAL, reason=reason)


def _room(one: Measured, then: float) -> float:
    """The largest loss there can be: overlaps end at 0, shares at 1, distances nowhere."""
    if one.quantity.metric == ALARM:
        return 1.0 - then
    return then if one.better == "higher" and then > 0 else float("inf")


def _chance(
    one: Measured, old: Floats, n_now: int, pairing: Pairing, tolerances: Tolerances,
    alpha: float, case_alpha: float,
) -> tuple[float, Floats]:  # fmt: skip
    """The loss that seeds explain: of the mean, and of each case; 0 where nothing was learnt."""
    if pairing.exact:
        return 0.0, np.zeros(len(one.cases))
    rule = tolerances.seeds
    spread = seed_spread(old, rule.rho, rule.prior_df)
    if np.isnan(spread.sd):
        return float("nan"), np.zeros(len(one.cases))
    limits = case_allowance(old, n_now, case_alpha, rule.case_prior_df)
    chance = float(allowance(spread, n_now, alpha))
    if one.quantity.metric == ALARM:
        # No alarm in any seed is no proof that there never is one (rule of succession).
        share = (float(old.sum()) + 1) / (old.size + 2)
        spread_one = np.sqrt(share * (1 - share) * (1 / old.shape[0] + 1 / n_now))
        scale = spread_one / np.sqrt(old.shape[1])
        from scipy.stats import norm

        chance = max(chance, float(norm.ppf(1 - alpha)) * float(scale))
    return chance, limits


def _worst_cases(
    one: Measured, losses: Floats, fallen: NDArray[np.bool_]
) -> tuple[CaseChange, ...]:
    """Those that lost most, the collapsed ones first; none that lost nothing."""
    order = sorted(range(len(losses)), key=lambda i: (not fallen[i], -losses[i], one.cases[i]))
    found = []
    for i in order[: max(_SHOWN, int(fallen.sum()))]:
        if losses[i] > 0:
            what: Change = "status" if one.status_then[i] != one.status_now[i] else "value"
            found.append(
                CaseChange(
                    one.cases[i],
                    one.quantity.region,
                    one.quantity.metric,
                    one.quantity.dim,
                    float(one.then[:, i].mean()),
                    float(one.now[:, i].mean()),
                    one.status_then[i],
                    one.status_now[i],
                    what,
                )
            )
    return tuple(found)


def _worse(
    one: Measured, found: Finding, mean: bool, fallen: NDArray[np.bool_], pairing: Pairing
) -> str:
    parts = []
    if mean:
        parts.append(
            f"worse by {_n(abs(found.difference or 0.0))} on {found.n_cases} cases, where "
            f"{_n(found.tolerance)} is {pairing.explains}"
        )
    if fallen.any():
        names = [case for case, lost in zip(one.cases, fallen, strict=True) if lost]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        kind = "found where there is none" if one.quantity.metric == ALARM else "lost far more"
        parts.append(f"{len(names)} of {len(fallen)} cases {kind}: {', '.join(names[:3])}{more}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _n(value: float | None) -> str:
    return number(value, 4)
