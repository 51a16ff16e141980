"""``bench score`` over many pairs: how fast, in how much memory, and what a kill costs.

    python benchmarks/stream.py                              # 10,000 pairs, then 1 kill, 1 Ctrl-C
    python benchmarks/stream.py --cases 500 --kills 20 --metric dice --jobs 2

Makes pairs of short-axis label maps in a temporary folder, scores them in a process of its own and
samples the resident memory of that process and of its workers. Then each trial starts anew in an
empty folder, is killed (SIGKILL of the first process alone) or interrupted (SIGINT of all, as
Ctrl-C does) at a moment drawn over the time of the undisturbed run, is counted for what its
journals hold, is started again, and is compared with the undisturbed run byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from workloads import heart

from benchmark.journal import records
from benchmark.kept import FOLDER
from benchmark.nifti import write_labels
from benchmark.types import Volume

SPACING = (10.0, 1.5, 1.5)
#: Different pairs; the others repeat their bytes in files of their own.
DISTINCT = 64


def make(folder: Path, cases: int, shape: tuple[int, int, int]) -> None:
    """``ref`` and ``pred`` with a file for each case."""
    like = Volume(np.zeros(shape, np.uint8), SPACING)
    for side, name in enumerate(("ref", "pred")):
        (folder / name).mkdir()
        for i in range(min(cases, DISTINCT)):
            write_labels(folder / name / f"c{i:06d}.nii.gz", heart(shape, 2 * i + side), like)
        contents = [path.read_bytes() for path in sorted((folder / name).iterdir())]
        for i in range(DISTINCT, cases):
            (folder / name / f"c{i:06d}.nii.gz").write_bytes(contents[i % DISTINCT])


class Score:
    """One ``bench score`` in a process group of its own."""

    def __init__(self, folder: Path, out: Path, options: argparse.Namespace) -> None:
        words = [sys.executable, "-m", "benchmark", "score", "-r", str(folder / "ref")]
        words += ["-p", str(folder / "pred"), "-o", str(out)]
        words += [word for name in options.metric for word in ("--metric", name)]
        words += ["--jobs", str(options.jobs)] if options.jobs else []
        self.out = out
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
            # What a shell starts in the background ignores Ctrl-C, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def wait(self) -> tuple[int, str]:
        """Exit code, and what it told."""
        _, told = self.process.communicate()
        self.seconds = time.perf_counter() - self.started
        return self.process.returncode, told


def memory(group: int, first: int) -> tuple[float, float]:
    """Resident MiB of the first process of a group, and of all others in it."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid=,rss="], capture_output=True, text=True, check=True
    )
    found = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    own = sum(rss for pid, pgid, rss in found if pid == first)
    others = sum(rss for pid, pgid, rss in found if pgid == group and pid != first)
    return own / 1024, others / 1024


def watched(score: Score, every: float) -> tuple[int, str, list[tuple[int, float, float]]]:
    """Wait for a scoring; samples of how much its journals held and of its memory."""
    samples: list[tuple[int, float, float]] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(every):
            held = 0
            for path in (score.out / FOLDER).glob("*.journal"):
                with suppress(OSError):  # the scoring is done
                    held += path.stat().st_size
            samples.append((held, *memory(score.process.pid, score.process.pid)))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    code, told = score.wait()
    done.set()
    thread.join()
    return code, told, samples


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of every file; journals and temporary files would be among them."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def trial(
    folder: Path, out: Path, options: argparse.Namespace, how: signal.Signals, moment: float
) -> tuple[str, dict[str, str]]:
    """Disturb a scoring at a moment, then let it finish."""
    first = Score(folder, out, options)
    try:
        first.process.wait(moment)
        what = "finished before"
    except subprocess.TimeoutExpired:
        if how == signal.SIGKILL:
            os.kill(first.process.pid, how)
        else:
            os.killpg(first.process.pid, how)
        what = f"{how.name} at {moment:.1f} s"
    code, _ = first.wait()
    # What is kept now; an orphaned worker may still add the case it is at.
    kept = sum(1 for path in (out / FOLDER).glob("*.journal") for _ in records(path))
    again = Score(folder, out, options)
    second, words = again.wait()
    found = re.search(r"(\d+) of \d+ cases were scored already", words)
    resumed = int(found[1]) if found else 0
    lost = max(0, kept - resumed) if what != "finished before" else 0
    text = f"{what:<20} exit {code:4d}, {kept:6d} cases kept, {lost} lost, then exit {second}"
    return text, digests(out)


def main() -> int:
    """Run it all and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--shape", type=int, nargs=3, default=(12, 64, 64))
    parser.add_argument("--metric", action="append", default=[])
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", type=int, default=2, help="half of them by SIGINT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between samples")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="scarbench-stream-") as temporary:
        folder = Path(temporary)
        make(folder, options.cases, tuple(options.shape))
        score = Score(folder, folder / "undisturbed", options)
        code, _, samples = watched(score, options.every)
        expected = digests(folder / "undisturbed")
        if code != 0 or not samples:
            print(f"the undisturbed run ended with exit code {code}")
            return 2
        size = sum(p.stat().st_size for p in (folder / "undisturbed").iterdir())
        shutil.rmtree(folder / "undisturbed")
        rate = options.cases / score.seconds
        print(f"{options.cases} pairs of {options.shape}: {score.seconds:.1f} s, {rate:.1f} pairs/s"
              f", {size / 1e6:.0f} MB written")  # fmt: skip
        whole = max(held for held, _, _ in samples)
        print("share of cases   peak MiB of the first process   of its workers together")
        for share in (0.1, 0.25, 0.5, 0.75, 1.0):
            # The last share has what comes after the cases in it: the means.
            until = next((i for i, s in enumerate(samples) if s[0] >= share * whole), len(samples))
            part = samples[: until + 1] if share < 1 else samples
            print(f"{share:13.0%} {max(s[1] for s in part):24.1f} {max(s[2] for s in part):28.1f}")
        moments = random.Random(options.seed)
        for number in range(options.kills):
            how = signal.SIGINT if number % 2 else signal.SIGKILL
            out = folder / f"trial{number}"
            text, found = trial(folder, out, options, how, moments.uniform(0, score.seconds))
            shutil.rmtree(out)
            wrong += found != expected or not text.endswith("exit 0") or " 0 lost" not in text
            same = "same bytes" if found == expected else "DIFFERENT"
            print(f"{text}: {same}", flush=True)
    print(f"{options.kills - wrong} of {options.kills} as if nothing had been")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
