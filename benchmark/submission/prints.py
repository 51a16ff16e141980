"""What tells one examination from another, whoever named it: its voxels, its look, its reference.

Voxels are hashed as they are. The look is a perceptual hash (pHash: Zauner, *Implementation and
benchmarking of perceptual image hash functions*, 2010, by the ``imagehash`` package) of each slice
that holds any left ventricle, in a square of :data:`FIELD_MM` around the ventricle's centre. So
another window, noise, resampling, cropping, or another order of slices changes it little. Bits are
few enough to be told to others: no image can be made from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..errors import BenchError, DataError
from ..fingerprint import of_segmentation
from ..plugins import Dataset
from ..store import write_json
from ..types import Case, Volume
from .strict import checked_model, strict_json

__all__ = ["BITS", "FIELD_MM", "FORMAT", "CasePrint", "Prints", "print_of", "prints_of",
           "read_prints", "write_prints"]  # fmt: skip

FORMAT = 1
#: Side of the square that is hashed: a ventricle with its surroundings, by which patients differ.
FIELD_MM = 140.0
#: Side of a hash; of a slice there are its square of bits.
HASH_SIZE = 12
BITS = HASH_SIZE**2
#: Intensities beyond these percentiles of a square say little, and windows differ in them.
_WINDOW = (1.0, 99.0)
#: 50,000 examinations of ten slices are half of it.
_MAX_BYTES = 64_000_000
_SHA = r"^[0-9a-f]{64}$"


@dataclass(frozen=True, eq=False)
class CasePrint:
    """One case.

    Attributes:
        id: Its id.
        patient: Whose it is.
        role: Of the split, or ``declared``.
        voxels: SHA-256 of the target image's voxels; empty if unknown.
        reference: Hash of the reference's labels and contours; empty if unknown.
        tiles: ``(slice, y, x)`` uint8: each slice's square; of cases that are here.
        bits: ``(slice, BITS)`` bool: each slice's perceptual hash.
    """

    id: str
    patient: str
    role: str
    voxels: str
    reference: str
    tiles: NDArray[np.uint8]
    bits: NDArray[np.bool_]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    patient: str = Field(default="", max_length=200)
    voxels: str = Field(pattern=_SHA)
    reference: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    slices: list[str] = Field(max_length=2000)


class Prints(BaseModel):
    """A file of prints, as its maker gives it to others: ids, hashes and nothing of an image."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str = "scarbench prints"
    format: int = FORMAT
    dataset: str = Field(max_length=200)
    field_mm: float = FIELD_MM
    hash_size: int = HASH_SIZE
    cases: dict[str, _Told]

    def as_prints(self) -> list[CasePrint]:
        """Each case as one to compare with."""
        none = np.zeros((0, 1, 1), np.uint8)
        return [
            CasePrint(name, told.patient, "declared", told.voxels, told.reference, none,
                      _unpacked(told.slices))
            for name, told in self.cases.items()
        ]  # fmt: skip


def print_of(case: Case, patient: str, role: str) -> CasePrint:
    """The print of one loaded case."""
    target = case.study.target
    tiles = _tiles(target, case.reference.labels)
    # Two in which nothing is drawn are no copies of each other.
    drawn = bool(case.reference.contours) or bool(np.any(case.reference.labels))
    reference = of_segmentation(case.reference) if drawn else ""
    return CasePrint(
        case.study.id, patient, role, _voxels_hash(target), reference, tiles,
        np.array([hash_bits(tile) for tile in tiles], dtype=bool).reshape(-1, BITS),
    )  # fmt: skip


def prints_of(
    dataset: Dataset, roles: Mapping[str, str], advance: Callable[[str], None] = lambda case: None
) -> tuple[list[CasePrint], dict[str, str]]:
    """Prints of the cases that have a role, in the data set's order, and what could not be read.

    Args:
        dataset: Where they are.
        roles: Role by case id.
        advance: Called with each id that is done.

    Returns:
        The prints, and a message by id of each case that could not be loaded.
    """
    found: list[CasePrint] = []
    unread: dict[str, str] = {}
    for info in dataset.index():
        if info.id not in roles:
            continue
        try:
            found.append(print_of(dataset.load(info.id), info.patient, roles[info.id]))
        except Exception as error:  # a stranger's data set may raise anything
            name = "" if isinstance(error, BenchError) else f"{type(error).__name__}: "
            unread[info.id] = f"{name}{error}"
        advance(info.id)
    return found, unread


def write_prints(path: Path, dataset: str, prints: Iterable[CasePrint]) -> None:
    """Write prints for others to compare with."""
    told = {
        p.id: {"patient": p.patient, "voxels": p.voxels, "reference": p.reference,
               "slices": [np.packbits(row).tobytes().hex() for row in p.bits]}
        for p in prints
    }  # fmt: skip
    write_json(path, Prints(dataset=dataset, cases=told).model_dump())  # type: ignore[arg-type]


def read_prints(path: Path) -> Prints:
    """Read prints that somebody wrote.

    Raises:
        DataError: It is no such file, or was made in another way than ours are.
    """
    prints = checked_model(Prints, strict_json(path, _MAX_BYTES), path)
    if prints.kind != "scarbench prints" or prints.format != FORMAT:
        raise DataError(f"{path} holds no prints of format {FORMAT}.")
    if (prints.field_mm, prints.hash_size) != (FIELD_MM, HASH_SIZE):
        raise DataError(
            f"{path} has hashes of {prints.hash_size} x {prints.hash_size} bits over "
            f"{prints.field_mm:g} mm; here they are of {HASH_SIZE} x {HASH_SIZE} over "
            f"{FIELD_MM:g} mm.",
            "Write it anew with this version.",
        )
    try:
        prints.as_prints()
    except ValueError as error:
        raise DataError(f"{path}: {error}.") from None
    return prints


def hash_bits(tile: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The perceptual hash of a square: ``(BITS,)``."""
    import imagehash
    from PIL import Image

    found: Any = imagehash.phash(Image.fromarray(tile), hash_size=HASH_SIZE)
    return np.asarray(found.hash, dtype=bool).ravel()


def _tiles(target: Volume, labels: NDArray[Any] | None) -> NDArray[np.uint8]:
    """A square around the ventricle from each slice that holds any; without labels, none."""
    from PIL import Image

    side = 4 * HASH_SIZE
    frame = target.voxels if target.voxels.ndim == 3 else target.voxels[0]
    if labels is None or not labels.any():
        return np.zeros((0, side, side), np.uint8)
    held = np.flatnonzero(labels.any(axis=(1, 2)))
    _, rows, columns = np.nonzero(labels)
    half_y, half_x = FIELD_MM / 2 / target.spacing[1], FIELD_MM / 2 / target.spacing[2]
    # In the coordinates of PIL, whose first pixel spans 0 to 1; padded, for the square may lie
    # partly beside the image.
    pad_y, pad_x = int(np.ceil(half_y)) + 1, int(np.ceil(half_x)) + 1
    middle_y, middle_x = rows.mean() + 0.5 + pad_y, columns.mean() + 0.5 + pad_x
    box = (middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y)
    tiles = []
    for z in held:
        plane = np.pad(np.asarray(frame[z], np.float32), ((pad_y, pad_y), (pad_x, pad_x)))
        square = np.asarray(
            # bilinear in PIL averages where it makes smaller
            Image.fromarray(plane).resize((side, side), Image.Resampling.BILINEAR, box=box)
        )
        low, high = np.percentile(square, _WINDOW)
        scaled = np.clip((square - low) / max(float(high - low), 1e-12), 0, 1) * 255
        tiles.append(np.rint(scaled).astype(np.uint8))
    return np.stack(tiles)


def _voxels_hash(target: Volume) -> str:
    """Of the values alone: the same image under another id, dtype or geometry is the same."""
    voxels = np.ascontiguousarray(target.voxels, dtype="<f4")
    return hashlib.sha256(f"{voxels.shape}".encode() + voxels.tobytes()).hexdigest()


def _unpacked(slices: list[str]) -> NDArray[np.bool_]:
    rows = []
    for text in slices:
        packed = np.frombuffer(bytes.fromhex(text), np.uint8)
        if packed.size * 8 != BITS:
            raise ValueError(f"a hash has {packed.size * 8} bits, not {BITS}")
        rows.append(np.unpackbits(packed).astype(bool))
    return np.array(rows, dtype=bool).reshape(-1, BITS)
