"""A synthetic cohort on disk: made on first use, checked whenever it is read.

Each case is one ``.npz`` without pickles, written under another name and then renamed, so that a
reader never meets half a file. Every read compares the decoded voxels with the committed
fingerprint: a damaged file is made anew, and a machine that computes something else says so instead
of benchmarking on different data.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from benchmark.errors import DataError

from ._prints import Arrays, fingerprint

__all__ = ["Cohort", "work"]

_DESCRIPTION = "description"


@dataclass(frozen=True)
class Cohort:
    """What is made, and where it is kept.

    Attributes:
        name: Of the data set; with the version, of its folder.
        version: Of the generator.
        ids: Of its cases, in order: the names of their files.
        prints: Per case, the first hex digits of its fingerprint.
        make: Arrays and description of the case with this index in ``ids``; a function of a module,
            which a worker process imports.
        megabytes: How much room the files need.
    """

    name: str
    version: int
    ids: tuple[str, ...]
    prints: tuple[str, ...]
    make: Callable[[int], tuple[Arrays, str]]
    megabytes: int

    def folder(self) -> Path:
        """Where the cohort lives: under ``SCARBENCH_CACHE``, or the user's cache folder."""
        chosen = os.environ.get("SCARBENCH_CACHE")
        if not chosen:
            from platformdirs import user_cache_dir

            chosen = user_cache_dir("scarbench", appauthor=False)
        return Path(chosen) / f"{self.name}-{self.version}"

    def file(self, case_id: str) -> Path:
        """The file of one case; it need not exist yet."""
        return self.folder() / f"{case_id}.npz"

    def read(self, case_id: str) -> tuple[Arrays, str]:
        """Arrays and description of one case, from disk, or made if it is missing or damaged.

        Raises:
            DataError: The cache cannot be written, or this machine computes other voxels.
        """
        found = self._read(case_id)
        if found is not None:
            return found
        self.ensure(damaged=case_id)
        found = self._read(case_id)
        if found is None:
            raise DataError(
                f"Synthetic case {case_id} (version {self.version}) does not come out as it must "
                f"on this machine: NumPy {np.__version__} computed other voxels, or "
                f"{self.file(case_id)} changed after it was written.",
                f"Delete {self.folder()} and try again; if it stays, report your processor and "
                "NumPy.",
            )
        return found

    def ensure(self, damaged: str | None = None) -> None:
        """Make every case that has no file, on all cores; and ``damaged``, if it is unreadable.

        Only one process at a time does so; others wait, then find it done.

        Raises:
            DataError: The cache folder cannot be written.
        """
        folder = self.folder()
        if damaged is None and all(self.file(i).exists() for i in self.ids):
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                for stale in folder.glob("*.tmp"):
                    stale.unlink(missing_ok=True)
                broken = damaged is not None and self._read(damaged) is None
                if damaged is not None and broken:
                    self.file(damaged).unlink(missing_ok=True)
                missing = [n for n, i in enumerate(self.ids) if not self.file(i).exists()]
                _generate(self, folder, missing)
        except OSError as error:
            raise DataError(
                f"The synthetic cohort cannot be kept in {folder}: {error.strerror or error}.",
                "Set SCARBENCH_CACHE to a folder that can be written (it needs about "
                f"{self.megabytes} MB).",
            ) from error

    def _read(self, case_id: str) -> tuple[Arrays, str] | None:
        """One case from disk, or None if it is missing, damaged or not what was frozen."""
        try:
            # Opened here: NumPy leaves a file open that turns out to be no archive.
            with (
                self.file(case_id).open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):
                arrays = {name: stored[name] for name in stored.files}
            described = arrays.pop(_DESCRIPTION).tobytes().decode()
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        wanted = self.prints[self.ids.index(case_id)]
        return (arrays, described) if fingerprint(arrays, described).startswith(wanted) else None


def work(
    make: Callable[[int], tuple[Arrays, str]],
    folder: str,
    cases: Sequence[tuple[int, str]],
    parent: int | None = None,
) -> None:
    """Make cases, each an index and an id; stop early when the process that asked is gone."""
    for index, case_id in cases:
        if parent is not None and os.getppid() != parent:
            return
        arrays, described = make(index)
        stored = {_DESCRIPTION: np.frombuffer(described.encode(), dtype=np.uint8), **arrays}
        scratch = Path(folder) / f"{case_id}.{os.getpid()}.tmp"
        # What np.savez writes; but its own guard against pickles is missing in older NumPy.
        with zipfile.ZipFile(scratch, "w") as archive:
            for name, array in stored.items():
                member = zipfile.ZipInfo(f"{name}.npy")
                if array.dtype == np.uint8:  # labels shrink a hundredfold, noise hardly
                    member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        scratch.replace(Path(folder) / f"{case_id}.npz")


# Worker processes are started as commands, not by multiprocessing: that would run a caller's
# unguarded main module again, and is forbidden inside daemonic workers such as Dask's.
_WORKER = """
import json, sys
sys.path[:], *order = json.loads(sys.stdin.read())
from benchmark.datasets._cache import _serve
_serve(*order)
"""


def _serve(
    module: str, function: str, folder: str, cases: Sequence[tuple[int, str]], parent: int
) -> None:
    """What a worker process does: ``work`` by a function that is found by its name."""
    work(getattr(importlib.import_module(module), function), folder, cases, parent)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _generate(cohort: Cohort, folder: Path, numbers: list[int]) -> None:
    """Make these cases on all cores, with a progress bar on a terminal."""
    cases = [(n, cohort.ids[n]) for n in numbers]
    workers = min(_cores(), len(cases), 16)
    if workers > 1 and sys.executable:
        _in_processes(cohort, folder, cases, workers)
    # On one core, or whatever a worker could not do (its own error then shows here).
    work(cohort.make, str(folder), [c for c in cases if not _path(folder, c).exists()])


def _path(folder: Path, case: tuple[int, str]) -> Path:
    return folder / f"{case[1]}.npz"


def _in_processes(cohort: Cohort, folder: Path, cases: list[tuple[int, str]], workers: int) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    make = cohort.make.__module__, cohort.make.__qualname__
    running: list[subprocess.Popen[bytes]] = []
    try:
        for i in range(workers):
            process = subprocess.Popen(
                [sys.executable, "-c", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            running.append(process)
            order = [sys.path, *make, str(folder), cases[i::workers], os.getpid()]
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(order).encode())
        _watch(folder, cases, running)
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _watch(
    folder: Path, cases: list[tuple[int, str]], running: list[subprocess.Popen[bytes]]
) -> None:
    """Wait for the workers; on a terminal, show how far they are."""
    if not sys.stderr.isatty():
        for process in running:
            process.wait()
        return
    from rich.console import Console
    from rich.progress import track

    def finished() -> int:
        return sum(_path(folder, c).exists() for c in cases)

    def ticks() -> object:
        done = 0
        while done < len(cases) and any(p.poll() is None for p in running):
            time.sleep(0.1)
            now = finished()
            yield from range(done, now)
            done = now

    title = "Making the synthetic cohort (once)"
    for _ in track(ticks(), title, total=len(cases), console=Console(stderr=True)):  # type: ignore[arg-type]
        pass
    for process in running:
        process.wait()
