"""Cases scored by one process or by several, each case kept in a journal the moment it is done.

Names of cases go to a worker and places of records come back; rows go through the journals. Each
worker reads the next cases while it scores, and ends when the process that started it does,
however that ended.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from .case_rows import encoded
from .casework import ReadCase, Work
from .errors import BenchError, DataError
from .journal import NEVER, Journal, Place
from .kept import Kept, Where

__all__ = ["Done", "Elsewhere", "ahead", "frugal", "score_all", "uninterrupted", "usable_cpus"]

#: Cases that are read while another is scored.
AHEAD = 2
#: Seconds after which a worker that does not end is ended.
_PATIENCE = 20.0
#: Cases between two collections of garbage.
_COLLECTED = 16
T = TypeVar("T")
R = TypeVar("R")


class Done(NamedTuple):
    """A case whose rows are kept.

    Attributes:
        case: Its id.
        fault: What could not be read of it; empty if all could.
        where: Its record.
        doubt: What could not be read of its probabilities.
    """

    case: str
    fault: str
    where: Where
    doubt: str = ""


class Elsewhere(Protocol):
    """A way to score cases that are folders' files, other than in processes of this machine."""

    def score(
        self, work: Work, keys: Mapping[str, bytes | None], kept: Kept
    ) -> Generator[Done, None, None]:
        """As :func:`score_all`, into journals of its own in the folder of ``kept``."""

    def width(self) -> int:
        """How many cases were scored at once, at most."""


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ahead(items: Iterable[T], read: Callable[[T], R]) -> Iterator[R]:
    """``read`` of each item, in order, the next :data:`AHEAD` of them in a thread meanwhile.

    Reading waits for disks and decompresses, both without Python's lock.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Any] = deque()
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def frugal(items: Iterable[T]) -> Iterator[T]:
    """``items``, with whatever cyclic garbage their use leaves collected soon.

    A metric that keeps its masks in a cycle would otherwise hold those of many cases: Python
    collects the oldest objects only when a quarter of all there are is new. What is there already
    is set aside for the time, so that collecting costs next to nothing.
    """
    ours = gc.get_freeze_count() == 0
    if ours:
        gc.freeze()
    try:
        for count, item in enumerate(items, 1):
            yield item
            if count % _COLLECTED == 0:
                gc.collect()
    finally:
        if ours:
            gc.unfreeze()


def score_all(
    work: Work, keys: Mapping[str, bytes | None], journals: Sequence[Path]
) -> Generator[Done, None, None]:
    """Score cases, as many at a time as there are journals, and give each as it is done.

    Args:
        work: What to do with a case.
        keys: Key by case, for the journals; None for a case that is not to be found again.
        journals: Where to write; with one, this process does all, and cases come in their order.

    Raises:
        BenchError: Of a worker; or a worker was killed.
    """
    if len(journals) > 1:
        yield from _in_processes(work, keys, journals)
        return
    reading = ahead(keys, work.read) if work.source.threads else map(work.read, keys)
    with Journal(journals[0]) as journal:
        for case in frugal(reading):
            place = _keep(work, journal, case, keys[case.id])
            yield Done(case.id, case.fault, Where(journal.path, place), case.doubt)


def _keep(work: Work, journal: Journal, case: ReadCase, key: bytes | None) -> Place:
    # A fault may pass, a network disk come back, with the file as it was: it is tried again.
    usable = key if key is not None and not (case.fault or case.doubt) else NEVER
    return journal.append(usable, encoded(work.score(case)))


def _in_processes(
    work: Work, keys: Mapping[str, bytes | None], journals: Sequence[Path]
) -> Iterator[Done]:
    cases = iter(keys.items())
    with ExitStack() as stack:
        workers = {}
        for path in journals:
            connection, process = stack.enter_context(_worker(work, path))
            workers[connection] = process, path
        for connection in workers:  # before any is waited for: all of them then finish at once
            stack.callback(connection.close)
        asked = dict.fromkeys(workers, 0)

        def ask(connection: Connection) -> None:
            """Ask for the next case, or say that there are no more."""
            item = next(cases, None)
            # A worker that is gone is noticed where its answer is missing.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.send(item)
            asked[connection] += item is not None

        # One more than are read ahead: a worker takes these before it answers.
        for _ in range(AHEAD + 1):
            for connection in workers:
                ask(connection)
        while any(asked.values()):
            ready: list[Any] = wait([c for c, count in asked.items() if count])
            for connection in ready:
                process, path = workers[connection]
                case, fault, place, doubt = _answer(connection, process)
                asked[connection] -= 1
                ask(connection)
                yield Done(case, fault, Where(path, place), doubt)


def _answer(connection: Connection, process: BaseProcess) -> tuple[str, str, Place, str]:
    try:
        answer = connection.recv()
    except (EOFError, OSError):
        process.join(_PATIENCE)
        raise DataError(
            f"A process that scored cases ended unexpectedly (exit code {process.exitcode}); "
            "the system may have run out of memory.",
            "The same command goes on with what is left; try it with fewer jobs.",
        ) from None
    if isinstance(answer, Exception):
        raise answer
    case, fault, place, doubt = answer
    return case, fault, Place(*place), doubt


@contextmanager
def _worker(work: Work, path: Path) -> Iterator[tuple[Connection, BaseProcess]]:
    """A process that scores what it is asked to; it finishes its case when the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, path), daemon=True)
    with uninterrupted():
        process.start()
    theirs.close()  # or its end would not be noticed
    try:
        yield ours, process
    finally:
        ours.close()
        process.join(_PATIENCE)
        if process.is_alive():
            process.terminate()
            process.join()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C reaches the whole terminal: processes started in here leave it to this one.

    Threads started in here leave it to the others, and pass that on to what they start.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started later, multiprocessing's own helper would let the signal through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: Work, path: Path) -> None:
    """Score what ``connection`` asks for until that is nothing more or its other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, ConnectionResetError, EOFError):
        try:
            with Journal(path) as journal:
                asked = iter(connection.recv, None)
                reading = ahead(asked, lambda item: (item[1], work.read(item[0])))
                for key, case in frugal(reading):
                    place = _keep(work, journal, case, key)
                    connection.send((case.id, case.fault, tuple(place), case.doubt))
        except BenchError as error:
            connection.send(error)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            raise
        except Exception:  # the other process shows it, with where it happened here
            connection.send(RuntimeError(traceback.format_exc()))
