"""``record.json``: the one account of a run - asked, done, by what, at what cost.

The format is versioned and fields are only ever added: later versions read every earlier file.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import DataError
from .legible import is_there
from .store import read_json, write_json
from .types import checked_id

__all__ = ["FORMAT", "RunRecord", "next_order", "order_of"]

FORMAT = 1


def _in_a_path(name: str) -> str:
    """``name``, which files are called by: that of a forged record must not lead elsewhere."""
    try:
        return checked_id(name)
    except DataError as error:
        raise ValueError(error.problem.replace("a case id", "a name")) from None


class PluginRecord(BaseModel):
    """A plugin as it was used."""

    model_config = ConfigDict(extra="allow")

    name: str
    spec: str = Field(description="Name, or path of the file, to load it by again")
    summary: str = ""
    parameters: dict[str, Any] = Field(description="All of them, as they took effect")
    asked: dict[str, Any] = Field(default={}, description="Those the user gave")
    defaulted: list[str] = Field(default=[], description="Names of those nobody gave")
    distribution: str = ""
    version: str = ""
    code: str = Field(default="", description="Hash of the code it ran through")

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, name: str) -> str:
        return _in_a_path(name)


class MethodRecord(PluginRecord):
    """The method, and the profile its parameters start from."""

    profile: str = "quick"
    trains: bool = False
    needs: list[str] = []


class DatasetRecord(PluginRecord):
    """The data set, with what must be said wherever its numbers are shown."""

    title: str = ""
    synthetic: bool = False
    redistributable: bool = False
    licence: str = ""
    citation: str = ""
    fingerprint: str = Field(default="", description="Hash over the voxels of the cases scored")
    training_fingerprint: str = Field(default="", description="The same for those learnt from")


class RunRecord(BaseModel):
    """Everything about a run but its numbers."""

    model_config = ConfigDict(extra="allow")

    format: int = FORMAT
    order: int = Field(
        default=0,
        description="Larger than that of every run asked for before: nanoseconds since 1970, "
        "or more where the clock has gone back since; 0 in older records",
    )
    method: MethodRecord
    dataset: DatasetRecord
    group: str = Field(description="The experiment: same all but seed and fold")
    seed: int = Field(0, ge=0, lt=2**63)
    fold: int | None = Field(None, ge=0, lt=2**31)
    folds: int | None = Field(None, ge=0, lt=2**31)
    split: dict[str, list[str]] = Field(description="Case ids by role")
    split_source: str = "dataset"
    evaluated: list[str] = Field(
        default=["test", "external"], description="Roles of the cases that were scored"
    )
    produces: list[str]
    annotates: list[str]
    metric_cards: dict[str, str] = Field(description="Metric name -> hash of its definition")
    stages: dict[str, dict[str, Any]] = Field(description="Key, seconds, ... of each stage")
    totals: dict[str, Any] = {}
    parameter_count: int | None = None
    device: str = "cpu"
    threads: int = 1
    provenance: dict[str, Any] = {}

    @field_validator("group")
    @classmethod
    def _a_file_name(cls, group: str) -> str:
        return _in_a_path(group) if group else group

    def save(self, folder: Path) -> None:
        """Write ``record.json`` into ``folder``, atomically."""
        write_json(folder / "record.json", self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> RunRecord:
        """Read a record, or the record of a run folder.

        Raises:
            DataError: Missing, unreadable, no record, or written by a later version.
        """
        if is_there(path) and path.is_dir():
            is_there(path / "record.json", of=path)
            path /= "record.json"
        content = read_json(path)
        version = content.get("format") if isinstance(content, dict) else None
        if not isinstance(version, int) or isinstance(version, bool):
            raise DataError(f"{path} is no run record: it has no 'format'.")
        if version > FORMAT:
            raise DataError(
                f"{path} has format {version}; this version reads up to {FORMAT}.",
                "Update scarbench.",
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DataError(f"{path} is no run record: {place}: {first['msg']}.") from None


def order_of(path: Path, record: RunRecord) -> int:
    """When a run was asked for last, as a number that only grows.

    Args:
        path: Its ``record.json``; of older records, the file's time says it.
        record: What that holds.
    """
    return record.order or path.stat().st_mtime_ns


def next_order(folder: Path) -> int:
    """The order of a run that is asked for now: what all runs of its method were before.

    It is the time, unless the clock has gone back or another machine's is ahead.

    Args:
        folder: The run's folder, ``runs/<dataset>/<method>-<key>``.
    """
    method = folder.name.rpartition("-")[0]
    latest = 0
    for path in folder.parent.glob("*/record.json"):
        if path.parent.name.rpartition("-")[0] != method:
            continue
        try:
            found = json.loads(path.read_bytes()).get("order", 0) or path.stat().st_mtime_ns
        except (OSError, ValueError, AttributeError):  # withdrawn at this moment, or damaged
            continue
        latest = max(latest, found if isinstance(found, int) else 0)
    return max(time.time_ns(), latest + 1)
