"""Kill ``bench run`` with SIGKILL at random moments; the tables must come out as if nothing was.

    python benchmarks/kill.py                        # 20 moments of a small jdl on lge
    python benchmarks/kill.py --kills 5 --run '-m empty -d lge'

Each trial starts in an empty runs folder, is killed once at a moment drawn uniformly over the
time of an undisturbed run, is started again, and is then compared byte for byte with that run:
score, count and feature tables, every prediction, and what training left.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPARED = ("scores.parquet", "counts.parquet", "features.parquet", "predictions/*.nii.gz",
            "model/**/*")  # fmt: skip


def start(run: list[str], runs: Path) -> subprocess.Popen[bytes]:
    """``bench run`` in a process group of its own, so that its workers die with it."""
    words = [sys.executable, "-m", "benchmark", "run", *run, "--runs", str(runs), "--json"]
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def contents(runs: Path) -> dict[str, bytes]:
    """Every compared file by its path."""
    return {
        str(path.relative_to(runs)): path.read_bytes()
        for pattern in COMPARED
        for path in sorted(runs.glob(f"*/*/{pattern}"))
        if path.is_file()
    }


def stage_of(runs: Path) -> str:
    """How far a killed run had come."""
    done = [s for s in ("train", "predict", "score") if list(runs.glob(f"*/*/stages/{s}.json"))]
    if done:
        return f"after {done[-1]}"
    return "in training" if list(runs.glob("*/*/scratch/*")) else "before the first checkpoint"


def main() -> int:
    """Run the trials and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default="-m jdl[epochs=3] -d lge")
    options = parser.parse_args()
    run = shlex.split(options.run)
    moments = random.Random(options.seed)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="scarbench-kill-") as folder:
        base = Path(folder)
        start(run, base / "warm").wait()  # data sets are made and files are cached by now
        begun = time.perf_counter()
        code = start(run, base / "undisturbed").wait()
        length = time.perf_counter() - begun
        expected = contents(base / "undisturbed")
        if code != 0 or not expected:
            print(f"the undisturbed run ended with exit code {code}")
            return 2
        print(f"undisturbed: {length:.1f} s, {len(expected)} files compared")
        for trial in range(options.kills):
            runs = base / f"trial{trial}"
            moment = moments.uniform(0, length)
            process = start(run, runs)
            try:
                process.wait(moment)
                where = "finished before the kill"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                where = stage_of(runs)
            code = start(run, runs).wait()
            same = contents(runs) == expected and code == 0
            wrong += not same
            verdict = "same bytes" if same else f"DIFFERENT (exit code {code})"
            print(f"{trial + 1:3d}  killed at {moment:6.1f} s, {where:<28} {verdict}", flush=True)
    print(f"{options.kills - wrong} of {options.kills} the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
