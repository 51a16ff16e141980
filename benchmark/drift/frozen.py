"""Frozen predictions: label maps in one small committed file, to be scored again by any version.

``leaderboards/<dataset>/frozen/<method>.npz`` is a NumPy archive without objects: the labels of all
cases as run lengths, and what else there is to know as JSON. The same predictions give the same
bytes (with the same version of zlib). A data set whose pixels must not be passed on has none.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import replacing
from ..errors import DataError

__all__ = ["MAX_BYTES", "Frozen", "FrozenCase", "digest_of", "frozen_path", "read_frozen",
           "write_frozen"]  # fmt: skip

FORMAT = 1
#: A repository is no data store.
MAX_BYTES = 2_000_000
_KIND = "scarbench frozen predictions"
#: The text, and the run lengths of all label maps.
_ARRAYS = ("about", "values", "lengths")
#: What the arrays may have unpacked, and a case may have of voxels: an archive from a stranger must
#: not fill the memory.
_MAX_UNPACKED = 200_000_000
_MAX_VOXELS = 2**28
#: The first date that a zip file knows: the time of writing is no part of the predictions.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class FrozenCase:
    """What a method answered to one case.

    Attributes:
        case: Its id.
        seed: Of which seed.
        status: ``ok``, ``no_prediction``, ``not_applicable`` or ``error``.
        message: Why, where there is no answer.
        labels: ``(slice, row, column)`` canonical labels; None where there are none.
        contours: Rows ``[slice, kind, points]``; empty where there are none.
        digest: Of labels and contours, as the run recorded it; empty without an answer.
    """

    case: str
    seed: int
    status: str
    message: str = ""
    labels: NDArray[np.uint8] | None = None
    contours: tuple[Any, ...] = ()
    digest: str = ""


@dataclass(frozen=True, eq=False)
class Frozen:
    """The predictions of an accepted entry.

    Attributes:
        method: Its name.
        dataset: Name of the data set.
        group: Of the experiment.
        cases: By seed and case.
    """

    method: str
    dataset: str
    group: str
    cases: tuple[FrozenCase, ...]


def frozen_path(entry: Path) -> Path:
    """Where the frozen predictions of an entry lie."""
    return entry.parent / "frozen" / f"{entry.stem}.npz"


def digest_of(labels: NDArray[np.uint8] | None, contours: Sequence[Any]) -> str:
    """Hash of an answer, as the record of a prediction has it."""
    digest = hashlib.sha256()
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).tobytes())
    if contours:
        digest.update(repr(list(contours)).encode())
    return digest.hexdigest()


def write_frozen(path: Path, frozen: Frozen, *, redistributable: bool) -> Path:
    """Write ``frozen`` to ``path``; the same predictions, the same bytes.

    Raises:
        DataError: The data must not be passed on, the file would be larger than
            :data:`MAX_BYTES`, or it cannot be written.
    """
    if not redistributable:
        raise DataError(
            f"The data of {frozen.dataset} must not be passed on, and masks drawn on them are "
            "part of them.",
            "Accept without --freeze; the engine is checked with the predictions of a run folder.",
        )
    about: list[dict[str, Any]] = []
    values: list[NDArray[np.uint8]] = []
    lengths: list[NDArray[np.uint32]] = []
    for one in sorted(frozen.cases, key=lambda c: (c.seed, c.case)):
        row: dict[str, Any] = {
            "case": one.case, "seed": one.seed, "status": one.status, "message": one.message,
            "digest": one.digest, "contours": list(one.contours), "shape": None, "runs": 0,
        }  # fmt: skip
        if one.labels is not None:
            found = _encoded(one.labels)
            values.append(found[0])
            lengths.append(found[1])
            row |= {"shape": list(one.labels.shape), "runs": len(found[0])}
        about.append(row)
    head = {"kind": _KIND, "format": FORMAT, "method": frozen.method, "dataset": frozen.dataset,
            "group": frozen.group, "cases": about}  # fmt: skip
    text = json.dumps(head, sort_keys=True, allow_nan=False, separators=(",", ":"))
    arrays: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(text.encode("utf-8"), dtype=np.uint8),
        "values": np.concatenate([np.empty(0, np.uint8), *values]),
        "lengths": np.concatenate([np.empty(0, np.uint32), *lengths]).astype("<u4"),
    }
    content = _archive(arrays)
    if len(content) > MAX_BYTES:
        raise DataError(
            f"The frozen predictions {path} would have {len(content):,} bytes; {MAX_BYTES:,} are "
            "allowed.",
            "Freeze one seed, or keep the run folder instead.",
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def read_frozen(path: Path) -> Frozen:
    """Read frozen predictions; nothing in the file is run or trusted.

    Raises:
        DataError: It is missing, too large, of a later format, damaged, or its labels are not
            those that were hashed.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is larger than the {MAX_BYTES:,} bytes it may have.")
        arrays = _arrays(path)
        head = json.loads(arrays["about"].tobytes().decode("utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, KeyError, EOFError, RecursionError, NotImplementedError,
            zipfile.BadZipFile) as error:  # fmt: skip
        raise DataError(f"{path} is damaged: {error}.", "Restore it from git.") from None
    if not isinstance(head, dict) or head.get("kind") != _KIND:
        raise DataError(f"{path} holds no frozen predictions.", "Make them with `bench accept`.")
    version = head.get("format")
    if not isinstance(version, int) or version > FORMAT:
        raise DataError(
            f"{path} has format {version}; this version reads up to {FORMAT}.", "Update scarbench."
        )
    try:
        cases, at = [], 0
        for row in head["cases"]:
            cases.append(_case(row, arrays, at, path))
            at += int(row["runs"])
        return Frozen(str(head["method"]), str(head["dataset"]), str(head["group"]), tuple(cases))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error!r}.", "Restore it from git.") from None


def _case(
    row: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], at: int, path: Path
) -> FrozenCase:
    labels, contours = None, tuple(row["contours"])
    if row["shape"] is not None:
        shape, runs = [int(n) for n in row["shape"]], int(row["runs"])
        if len(shape) != 3 or min(shape) < 1 or math.prod(shape) > _MAX_VOXELS or runs < 1:
            raise ValueError(f"shape {shape}")
        values, lengths = (arrays[name][at : at + runs] for name in ("values", "lengths"))
        if len(lengths) != runs or int(lengths.sum(dtype=np.uint64)) != math.prod(shape):
            raise ValueError(f"the labels of {row['case']!r} do not fill {shape}")
        labels = np.repeat(values, lengths).reshape(shape)
    digest = str(row["digest"])
    if row["status"] == "ok" and digest_of(labels, contours) != digest:
        raise DataError(
            f"{path}: the prediction of case {row['case']!r} is not the one that was frozen.",
            "Restore it from git.",
        )
    return FrozenCase(str(row["case"]), int(row["seed"]), str(row["status"]), str(row["message"]),
                      labels, contours, digest)  # fmt: skip


def _encoded(labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Run lengths of the labels in C order."""
    flat = np.ascontiguousarray(labels).ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    ends = np.append(starts[1:], len(flat))
    return flat[starts].astype(np.uint8), (ends - starts).astype(np.uint32)


def _archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """As :func:`numpy.savez_compressed`, without the time of writing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            inside = io.BytesIO()
            np.lib.format.write_array(inside, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            info.create_system = 3  # the same on every system
            archive.writestr(info, inside.getvalue(), compresslevel=9)
    return buffer.getvalue()


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sorted(sizes) != sorted(f"{name}.npy" for name in _ARRAYS):
            raise ValueError(f"it holds {', '.join(sorted(sizes)) or 'nothing'}")
        if sum(sizes.values()) > _MAX_UNPACKED:
            raise ValueError(f"unpacked it has {sum(sizes.values()):,} bytes")
        found = {}
        for name in _ARRAYS:
            with archive.open(f"{name}.npy") as inside:
                found[name] = np.lib.format.read_array(
                    io.BytesIO(inside.read(_MAX_UNPACKED)), allow_pickle=False
                )
    wanted = {"about": "uint8", "values": "uint8", "lengths": "uint32"}
    for name, kind in wanted.items():
        if found[name].ndim != 1 or found[name].dtype != np.dtype(kind):
            raise ValueError(f"{name} is no series of {kind}")
    return found
