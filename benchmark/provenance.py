"""What produced a result: versions, commit, machine - everything that may explain a difference."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from . import _WAITS
from .errors import UsageError

__all__ = ["available_threads", "capabilities", "device_memory_mb", "git_state", "peak_memory_mb",
           "provenance", "reset_peak_memory", "resolve_device", "use_threads",
           "versions"]  # fmt: skip

#: Distributions whose version can change what a method computes.
COMPUTING = ("torch", "numpy", "nnunetv2")
SHOWN = (*COMPUTING, "scarbench", "scipy", "pandas", "pyarrow", "nibabel", "pydantic")


def versions(names: tuple[str, ...] = SHOWN) -> dict[str, str]:
    """Installed versions by distribution name, without importing any; absent ones are left out."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def available_threads() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_threads(threads: int) -> None:
    """Give torch the threads that are recorded, whether it is imported already or later.

    Not yet imported, and where the user has not said how threads wait, its workers also look out
    for work for a moment before they sleep, as they do by libgomp's own default. Where waking up is
    slow, as in a sandbox, a training step on two cores takes up to twice as long without.
    """
    if _WAITS:
        os.environ["GOMP_SPINCOUNT"] = "300000"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    else:
        os.environ["OMP_NUM_THREADS"] = str(threads)


def resolve_device(asked: str) -> str:
    """``auto`` becomes ``cuda`` where there is an NVIDIA GPU that torch can use, else ``cpu``.

    torch (a second to import) is asked only where a device file says that there may be one.

    Raises:
        UsageError: No such device, or not on this machine.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", asked):
        raise UsageError(f"There is no device {asked!r}.", "Use auto, cpu, cuda, cuda:1 or mps.")
    gpu = any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/dxg", "/dev/nvidiactl"))
    if asked.startswith("cuda") and not gpu:
        raise UsageError("This machine has no NVIDIA GPU.", "Use --device cpu or auto.")
    if asked != "auto":
        return asked
    if not gpu:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def capabilities() -> str:
    """What the CPU is, as far as it decides which kernels run: same text, same bytes."""
    flags = ""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                words = set(line.partition(":")[2].split())
                wanted = {"avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd",
                          "bf16", "sve"}  # fmt: skip
                flags = " ".join(sorted(words & wanted))
                break
    except OSError:
        pass
    return f"{platform.machine()} {flags}".strip()


@cache
def git_state(folder: Path | None = None) -> dict[str, Any]:
    """Commit and dirty flag of the checkout this package runs from; empty for an installed one."""
    where = folder or Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(where), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout.strip()

    try:
        tracked = git("ls-files", "--error-unmatch", "__init__.py") if folder is None else "yes"
        if not tracked:
            return {}
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return {}


def provenance(device: str, threads: int) -> dict[str, Any]:
    """Everything recorded with a run that is not an input of it."""
    # Imported here because listing things needs provenance and no array library.
    from .metrics.kernel import describe

    return {
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": capabilities(),
        "device": device,
        "device_name": _device_name(device),
        "threads": threads,
        "metrics_kernel": describe(),
        "git": git_state(),
        "argv": sys.argv[1:],
    }


def _device_name(device: str) -> str:
    if device.startswith("cuda") and "torch" in sys.modules:
        return str(sys.modules["torch"].cuda.get_device_name(device))
    return platform.processor() or platform.machine()


def reset_peak_memory() -> None:
    """Start new peaks: of the process where the kernel can (Linux), of GPUs where torch does."""
    if "torch" in sys.modules:
        cuda = sys.modules["torch"].cuda
        if cuda.is_initialized():
            for index in range(cuda.device_count()):
                cuda.reset_peak_memory_stats(index)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def device_memory_mb(device: str) -> float | None:
    """Peak memory of torch's tensors on a CUDA device in MB since the last reset; None of others.

    What CUDA itself and torch's cache hold beside them is not counted.
    """
    if not device.startswith("cuda") or "torch" not in sys.modules:
        return None
    return round(float(sys.modules["torch"].cuda.max_memory_allocated(device)) / 2**20, 1)


def peak_memory_mb() -> float:
    """Peak resident memory in MB, since the last reset where there was one, else of the process."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except OSError:
        pass
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
