"""A child and all that it started: what they hold of the memory, and how to end them.

They are told by the child's session, by descent, and by a mark in the environment that every
process inherits: one that made itself a session of its own and lost its parent still has the mark.
Only Linux shows all of this; elsewhere the process group is all that is known.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["MARK", "available_bytes", "end_family", "family", "held_bytes"]

#: Name of the variable that marks a child and what it starts.
MARK = "SCARBENCH_CHILD"
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _all() -> Iterator[tuple[int, int, int, int]]:
    """Process, parent, session and resident bytes of every process that can be seen."""
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        try:
            text = (_PROC / entry.name / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it ended meanwhile
            continue
        # the name is in parentheses, and may hold some
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] not in "ZX":
            yield int(entry.name), int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE


def family(child: int) -> dict[int, int]:
    """Resident bytes by process: of the child, its session and its descendants."""
    if not _PROC.is_dir():
        return {}
    parents: dict[int, list[int]] = {}
    resident, found = {}, {child}
    for pid, parent, session, size in _all():
        parents.setdefault(parent, []).append(pid)
        resident[pid] = size
        if session == child:
            found.add(pid)
    waiting = list(found)
    while waiting:
        for pid in parents.get(waiting.pop(), ()):
            if pid not in found:
                found.add(pid)
                waiting.append(pid)
    return {pid: resident[pid] for pid in found if pid in resident}


def held_bytes(child: int, ceiling: int) -> int:
    """What the family holds; pages that several share are counted once where it matters."""
    sizes = family(child)
    held = sum(sizes.values())
    if held <= ceiling or len(sizes) == 1:
        return held
    return sum(_share(pid, size) for pid, size in sizes.items())


def _share(pid: int, resident: int) -> int:
    """A process's part of its pages; all of them where the kernel does not say."""
    with suppress(OSError, ValueError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def available_bytes() -> int | None:
    """Memory that the machine, and the control group of this process, still have; None unknown."""
    found: list[int] = []
    with suppress(OSError, ValueError, StopIteration):
        lines = (_PROC / "meminfo").read_text(encoding="ascii").splitlines()
        known = next(line for line in lines if line.startswith("MemAvailable:"))
        found.append(int(known.split()[1]) * 1024)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # no such group, or "max"
            group = Path("/sys/fs/cgroup")
            free = int((group / limit).read_text()) - int((group / used).read_text())
            found.append(max(free, 0))
    return min(found, default=None)


def end_family(child: int, mark: str) -> None:
    """Kill what the child started, and the child unless it is gone; it must not be reaped yet.

    Args:
        child: Its process, which leads its group and session.
        mark: Its value of :data:`MARK`.
    """
    for _ in range(5):  # what forks meanwhile is found the next time
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        others = {*family(child), *_marked(mark)} - {child, os.getpid()}
        for pid in others:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not others:
            return


def _marked(mark: str) -> Iterator[int]:
    if not _PROC.is_dir():
        return
    wanted = f"{MARK}={mark}".encode()
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            with suppress(OSError):  # another user's, or gone
                if wanted in (_PROC / entry.name / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)
