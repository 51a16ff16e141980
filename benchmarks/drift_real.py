"""The gates themselves on real runs: whole checks, one by one, where the matrix does arithmetic.

A check takes a quarter of a second, so that these are enumerations and samples: every choice of
seeds there is, and some cases of each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from drift_injections import EVENTS, false_alarm

from benchmark.drift.check import check_method
from benchmark.drift.frozen import FrozenCase
from benchmark.drift.tolerances import Tolerances
from benchmark.drift.verdict import Check
from benchmark.record import RunRecord
from benchmark.rescoring import rescore
from benchmark.results import Run
from benchmark.table import select, tidy

__all__ = ["Answer", "choices", "event_answers", "moved", "resampled", "rescored", "why"]


@dataclass(frozen=True)
class Answer:
    """What a check said: its exit code, and which findings were against it."""

    code: int
    found: tuple[str, ...]


def why(check: Check) -> Answer:
    """The answer of a check."""
    against = [f.name for f in check.findings if f.gated and f.outcome.failed]
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


def resampled(runs: Sequence[Run], picks: Sequence[int], cases: Sequence[str]) -> list[Run]:
    """Runs of the drawn cases; one that is drawn again is another case of another patient."""
    made = []
    for run in runs:
        by_case = dict(list(run.scores.groupby(run.scores["case"].astype(str), sort=False)))
        rows = run.cases.assign(case=run.cases["case"].astype(str)).set_index("case", drop=False)
        scores, table = [], []
        for number, pick in enumerate(picks):
            name = f"{cases[pick]}#{number}"
            scores.append(by_case[cases[pick]].assign(case=name))
            table.append({**rows.loc[cases[pick]].to_dict(), "case": name, "patient": name})
        made.append(replace(run, scores=pd.concat(scores, ignore_index=True),
                            cases=pd.DataFrame(table), features=run.features.iloc[:0]))  # fmt: skip
    return made


def rescored(run: Run, cases: Sequence[FrozenCase], data_root: Path | None) -> Run:
    """A run with the scores of these predictions; cases that are not tested on left out."""
    wanted = set(tested_cases(run))
    return rescore(run, [c for c in cases if c.case in wanted], data_root=data_root)


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


def record_of(folder: Path) -> RunRecord:
    """The record of a run folder."""
    return RunRecord.load(folder)
