"""Who works on a run: said beside its lock, for others to read without taking part.

The lock alone decides who may write. What is written here serves ``bench runs``, the message of one
who waits, and the question whose half-written files may go.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .atomic import replacing
from .errors import DataError

__all__ = ["LOST_S", "NAME", "Holder", "alive", "held", "holding", "process_alive",
           "read_holder", "superseded"]  # fmt: skip

#: Name of the file, in the run's folder.
NAME = ".holder.json"
#: Seconds between two signs of life.
BEAT_S = 10.0
#: Seconds without one after which a holder on another machine counts as gone.
LOST_S = 120.0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Holder:
    """A process that holds a run, or held it last.

    Attributes:
        host: Name of its machine.
        boot: Which of the machine's starts; empty where it does not tell.
        pid: The process.
        born: When the process began, as its machine counts; empty where it does not tell.
        started: When it took the run, in seconds since 1970.
        ended: When it left it; None while it has it, and if it was killed.
        beat: When it last gave a sign of life, by the file system's clock.
        token: Of this very time that it took the run.
        about: What is done there, as the one who holds it says.
    """

    host: str
    boot: str
    pid: int
    born: str
    started: float
    ended: float | None = None
    beat: float = 0.0
    token: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def here(self) -> bool:
        """Whether it is, or was, a process of this machine since it was switched on."""
        return (self.host, self.boot) == (platform.node(), _boot())


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:  # not Linux
        return ""


def _born(pid: int) -> str:
    """When a process began, in ticks since its machine did: numbers of processes come again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def process_alive(pid: int, born: str = "") -> bool:
    """Whether a process of this machine runs; with ``born``, this very one."""
    if pid <= 0:
        return False
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    return not born or _born(pid) in ("", born)


@contextmanager
def holding(folder: Path, about: Mapping[str, Any]) -> Iterator[str]:
    """Say that this process works in ``folder`` until the block ends; gives the token it has.

    The token is empty where nothing could be written: then nobody can be told apart.
    A thread renews the file's time every :data:`BEAT_S` seconds. None of this may cost the run:
    what cannot be written is left out.
    """
    path = folder / NAME
    says: dict[str, Any] = {
        "host": platform.node(), "boot": _boot(), "pid": os.getpid(), "born": _born(os.getpid()),
        "started": time.time(), "ended": None, "token": uuid.uuid4().hex, "about": dict(about),
    }  # fmt: skip
    token = says["token"] if _write(path, says) else ""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(OSError):
                os.utime(path)

    heart = threading.Thread(target=beat, name="scarbench-holder", daemon=True)
    heart.start()
    try:
        yield token
    finally:
        done.set()
        heart.join()
        _write(path, {**says, "ended": time.time()})


def _write(path: Path, says: Mapping[str, Any]) -> bool:
    with suppress(DataError):
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(says, default=str) + "\n", encoding="utf-8")
        return True
    return False


def superseded(folder: Path, token: str) -> bool:
    """Whether somebody else took ``folder`` after the holder with this token.

    A worker goes on with its step for a while when the one who sent it is killed. By then the next
    one may have had the same step done by another worker, and have gone on with what came of it.
    """
    holder = read_holder(folder) if token else None
    return holder is not None and holder.token not in ("", token)


def read_holder(folder: Path) -> Holder | None:
    """Who holds ``folder``, or held it last; None if nobody said, or nobody can read it."""
    path = folder / NAME
    try:
        says = json.loads(path.read_text(encoding="utf-8"))
        about = says.get("about")
        ended = says.get("ended")
        return Holder(
            host=str(says["host"]),
            boot=str(says.get("boot", "")),
            pid=int(says["pid"]),
            born=str(says.get("born", "")),
            started=float(says["started"]),
            ended=None if ended is None else float(ended),
            beat=path.stat().st_mtime,
            token=str(says.get("token", "")),
            about=about if isinstance(about, dict) else {},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def held(lock: Path) -> bool | None:
    """Whether some process has a lock; None where that cannot be told without taking it.

    Asks for a shared lock and gives it back at once. One who wants the run at that very moment asks
    again a twentieth of a second later, as for any lock that is taken.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return None
    finally:
        os.close(descriptor)
    return False


def alive(folder: Path, holder: Holder | None, now: float | None = None) -> Literal[
    "yes", "no", "silent"
]:  # fmt: skip
    """Whether the holder still works in ``folder``.

    A lock that is taken settles it, wherever the holder is. One that is free does so on this
    machine alone: not every network file system shares locks between machines, so that there the
    last sign of life counts. ``silent`` is a holder on another machine who has given none for
    :data:`LOST_S` seconds, killed most likely.
    """
    taken = held(folder / ".lock")
    if taken:
        return "yes"
    if holder is None or holder.ended is not None:
        return "no"
    if holder.here:
        if taken is None and process_alive(holder.pid, holder.born):
            return "yes"
        return "no"
    recent = (time.time() if now is None else now) - holder.beat < LOST_S
    return "yes" if recent else "silent"
