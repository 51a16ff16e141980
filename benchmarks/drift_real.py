"""The gates themselves on real runs: whole checks, one by one, where the matrix does arithmetic.

A check takes a quarter of a second, so that these are enumerations and samples: every choice of
seeds there is, and some cases of each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from drift_injections import EVENTS, false_alarm
from drift_power import Draws, decided, draw, injected
from drift_tables import DICE, GRID, Study, lines, settings

from benchmark import rescoring
from benchmark.drift.check import check_method
from benchmark.drift.frozen import FrozenCase
from benchmark.drift.tolerances import Tolerances
from benchmark.drift.verdict import Check, Outcome
from benchmark.freezing import stored_predictions
from benchmark.record import RunRecord
from benchmark.results import Run
from benchmark.table import select, tidy

__all__ = ["Answer", "choices", "disagreements", "event_answers", "moved", "moved_rows",
           "rescored", "tested_cases", "why"]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a check said: its exit code, and which findings were against it."""

    code: int
    found: tuple[str, ...]


def why(check: Check) -> Answer:
    """The answer of a check."""
    against = [
        f.name for f in check.findings
        if f.gated and f.outcome in (Outcome.REGRESSION, Outcome.CHANGED)
    ]  # fmt: skip
    return Answer(check.exit_code, tuple(against))


def choices(runs: Sequence[Run], n_then: int, n_now: int) -> Iterator[tuple[list[Run], list[Run]]]:
    """Every entry of ``n_then`` of these seeds, with every run of ``n_now`` of the others."""
    for then in combinations(range(len(runs)), n_then):
        rest = [i for i in range(len(runs)) if i not in then]
        for now in combinations(rest, n_now):
            yield [runs[i] for i in then], [runs[i] for i in now]


def tested_cases(run: Run) -> list[str]:
    """The cases that count."""
    return sorted(run.cases["case"][run.cases["role"].isin(["test", "external"])].astype(str))


def scar_free(runs: Sequence[Run]) -> list[str]:
    """Hearts where neither the reference nor any seed has scar."""
    rows = select(tidy([replace(r, scores=r.scores[(r.scores["metric"] == "dice").to_numpy()])
                        for r in runs]))  # fmt: skip
    rows = rows[(rows["region"] == "scar").to_numpy()]
    clean = (rows["status"] == "both_empty").groupby(rows["case"].astype(str)).all()
    return [str(case) for case in clean.index[clean.to_numpy(dtype=bool)]]


def event_answers(
    entry: Sequence[Run],
    runs: Sequence[Run],
    tolerances: Tolerances,
    rng: np.random.Generator,
    times: int,
) -> dict[str, list[Answer]]:
    """By event: what the check said when it happened to one case of one of ``runs``.

    Args:
        entry: What was accepted.
        runs: Without the event, no regression.
        tolerances: Of the gate.
        rng: Which run, and which case.
        times: How often each.
    """
    cases, clean = tested_cases(runs[0]), scar_free([*entry, *runs])
    found: dict[str, list[Answer]] = {}
    for name, happens in EVENTS.items():
        for _ in range(times if name.startswith("case") else 1):
            case = cases[int(rng.integers(len(cases)))]
            everywhere = not name.startswith("case")
            at = int(rng.integers(len(runs)))
            worse = [happens(r, case) if everywhere or i == at else r for i, r in enumerate(runs)]
            found.setdefault(name, []).append(why(check_method(worse, entry, tolerances)))
    for case in clean[:times]:
        worse = [false_alarm(run, case) for run in runs]
        answer = why(check_method(worse, entry, tolerances))
        found.setdefault("scar-free heart: scar found", []).append(answer)
    return found


def rescored(run: Run, cases: Sequence[FrozenCase], data_root: Path | None) -> Run:
    """A run with the scores of these predictions; cases that are not tested on left out."""
    wanted = set(tested_cases(run))
    return rescoring.rescore(run, [c for c in cases if c.case in wanted], data_root=data_root)


def moved(cases: Sequence[FrozenCase], axis: int = -1, by: int = 1) -> list[FrozenCase]:
    """Predictions moved by a voxel along an axis: a wrong origin, an index off by one."""
    return [c if c.labels is None else replace(c, labels=shifted(c.labels, axis, by))
            for c in cases]  # fmt: skip


def shifted(labels: np.ndarray, axis: int, by: int) -> np.ndarray:
    """``labels`` moved; what leaves the volume is lost, what comes in is background."""
    out = np.roll(labels, by, axis=axis)
    edge: list[slice] = [slice(None)] * labels.ndim
    edge[axis] = slice(0, by) if by > 0 else slice(by, None)
    out[tuple(edge)] = 0
    return out


def moved_rows(
    held: Mapping[str, Sequence[Run]],
    accepted: Path,
    methods: Sequence[str],
    tolerances: Tolerances,
    data_root: Path | None,
) -> str:
    """Predictions of accepted runs moved by a voxel, scored again, and checked."""
    rows = []
    for method in methods:
        entry = list(held[method])[:3]
        stored = {}
        for folder in sorted(accepted.glob(f"{method}-*")):
            record = RunRecord.load(folder)
            if record.method.name == method:
                stored[record.seed] = stored_predictions(folder, record)
        for axis, name in ((-1, "column"), (-2, "row"), (0, "slice")):
            runs = [rescored(run, moved(stored[run.record.seed], axis), data_root)
                    for run in entry]  # fmt: skip
            check = check_method(runs, entry, tolerances)
            lost = [f"{f.quantity} {f.difference:+.3f}" for f in check.findings
                    if f.quantity in DICE and f.difference is not None]  # fmt: skip
            rows.append((method, f"by one {name}", check.outcome, "; ".join(lost),
                         ", ".join(why(check).found)))  # fmt: skip
    return lines(("method", "moved", "outcome", "Dice", "findings"), iter(rows))


def disagreements(
    held: Mapping[str, Sequence[Run]], study: Study, methods: Sequence[str], times: int
) -> str:
    """The same resamples decided by the matrix's arithmetic and by whole checks.

    A loss of scar Dice that some resamples find is put into both; compared is the finding of scar
    Dice alone.
    """
    rows = []
    for method in methods:
        runs = list(held[method])
        series = study.seeds(runs[0].dataset, method)
        one = next(s for s in series if s.quantity == DICE[0])
        for how, n_then, n_now, exact in settings(len(runs)):
            found = [study.power(one, loss, None, n_then, n_now, exact).mean() for loss in GRID]
            loss = float(GRID[np.abs(np.array(found) - 0.5).argmin()])
            rng = np.random.default_rng(1)
            draws = injected(draw(one, rng, times, n_then, n_now, exact=exact), rng, loss, None)
            a, b = decided(draws, study.tolerances, study.counts(len(one.cases)), gated=1)
            same = 0
            for i in range(times):
                sides = [built(runs[:n], draws, i, part) for n, part in
                         ((len(draws.then[i]), "then"), (len(draws.now[i]), "now"))]  # fmt: skip
                check = check_method(sides[1], sides[0], study.tolerances)
                said = any(f.quantity == DICE[0] and f.outcome is Outcome.REGRESSION
                           for f in check.findings)  # fmt: skip
                same += said == bool(a[i] | b[i])
            rows.append((method, how, f"{n_then} + {n_now}", f"{100 * loss:.2f}",
                         f"{int((a | b).sum())} of {times}", f"{same} of {times}"))  # fmt: skip
    return lines(("method", "new run", "seeds", "loss, %", "found", "the same answer"), iter(rows))


def built(runs: Sequence[Run], draws: Draws, at: int, part: Literal["then", "now"]) -> list[Run]:
    """Runs that hold one resample of one quantity, and nothing else."""
    values = draws.then[at] if part == "then" else draws.now[at]
    cases = [f"case{i:04d}" for i in range(values.shape[1])]
    q = draws.series.quantity
    made = []
    for number, (run, row) in enumerate(zip(runs, values, strict=True)):
        known = draws.measured[at][number] if part == "then" else np.ones(len(row), dtype=bool)
        scores = pd.DataFrame({
            "case": cases, "region": q.region, "metric": q.metric, "level": "volume", "dim": q.dim,
            "reference": "reference", "compared": "prediction", "worst": row,
            "value": np.where(known, row, np.nan), "status": np.where(known, "ok", "pred_empty"),
            "better": "higher" if draws.series.higher else "lower",
        })  # fmt: skip
        table = pd.DataFrame({"case": cases, "patient": cases, "role": "test", "status": "ok"})
        seed = number if part == "then" or draws.exact else 100 + number
        stages = run.record.stages
        if not draws.exact:
            stages = {**stages, "train": {"model": {"model": f"{part}{seed}"}}}
        record = run.record.model_copy(update={"seed": seed, "stages": stages})
        made.append(replace(run, record=record, cases=table, scores=scores))
    return made
