"""All cases of a scoring through a Dask client, a window of chunks at a time.

A lost worker costs the chunk that it was at: Dask hands it to another. A chunk that no worker
survives is taken apart into cases, and a case that no worker survives, alone on the cluster, is a
row with status ``error``. A lost scheduler ends the scoring; everything in the journals is kept.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import unwritable
from ..case_rows import encoded
from ..casework import ReadCase, Work
from ..errors import BenchError, DataError
from ..journal import NEVER, Journal, Place
from ..kept import Kept, Where
from ..workers import Done
from .chunks import PROBE, Answer, Chunk, code, score_chunk
from .connecting import lost
from .portions import portion

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["OnCluster"]

#: Cases in a chunk: what a lost worker costs, against one message each way.
CASES = 16
#: Chunks sent for each thread: one that it is at, one that waits, so that no worker waits for us.
_EACH = 2
#: Seconds between two looks at how many workers there are.
_LOOK = 5.0

Keys = Mapping[str, bytes | None]


class OnCluster:
    """Scores cases on the workers of ``client``; see :class:`benchmark.workers.Elsewhere`.

    Args:
        connect: Gives a connected client; entered once there is something to score.
        cases: How many go out together.
    """

    def __init__(
        self, connect: Callable[[], AbstractContextManager[Client]], cases: int = CASES
    ) -> None:
        self._connect = connect
        self._cases = cases
        self._rounds: _Rounds | None = None

    def width(self) -> int:
        """The most threads that the workers had together; 0 if nothing was left to be scored."""
        return 0 if self._rounds is None else self._rounds.widest

    def score(self, work: Work, keys: Keys, kept: Kept) -> Generator[Done, None, None]:
        """Score cases and give each as it is known to be done, in no certain order.

        Raises:
            BenchError: Of a worker; or the scheduler is gone.
        """
        if not keys:
            return
        folder = kept.folder.absolute()
        token = uuid.uuid4().hex
        try:
            (folder / PROBE).write_text(token, encoding="ascii")
        except OSError as error:
            raise unwritable(folder / PROBE, error) from error
        with self._connect() as client:
            rounds = self._rounds = _Rounds(client, work, folder, token)
            left = yield from rounds.score(_parts(keys, self._cases), _EACH)
            # Whoever stood beside a case that kills is suspected too; alone, there is no doubt.
            for each in (_EACH, 0):
                found = kept.find(left) if left else {}  # done before their worker died
                yield from (Done(case, "", where) for case, where in found.items())
                left = {case: key for case, key in left.items() if case not in found}
                left = yield from rounds.score(_parts(left, 1), each)
        yield from _hopeless(work, left, kept)


class _Rounds:
    """Sends parts of one scoring, and gives what comes back."""

    def __init__(self, client: Client, work: Work, folder: Path, token: str) -> None:
        self._client = client
        self._work = work
        self._facts = folder, token, code()
        self._looked, self._threads = float("-inf"), 1
        self.widest = 1

    def score(self, parts: Iterable[Keys], each: int) -> Generator[Done, None, Keys]:
        """Score parts, ``each`` at once for every thread there is; 0: one at a time.

        Returns:
            The cases of the parts that no worker survived.
        """
        from distributed import KilledWorker, as_completed

        waiting, left = iter(parts), dict[str, bytes | None]()
        sent: dict[Any, Keys] = {}
        completed = as_completed([], loop=self._client.loop)

        def send() -> None:
            """Fill the window: more than one where workers have come, none where they left."""
            size = self._width() * each or 1
            while len(sent) < size and (part := next(waiting, None)) is not None:
                future = self._submitted(part)
                sent[future] = part
                completed.add(future)

        try:
            send()
            for future in completed:
                part = sent.pop(future)
                try:
                    journal, answers = _answered(future, self._client)
                except KilledWorker:
                    left |= part
                else:
                    yield from _done(journal, answers)
                send()
        finally:
            # Of a scheduler that is gone, or is going: then there is nothing to be called off.
            with suppress(OSError, RuntimeError, TimeoutError):
                self._client.cancel(list(sent))
        return left

    def _width(self) -> int:
        """How many threads the workers have together; at least 1, if they are still to come."""
        if time.monotonic() - self._looked > _LOOK:
            # The scheduler may be gone: noticed where an answer is missing.
            with suppress(OSError, TypeError, RuntimeError):
                self._threads = max(1, sum(self._client.nthreads().values()))
            self._looked = time.monotonic()
            self.widest = max(self.widest, self._threads)
        return self._threads

    def _submitted(self, part: Keys) -> Any:
        chunk = Chunk(portion(self._work, part), *self._facts)
        try:
            return self._client.submit(score_chunk, chunk, pure=False)
        except (OSError, RuntimeError) as error:
            raise lost(self._client) from error


def _parts(keys: Keys, size: int) -> Iterator[dict[str, bytes | None]]:
    items = iter(keys.items())
    while part := dict(islice(items, size)):
        yield part


def _done(journal: str, answers: Iterable[Answer]) -> Iterator[Done]:
    for case, fault, place, doubt in answers:
        yield Done(case, fault, Where(Path(journal), Place(*place)), doubt)


def _answered(future: Any, client: Client) -> tuple[str, list[Answer]]:
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise lost(client)
    error = future.exception()
    if error is None:
        found: tuple[str, list[Answer]] = future.result()
        return found
    if isinstance(error, (BenchError, KilledWorker)):
        raise error
    if isinstance(error, ImportError):
        raise DataError(
            f"A worker cannot import what scores: {error}.",
            "Install scarbench on every worker, in the same version as here.",
        )
    raise error


def _hopeless(work: Work, left: Keys, kept: Kept) -> Iterator[Done]:
    """A row of status ``error`` for each case that kills whoever scores it."""
    if not left:
        return
    with Journal(kept.fresh(1)[0]) as journal:
        for case in left:
            path = work.found.get(case)
            named = f"{path} cannot be scored" if path else f"Case {case!r} cannot be scored"
            fault = f"{named}: every process that tried to died, perhaps for lack of memory."
            place = journal.append(NEVER, encoded(work.score(ReadCase(case, None, fault))))
            yield Done(case, fault, Where(journal.path, place))
