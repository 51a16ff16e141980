"""The ``runs/`` folder: atomic writes, locks, and stages that are believed only when complete."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .atomic import replacing, unwritable
from .errors import DataError
from .holder import holding, process_alive, read_holder, superseded
from .types import checked_id

__all__ = ["LOCK", "RunFolder", "file_hash", "folder_hashes", "read_json", "write_json"]

#: Name of a run's lock, in its folder.
LOCK = ".lock"
#: Seconds after which one who waits for a run is told who has it.
_PATIENCE = 1.0
#: Seconds after which another machine's half-written file is taken for a killed process's.
_FORSAKEN = 3600.0
#: What a finished folder takes the place of, until it is gone.
_ASIDE = ".replaced.tmp"
#: Where the engine writes within a run; ``scratch`` and ``model`` are the plugin's own.
_OURS = ("stages", "predictions", "pictures", "parts")


def write_json(path: Path, content: Any) -> None:
    """Write sorted, indented JSON atomically; NaN is refused (it is no JSON)."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        DataError: The file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:  # nested beyond reason
        raise DataError(f"{path} is not valid JSON ({error}).") from None


class RunFolder:
    """One run's folder, named by what it was made from.

    A stage is done when its marker ``stages/<stage>.json`` holds the expected key; markers are
    written last and atomically, so whatever a kill leaves behind is never believed.
    """

    def __init__(self, root: Path, dataset: str, method: str, key: str) -> None:
        self.dataset_folder = root / checked_id(dataset)
        self.path = self.dataset_folder / f"{checked_id(method)}-{key[:12]}"
        #: The stages that were finished through this object.
        self.finished: list[str] = []

    def marker(self, stage: str) -> dict[str, Any]:
        """What the stage's marker says; empty where the stage was not finished."""
        try:
            content = json.loads((self.path / "stages" / f"{stage}.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def done(self, stage: str, key: str) -> bool:
        """Whether the stage was finished with this key."""
        return self.marker(stage).get("key") == key

    def finish(self, stage: str, key: str, **facts: Any) -> None:
        """Say that the stage is finished."""
        write_json(self.path / "stages" / f"{stage}.json", {"key": key, **facts})
        self.finished.append(stage)

    def withdraw(self, stage: str) -> None:
        """Say that the stage, and so the run, is not finished (any more)."""
        (self.path / "record.json").unlink(missing_ok=True)
        (self.path / "stages" / f"{stage}.json").unlink(missing_ok=True)

    def case_file(self, folder: str, case_id: str, suffix: str) -> Path:
        """``<folder>/<case id><suffix>`` in this run; an id cannot leave the folder."""
        return self.path / folder / f"{checked_id(case_id)}{suffix}"

    @contextmanager
    def lock(
        self, about: Mapping[str, Any] | None = None, note: Callable[[str], None] | None = None
    ) -> Iterator[str]:
        """Hold this run: a second process with the same run waits, and then finds it done.

        Gives what tells this holder from the next, for :meth:`check_holder`.

        Args:
            about: What is done here, for ``bench runs``.
            note: Told who has the run, if that is another for more than a moment.

        Raises:
            DataError: The folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / LOCK)
            try:
                lock.acquire(timeout=_PATIENCE)
            except Timeout:
                if note is not None:
                    note(self._waiting())
                lock.acquire()
        except (OSError, NotImplementedError) as error:
            raise unwritable(self.path, _of_system(error)) from None
        try:
            self._tidy()
            with holding(self.path, about or {}) as token:
                yield token
        finally:
            lock.release()

    def check_holder(self, token: str) -> None:
        """Make sure, before something is written for a holder, that nobody came after it.

        Raises:
            DataError: Somebody did, who has it done anew or has it already.
        """
        if superseded(self.path, token):
            raise DataError(
                f"{self.path}: another process has taken this run; what was computed for the one "
                "before it is not written."
            )

    @contextmanager
    def alone(self, stage: str) -> Iterator[None]:
        """Be the one process that does a stage in this folder.

        Who drives a run holds :meth:`lock`; a worker elsewhere that does the stage for it does
        not, and goes on with it for a while when its driver is killed. The next one then waits.

        Raises:
            DataError: The folder cannot be written to.
        """
        lock = FileLock(self.path / f"{LOCK}-{stage}")
        try:
            lock.acquire()
        except (OSError, NotImplementedError) as error:
            raise unwritable(self.path, _of_system(error)) from None
        try:
            yield
        finally:
            lock.release()

    def _waiting(self) -> str:
        holder = read_holder(self.path)
        if holder is None or holder.ended is not None:
            return f"another process works on {self.path}: waiting for it"
        return f"process {holder.pid} on {holder.host} works on {self.path}: waiting for it"

    def _tidy(self) -> None:
        """Remove the half-written files of processes that were killed in here.

        Called by the one who has the lock, before its own first word in the holder's file. Of a
        process that still runs nothing goes: workers outlive the one who sent them by a moment.
        """
        before = read_holder(self.path)
        here = before is None or before.here
        with suppress(OSError):  # what is left over harms nobody
            now = self._now()
            for path in self._temporary():
                pid = path.suffixes[-2][1:] if len(path.suffixes) > 1 else ""
                if here and pid.isdecimal():
                    old = int(pid) == os.getpid() or not process_alive(int(pid))
                else:
                    old = now - path.lstat().st_mtime > _FORSAKEN
                if old:
                    path.unlink(missing_ok=True)
        shutil.rmtree(self.path / _ASIDE, ignore_errors=True)

    def _temporary(self) -> Iterator[Path]:
        """Files that are not whole yet, or never will be."""
        for folder in (self.path, *(self.path / name for name in _OURS)):
            inside = folder.glob(".*.tmp") if folder is self.path else folder.rglob(".*.tmp")
            yield from (path for path in inside if path.is_file())

    def _now(self) -> float:
        """What time it is for the file system, whose clock need not be this machine's."""
        lock = self.path / LOCK
        os.utime(lock)
        return lock.stat().st_mtime

    def install(self, made: Path, name: str) -> None:
        """Move a finished folder into place; what stood there goes, whole or not at all."""
        target, aside = self.path / name, self.path / _ASIDE
        shutil.rmtree(aside, ignore_errors=True)
        if target.exists():
            target.replace(aside)
        made.replace(target)
        shutil.rmtree(aside, ignore_errors=True)

    def trained(self, train_key: str) -> bool:
        """Whether ``model/`` is what the train stage with this key left, file by file."""
        marker = self.marker("train")
        return marker.get("key") == train_key and _holds(self.path / "model", marker)

    def borrow_model(self, train_key: str) -> str | None:
        """Copy a model trained with this very key by another run, and give that run's name.

        It tested on other cases, or is of another method that trains alike. It is not locked, so
        the copy is what is checked.
        """
        for marker in sorted(self.dataset_folder.glob("*/stages/train.json")):
            other = marker.parent.parent
            if other == self.path:
                continue
            try:
                facts = json.loads(marker.read_text("utf-8"))
            except (OSError, ValueError, RecursionError):
                continue
            if (
                isinstance(facts, dict)
                and facts.get("key") == train_key
                and _holds(other / "model", facts)
            ):
                copy = self.path / ".model.tmp"
                shutil.rmtree(copy, ignore_errors=True)
                try:
                    shutil.copytree(other / "model", copy)
                except OSError:  # shutil's errors too
                    continue
                if not _holds(copy, facts):  # its own run trains again meanwhile
                    continue
                self.install(copy, "model")
                facts.pop("key")
                self.finish("train", train_key, **facts)
                return other.name
        return None


def file_hash(path: Path) -> str:
    """SHA-256 of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:  # in pieces: a model may be larger than memory
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def folder_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in ``folder`` by its relative path; empty if there is none."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _of_system(error: Exception) -> OSError:
    """An error of locking as one of the system: filelock has its own for what it cannot do."""
    return error if isinstance(error, OSError) else OSError(str(error))


def _holds(folder: Path, marker: Mapping[str, Any]) -> bool:
    return folder.is_dir() and folder_hashes(folder) == marker.get("model")
