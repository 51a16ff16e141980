"""Under what circumstances the entry was made and the run is made, and what that means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from ..results import Run
from ..table import Quantity
from .sides import Side
from .tolerances import CostRule
from .verdict import Finding, Outcome, Then

__all__ = ["changed_cards", "costs", "data", "definitions", "facts", "same_machine"]

_SHOWN = 6


def facts(entry: Side, run: Side) -> dict[str, Then]:
    """Circumstances by name, those of both sides; several values of one side are joined."""
    told: dict[str, Callable[[Run], object]] = {
        "seeds": lambda r: r.record.seed,
        "data": lambda r: r.record.dataset.fingerprint,
        "training data": lambda r: r.record.dataset.training_fingerprint,
        "code": lambda r: r.record.method.code,
        "profile": lambda r: r.record.method.profile,
        "experiment": lambda r: r.record.group,
        "device": lambda r: r.record.device,
        "threads": lambda r: r.record.threads,
        "machine": lambda r: r.record.provenance.get("machine"),
        "platform": lambda r: r.record.provenance.get("platform"),
        "python": lambda r: r.record.provenance.get("python"),
        "commit": lambda r: _dict(r.record.provenance.get("git")).get("commit"),
    }
    found = {name: Then(_all(entry, fact), _all(run, fact)) for name, fact in told.items()}
    versions = [_dict(r.record.provenance.get("versions")) for r in (*entry.runs, *run.runs)]
    for name in sorted({str(name) for known in versions for name in known}):
        found[f"{name} version"] = Then(*(_all(side, _version(name)) for side in (entry, run)))
    then, now = cards(entry), cards(run)
    found["definitions"] = Then(len(then), len(now))
    changed = changed_cards(entry, run)
    if changed:
        found["changed definitions"] = Then(
            ", ".join(f"{name} {then[name]}" for name in changed),
            ", ".join(f"{name} {now[name]}" for name in changed),
        )
    there, here = set(entry.cases.index), set(run.cases.index)
    found["cases"] = Then(len(there), len(here))
    found["cases in common"] = Then(len(there & here), len(there & here))
    return found


def _version(name: str) -> Callable[[Run], object]:
    return lambda run: _dict(run.record.provenance.get("versions")).get(name)


def _dict(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _all(side: Side, fact: Callable[[Run], object]) -> object:
    values = {str(value): value for value in map(fact, side.runs) if value not in (None, "")}
    if not values:
        return None
    if len(values) == 1:
        return next(iter(values.values()))
    order = sorted(values, key=lambda text: (not text.isdigit(), int(text) if text.isdigit() else 0,
                                             text))  # fmt: skip
    return ", ".join(order)


def cards(side: Side) -> dict[str, str]:
    """Hash of each metric's definition; of several, all of them."""
    found: dict[str, set[str]] = {}
    for run in side.runs:
        for name, digest in run.record.metric_cards.items():
            found.setdefault(name, set()).add(digest)
    return {name: "/".join(sorted(digests)) for name, digests in sorted(found.items())}


def changed_cards(entry: Side, run: Side) -> tuple[str, ...]:
    """Metrics that both sides define, and differently."""
    then, now = cards(entry), cards(run)
    return tuple(name for name in then if name in now and then[name] != now[name])


def definitions(entry: Side, run: Side, gated: Sequence[Quantity]) -> Finding | None:
    """Metrics whose definition is another one or is no more; None where all are the same.

    Definitions that decide nothing are told, and change no outcome.
    """
    then, now = cards(entry), cards(run)
    changed = changed_cards(entry, run)
    gone = tuple(name for name in then if name not in now)
    deciding = {quantity.card for quantity in gated}
    if not changed and not gone:
        return None
    parts = [f"{word}: {_few(names)}" for word, names in
             (("defined otherwise", changed), ("no longer measured", gone)) if names]  # fmt: skip
    counts = bool(deciding & {*changed, *gone})
    tail = "." if counts else "; none of them decides."
    return Finding("method", None, Outcome.CHANGED, subject="definitions", gated=counts,
                   reason="; ".join(parts)[0].upper() + "; ".join(parts)[1:] + tail)  # fmt: skip


def data(entry: Side, run: Side) -> Finding | None:
    """Whether the images and references are the same; None where a side does not say."""
    told: tuple[tuple[str, Callable[[Run], str]], ...] = (
        ("cases tested on", lambda r: r.record.dataset.fingerprint),
        ("cases learnt from", lambda r: r.record.dataset.training_fingerprint),
    )
    known, other = False, []
    for name, get in told:
        then, now = ({get(r) for r in side.runs if get(r)} for side in (entry, run))
        known = known or bool(then and now)
        # The run may hold some of the entry's folds alone.
        if then and now and not now <= then:
            other.append(name)
    if other:
        return Finding(
            "method", None, Outcome.CHANGED, subject="data",
            reason=f"The fingerprint of the {' and of the '.join(other)} is another one.",
        )  # fmt: skip
    if not known:
        return None
    return Finding("method", None, Outcome.SAME, subject="data", gated=False,
                   reason="The fingerprints of the data are the same.")  # fmt: skip


def same_machine(entry: Side, run: Side) -> bool:
    """Whether times and memory may be compared: machine, platform, device and threads are known."""
    told: tuple[Callable[[Run], object], ...] = (
        lambda r: r.record.provenance.get("machine"),
        lambda r: r.record.provenance.get("platform"),
        lambda r: r.record.device,
        lambda r: r.record.threads,
    )
    for fact in told:
        then, now = ({str(fact(r)) for r in side.runs} for side in (entry, run))
        if then != now or "None" in then or len(then) != 1:
            return False
    return True


def costs(entry: Side, run: Side, rule: CostRule) -> list[Finding]:
    """Time and memory, the medians over seeds and folds; those that both sides know.

    They decide only where they are a regression on the same machine: being within a factor says
    nothing of the numbers.
    """
    comparable = same_machine(entry, run)
    found = []
    for name, unit, get, factor, least in (
        ("train time", "s", _train_seconds, rule.seconds, rule.least_train_seconds),
        ("time per slice", "s", _total("predict_seconds_per_slice"), rule.seconds,
         rule.least_predict_seconds),
        ("train memory", "MB", _total("train_memory_mb"), rule.memory, rule.least_memory_mb),
        ("predict memory", "MB", _total("predict_memory_mb"), rule.memory, rule.least_memory_mb),
    ):  # fmt: skip
        then, now = (_median(map(get, side.runs)) for side in (entry, run))
        if then is None or now is None:
            continue
        worse = now > then * factor and now - then > least
        outcome = Outcome.REGRESSION if worse else Outcome.SAME if now == then else Outcome.EQUAL
        reason = f"{then:.4g} -> {now:.4g} {unit}; {factor:g} times as much is allowed."
        if not comparable:
            reason += " Another machine, or another number of threads: this only informs."
        found.append(Finding(
            "method", None, outcome, then, now, now - then,
            tolerance=max(then * (factor - 1), least), reason=reason, subject=name,
            gated=worse and comparable,
        ))  # fmt: skip
    return found


def _train_seconds(run: Run) -> object:
    return run.record.stages.get("train", {}).get("seconds")


def _total(name: str) -> Callable[[Run], object]:
    return lambda run: run.record.totals.get(name)


def _median(values: Iterable[object]) -> float | None:
    known = [float(v) for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
    return median(known) if known else None


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
