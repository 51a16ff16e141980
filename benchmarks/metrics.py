"""CPU time of the metrics engine beside other packages, on one thread.

    python benchmarks/metrics.py                          # all that takes minutes
    python benchmarks/metrics.py --emidec FOLDER          # and real cases, for the marks
    python benchmarks/metrics.py --only A,B,huge --rounds 3
    python benchmarks/metrics.py --only adversarial,huge  # who is ever faster than ours
    python benchmarks/metrics.py --only files             # from files, 100 pairs

Everybody computes Dice, HD, HD95, ASSD and NSD at 2 mm of every region, as far as it has them:
``contenders.py`` says what each covers, ``workloads.py`` what it is given. Masks are made ready for
the others and not for us.

Times are CPU time of this process (``time.process_time``), which waiting for a busy machine does
not enter. In each round every tool runs once, ours as often as fills 0.2 s; the table shows the
best of the rounds, and ratios to ours as best / best with the range of the ratios of single rounds.
A mark is a geometric mean over its workloads; ``marks`` at the end gives each group and the mean
over the groups A, EMIDEC, random and adversarial, each group weighing the same.
"""

from __future__ import annotations

import argparse
import math
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

from contenders import Tool, installed  # noqa: E402 - NumPy reads the variables above
from fromfiles import from_files  # noqa: E402
from workloads import Workload, workloads  # noqa: E402

#: Groups that a mark is the mean over.
MARKED = ("A", "emidec", "random", "adversarial")
#: Left out unless asked for: minutes with some packages.
SLOW = ("B", "huge", "files")
Times = dict[str, list[float]]


def seconds(run: Callable[[Workload], object], work: Workload, least: float) -> float:
    """CPU time of one run, averaged over as many as fill ``least`` seconds."""
    times, start = 0, time.process_time()
    while True:
        run(work)
        times += 1
        spent = time.process_time() - start
        if spent >= least:
            return spent / times


def measured(work: Workload, tools: list[Tool], rounds: int) -> Times:
    """Times of each tool in each round; one that fails on the workload is told and left out."""
    able = []
    for tool in tools:
        try:
            tool.run(work)  # and fill caches that belong to a spacing
        # Whatever it may fail with.
        except Exception as error:
            last = (str(error).strip().splitlines() or [""])[-1]
            print(f"  {tool.name} fails: {type(error).__name__}: {last[:80]}")
        else:
            able.append(tool)
    times: Times = {tool.name: [] for tool in able}
    for _ in range(rounds):
        for tool in able:
            least = 0.2 if tool.kind in ("ours", "floor") else 0.0
            times[tool.name].append(seconds(tool.run, work, least))
    return times


def show(times: Times, bases: list[str]) -> None:
    """A line for each tool: best time, and its ratio to each of ours with the range."""
    for name, spent in times.items():
        line = f"  {name:<17}{1000 * min(spent):>12.3f} ms"
        for base in bases:
            each = [t / b for t, b in zip(spent, times[base], strict=True)]
            ratio = min(spent) / min(times[base])
            line += f"{ratio:>12.4g} ({min(each):.4g} - {max(each):.4g})".ljust(34)
        print(line, flush=True)


def fastest(times: Times, tools: list[Tool], kinds: tuple[str, ...]) -> tuple[str, float] | None:
    """Name and best time of the fastest tool of some kinds; None if none ran."""
    best = [(min(times[t.name]), t.name) for t in tools if t.kind in kinds and t.name in times]
    return min(best)[::-1] if best else None


def mean(ratios: list[float]) -> float:
    """Geometric mean."""
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))


def marks(found: list[tuple[str, str, Times]], tools: list[Tool]) -> None:
    """Print, for each of ours, the ratio of other tools by group and over the groups."""
    rivals: list[tuple[str, Callable[[Times], tuple[str, float] | None]]] = [
        ("fastest full set", lambda times: fastest(times, tools, ("full",))),
        ("... or completed", lambda times: fastest(times, tools, ("full", "completed"))),
    ]
    rivals += [
        (tool.name, lambda times, n=tool.name: (n, min(times[n])) if n in times else None)
        for tool in tools
        if tool.kind in ("full", "completed")
    ]
    for base in (t.name for t in tools if t.kind == "ours"):
        groups = list(dict.fromkeys(group for group, _, _ in found))
        print(f"\nmarks: geometric mean of a tool's best time / {base}'s (least of any workload)")
        held = [g for g in MARKED if g in groups]
        print(f"  {'':<18}" + "".join(f"{g:>22}" for g in (*groups, f"mean of {len(held)} groups")))
        for label, best in rivals:
            ratios: defaultdict[str, list[float]] = defaultdict(list)
            for group, _, times in found:
                if (other := best(times)) and base in times:
                    ratios[group].append(other[1] / min(times[base]))
            if not ratios:
                continue
            line = f"  {label:<18}"
            for group in groups:
                each = ratios[group]
                line += f"{f'{mean(each):.1f} ({min(each):.2g})' if each else '-':>22}"
            whole = [mean(ratios[g]) for g in held if ratios[g]]
            line += f"{mean(whole):>22.1f}" if whole else f"{'-':>22}"
            print(line)


def losses(found: list[tuple[str, str, Times]], tools: list[Tool]) -> None:
    """Print the workloads on which another tool that gives five numbers is faster than ours."""
    for base in (t.name for t in tools if t.kind == "ours"):
        lost = []
        for _, title, times in found:
            other = fastest(times, tools, ("full", "completed"))
            if other and base in times and other[1] < min(times[base]):
                times_more = min(times[base]) / other[1]
                lost.append(f"{title}: {times_more:.2f} x the time of {other[0]}")
        print(f"\n{base} is slower than another tool on {len(lost)} of {len(found)} workloads"
              + "".join(f"\n  {text}" for text in lost))  # fmt: skip


def main() -> None:
    """Compare on each workload, then over all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help="groups or names of workloads, with commas")
    parser.add_argument("--without", default=",".join(SLOW),
                        help="groups to leave out where all are asked")  # fmt: skip
    parser.add_argument("--tools", default="", help="names of tools, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--emidec", type=Path, help="folder with the EMIDEC cases")
    parser.add_argument("--cases", type=int, default=8, help="how many of them")
    parser.add_argument("--pairs", type=int, default=100, help="how many pairs of files")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # other packages' about themselves and about empty masks
    tools = installed(filter(None, asked.tools.split(",")))
    only = set(filter(None, asked.only.split(",")))
    without = set() if only else set(asked.without.split(","))
    found: list[tuple[str, str, Times]] = []
    for group, name, make in workloads(asked.emidec, asked.cases):
        if (only and not only & {group, name}) or without & {group, name}:
            continue
        work = make()
        bases = [t.name for t in tools if t.kind == "ours"]
        print(f"\n{work.name}".ljust(34) + "".join(f"{f'/ {base}':<34}" for base in bases))
        times = measured(work, tools, asked.rounds)
        show(times, [base for base in bases if base in times])
        found.append((group, work.name, times))
    if found:
        marks(found, tools)
        losses(found, tools)
    if ("files" in only) if only else ("files" not in without):
        from_files(tools, asked.pairs, min(asked.rounds, 3))


if __name__ == "__main__":
    main()
