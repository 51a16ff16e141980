"""nnU-Net's raw layout: ``dataset.json``, which files make a case, ``splits_final.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import DataError
from benchmark.nifti import SUFFIXES

__all__ = ["CaseFiles", "Layout", "read_layout", "read_splits"]


@dataclass(frozen=True)
class CaseFiles:
    """The files of a case.

    Attributes:
        images: By channel number.
        labels: None where there are none.
    """

    images: Mapping[int, Path]
    labels: Path | None

    def fault(self, channels: Mapping[int, str]) -> str | None:
        """Which file is missing, or None."""
        if not self.images:
            return f"{self.labels} has no image."
        missing = sorted(set(channels) - set(self.images))
        if missing:
            there = self.images[min(self.images)]
            return f"{there} lacks its channel {', '.join(f'_{n:04d}' for n in missing)}."
        if self.labels is None:
            return f"{self.images[min(self.images)]} has no label file."
        return None


@dataclass(frozen=True)
class Layout:
    """What ``dataset.json`` says.

    Attributes:
        root: Its folder.
        channels: Name by channel number.
        labels: Codes by name; a region has several.
        ending: ``.nii.gz`` or ``.nii``.
    """

    root: Path
    channels: Mapping[int, str]
    labels: Mapping[str, tuple[int, ...]]
    ending: str

    @property
    def json(self) -> Path:
        """The file that said so."""
        return self.root / "dataset.json"

    def cases(self, part: str) -> dict[str, CaseFiles]:
        """Files by case, ordered by name; ``part`` is ``Tr`` or ``Ts``."""
        image = re.compile(rf"(.+)_(\d{{4}}){re.escape(self.ending)}")
        images: dict[str, dict[int, Path]] = {}
        for path in _listed(self.root / f"images{part}"):
            if match := image.fullmatch(path.name):
                images.setdefault(match[1], {})[int(match[2])] = path
        labels = {
            path.name.removesuffix(self.ending): path
            for path in _listed(self.root / f"labels{part}")
            if path.name.endswith(self.ending)
        }
        names = sorted(images.keys() | labels.keys())
        return {name: CaseFiles(images.get(name, {}), labels.get(name)) for name in names}

    def case(self, name: str, part: str) -> CaseFiles:
        """The files of one case, without listing the others."""
        folder = self.root / f"images{part}"
        images = {n: folder / f"{name}_{n:04d}{self.ending}" for n in self.channels}
        labels = self.root / f"labels{part}" / f"{name}{self.ending}"
        return CaseFiles(
            {n: path for n, path in images.items() if path.is_file()},
            labels if labels.is_file() else None,
        )


def read_layout(root: Path) -> Layout:
    """Read ``dataset.json`` of nnU-Net 2, or of nnU-Net 1 (``modality``, labels by code).

    Raises:
        DataError: It is missing, no JSON, or lacks channels or labels; or the images are no NIfTI.
    """
    path = root / "dataset.json"
    content = _json(path)
    channels = content.get("channel_names", content.get("modality"))
    labels = content.get("labels")
    if not isinstance(channels, dict) or not channels:
        raise DataError(
            f"{path} has no 'channel_names'.", 'Add for instance "channel_names": {"0": "LGE"}.'
        )
    if not isinstance(labels, dict) or not labels:
        raise DataError(
            f"{path} has no 'labels'.", 'Add for instance "labels": {"background": 0, "scar": 1}.'
        )
    ending = content.get("file_ending", SUFFIXES[0])
    if ending not in SUFFIXES:
        raise DataError(
            f"{path} has file_ending {ending!r}; {' and '.join(SUFFIXES)} are read.",
            "Convert the images to NIfTI.",
        )
    try:
        by_name = {str(name): _codes(value) for name, value in labels.items()}
    except ValueError:
        # nnU-Net 1 has the code first: "1": "scar".
        by_name = {}
        for code, name in labels.items():
            if not (str(code).isdecimal() and isinstance(name, str)):
                raise DataError(
                    f"{path} has the label {code!r}: {name!r}.",
                    'Write "scar": 3 or "scar": [3, 4].',
                ) from None
            by_name[name] = (*by_name.get(name, ()), int(code))
    if not all(str(number).isdecimal() for number in channels):
        raise DataError(f"{path} has channels {list(channels)}.", 'Number them "0", "1", ...')
    return Layout(root, {int(n): str(name) for n, name in channels.items()}, by_name, ending)


def read_splits(path: Path, fold: int) -> tuple[list[str], list[str]]:
    """Names that train and names that validate in a fold of ``splits_final.json``.

    Raises:
        DataError: The file is missing or no such list, or has no such fold.
    """
    content = _json(path, list)
    if fold >= len(content):
        raise DataError(f"{path} has {len(content)} folds, no fold {fold}.", "Folds count from 0.")
    parts = content[fold] if isinstance(content[fold], dict) else {}
    found: list[list[str]] = []
    for name in ("train", "val"):
        ids = parts.get(name)
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise DataError(f"{path} has no list {name!r} in fold {fold}.")
        found.append(ids)
    twice = sorted(set(found[0]) & set(found[1]))
    if twice:
        raise DataError(f"{path} has {', '.join(twice[:5])} in train and in val of fold {fold}.")
    return found[0], found[1]


def _codes(value: Any) -> tuple[int, ...]:
    """The codes of a label or region.

    Raises:
        ValueError: It is neither a whole number nor a list of them.
    """
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(v) is int and v >= 0 for v in values):
        raise ValueError(value)
    return tuple(values)


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _json(path: Path, kind: type = dict) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", "nnU-Net's raw layout needs it.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}.") from error
    if not isinstance(content, kind):
        raise DataError(f"{path} holds a {type(content).__name__}, not a {kind.__name__}.")
    return content
