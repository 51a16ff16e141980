"""The inside of a NIfTI file: bytes, header, voxels.

Only nibabel's header is used. The whole file is decompressed, so that a damaged gzip is noticed by
its checksum, but no more of it is held than the header promises; integers are never turned into
floats.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import SPACINGS
from .errors import DataError
from .grid import Grid
from .gunzip import GROWTH, MAGIC, GunzipError, gunzip

__all__ = ["HEADERS", "Header", "grid_of", "read_header", "read_raw", "read_start"]

#: nibabel's headers are not typed.
Header = Any
#: What a gzip may need beyond its content for its own header and a block that barely compresses.
_SLACK = 66_000
#: The first four bytes of a header are its size.
HEADERS = {348: "Nifti1Header", 540: "Nifti2Header"}


def read_start(path: Path) -> bytes:
    """Enough of the beginning of a file, decompressed if need be, to hold its header.

    Raises:
        DataError: The file is missing, empty, unreadable or a damaged gzip.
    """
    longest = max(HEADERS)
    return _content(path, _packed(path, _SLACK + longest), longest, whole=False)


def _packed(path: Path, size: int = -1) -> bytes:
    """The bytes of a file as they are, or the first ``size`` of them."""
    try:
        with path.open("rb", buffering=0) as file:
            packed = file.readall() if size < 0 else file.read(size)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not packed:
        raise DataError(f"{path} is empty (0 bytes).", "Copy or download it again.")
    return packed


def _content(path: Path, packed: bytes, limit: int, *, whole: bool) -> bytes:
    """At most ``limit`` bytes of what a file holds."""
    if not packed.startswith(MAGIC):
        return packed[:limit]
    try:
        return gunzip(packed, limit, whole=whole)
    except GunzipError as error:
        raise DataError(
            f"{path} is a damaged gzip file of {path.stat().st_size} bytes: {error}.",
            "Copy or download it again.",
        ) from error


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
    low, high = SPACINGS
    if not all(low <= abs(v) <= high for v in pixdim):  # not so for NaN
        raise DataError(
            f"{path} has spacing (pixdim) {pixdim} mm (x, y, z); every one must be > 0, "
            f"from {low:g} to {high:g}.",
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

    packed, longest = _packed(path), max(HEADERS)
    start = _content(path, packed, longest, whole=False)
    if len(start) < longest:  # cut off, unless the whole file is as small
        start = _content(path, packed, longest, whole=True)
    header = read_header(path, start)
    grid = grid_of(path, header)
    try:
        dtype = header.get_data_dtype()
        slope, inter = header.get_slope_inter()
        offset = int(header.get_data_offset())
    except (HeaderDataError, OverflowError, ValueError) as error:
        raise DataError(f"{path} has a damaged header: {error}.") from error
    if dtype.kind not in "biuf":
        raise DataError(f"{path} holds dtype {dtype}, not real numbers.", "Convert it.")
    if offset < header["sizeof_hdr"]:
        raise DataError(
            f"{path} has a damaged header: its voxels begin at byte {offset} (vox_offset), within "
            f"the {header['sizeof_hdr']} bytes of the header itself.",
            "Write it anew with a tool that reads it right.",
        )
    count = math.prod(grid.shape)
    end = offset + count * dtype.itemsize
    # What cannot be in the file is not held up to there; its checksums are compared all the same.
    held = end if end <= GROWTH * len(packed) else longest
    content = _content(path, packed, held, whole=True)
    if held < end:
        raise DataError(
            f"{path} is cut off: its header promises {count * dtype.itemsize} bytes of voxels, "
            f"more than a file of {len(packed)} bytes can hold.",
            "Copy or download it again.",
        )
    if end > len(content):
        raise DataError(
            f"{path} is cut off: its header promises {count * dtype.itemsize} bytes of voxels, "
            f"{max(0, len(content) - offset)} are there.",
            "Copy or download it again.",
        )
    del packed
    voxels = np.frombuffer(content, dtype, count, offset).reshape(grid.shape)
    voxels = voxels.astype(dtype.newbyteorder("="), copy=False)
    if slope is not None and (slope, inter) != (1.0, 0.0):
        voxels = voxels * np.float64(slope) + np.float64(inter)
    return voxels, grid
