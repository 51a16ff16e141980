"""Many small cases by the plain loop, by processes, and by Dask: what each way costs beside.

    python benchmarks/scale.py                     # 10,000 pairs of 8 x 64 x 64 voxels
    python benchmarks/scale.py --cases 500 --metric dice
    python benchmarks/scale.py --runs              # bench run over many tiny cases, too

Makes pairs of short-axis label maps in a temporary folder and scores them with ``bench score``,
``--jobs 2`` and a Dask scheduler with two workers that are processes of their own, as a user
starts them. Time is of the wall and of the CPU; the overhead of a case is the CPU time of all
processes together beyond the plain loop's. Memory is the largest resident set that was sampled.
All three must write the same bytes.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream import make

#: Of the clock that /proc counts CPU time in.
_TICK = os.sysconf("SC_CLK_TCK")
TABLES = ("scores.parquet", "counts.parquet", "features.parquet", "scores.csv")


class Watched:
    """A process and all below it: peak memory of each, and CPU time of all."""

    def __init__(self, words: list[str], folder: Path, name: str) -> None:
        self.name = name
        self.peak: dict[int, float] = {}
        self._ticks: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self.process = subprocess.Popen(
            words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        atexit.register(self.end)  # should this script be ended meanwhile

    def end(self) -> None:
        """End it, and all of its session's first group."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def look(self) -> None:
        """Sample it now."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                rss = (stat.parent / "statm").read_text().split()[1]
            except (OSError, IndexError):
                continue  # it has ended
            if int(fields[3]) == self.process.pid:  # of its session
                pid, mib = int(stat.parent.name), int(rss) * os.sysconf("SC_PAGE_SIZE") / 2**20
                self.peak[pid] = max(self.peak.get(pid, 0), mib)
                self._ticks[pid] = int(fields[11]) + int(fields[12])

    def begin(self) -> None:
        """Count CPU time from now on."""
        self.look()
        self._before = dict(self._ticks)

    def cpu(self) -> float:
        """Seconds of CPU since :meth:`begin`, of all its processes."""
        return sum(n - self._before.get(pid, 0) for pid, n in self._ticks.items()) / _TICK

    def largest(self) -> float:
        """MiB of its largest process."""
        return max(self.peak.values(), default=0.0)


def watch(command: Watched, others: list[Watched]) -> tuple[float, int]:
    """Wait for a command, sampling it and others; gives seconds and exit code."""
    for one in others:
        one.begin()
    started, ended = time.perf_counter(), threading.Event()

    def sample() -> None:
        while not ended.wait(0.1):
            for one in (command, *others):
                one.look()

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        code = command.process.wait()
        return time.perf_counter() - started, code
    finally:
        ended.set()
        thread.join()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[Watched]]]:
    """A scheduler and two workers of one thread each."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    started = [Watched([*dask, "scheduler", "--port", "0", *common], folder, "scheduler")]
    try:
        while not file.exists():
            time.sleep(0.1)
        workers = [*dask, "worker", "--nthreads", "1", *common]
        started += [Watched(workers, folder, f"worker {i}") for i in (1, 2)]
        yield str(json.loads(file.read_text())["address"]), started
    finally:
        for one in started:
            one.end()


def digest(out: Path) -> str:
    """Of the tables."""
    found = hashlib.sha256()
    for name in TABLES:
        found.update((out / name).read_bytes())
    return found.hexdigest()[:12]


def scored(folder: Path, cases: int, metrics: list[str]) -> int:
    """The table of scoring; gives how many ways wrote other bytes than the plain loop."""
    words = [sys.executable, "-m", "benchmark", "score", "-r", "ref", "-p", "pred"]
    words += [word for name in metrics for word in ("--metric", name)]
    print(f"{'':16}{'wall s':>8}{'CPU s':>8}{'ms/case':>9}{'CPU ms':>8}{'beside':>8}   peak MiB")
    first: tuple[str, float] | None = None
    wrong = 0

    def one(name: str, options: list[str], others: list[Watched]) -> None:
        nonlocal first, wrong
        out = folder / name.replace(" ", "-")
        command = Watched([*words, "-o", str(out), *options], folder, name)
        wall, code = watch(command, others)
        cpu = command.cpu() + sum(other.cpu() for other in others)
        tables = digest(out) if code == 0 else f"exit code {code}"
        first = first or (tables, cpu)
        wrong += tables != first[0]
        beside = f"{1000 * (cpu - first[1]) / cases:+.2f}"
        memory = f"{'client ' if others else ''}{command.largest():.0f}"
        memory += "".join(f", {other.name} {other.largest():.0f}" for other in others)
        print(
            f"{name:16}{wall:8.1f}{cpu:8.1f}{1000 * wall / cases:9.2f}{1000 * cpu / cases:8.2f}"
            f"{beside:>8}   {memory}   {tables}",
            flush=True,
        )

    one("plain loop", ["--jobs", "1"], [])
    one("jobs 2", ["--jobs", "2"], [])
    with cluster(folder) as (address, others):
        time.sleep(10)  # they are up
        one("dask 2 workers", ["--scheduler", address], others)
    return wrong


def driven(folder: Path, cases: int) -> None:
    """The table of ``bench run`` over tiny cases: what a step costs beside its work."""
    (folder / "tiny.py").write_text(TINY.format(cases=cases))
    (folder / "bright.py").write_text(BRIGHT)
    words = [sys.executable, "-m", "benchmark", "run", "-m", "bright.py", "-d", "tiny.py",
             "--no-pictures", "--threads", "1"]  # fmt: skip
    print(f"\nbench run, {cases} cases of 2 x 16 x 16 voxels, nothing to train")
    for name, options in (("1 process", []), ("jobs 2", ["--jobs", "2"])):
        runs = folder / f"runs-{len(options)}"
        command = Watched([*words, "--runs", str(runs), *options], folder, name)
        wall, code = watch(command, [])
        print(
            f"{name:16}{wall:8.1f}{command.cpu():8.1f}{1000 * wall / cases:9.2f}"
            f"{1000 * command.cpu() / cases:8.2f}   exit code {code}, "
            f"largest process {command.largest():.0f} MiB",
            flush=True,
        )


TINY = '''"""Tiny cases."""
import numpy as np
from benchmark import Case, CaseInfo, Dataset, Segmentation, Study, Volume


class Tiny(Dataset):
    """Squares."""

    title, licence, citation, synthetic, redistributable = "tiny", "CC0", "Nobody", True, True

    def index(self):
        return [CaseInfo(f"c{{i:06d}}", "test", f"p{{i}}") for i in range({cases})]

    def load(self, case_id):
        labels = np.zeros((2, 16, 16), np.uint8)
        labels[:, 4:12, 4:12], labels[:, 6:10, 6:10], labels[:, 4:6, 4:8] = 2, 1, 3
        image = (np.array([100, 400, 50, 600])[labels] + int(case_id[1:]) % 7).astype(np.int16)
        volume = Volume(image, (10.0, 1.5, 1.5))
        return Case(Study(case_id, {{"lge": volume}}), Segmentation(labels))
'''
BRIGHT = '''"""Bright is scar."""
import numpy as np
from benchmark import Method, Region, Segmentation


class Bright(Method):
    """Bright is scar."""

    produces = frozenset({Region.SCAR})

    def predict(self, study):
        return Segmentation(np.where(study.images["lge"].voxels > 500, 3, 0))
'''


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--shape", type=int, nargs=3, default=(8, 64, 64))
    parser.add_argument("--metric", action="append", default=[])
    parser.add_argument("--runs", type=int, metavar="CASES", help="bench run over as many, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scarbench-scale-") as name:
        folder = Path(name)
        wrong = 0
        if options.cases:
            make(folder, options.cases, tuple(options.shape))
            one = (folder / "ref" / "c000000.nii.gz").stat().st_size
            size = " x ".join(map(str, options.shape))
            print(f"{options.cases} pairs of {size} voxels, {one} bytes a file")
            wrong = scored(folder, options.cases, options.metric)
            print("the same bytes" if not wrong else f"{wrong} ways wrote OTHER bytes")
        if options.runs:
            driven(folder, options.runs)
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends first
    sys.exit(main())
