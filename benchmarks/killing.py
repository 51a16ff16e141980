"""Processes that are to be killed: a command and all it started, and a Dask cluster of its own."""

from __future__ import annotations

import atexit
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["Cluster", "Command", "busy"]

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
#: Seconds between two looks at how long a command has computed.
_LOOK = 0.004


def _family(pid: int) -> list[int]:
    """A process and what it started, and so on."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def busy(pids: Iterable[int]) -> float:
    """Seconds of processor time of processes and of what they started, those reaped included."""
    ticks = 0
    for pid in {one for first in pids for one in _family(first)}:
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICK


class Command:
    """``bench`` with these words, in a process group of its own.

    Args:
        words: What follows ``bench``.
        log: Where its output goes.
    """

    def __init__(self, words: list[str], log: Path) -> None:
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmark", *words],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.used = 0.0
        atexit.register(self.kill)  # should this script be ended meanwhile

    def until(self, seconds: float, cluster: Cluster | None = None) -> bool:
        """Wait until it has computed for so much longer; whether it was done before."""
        start, before = busy(cluster.pids()) if cluster else 0.0, self.used
        while self._process.poll() is None:
            self.used = busy([self._process.pid])
            there = busy(cluster.pids()) - start if cluster else 0.0
            if self.used - before + there >= seconds:
                # the clock of processes is coarse: anywhere within its next tick
                time.sleep(random.uniform(0, 1.5 / _TICK))
                return self._process.poll() is not None
            time.sleep(_LOOK)
        return True

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end, and kill it where that takes longer; gives its exit code."""
        limit = None if seconds is None else time.monotonic() + seconds
        while self._process.poll() is None:
            self.used = max(self.used, busy([self._process.pid]))
            if limit is not None and time.monotonic() > limit:
                self.kill()
            time.sleep(0.02)
        return self._process.returncode

    def kill(self) -> None:
        """SIGKILL for it alone: what it started has to notice."""
        self._process.kill()  # nothing, where it has ended
        self._process.wait()


class Cluster:
    """A Dask scheduler with workers, each a process as ``dask worker`` starts it.

    Args:
        workers: How many.
        folder: For their files.
    """

    #: What a kill may hit.
    victims = ("worker", "worker", "bench", "scheduler")
    #: Seconds that a command may take to go on or to end after its cluster was hit.
    patience = 240.0

    def __init__(self, workers: int, folder: Path) -> None:
        self._count, self._folder = workers, folder
        folder.mkdir()
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []
        self.mend()

    @property
    def options(self) -> list[str]:
        """How ``bench run`` is told of it."""
        address = json.loads(self._file.read_text(encoding="utf-8"))["address"]
        return ["--scheduler", address]

    @property
    def _file(self) -> Path:
        return self._folder / "scheduler.json"

    def pids(self) -> list[int]:
        """Of the scheduler and of the workers."""
        held = [self._scheduler, *self._workers]
        return [p.pid for p in held if p is not None and p.poll() is None]

    def kill(self, victim: str, dice: random.Random) -> None:
        """SIGKILL for the scheduler, or for one of the workers."""
        process = self._scheduler if victim == "scheduler" else dice.choice(self._workers)
        assert process is not None
        process.kill()
        process.wait()

    def mend(self) -> None:
        """Start what is gone; without its scheduler all of it anew."""
        if self._scheduler is None or self._scheduler.poll() is not None:
            self.close()
            self._file.unlink(missing_ok=True)
            self._scheduler = self._start(
                "scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1",
                "--scheduler-file", str(self._file),
            )  # fmt: skip
            limit = time.monotonic() + 300
            while not self._file.is_file():
                if time.monotonic() > limit:
                    raise RuntimeError("the Dask scheduler does not come up")
                time.sleep(0.05)
        self._workers = [one for one in self._workers if one.poll() is None]
        while len(self._workers) < self._count:
            self._workers.append(self._start(
                "worker", "--scheduler-file", str(self._file), "--nthreads", "1", "--no-nanny",
                "--no-dashboard", "--local-directory", str(self._folder),
            ))  # fmt: skip

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{words[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def close(self) -> None:
        """End all of it."""
        for process in [*self._workers, self._scheduler]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self._workers, self._scheduler = [], None
