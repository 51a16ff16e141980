"""The engine gate on real predictions: unchanged code, and what may change in code unseen.

    python benchmarks/drift_engine.py runs/emidec --data-root PATH --times 1000

Stored predictions are scored again and compared to the last bit with the scores that are kept
beside them. Changes are made to what the engine computes while every definition card stays what it
was: a last digit, a slice, the spacing, a status, a row, or a metric's own arithmetic.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from drift_real import tested_cases

from benchmark import rescoring
from benchmark.drift.engine import check_engine
from benchmark.drift.frozen import FrozenCase
from benchmark.freezing import stored_predictions
from benchmark.panel import wilson
from benchmark.record import RunRecord
from benchmark.results import Run, load_run
from benchmark.scoring import ScoreTask

__all__ = ["CHANGES", "engine_rows"]


def last_digit(run: Run, rng: np.random.Generator) -> Run:
    """One value larger by 1e-12 of itself."""
    at = np.flatnonzero((run.scores["value"].abs() > 0).to_numpy())
    scores = run.scores.copy()
    row = scores.index[rng.choice(at)]
    scores.loc[row, "value"] = float(scores.loc[row, "value"]) * (1 + 1e-12)
    return replace(run, scores=scores)


def one_ulp(run: Run, rng: np.random.Generator) -> Run:
    """One value, the next floating-point number."""
    at = np.flatnonzero((run.scores["value"].abs() > 0).to_numpy())
    scores = run.scores.copy()
    row = scores.index[rng.choice(at)]
    scores.loc[row, "value"] = np.nextafter(float(scores.loc[row, "value"]), np.inf)
    return replace(run, scores=scores)


def other_status(run: Run, rng: np.random.Generator) -> Run:
    """One value that is not applicable, or was not."""
    scores = run.scores.copy()
    row = scores.index[rng.integers(len(scores))]
    was = scores.loc[row, "status"]
    scores.loc[row, "status"] = "ok" if was != "ok" else "both_empty"
    return replace(run, scores=scores)


def row_gone(run: Run, rng: np.random.Generator) -> Run:
    """A quantity of a case that is no longer computed."""
    row = run.scores.index[rng.integers(len(run.scores))]
    return replace(run, scores=run.scores.drop(index=row))


@contextmanager
def tasks(change: Callable[[ScoreTask], ScoreTask]) -> Iterator[None]:
    """Every case is scored as ``change`` has it."""
    whole = rescoring._task

    def other(*arguments: Any) -> ScoreTask:
        return change(whole(*arguments))

    rescoring._task = other
    try:
        yield
    finally:
        rescoring._task = whole


def slice_dropped(task: ScoreTask) -> ScoreTask:
    """The first slice where anything is predicted, not looked at."""
    if task.prediction is None:
        return task
    found = np.flatnonzero(task.prediction.any(axis=(1, 2)))
    drawn = task.prediction.copy()
    drawn[found[:1]] = 0
    return replace(task, prediction=drawn)


def spacing_swapped(task: ScoreTask) -> ScoreTask:
    """Slice distance and row spacing exchanged."""
    z, y, x = task.spacing
    return replace(task, spacing=(y, z, x), image=None, slice_positions=None)


def spacing_rounded(task: ScoreTask) -> ScoreTask:
    """Spacing as single precision keeps it."""
    return replace(task, spacing=tuple(float(np.float32(s * (1 + 1e-7))) for s in task.spacing))


#: By what a table calls it: a change of the table, or of what is scored.
CHANGES: dict[str, tuple[str, Callable[..., Any]]] = {
    "one value x (1 + 1e-12)": ("table", last_digit),
    "one value, next float": ("table", one_ulp),
    "one status": ("table", other_status),
    "one row not computed": ("table", row_gone),
    "one slice dropped": ("task", slice_dropped),
    "spacing swapped (z, y)": ("task", spacing_swapped),
    "spacing x (1 + 1e-7), float32": ("task", spacing_rounded),
}


def engine_rows(
    folders: list[Path], data_root: Path | None, times: int, each: int, seed: int = 0
) -> list[tuple[str, int, int, str]]:
    """Per change, how many checks failed of how many, and by which findings.

    Args:
        folders: Run folders with their predictions.
        data_root: Where the data set is.
        times: Cases scored again unchanged, over all folders, beginning anew when all are done.
        each: Checks per change.
        seed: Of which cases and rows are changed.
    """
    rng = np.random.default_rng(seed)
    held: list[tuple[Run, dict[str, FrozenCase]]] = []
    for folder in folders:
        run = load_run(folder, ["volume"])
        keep = set(tested_cases(run))
        run = replace(run, scores=run.scores[run.scores["case"].isin(keep).to_numpy()])
        stored = stored_predictions(folder, RunRecord.load(folder))
        held.append((run, {c.case: c for c in stored if c.case in keep}))
    pairs = [(i, case) for i, (_, stored) in enumerate(held) for case in sorted(stored)]
    # Of an empty answer no slice can be dropped, and no distance has a spacing in it.
    drawn = [(i, case) for i, case in pairs if is_drawn(held[i][1][case])]
    again: list[tuple[Run, Run]] = []
    failed, names = 0, Counter[str]()
    for at in range(times):
        i, case = pairs[at % len(pairs)]
        run, stored = held[i]
        new = rescoring.rescore(run, [stored[case]], data_root=data_root)
        then = of_case(run, case)
        check = check_engine([new], [then])
        failed += check.exit_code != 0
        names.update(f.name for f in check.findings if f.outcome.failed)
        again.append((then, new))
    rows = [("unchanged", failed, times, told(names))]
    for name, (kind, change) in CHANGES.items():
        failed, names = 0, Counter()
        for _ in range(each):
            if kind == "table":
                then, new = again[int(rng.integers(len(again)))]
                other = change(new, rng)
            else:
                i, case = drawn[int(rng.integers(len(drawn)))]
                then = of_case(held[i][0], case)
                with tasks(change):
                    other = rescoring.rescore(held[i][0], [held[i][1][case]], data_root=data_root)
            check = check_engine([other], [then])
            failed += check.exit_code != 0
            names.update(f.name for f in check.findings if f.outcome.failed)
        rows.append((name, failed, each, told(names)))
    return rows


def is_drawn(case: FrozenCase) -> bool:
    """Whether anything is drawn."""
    return case.labels is not None and bool(case.labels.any())


def of_case(run: Run, case: str) -> Run:
    """One case of a run."""
    return replace(
        run,
        cases=run.cases[(run.cases["case"] == case).to_numpy()],
        scores=run.scores[(run.scores["case"] == case).to_numpy()],
        features=run.features.iloc[:0],
    )


def told(names: Counter[str]) -> str:
    """The findings that came up most."""
    return ", ".join(name for name, _ in names.most_common(3))


def table(rows: list[tuple[str, int, int, str]]) -> str:
    """As Markdown."""
    lines = ["| change | found | of | share (95 % interval) | findings |", "|---|--:|--:|--:|---|"]
    for name, failed, n, names in rows:
        p = wilson(failed, n)
        share = f"{p.value:.1%} ({p.low:.1%}-{p.high:.1%})"
        lines.append(f"| {name} | {failed} | {n} | {share} | {names} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, help="The run folders of one data set.")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--each", type=int, default=50)
    options = parser.parse_args()
    folders = sorted(p.parent for p in options.runs.glob("*/scores.parquet"))
    print(table(engine_rows(folders, options.data_root, options.times, options.each)))


if __name__ == "__main__":
    main()
