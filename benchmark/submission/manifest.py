"""``submission.json``: what is in the folder, hash by hash, and what was measured how."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import DataError
from ..store import write_json
from .layout import MANIFEST, limit_of
from .strict import checked_model, strict_json

__all__ = ["FORMAT", "KIND", "FileFacts", "Manifest", "read_manifest", "write_manifest"]

FORMAT = 1
KIND = "scarbench submission"
_SHA = r"^[0-9a-f]{64}$"
_CONFIG = ConfigDict(extra="forbid", strict=True)


class FileFacts(BaseModel):
    """One file of the folder."""

    model_config = _CONFIG

    sha256: str = Field(pattern=_SHA)
    bytes: int = Field(ge=0)


class DataFacts(BaseModel):
    """The data that were scored on."""

    model_config = _CONFIG

    name: str = Field(min_length=1, max_length=200)
    title: str = Field(default="", max_length=500)
    licence: str = Field(default="", max_length=500)
    redistributable: bool = False
    fingerprint: list[str] = Field(description="Of the cases scored in each run, in their order")
    cases: dict[str, tuple[str, str]] = Field(
        default={}, description="Fingerprints of study and reference by case, where known"
    )


class RunFacts(BaseModel):
    """One run: a seed, or a fold of one."""

    model_config = _CONFIG

    seed: int = Field(ge=0)
    fold: int | None = Field(default=None, ge=0)
    cases: int = Field(ge=1, description="How many were scored")
    predictions: int = Field(ge=0, description="Of how many there are predictions here")


class Manifest(BaseModel):
    """The whole file."""

    model_config = _CONFIG

    kind: Literal["scarbench submission"] = KIND  # type: ignore[assignment]
    format: int = FORMAT
    scarbench: str = Field(max_length=50, description="Version that wrote it")
    method: str = Field(min_length=1, max_length=200)
    dataset: DataFacts
    runs: list[RunFacts] = Field(min_length=1, max_length=10_000)
    metric_definitions: dict[str, str] = Field(description="Metric -> hash of its definition")
    files: dict[str, FileFacts] = Field(description="Every file here but this one")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``submission.json``; the same content, the same bytes."""
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))


def read_manifest(path: Path) -> Manifest:
    """Read a stranger's ``submission.json``.

    Raises:
        DataError: It cannot be read, is none, or is of a later format.
    """
    limit = limit_of(MANIFEST)
    assert limit is not None
    content = strict_json(path, limit)
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise DataError(f"{path} is no submission.", "Make one with `bench submit`.")
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise DataError(
            f"{path} has format {version}; this version reads up to {FORMAT}.", "Update scarbench."
        )
    if isinstance(content.get("dataset"), dict):  # JSON has no tuples
        cases = content["dataset"].get("cases")
        if isinstance(cases, dict):
            content["dataset"]["cases"] = {
                case: tuple(pair) if isinstance(pair, list) else pair
                for case, pair in cases.items()
            }
    return checked_model(Manifest, content, path)
