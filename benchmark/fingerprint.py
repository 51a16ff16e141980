"""The identity of data: a hash over decoded voxels and geometry, not over files.

Re-compressing a file changes nothing; changing one voxel does. A case whose files have not been
touched since (same path, size and times of modification and change) is not read again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from .atomic import unwritable
from .contours.files import checked_contours
from .errors import BenchError, DataError
from .plain import told
from .plugins import Dataset
from .store import write_json
from .types import Case, Segmentation, Study, Volume

__all__ = ["Fingerprint", "combined", "fingerprints", "of_case", "of_segmentation", "of_study"]


#: Seconds of hashing that a kill may cost.
_KEPT_EVERY = 30.0


@dataclass(frozen=True)
class Fingerprint:
    """Hashes of what a method sees, and of what it is scored against.

    ``error`` is set, and both are empty, where the case cannot be loaded.
    """

    study: str
    reference: str
    error: str = ""


def fingerprints(
    dataset: Dataset,
    identity: str,
    ids: Iterable[str],
    cache: Path,
    advance: Callable[[str], None] = lambda case: None,
) -> dict[str, Fingerprint]:
    """A fingerprint per case id, in the order given.

    Args:
        dataset: Where to load from.
        identity: Changes when the data set's code or parameters do; then nothing is remembered.
        ids: Case ids.
        cache: A JSON file that remembers what was hashed when.
        advance: Called with each id that is done.
    """
    known = _remembered(cache, identity)
    found: dict[str, Fingerprint] = {}
    fresh: dict[str, Any] = {}
    kept = time.monotonic()
    for case_id in ids:
        try:
            stamp = _stamp(dataset.files(case_id))
            entry = known.get(case_id)
            if stamp and entry and entry["stamp"] == stamp:
                found[case_id] = Fingerprint(entry["study"], entry["reference"])
            else:
                found[case_id] = of_case(_loaded(dataset, case_id))
                if stamp:
                    fresh[case_id] = {"stamp": stamp, **asdict(found[case_id])}
        except (Exception, SystemExit) as error:
            # a stranger's data set may raise anything, and one bad case must not stop the others
            name = "" if isinstance(error, BenchError) else f"{case_id}: {type(error).__name__}: "
            found[case_id] = Fingerprint("", "", error=f"{name}{told(error)}")
        advance(case_id)
        if fresh and time.monotonic() - kept > _KEPT_EVERY:
            _remember(cache, identity, fresh)
            kept = time.monotonic()
    if fresh:
        _remember(cache, identity, fresh)
    return found


def _remember(cache: Path, identity: str, fresh: Mapping[str, Any]) -> None:
    """Add what was hashed to what is known by now: other processes hash other cases meanwhile.

    Raises:
        DataError: The folder cannot be written to.
    """
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(cache.with_name(f"{cache.name}.lock")):
            known = _remembered(cache, identity)
            write_json(cache, {"identity": identity, "cases": {**known, **fresh}})
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError):
            raise unwritable(cache, error) from error
        write_json(cache, {"identity": identity, "cases": dict(fresh)})


def _loaded(dataset: Dataset, case_id: str) -> Case:
    case = dataset.load(case_id)
    if case.study.id != case_id:
        raise DataError(f"The data set gave case {case.study.id!r} when asked for {case_id!r}.")
    if case.reference.labels is None:
        raise DataError(f"The reference of {case_id!r} has contours only.",
                        "Let the data set turn them into labels too.")  # fmt: skip
    shape = case.study.target.shape
    for name, drawn in {"reference": case.reference, **case.readers}.items():
        try:
            checked_contours(drawn.contours, shape)
        except DataError as error:
            raise DataError(f"{case_id!r}, {name}: {error.problem}", error.fix) from None
    return case


def _remembered(cache: Path, identity: str) -> dict[str, Any]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # absent or half written by something else: hashing again is always right
    if not isinstance(content, dict) or content.get("identity") != identity:
        return {}
    cases = content.get("cases")
    whole = {"stamp", "study", "reference"}
    return {
        case_id: entry
        for case_id, entry in (cases.items() if isinstance(cases, dict) else ())
        if isinstance(entry, dict) and whole <= set(entry)
    }


def _stamp(files: Iterable[Path]) -> list[list[Any]]:
    stamp: list[list[Any]] = []
    for path in files:
        try:
            status = path.stat()
        except OSError:
            return []  # missing: let load() say so
        # Copying tools set the time of modification back; nothing sets that of the last change.
        stamp.append([str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns])
    return stamp


def of_case(case: Case) -> Fingerprint:
    """Hash one loaded case."""
    digest = hashlib.sha256(of_segmentation(case.reference).encode())
    for name, reader in sorted(case.readers.items()):
        digest.update(f"{name}={of_segmentation(reader)};".encode())
    return Fingerprint(of_study(case.study), digest.hexdigest())


def of_study(study: Study) -> str:
    """Hash the images, geometry and attributes of a study."""
    digest = hashlib.sha256(f"{study.id}\0{study.apex}\0".encode())
    digest.update(json.dumps(dict(study.attributes), sort_keys=True).encode())
    for modality, volume in sorted(study.images.items()):
        digest.update(modality.encode())
        _add_volume(digest, volume)
    return digest.hexdigest()


def _add_volume(digest: Any, volume: Volume) -> None:
    _add_array(digest, volume.voxels)
    affine = None if volume.affine is None else volume.affine.tolist()
    geometry = [volume.spacing, affine, volume.times_ms, volume.slice_positions,
                volume.trigger_delay_ms]  # fmt: skip
    digest.update(json.dumps(geometry).encode())


def of_segmentation(drawn: Segmentation) -> str:
    """Hash labels and contours."""
    digest = hashlib.sha256()
    if drawn.labels is not None:
        _add_array(digest, drawn.labels)
    for contour in drawn.contours:
        digest.update(f"{contour.slice}{contour.kind}".encode())
        _add_array(digest, contour.points)
    return digest.hexdigest()


def _add_array(digest: Any, array: np.ndarray[Any, Any]) -> None:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    digest.update(f"{little.dtype.str}{little.shape}".encode())
    digest.update(little.tobytes())


def combined(parts: Mapping[str, Any]) -> str:
    """One hash of a JSON-able mapping, independent of its order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
