"""Chunks of cases as a worker scores them: rows into its own journal, places back.

Run inside a Dask worker. The journal lies in the output folder, which all workers share; it is
closed after each chunk, because only then does a network file system promise that another machine
which opens it sees what is in it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..case_rows import encoded
from ..casework import scoring_code
from ..errors import DataError
from ..fingerprint import combined
from ..journal import NEVER, Journal, Place
from ..workers import ahead, frugal
from .portions import Portion

__all__ = ["PROBE", "Answer", "Chunk", "code", "score_chunk"]

#: A file beside the journals that a worker must see.
PROBE = "shared"
#: Journal of this process by scoring and thread; a thread runs one chunk at a time.
_journals: dict[tuple[str, int], Path] = {}


@dataclass(frozen=True, eq=False)
class Chunk:
    """What a worker is sent.

    Attributes:
        portion: The cases.
        folder: Where the journals are, absolute.
        token: Of this scoring.
        code: What :func:`code` gave where the tables are written.
    """

    portion: Portion
    folder: Path
    token: str
    code: str


class Answer(NamedTuple):
    """A case that is kept.

    Attributes:
        case: Its id.
        fault: What could not be read of it.
        place: Where its record is in the journal.
        doubt: What could not be read of its probabilities.
    """

    case: str
    fault: str
    place: Place
    doubt: str


@cache
def code() -> str:
    """Hash of everything that rows depend on beside files and options."""
    return combined(scoring_code())


def score_chunk(chunk: Chunk) -> tuple[str, list[Answer]]:
    """Score the cases of a chunk; gives the journal and where each case is in it.

    Raises:
        DataError: This worker has other code, does not see the output folder, or cannot write.
    """
    _checked(chunk)
    with _journal(chunk.folder, chunk.token) as journal:
        answers, portion = [], chunk.portion
        for case in frugal(ahead(portion.keys, portion.work.read)):
            # A fault may pass, a network disk come back: it is not to be found again.
            sound = not (case.fault or case.doubt)
            key = (portion.keys[case.id] if sound else None) or NEVER
            place = journal.append(key, encoded(portion.score(case)))
            fault, doubt = portion.told(case.fault), portion.told(case.doubt)
            answers.append(Answer(case.id, fault, place, doubt))
    return str(journal.path), answers


def _checked(chunk: Chunk) -> None:
    if code() != chunk.code:
        raise DataError(
            f"{_here()} has another version of scarbench, numpy, scipy or pyarrow than the process "
            "that was asked to score.",
            "Install the same versions everywhere, and start the workers anew.",
        )
    try:
        seen = (chunk.folder / PROBE).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        seen = ""
    if seen != chunk.token:
        raise DataError(
            f"{_here()} does not see what is written to {chunk.folder}.",
            "References, predictions and output have to be on a disk that all workers share, under "
            "the same path.",
        )


@contextmanager
def _journal(folder: Path, token: str) -> Iterator[Journal]:
    """This thread's journal of the scoring; after an error, which may have cut it, a new one."""
    key = token, threading.get_ident()
    path = _journals.pop(key, None) or folder / f"worker-{uuid.uuid4().hex}.journal"
    with Journal(path, more=True) as journal:
        yield journal
    _journals[key] = path


def _here() -> str:
    """What to call this worker."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return "This process"
    return f"The worker at {worker.address}"
