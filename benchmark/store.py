"""The ``runs/`` folder: atomic writes, locks, and stages that are believed only when complete."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from .atomic import replacing, unwritable
from .errors import DataError
from .types import checked_id

__all__ = ["RunFolder", "file_hash", "folder_hashes", "read_json", "write_json"]


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
    def lock(self) -> Iterator[None]:
        """Hold this run: a second process with the same run waits, and then finds it done.

        Raises:
            DataError: The folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire()
        except OSError as error:
            raise unwritable(self.path, error) from None
        try:
            self._tidy()
            yield
        finally:
            lock.release()

    def _tidy(self) -> None:
        """Remove the half-written files of a process that was killed in here."""
        for path in self.path.rglob(".*.tmp"):
            if path.is_file():
                path.unlink(missing_ok=True)

    def install(self, made: Path, name: str) -> None:
        """Move a finished folder into place; what stood there is incomplete and goes."""
        target = self.path / name
        if target.exists():
            shutil.rmtree(target)
        made.replace(target)

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
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def folder_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in ``folder`` by its relative path; empty if there is none."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _holds(folder: Path, marker: Mapping[str, Any]) -> bool:
    return folder.is_dir() and folder_hashes(folder) == marker.get("model")
