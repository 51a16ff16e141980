"""Joint counts and surface distances of label maps, by the C kernel or by its NumPy twin.

Both give the same bits. The C kernel is used where it was built, ``SCARBENCH_KERNEL=numpy`` or
``=c`` chooses by hand, and ``SCARBENCH_REQUIRE_KERNEL=1`` makes a kernel that is missing an error.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from . import twin
from .steps import squares, table

__all__ = ["KERNELS", "NAME", "Histogram", "describe", "distances", "joint", "membership"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Name = Literal["c", "numpy"]
_SOURCE = Path(__file__).with_name("_kernel.c")


@dataclass(frozen=True, eq=False)
class Histogram:
    """Surface distances of all regions, counted.

    Attributes:
        distances: ``(m,)`` mm, ascending.
        counts: ``(slices or 1, 2 * regions, m)``: voxels of the reference's surfaces by their
            distance to the compared ones, region by region, then the other way. Nothing is
            counted where either surface is empty.
        faces: ``(slices, 2 * regions)``: all surface voxels, in the same order.
        far: ``(n,)`` further distances, each greater than all in ``distances``.
        far_places: ``(n,)`` which of ``slices or 1`` times ``2 * regions`` each belongs to,
            ascending; the distances of one place ascend.
    """

    distances: Floats
    counts: Ints
    faces: Ints
    far: Floats
    far_places: Ints


def source_hash(text: bytes) -> str:
    """What the line ``SOURCE_HASH`` of the C source has to say."""
    plain = re.sub(rb'(#define SOURCE_HASH )"[0-9a-f]*"', rb"\1", text.replace(b"\r\n", b"\n"))
    return hashlib.sha256(plain).hexdigest()


def _load() -> tuple[ModuleType | None, str]:
    """The C kernel, or None and the reason."""
    try:
        # Whether it is there depends on a compiler, so mypy does not know it.
        from . import _kernel  # type: ignore[attr-defined,unused-ignore]
    except ImportError as error:
        return None, f"the C kernel was not built ({error})"
    expected = source_hash(_SOURCE.read_bytes())
    if expected != _kernel.SOURCE_HASH:
        return None, (
            f"the C kernel was built from another text than {_SOURCE.name}: "
            f"its line SOURCE_HASH has to say {expected}"
        )
    module: ModuleType = _kernel
    return module, ""


def _chosen(built: ModuleType | None, reason: str) -> Name:
    asked = os.environ.get("SCARBENCH_KERNEL", "")
    if asked not in ("", "c", "numpy"):
        raise UsageError(f"There is no kernel {asked!r}.", "Set SCARBENCH_KERNEL to c or numpy.")
    required = os.environ.get("SCARBENCH_REQUIRE_KERNEL", "") not in ("", "0")
    if built is None and (required or asked == "c"):
        raise UsageError(
            f"{reason[0].upper()}{reason[1:]}.", "Install a C compiler, then: pip install -e ."
        )
    return "numpy" if built is None or asked == "numpy" else "c"


_C, _REASON = _load()
#: The kernel in use.
NAME: Name = _chosen(_C, _REASON)
#: The kernels that can be used.
KERNELS: tuple[Name, ...] = ("numpy",) if _C is None else ("c", "numpy")


def describe() -> str:
    """The kernel in use and, where it is not the C kernel, why."""
    if NAME == "c":
        return "c"
    return f"numpy: {_REASON or 'chosen by SCARBENCH_KERNEL'}"


def _columns_contiguous(array: NDArray[np.uint8] | NDArray[np.bool_]) -> Bytes:
    found: Bytes = array.view(np.uint8)
    return found if found.strides[2] == 1 else np.ascontiguousarray(found)


def joint(
    reference: Bytes, compared: Bytes, n_labels: int, *, kernel: Name | None = None
) -> tuple[Ints, tuple[slice, slice]]:
    """Joint histogram per slice, and the rows and columns outside which all is background.

    Args:
        reference: ``(slice, row, column)``, values below ``n_labels``.
        compared: The same shape.
        n_labels: How many labels there are, background included; at most 16.
        kernel: Another than :data:`NAME`.

    Returns:
        ``(slice, reference label, compared label)`` counts, and the box.

    Raises:
        ValueError: A label is not below ``n_labels``.
    """
    counts: Ints = np.zeros((len(reference), n_labels, n_labels), dtype=np.int64)
    arguments = _columns_contiguous(reference), _columns_contiguous(compared), n_labels, counts
    if _C is not None and (kernel or NAME) == "c":
        y0, y1, x0, x1 = _C.joint(*arguments)
    else:
        y0, y1, x0, x1 = twin.joint(*arguments)
    return counts, (slice(y0, y1), slice(x0, x1))


def membership(regions: Sequence[Sequence[int]]) -> Bytes:
    """``(512,)``: which regions each label lies in, bit by bit; once for each map.

    Args:
        regions: The labels, not 0, of at most 8 regions.
    """
    found = np.zeros(512, dtype=np.uint8)
    for bit, labels in enumerate(regions):
        for label in labels:
            found[label] |= 1 << bit
            found[256 + label] |= 1 << bit
    return found


def distances(
    reference: NDArray[np.uint8] | NDArray[np.bool_],
    compared: NDArray[np.uint8] | NDArray[np.bool_],
    lut: Bytes,
    n_regions: int,
    spacing: tuple[float, float, float],
    *,
    in_plane: bool,
    per_slice: bool,
    kernel: Name | None = None,
) -> Histogram:
    """Distances between the surfaces of each region in two label maps.

    Args:
        reference: ``(slice, row, column)`` labels or mask.
        compared: The same shape.
        lut: What :func:`membership` gave.
        n_regions: How many regions it was given.
        spacing: (z, y, x) in mm.
        in_plane: A surface voxel has a background neighbour in its slice; else across any face.
            A stack of one slice is always taken in plane.
        per_slice: Measure within each slice. Needs ``in_plane``.
        kernel: Another than :data:`NAME`.
    """
    n_slices = reference.shape[0]
    in_plane = in_plane or n_slices == 1
    steps = table(spacing, per_slice or n_slices == 1)
    places = n_slices if per_slice else 1
    counts: Ints = np.zeros((places, 2 * n_regions, len(steps.distances)), dtype=np.int64)
    faces: Ints = np.zeros((n_slices, 2 * n_regions), dtype=np.int64)
    maps = _columns_contiguous(reference), _columns_contiguous(compared)
    if _C is not None and (kernel or NAME) == "c":
        axes = [squares(s, n) for s, n in zip(spacing, reference.shape, strict=True)]
        found = _C.distances(*maps, lut, n_regions, in_plane, per_slice, steps.steps, steps.rank,
                             steps.squared, *axes, counts, faces)  # fmt: skip
        bits = np.frombuffer(found[0], dtype=np.int32)
        d2 = np.frombuffer(found[1], dtype=np.float64)
    else:
        bits, d2 = twin.distances(*maps, lut, n_regions, in_plane, per_slice, steps, spacing,
                                  counts, faces)  # fmt: skip
    slices, bits = bits >> 4, bits & 15
    columns = np.where(bits < 8, bits, bits - 8 + n_regions)
    where = slices * np.int64(2 * n_regions) + columns
    order = np.argsort(where, kind="stable")
    where, far = where[order], np.sqrt(d2[order])
    starts = np.flatnonzero(np.diff(where, prepend=-1, append=-1)).tolist()
    for start, end in pairwise(starts):
        far[start:end].sort()
    return Histogram(steps.distances, counts, faces, far, where)
