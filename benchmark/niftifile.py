"""The inside of a NIfTI file: bytes, header, voxels.

Only nibabel's header is used. The voxels are read from the whole decompressed file, so that a
damaged gzip is noticed by its checksum and integers are never turned into floats.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .grid import Grid

__all__ = ["grid_of", "read_content", "read_header", "read_raw"]

#: nibabel's headers are not typed.
Header = Any
#: What a gzip may need beyond its content for its own header and a block that barely compresses.
_SLACK = 66_000
#: The first four bytes of a header are its size.
HEADERS = {348: "Nifti1Header", 540: "Nifti2Header"}


def read_content(path: Path, limit: int | None = None) -> bytes:
    """The bytes of a file, or its first ``limit`` bytes, decompressed if need be.

    Raises:
        DataError: The file is missing, empty, unreadable or a damaged gzip.
    """
    try:
        packed = path.read_bytes() if limit is None else _first(path, _SLACK + limit)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not packed:
        raise DataError(f"{path} is empty (0 bytes).", "Copy or download it again.")
    if packed[:2] != b"\x1f\x8b":
        return packed[:limit]
    try:
        if limit is None:
            return gzip.decompress(packed)
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, limit)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path} is a damaged gzip file of {path.stat().st_size} bytes: {error}.",
            "Copy or download it again.",
        ) from error


def _first(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def read_header(path: Path, content: bytes) -> Header:
    """The header, unchecked: nibabel's check would turn a spacing of 0 into 1 without a word.

    Raises:
        DataError: There is none.
    """
    import nibabel as nib

    sizes = {int.from_bytes(content[:4], order) for order in ("little", "big")}
    known = sizes & set(HEADERS)
    if not known or len(content) < max(known):
        raise DataError(
            f"{path} is no NIfTI file: it begins with {content[:4]!r}.",
            "Convert it to .nii or .nii.gz.",
        )
    size = known.pop()
    header = getattr(nib, HEADERS[size])(binaryblock=content[:size], check=False)
    if not bytes(header["magic"]).startswith(b"n+"):
        raise DataError(
            f"{path} is no single-file NIfTI (magic {bytes(header['magic'])!r}).",
            "Convert it to .nii or .nii.gz.",
        )
    return header


def grid_of(path: Path, header: Header) -> Grid:
    """The grid that a header describes; ``path`` is for the messages.

    Raises:
        DataError: It is not 3-D, or spacing, unit or affine are unusable.
    """
    from nibabel.spatialimages import HeaderDataError

    axes = tuple(int(n) for n in header.get_data_shape())
    while len(axes) > 3 and axes[-1] == 1:
        axes = axes[:-1]
    if len(axes) != 3 or min(axes) < 1:
        raise DataError(
            f"{path} has {len(axes)} axes, shape {axes}; one 3-D volume (x, y, z) is needed.",
            "Split a series into one file per volume; stack single slices.",
        )
    pixdim = tuple(float(v) for v in header["pixdim"][1:4])
    if not all(math.isfinite(v) and v != 0 for v in pixdim):
        raise DataError(
            f"{path} has spacing (pixdim) {pixdim} mm (x, y, z); every one must be > 0.",
            "Set pixdim in the header to the true voxel size.",
        )
    unit = header.get_xyzt_units()[0]
    if unit not in ("mm", "unknown"):
        raise DataError(f"{path} has its spacing in {unit}.", "Convert the header to mm.")
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (HeaderDataError, ValueError) as error:
        raise DataError(f"{path} has an unusable affine: {error}.") from error
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise DataError(
            f"{path} has an affine that cannot be inverted: {affine[:3].tolist()}.",
            "Repair sform or qform in the header.",
        )
    x, y, z = map(abs, pixdim)
    return Grid((axes[2], axes[1], axes[0]), (z, y, x), affine)


def read_raw(path: Path) -> tuple[NDArray[Any], Grid]:
    """Voxels ``(slice, row, column)``, scaled and in native byte order, and their grid.

    Raises:
        DataError: The file is missing, damaged, not a 3-D NIfTI, or not of real numbers.
    """
    from nibabel.spatialimages import HeaderDataError

    content = read_content(path)
    header = read_header(path, content)
    grid = grid_of(path, header)
    try:
        dtype = header.get_data_dtype()
        slope, inter = header.get_slope_inter()
    except HeaderDataError as error:
        raise DataError(f"{path} has a damaged header: {error}.") from error
    if dtype.kind not in "biuf":
        raise DataError(f"{path} holds dtype {dtype}, not real numbers.", "Convert it.")
    offset, count = int(header.get_data_offset()), math.prod(grid.shape)
    if offset < 0 or offset + count * dtype.itemsize > len(content):
        raise DataError(
            f"{path} is cut off: its header promises {count * dtype.itemsize} bytes of voxels, "
            f"{max(0, len(content) - offset)} are there.",
            "Copy or download it again.",
        )
    voxels = np.frombuffer(content, dtype, count, offset).reshape(grid.shape)
    voxels = voxels.astype(dtype.newbyteorder("="), copy=False)
    if slope is not None and (slope, inter) != (1.0, 0.0):
        voxels = voxels * np.float64(slope) + np.float64(inter)
    return voxels, grid
