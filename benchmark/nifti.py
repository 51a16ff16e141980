"""NIfTI files in and out, in the engine's axis order and with the spacing that holds.

A NIfTI array has axes (x, y, z); the engine's have (slice, row, column), which is its transpose.
The spacing is ``pixdim``. The affine states it a second time, and in real data sets (EMIDEC) the
two disagree: the affine is then kept for orientation only, and :attr:`Grid.disagreement` says so.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .errors import DataError
from .grid import Grid
from .niftifile import Header, grid_of, read_header, read_raw, read_start
from .types import Label, Volume, checked_labels

__all__ = [
    "CANONICAL",
    "SUFFIXES",
    "LabelImage",
    "file_stem",
    "read_grid",
    "read_image",
    "read_labels",
    "write_image",
    "write_labels",
    "write_probabilities",
]

#: What the name of a file that is read may end in.
SUFFIXES = (".nii.gz", ".nii")
#: The canonical label values.
CANONICAL = tuple(map(int, Label))


@dataclass(frozen=True, eq=False)
class LabelImage:
    """The labels of a file, with its own codes, and where they lie.

    Attributes:
        labels: ``(slice, row, column)``, an integer dtype.
        grid: Shape, spacing and affine of the file.
    """

    labels: NDArray[Any]
    grid: Grid


def file_stem(path: Path) -> str | None:
    """The name of a NIfTI file without its suffix; None for any other file."""
    for suffix in SUFFIXES:
        if path.name.endswith(suffix) and len(path.name) > len(suffix):
            return path.name[: -len(suffix)]
    return None


def read_image(path: Path) -> Volume:
    """Read a 3-D image.

    Integers keep their dtype. Floats of 64 bits (as scaled integers are, too) become int16 where
    that loses nothing, float32 otherwise.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file; a fourth axis of length 1 is dropped.

    Returns:
        Voxels ``(slice, row, column)``, spacing from ``pixdim`` in mm, the file's affine.

    Raises:
        DataError: The file is missing, damaged or no NIfTI, is not 3-D, has a spacing that is not
            positive, or holds NaN, infinity or anything but real numbers.
    """
    voxels, grid = read_raw(path)
    if voxels.dtype.kind == "f":
        finite = np.isfinite(voxels)
        if not finite.all():
            bad, first = int(voxels.size - finite.sum()), np.argwhere(~finite)[0].tolist()
            raise DataError(
                f"{path}: {bad} of {voxels.size} voxels are NaN or infinite, the first at "
                f"(slice, row, column) {tuple(first)}.",
                "Replace them, by 0 for instance, in the file.",
            )
    return Volume(_compact(voxels), grid.spacing, grid.affine)


def read_labels(path: Path, known: Collection[int] | None = CANONICAL) -> LabelImage:
    """Read a label file; whole numbers that a tool wrote as floats are accepted.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        known: The codes that may occur; by default the canonical labels, None for any >= 0.

    Raises:
        DataError: As in :func:`read_image`; or a value that is no whole number, negative, or not
            known.
    """
    labels, grid = read_raw(path)
    if labels.dtype.kind == "f":
        whole = labels == np.rint(labels)  # False for NaN as well
        if not whole.all():
            value = labels[~whole].flat[0]
            raise DataError(
                f"{path} holds {value:g} where labels are whole numbers.",
                "Write integer labels; if this is a probability map, threshold it first.",
            )
        if np.abs(labels).max() > np.iinfo(np.int32).max:
            raise DataError(f"{path} holds {labels.flat[np.abs(labels).argmax()]:g} as a label.")
        labels = labels.astype(np.int32)
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise DataError(
            f"{path} holds the negative label {low}.", "Labels are >= 0; 0 is background."
        )
    # Which values there are costs far more to find out than how far they reach.
    if known is None or (high < len(known) and all(v in known for v in range(high + 1))):
        unknown = []
    else:
        unknown = [v for v in np.unique(labels).tolist() if v not in known]
    if unknown:
        listed = ", ".join(map(str, unknown[:8])) + (" ..." if len(unknown) > 8 else "")
        raise DataError(
            f"{path} holds the unknown label {listed}; known are "
            f"{', '.join(map(str, sorted(known or ())))}.",
            "Say what its codes mean, for instance with labels 'cavity=1;myocardium=2;scar=3,4'.",
        )
    if labels.dtype != np.uint8 and high <= np.iinfo(np.uint8).max:
        labels = labels.astype(np.uint8)
    return LabelImage(labels, grid)


def read_grid(path: Path) -> Grid:
    """Shape, spacing and affine of a file; only its beginning is read.

    Raises:
        DataError: As in :func:`read_image`, as far as the header shows it.
    """
    return grid_of(path, read_header(path, read_start(path)))


def write_image(path: Path, image: Volume) -> None:
    """Write an image as it is: no scaling, and the geometry that :func:`write_labels` gives.

    Frames become the fourth axis of the file, their mean distance its spacing in ms. Dtypes that
    NIfTI or its readers lack become the next larger one that they have.

    Args:
        path: Ends in ``.nii.gz`` or ``.nii``.
        image: What to write.

    Raises:
        DataError: ``path`` cannot be written.
    """
    voxels = image.voxels
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind == "b":
        voxels = voxels.astype(np.uint8)
    elif kind == "f" and size not in (4, 8):
        voxels = voxels.astype(np.float32 if size < 4 else np.float64)
    elif kind in "iu" and size == 8:
        small = np.iinfo(np.int32)
        fits = small.min <= int(voxels.min()) and int(voxels.max()) <= small.max
        voxels = voxels.astype(np.int32 if fits else np.float64)
    step = 0.0
    if image.times_ms is not None and image.n_frames > 1:
        step = (image.times_ms[-1] - image.times_ms[0]) / (image.n_frames - 1)
    _write(path, voxels, image, step_ms=max(step, 0.0))


def write_labels(path: Path, labels: NDArray[Any], like: Volume) -> None:
    """Write canonical labels as uint8 in the geometry of ``like``.

    ``pixdim`` holds the spacing, and the affine is the study's own, even where the two disagree:
    whatever reads the source and the labels with the same software then finds them on one grid.
    The same labels give the same bytes, and the file appears whole or not at all.

    Args:
        path: Ends in ``.nii.gz`` or ``.nii``.
        labels: ``(slice, row, column)`` canonical labels.
        like: The image they belong to.

    Raises:
        DataError: Labels that are not canonical or have another shape; ``path`` cannot be written.
    """
    checked = checked_labels(labels)
    if checked.shape != like.shape:
        raise DataError(
            f"{path}: the labels have shape {checked.shape}, their image has {like.shape} "
            "(slice, row, column)."
        )
    _write(path, checked, like)


def write_probabilities(path: Path, values: NDArray[Any], like: Volume) -> None:
    """Write probabilities as uint8, in steps of 1/255 that the header's slope states.

    Args:
        path: Ends in ``.nii.gz`` or ``.nii``.
        values: ``(slice, row, column)`` in [0, 1].
        like: The image they belong to.

    Raises:
        DataError: ``path`` cannot be written.
    """
    _write(path, np.rint(values * 255).astype(np.uint8), like, slope=1 / 255)


def _write(
    path: Path,
    voxels: NDArray[Any],
    like: Volume,
    slope: float | None = None,
    step_ms: float = 0.0,
) -> None:
    from nibabel import nifti1

    grid = Grid.of(like)
    header: Header = nifti1.Nifti1Header()  # type: ignore[no-untyped-call]
    header.set_data_dtype(voxels.dtype.newbyteorder("="))
    header.set_data_shape(voxels.shape[::-1])
    header.set_xyzt_units("mm", *(["msec"] if voxels.ndim == 4 else []))
    if grid.disagreement is None:
        # Both forms, because programs differ in which they believe.
        header.set_qform(grid.affine, code=1)
    header.set_sform(grid.affine, code=1 if grid.disagreement is None else 2)
    header.set_zooms((*grid.spacing[::-1], step_ms)[: voxels.ndim])
    header.set_slope_inter(slope, None if slope is None else 0.0)
    content = _single_file(header, voxels)
    if path.name.endswith(".gz"):
        packed = io.BytesIO()
        # No name and no time: the bytes follow from the labels.
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=6
        ) as file:
            file.write(content)
        content = packed.getvalue()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _single_file(header: Header, voxels: NDArray[Any]) -> bytes:
    """A whole ``.nii``: header, four bytes for "no extension", voxels with x fastest."""
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    native = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    return bytes(header.binaryblock) + b"\0\0\0\0" + native.tobytes(order="C")


def _compact(voxels: NDArray[Any]) -> NDArray[Any]:
    """Floats of more than 32 bits as int16 if that is exact, else as float32 if they fit."""
    if voxels.dtype.kind != "f" or voxels.dtype.itemsize <= 4:
        return voxels
    low, high = float(voxels.min()), float(voxels.max())
    limits = np.iinfo(np.int16)
    if limits.min <= low and high <= limits.max and (voxels == np.rint(voxels)).all():
        return voxels.astype(np.int16)
    if max(-low, high) <= np.finfo(np.float32).max:
        return voxels.astype(np.float32)
    return voxels
