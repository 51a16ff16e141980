r"""What the drift gates find and what they do not, on real scores.

    python benchmarks/drift.py --entries leaderboards/emidec leaderboards/lge \
        --runs runs/emidec runs/lge -o drift.md

Regressions of known size are put into the scores of accepted entries; patients are resampled on
both sides together, and seeds are chosen anew each time. Tables give the share of resamples in
which the method gate finds a regression, at the shipped tolerances, with its Wilson interval over
resamples. Resamples of one method share its few seeds: the intervals say how well the share is
counted, and not how it would be with other networks.

``--runs`` adds seeds that no entry holds, and the same seeds trained with another number of
threads; where they are given, whole checks are made of every choice of seeds there is.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from drift_data import entries, folders, series_of
from drift_real import Answer, choices, disagreements, event_answers, moved_rows, why
from drift_tables import Found, Study, false_alarms, least_losses, lines, powers, rate, spreads

from benchmark.drift.check import check_method
from benchmark.drift.tolerances import Tolerances, read_tolerances
from benchmark.results import Run

Held = dict[str, dict[str, list[Run]]]


def whole_checks(
    held: Mapping[str, Mapping[str, Sequence[Run]]],
    other: Mapping[str, Mapping[str, Sequence[Run]]],
    tolerances: Tolerances,
    most: int,
) -> str:
    """Every choice of seeds there is, by the gate itself: exit codes, and what was against it."""
    rows: list[Sequence[object]] = []
    for dataset, found in held.items():
        for method, runs in found.items():
            tried = {"same runs": [(runs[:3], runs[:k]) for k in (1, 3) if len(runs) >= 3]}
            for n in (1, 2):
                tried[f"other seeds, 3 + {n}"] = list(islice(choices(runs, 3, n), most))
            threads = other.get(dataset, {}).get(method, [])
            if threads:
                own = [run for run in runs if run.record.seed in (0, 1, 2)]
                tried["other threads, 3 + 1"] = [(own, [run]) for run in threads]
                tried[f"other threads, 3 + {len(threads)}"] = [(own, list(threads))]
            for what, pairs in tried.items():
                answers = [why(check_method(now, then, tolerances)) for then, now in pairs]
                if answers:
                    rows.append((dataset, method, what, *counted(answers)))
    return lines(("data set", "method", "unchanged code", "alarms, %", "of", "findings"),
                 iter(rows))  # fmt: skip


def counted(answers: Sequence[Answer]) -> tuple[str, int, str]:
    """The share of alarms, of how many, and the findings that came up most."""
    names = Counter(name for answer in answers for name in answer.found)
    bad = np.array([answer.code != 0 for answer in answers])
    return rate(bad), len(answers), ", ".join(f"{n} {k}" for k, n in names.most_common(4))


def events(
    held: Mapping[str, Mapping[str, Sequence[Run]]],
    methods: Mapping[str, Sequence[str]],
    tolerances: Tolerances,
    times: int,
) -> str:
    """Things that happen to one case or to a whole run, by the gate itself."""
    rows = []
    for dataset, chosen in methods.items():
        answers: dict[tuple[str, str], list[Answer]] = {}
        for method in chosen:
            runs = held[dataset].get(method, [])
            sides = {"same models": (runs[:3], runs[:3])}
            if len(runs) >= 5:
                sides["other seeds"] = (runs[:3], runs[3:5])
            for how, (then, now) in sides.items():
                rng = np.random.default_rng(0)
                for event, got in event_answers(then, now, tolerances, rng, times).items():
                    answers.setdefault((event, how), []).extend(got)
        rows += [(dataset, event, how, *counted(got))
                 for (event, how), got in sorted(answers.items())]  # fmt: skip
    return lines(("data set", "what happens", "new run", "found, %", "of", "findings"), iter(rows))


def sorted_runs(held: Held, roots: Sequence[Path]) -> tuple[Held, Held]:
    """Runs that no entry holds: seeds more, and the entry's seeds with other threads."""
    more: Held = {}
    other: Held = {}
    for root in roots:
        for method, runs in folders(root).items():
            entry = held.get(root.name, {}).get(method)
            if entry is None:
                continue
            for run in sorted(runs, key=lambda r: r.record.seed):
                same = run.record.threads == entry[0].record.threads
                known = any(run.record.seed == r.record.seed for r in entry)
                if same and not known:
                    more.setdefault(root.name, {}).setdefault(method, []).append(run)
                elif not same and known:
                    other.setdefault(root.name, {}).setdefault(method, []).append(run)
    return more, other


def as_series(held: Held) -> dict[str, Found]:
    """The series of every method."""
    return {dataset: {method: series_of(runs, method) for method, runs in found.items()}
            for dataset, found in held.items()}  # fmt: skip


def main() -> None:
    """Print the tables, each as it is done; write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="Runs that no entry holds")
    parser.add_argument("--accepted", type=Path, help="Run folders of the first entries' own runs")
    parser.add_argument("--data-root", type=Path, help="Their images, to score them again")
    parser.add_argument("--methods", nargs="+", default=["two_step", "jdl", "direct", "nnunet",
                                                         "otsu"])  # fmt: skip
    parser.add_argument("--tolerances", type=Path)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--times", type=int, default=10, help="Whole checks of each event")
    parser.add_argument("--most", type=int, default=30, help="Choices of seeds of a method")
    parser.add_argument("--only", default="", help="Tables whose title has this in it")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()

    tolerances = read_tolerances(options.tolerances)
    held: Held = {folder.name: entries(folder) for folder in options.entries}
    more, other = sorted_runs(held, options.runs)
    study = Study(*map(as_series, (held, more, other)), tolerances, options.resamples)
    pools = {d: {m: [*runs, *more.get(d, {}).get(m, [])] for m, runs in found.items()}
             for d, found in held.items()}  # fmt: skip
    first = options.entries[0].name
    parts = {
        "Between seeds": lambda: spreads(study),
        "False alarms, resampled": lambda: false_alarms(study),
        "False alarms, whole checks": lambda: whole_checks(pools, other, tolerances, options.most),
        f"Loss of Dice found, % of resamples ({first})": lambda: powers(
            study, first, options.methods
        ),
        f"Smallest loss found, % Dice ({first})": lambda: least_losses(study, first),
        "Events, whole checks": lambda: events(
            pools, {first: options.methods}, tolerances, options.times
        ),
        "Matrix against whole checks": lambda: disagreements(
            pools[first], study, options.methods, 10
        ),
    }
    if options.accepted is not None:
        parts["Predictions moved by a voxel"] = lambda: moved_rows(
            pools[first], options.accepted, options.methods, tolerances, options.data_root
        )
    text = []
    for title, table in parts.items():
        if options.only not in title:
            continue
        started = time.process_time()
        text += [f"## {title}", table()]
        print(f"{text[-2]}\n\n{text[-1]}\n\n({time.process_time() - started:.0f} s)\n", flush=True)
    if options.output is not None:
        options.output.write_text("\n\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
