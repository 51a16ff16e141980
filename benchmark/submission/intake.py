"""A stranger's folder or archive, copied file by file into a folder of ours.

Nothing of it is believed. No link is followed, no name leaves the folder, nothing is unpacked that
was not asked for, and every byte is counted as it is read, whatever a header promises. All that
follows reads the copy, which nobody else can change meanwhile.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from ..errors import DataError
from .bounded import unpacking
from .layout import MANIFEST, MAX_FILES, MAX_TOTAL, limit_of

__all__ = ["Intake", "names_below", "take_in"]

_PIECE = 1 << 20
#: Folders within folders: predictions/seed-0/contours is the deepest there is.
_DEEPEST = 6
_TARS = (".tar", ".gz", ".tgz", ".xz", ".bz2")
#: What reading a damaged archive raises.
_BROKEN = (OSError, EOFError, RuntimeError, NotImplementedError, ValueError, zipfile.BadZipFile,
           tarfile.TarError, zlib.error, lzma.LZMAError)  # fmt: skip


@dataclass
class Intake:
    """What was taken.

    Attributes:
        folder: Our copy.
        hashes: SHA-256 by relative name of each file taken.
        total: Bytes of all of them.
        refused: Why something was not taken, in sentences; nothing else is then worth reading.
    """

    folder: Path
    hashes: dict[str, str] = field(default_factory=dict)
    total: int = 0
    refused: list[str] = field(default_factory=list)


def take_in(source: Path, into: Path) -> Intake:
    """Copy a submission.

    Args:
        source: A folder, or a ``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.xz`` or
            ``.tar.bz2`` of one, which may hold its folder or what is in it.
        into: An empty folder of ours.

    Raises:
        DataError: It is neither, or a run that was not packed, or cannot be read.
    """
    taken = Intake(into)
    try:
        kind = source.lstat().st_mode
    except OSError as error:
        raise DataError(f"Cannot read {source}: {error.strerror or error}.") from None
    if stat.S_ISLNK(kind):
        kind = source.stat().st_mode  # what the organiser names may be a link of the organiser's
    try:
        if stat.S_ISDIR(kind):
            if (source / "record.json").is_file() and not (source / MANIFEST).is_file():
                raise DataError(
                    f"{source} is a run, no submission.", "Pack it with `bench submit`."
                )
            _walk(source, taken)
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                _unzip(archive, taken)
        elif source.suffix in _TARS:
            with unpacking(source) as content, tarfile.open(fileobj=content, mode="r:") as packed:
                _untar(packed, taken)
        else:
            raise DataError(
                f"{source} is neither a folder nor a zip or tar archive.",
                "Name the folder that `bench submit` wrote.",
            )
    except _BROKEN as error:
        raise DataError(f"{source} cannot be read: {_reason(error)}.") from None
    return taken


def _reason(error: BaseException) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {said}"[:300]


def _walk(root: Path, taken: Intake) -> None:
    """Every file below ``root``; in an order that does not hang on the file system."""
    waiting = [("", 0)]
    while waiting and not taken.refused:
        inner, depth = waiting.pop()
        with os.scandir(root / inner) as found:
            entries = sorted(islice(found, MAX_FILES + 1), key=lambda e: e.name)
        for entry in entries:
            name = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_symlink():
                taken.refused.append(f"{_said(name)} is a link.")
            elif entry.is_dir(follow_symlinks=False):
                if depth >= _DEEPEST:
                    taken.refused.append(f"{_said(name)} lies too deep.")
                else:
                    waiting.append((name, depth + 1))
            elif not entry.is_file(follow_symlinks=False):
                taken.refused.append(f"{_said(name)} is no regular file.")
            else:
                _take(taken, name, lambda path=entry.path: _opened(path))  # type: ignore[misc]
            if taken.refused:
                return


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """A regular file that is no link, even if it was made one since it was looked at."""
    # Not to wait for a pipe that took its place, either.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is no regular file any more")
        yield file


def _unzip(archive: zipfile.ZipFile, taken: Intake) -> None:
    members = archive.infolist()
    if len(members) > 2 * MAX_FILES:
        taken.refused.append(f"It holds more than {MAX_FILES:,} files.")
        return
    top = _top([m.filename for m in members])
    for member in members:
        mode = member.external_attr >> 16
        if member.is_dir():
            continue
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            taken.refused.append(f"{_said(member.filename)} is no regular file.")
            return
        _take(taken, member.filename.removeprefix(top), lambda m=member: archive.open(m))  # type: ignore[misc]
        if taken.refused:
            return


def _untar(archive: tarfile.TarFile, taken: Intake) -> None:
    # Read once, in order: a tar has no list, and to seek back in a packed one unpacks it again.
    top: str | None = None
    for count, member in enumerate(archive):
        name = member.name.removeprefix("./")
        if top is None:
            top = _top([name + ("/" if member.isdir() else "")])
        if count > 2 * MAX_FILES:
            taken.refused.append(f"It holds more than {MAX_FILES:,} files.")
        elif member.isdir():
            continue
        elif not member.isreg():
            taken.refused.append(f"{_said(name)} is a link or no regular file.")
        else:
            _take(taken, name.removeprefix(top), lambda m=member: _member(archive, m))  # type: ignore[misc]
        if taken.refused:
            return


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    if found is None:
        raise OSError(f"{_said(member.name)} cannot be read")
    return found


def _top(names: list[str]) -> str:
    """The folder that everything in an archive lies in, with its slash; empty if there is none."""
    first = names[0].partition("/") if names else ("", "", "")
    if not first[1] or first[0] in ("", ".", "..", "predictions") or limit_of(first[0]):
        return ""
    top = f"{first[0]}/"
    return top if all(name.startswith(top) for name in names) else ""


def _take(taken: Intake, name: str, opened: Callable[[], object]) -> None:
    """Copy one file, if it belongs in a submission and stays within its limits."""
    limit = limit_of(name)
    if limit is None:
        taken.refused.append(
            f"{_said(name)} does not belong in a submission."
            if MANIFEST in taken.hashes or "/" in name
            else f"{_said(name)} does not belong in a submission (is there a {MANIFEST}?)."
        )
        return
    if name in taken.hashes:
        taken.refused.append(f"{_said(name)} is there twice.")
        return
    if len(taken.hashes) >= MAX_FILES:
        taken.refused.append(f"It holds more than {MAX_FILES:,} files.")
        return
    left = MAX_TOTAL - taken.total
    target = taken.folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with opened() as file, target.open("xb") as copy:  # type: ignore[attr-defined]
        while piece := file.read(_PIECE):
            size += len(piece)
            if size > min(limit, left):
                what = f"{limit:,}" if size > limit else f"{MAX_TOTAL:,} of all its files"
                taken.refused.append(f"{_said(name)} has more than the {what} bytes allowed.")
                break
            digest.update(piece)
            copy.write(piece)
    taken.hashes[name] = digest.hexdigest()
    taken.total += size


def _said(name: str) -> str:
    """A stranger's file name, fit to be printed."""
    return repr(name if len(name) <= 120 else f"{name[:120]}...")


def names_below(folder: Path) -> Iterator[str]:
    """Relative names of everything below ``folder`` that is no folder, links among them."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()
