"""Kill ``bench`` with SIGKILL at random instants; what comes out must be as if nothing had been.

    python benchmarks/kill.py                         # 200 kills of a tiny method and data set
    python benchmarks/kill.py --cluster 2             # on a Dask cluster: workers, scheduler, bench
    python benchmarks/kill.py --run '-m jdl[epochs=3] -d lge' --kills 20

A trial starts in empty folders and does ``bench run`` (three seeds), ``bench leaderboard`` and
``bench accept``, each killed at several instants and given again until it is done. An instant is
drawn uniformly over the processor time that the command takes undisturbed, so that it does not
hang on what else the machine does. Then every table, prediction, model, leaderboard file and entry
is compared byte for byte with those of an undisturbed trial. Times and memory, which no two runs
share, are set to one value before the leaderboard is made.

After every kill: what was finished (a trained model, a prediction, the scores of a case) must
stay as it is to the end, and a leaderboard file or an entry must be whole or absent.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shlex
import signal
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from killing import Cluster, Command, busy
from timeless import timeless

TINY = Path(__file__).parent / "tiny"
RUN = f"-m {TINY / 'cutoff.py'} -d {TINY / 'rings.py'}"
COMMANDS = ("run", "leaderboard", "accept")
#: Of all kills, how many fall on which command; a run is most of the work.
SHARES = {"run": 4, "leaderboard": 1, "accept": 1}
COMPARED = ("*/*/scores.parquet", "*/*/counts.parquet", "*/*/features.parquet",
            "*/*/cases.parquet", "*/*/predictions/**/*.nii.gz", "*/*/model/**/*")  # fmt: skip
#: What is finished once it is there.
FINISHED = ("*/*/predictions/*.json", "*/*/predictions/*.nii.gz", "*/*/stages/train.json")


@dataclass
class Trial:
    """A folder in which the three commands are done."""

    base: Path
    run: list[str]
    cluster: Cluster | None = None
    kept: dict[str, str] = field(default_factory=dict)
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def runs(self) -> Path:
        """Where runs go."""
        return self.base / "runs"

    @property
    def boards(self) -> Path:
        """Where leaderboards and entries go."""
        return self.base / "leaderboards"

    def words(self, command: str) -> list[str]:
        """The command line; ``bench run`` always ends by itself."""
        if command == "run":
            return ["run", *self.run, "--seeds", "3", "--threads", "1", "--device", "cpu",
                    "--no-pictures", "--json", "--runs", str(self.runs),
                    *(self.cluster.options if self.cluster else [])]  # fmt: skip
        if command == "leaderboard":
            return ["leaderboard", "--runs", str(self.runs), "--leaderboards", str(self.boards)]
        folders = sorted(str(path.parent) for path in self.runs.glob("*/*/record.json"))
        return ["accept", *folders, "--leaderboards", str(self.boards)]

    def stage(self, command: str) -> str:
        """What a killed command was at."""
        if command != "run":
            return command
        runs = [p for p in self.runs.glob("*/*") if p.is_dir()]
        if not runs:
            return "before the first run"
        open_ = [p for p in runs if not (p / "record.json").is_file()]
        if not open_:
            return "between two runs" if len(runs) < 3 else "after the last run"
        path = open_[0]
        for stage, after in (("score", "tables"), ("predict", "score"), ("train", "predict")):
            if (path / "stages" / f"{stage}.json").is_file():
                return after
        return "train"

    def note(self) -> None:
        """Check what a kill left, and remember what is finished."""
        for path in self.boards.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                self.kept.setdefault(self._name(path), _digest(path))
        for pattern in FINISHED:
            for path in self.runs.glob(pattern):
                self.kept.setdefault(self._name(path), _digest(path))
        now = {}
        for path in self.runs.glob("*/*/parts/*.parquet"):
            if not path.name.startswith("."):
                status = path.stat()
                now[self._name(path)] = status.st_ino, status.st_mtime_ns
        for name, was in self.parts.items():
            if now.get(name, was) != was:
                self.faults.append(f"scored again: {name}")
            joined = Path(self.base / name).parent.parent / "stages" / "score.json"
            if name not in now and not joined.is_file():
                self.faults.append(f"scores lost: {name}")
        self.parts = now

    def judge(self, expected: dict[str, str]) -> None:
        """Compare what came out with the undisturbed trial."""
        found = self.contents()
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                self.faults.append(f"differs: {name}")
        for name, digest in self.kept.items():
            path = self.base / name
            if (not path.is_file() or _digest(path) != digest) and "/record.json" not in name:
                self.faults.append(f"done again or lost: {name}")
        left = list(self.runs.rglob(".*.tmp"))
        if left:
            self.faults.append(f"left over: {left[0]}")

    def contents(self) -> dict[str, str]:
        """Digest by name of every file that is compared."""
        paths = [p for pattern in COMPARED for p in self.runs.glob(pattern)]
        paths += [p for p in self.boards.rglob("*") if not p.name.startswith(".")]
        return {self._name(p): _digest(p) for p in paths if p.is_file()}

    def _name(self, path: Path) -> str:
        return path.relative_to(self.base).as_posix()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def undisturbed(trial: Trial) -> dict[str, float]:
    """Do the commands without a kill; gives the processor time of each.

    Raises:
        SystemExit: One fails, or the trial leaves nothing to compare.
    """
    length, cluster = {}, trial.cluster
    for command in COMMANDS:
        one = Command(trial.words(command), trial.base / "undisturbed.log")
        before = busy(cluster.pids()) if cluster else 0.0
        code = one.wait()
        if code:
            log = (trial.base / "undisturbed.log").read_text(errors="replace")
            raise SystemExit(f"undisturbed: bench {command}: exit code {code}\n{log[-2000:]}")
        length[command] = one.used + (busy(cluster.pids()) - before if cluster else 0.0)
        if command == "run":
            timeless(trial.runs)
    return length


def disturb(
    trial: Trial, length: dict[str, float], dice: random.Random, most: int
) -> Counter[tuple[str, str]]:
    """Do the commands with kills; gives how many fell on what, at which stage."""
    fallen: Counter[tuple[str, str]] = Counter()
    cluster = trial.cluster
    for command in COMMANDS:
        one: Command | None = None
        for _ in range(min(SHARES[command], most - fallen.total())):
            victim = dice.choice(cluster.victims) if cluster and command == "run" else "bench"
            one = one or Command(trial.words(command), trial.base / "killed.log")
            if one.until(dice.uniform(0, length[command]), cluster):
                one = None
            else:
                one.kill() if victim == "bench" or cluster is None else cluster.kill(victim, dice)
                fallen[victim, trial.stage(command)] += 1
                if victim == "scheduler" and cluster is not None:
                    one.wait(cluster.patience)  # it ends with an error
                if victim != "worker":  # without a worker, it goes on
                    one = None
                if cluster is not None:
                    cluster.mend()
            trial.note()
        if one is not None and cluster is not None:
            one.wait(cluster.patience)
            trial.note()
        code = Command(trial.words(command), trial.base / "last.log").wait()
        if code:
            log = (trial.base / "last.log").read_text(errors="replace")
            trial.faults.append(f"bench {command}: exit code {code}: {log[-500:]}")
            return fallen
        trial.note()
        if command == "run":
            timeless_kept(trial)
    return fallen


def timeless_kept(trial: Trial) -> None:
    """Set times to one value, once those of what was finished are seen to have stayed."""
    for name, digest in trial.kept.items():
        path = trial.base / name
        if not path.is_file() or _digest(path) != digest:
            trial.faults.append(f"done again or lost: {name}")
    trial.kept = {}
    timeless(trial.runs)


def main() -> int:
    """Run the trials and print a line for each, and a table of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default=RUN, help="What bench run is to do.")
    parser.add_argument("--keep", type=Path, help="A folder to leave the trials in.")
    parser.add_argument("--cluster", type=int, default=0, help="Dask workers; 0 is no cluster.")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    fallen: Counter[tuple[str, str]] = Counter()
    wrong = number = 0
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="scarbench-kill-")
        base = options.keep or Path(stack.enter_context(temporary))
        base.mkdir(parents=True, exist_ok=True)
        cluster = Cluster(options.cluster, base / "cluster") if options.cluster else None
        try:
            run = shlex.split(options.run)
            (base / "0").mkdir()
            first = Trial(base / "0", run, cluster)
            length = undisturbed(first)
            expected = first.contents()
            shown = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in length.items())
            print(f"undisturbed: {shown} of processor time; {len(expected)} files compared")
            while fallen.total() < options.kills:
                number += 1
                trial = Trial(base / str(number), run, cluster)
                trial.base.mkdir()
                now = disturb(trial, length, dice, options.kills - fallen.total())
                trial.judge(expected)
                fallen += now
                wrong += bool(trial.faults)
                verdict = "same bytes" if not trial.faults else f"WRONG: {trial.faults[:3]}"
                at = ", ".join(f"{v} {s}" for (v, s), n in now.items() for _ in range(n))
                print(f"{fallen.total():4d} kills  {verdict}  ({at})", flush=True)
        finally:
            if cluster:
                cluster.close()
    for (victim, stage), count in sorted(fallen.items()):
        print(f"{victim:<10} {stage:<22} {count:4d}")
    print(f"{fallen.total()} kills in {number} trials; {number - wrong} trials the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends first
    sys.exit(main())
