"""The synthetic cohort on disk: made on first use, checked whenever it is read.

Each case is one ``.npz`` without pickles, written under another name and then renamed, so that a
reader never meets half a file. Every read compares the decoded voxels with the committed
fingerprint: a damaged file is made anew, and a machine that computes something else says so instead
of benchmarking on different data.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from benchmark.errors import DataError

from ._lge_fingerprints import CASES
from ._protocol import VERSION, Patient, patients
from ._synthesis import Arrays, fingerprint, synthesise

__all__ = ["cache_folder", "case_file", "ensure", "read_case", "work"]

_DESCRIPTION = "description"


def cache_folder() -> Path:
    """Where the cohort lives: under ``SCARBENCH_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("SCARBENCH_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("scarbench", appauthor=False)
    return Path(chosen) / f"lge-{VERSION}"


def case_file(patient: Patient) -> Path:
    """The file of one case; it need not exist yet."""
    return cache_folder() / f"{patient.id}.npz"


def read_case(patient: Patient) -> tuple[Arrays, str]:
    """Arrays and description of one case, from disk, or made if it is missing or damaged.

    Raises:
        DataError: The cache cannot be written, or this machine computes other voxels.
    """
    found = _read(patient)
    if found is not None:
        return found
    ensure(damaged=patient)
    found = _read(patient)
    if found is None:
        raise DataError(
            f"Synthetic case {patient.id} (version {VERSION}) does not come out as it must on this "
            f"machine: NumPy {np.__version__} computed other voxels, or {case_file(patient)} "
            "changed after it was written.",
            f"Delete {cache_folder()} and try again; if it stays, report your processor and NumPy.",
        )
    return found


def ensure(damaged: Patient | None = None) -> None:
    """Make every case that has no file, on all cores; and ``damaged``, if it is unreadable.

    Only one process at a time does so; others wait, then find it done.

    Raises:
        DataError: The cache folder cannot be written.
    """
    folder = cache_folder()
    if damaged is None and all(case_file(p).exists() for p in patients()):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            for stale in folder.glob("*.tmp"):
                stale.unlink(missing_ok=True)
            if damaged is not None and case_file(damaged).exists() and _read(damaged) is None:
                case_file(damaged).unlink()
            missing = [p.number for p in patients() if not case_file(p).exists()]
            _generate(folder, missing)
    except OSError as error:
        raise DataError(
            f"The synthetic cohort cannot be kept in {folder}: {error.strerror or error}.",
            "Set SCARBENCH_CACHE to a folder that can be written (it needs about 260 MB).",
        ) from error


def work(folder: str, numbers: Sequence[int], parent: int | None = None) -> None:
    """Make cases one after the other; stop early when the process that asked is gone."""
    for number in numbers:
        if parent is not None and os.getppid() != parent:
            return
        patient = patients()[number - 1]
        arrays, described = synthesise(patient)
        stored = {_DESCRIPTION: np.frombuffer(described.encode(), dtype=np.uint8), **arrays}
        scratch = Path(folder) / f"{patient.id}.{os.getpid()}.tmp"
        # What np.savez writes; but its own guard against pickles is missing in older NumPy.
        with zipfile.ZipFile(scratch, "w") as archive:
            for name, array in stored.items():
                member = zipfile.ZipInfo(f"{name}.npy")
                if array.dtype == np.uint8:  # labels shrink a hundredfold, noise hardly
                    member.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(member, "w") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        scratch.replace(Path(folder) / f"{patient.id}.npz")


def _read(patient: Patient) -> tuple[Arrays, str] | None:
    """One case from disk, or None if it is missing, damaged or not what was frozen."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with case_file(patient).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        described = arrays.pop(_DESCRIPTION).tobytes().decode()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    good = fingerprint(arrays, described).startswith(CASES[patient.number - 1])
    return (arrays, described) if good else None


# Worker processes are started as commands, not by multiprocessing: that would run a caller's
# unguarded main module again, and is forbidden inside daemonic workers such as Dask's.
_WORKER = """
import json, sys
sys.path[:], folder, numbers, parent = json.loads(sys.stdin.read())
from benchmark.datasets._cache import work
work(folder, numbers, parent)
"""


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _generate(folder: Path, numbers: list[int]) -> None:
    """Make these cases on all cores, with a progress bar on a terminal."""
    workers = min(_cores(), len(numbers), 16)
    if workers > 1 and sys.executable:
        _in_processes(folder, numbers, workers)
    # On one core, or whatever a worker could not do (its own error then shows here).
    work(str(folder), [n for n in numbers if not (folder / f"S{n:03d}.npz").exists()])


def _in_processes(folder: Path, numbers: list[int], workers: int) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
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
            order = [sys.path, str(folder), numbers[i::workers], os.getpid()]
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(order).encode())
        _watch(folder, numbers, running)
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _watch(folder: Path, numbers: list[int], running: list[subprocess.Popen[bytes]]) -> None:
    """Wait for the workers; on a terminal, show how far they are."""
    if not sys.stderr.isatty():
        for process in running:
            process.wait()
        return
    from rich.console import Console
    from rich.progress import track

    def finished() -> int:
        return sum((folder / f"S{n:03d}.npz").exists() for n in numbers)

    def ticks() -> object:
        done = 0
        while done < len(numbers) and any(p.poll() is None for p in running):
            time.sleep(0.1)
            now = finished()
            yield from range(done, now)
            done = now

    title = "Making the synthetic cohort (once)"
    for _ in track(ticks(), title, total=len(numbers), console=Console(stderr=True)):  # type: ignore[arg-type]
        pass
    for process in running:
        process.wait()
