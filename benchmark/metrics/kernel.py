"""Joint counts and surface distances of label maps, by the C kernel or by its NumPy twin.

Both give the same bits. The C kernel is used where it was built, ``SCARBENCH_KERNEL=numpy`` or
``=c`` chooses by hand, and ``SCARBENCH_REQUIRE_KERNEL=1`` makes a kernel that is missing an error.
The C kernel keeps its memory, up to 128 MB, from one call to the next.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from . import twin
from .job import Histogram, Job, columns_contiguous

__all__ = [
    "KERNELS",
    "NAME",
    "Histogram",
    "describe",
    "distances",
    "evaluate",
    "joint",
    "membership",
]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Name = Literal["c", "numpy"]
#: Of a slice, for the C kernel.
_MOST_ROWS = 32_766
_SOURCE = Path(__file__).with_name("_kernel.c")


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


def _compiled(asked: Name | None, n_rows: int) -> ModuleType | None:
    """The C kernel, if it is the one asked for; it counts rows in 16 bits."""
    if (asked or NAME) != "c":
        return None
    if _C is None:
        raise UsageError("The C kernel is not there.", "Ask for numpy, or for none.")
    return _C if n_rows <= _MOST_ROWS else None


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
    arguments = columns_contiguous(reference), columns_contiguous(compared), n_labels, counts
    compiled = _compiled(kernel, reference.shape[1])
    if compiled is not None:
        y0, y1, x0, x1 = compiled.joint(*arguments)
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
    job = Job.of(reference, compared, lut, n_regions, spacing, in_plane, per_slice)
    compiled = _compiled(kernel, reference.shape[1])
    if compiled is not None:
        return job.histogram(*compiled.distances(*job.arguments()))
    return job.histogram(*job.by_twin())


def evaluate(
    reference: Bytes,
    compared: Bytes,
    lut: Bytes,
    n_regions: int,
    spacing: tuple[float, float, float],
    *,
    in_plane: bool,
    per_slice: bool,
    tolerance: float,
    kernel: Name | None = None,
) -> tuple[Ints, Histogram, Floats | None]:
    """Both at once: :func:`joint` counts of labels below 16, and :func:`distances`.

    Args:
        reference: See :func:`distances`, like all that follow.
        compared: The same shape.
        lut: What :func:`membership` gave.
        n_regions: How many regions it was given.
        spacing: (z, y, x) in mm.
        in_plane: Surfaces in plane.
        per_slice: Measure within each slice.
        tolerance: Of NSD, in mm.
        kernel: Another than :data:`NAME`.

    Returns:
        The counts, the distances and, where the C kernel knows them already, ``(5, slices or 1,
        regions)``: Dice, HD, HD95, ASSD and NSD, NaN where undefined.

    Raises:
        ValueError: A label is not below 16.
    """
    compiled = _compiled(kernel, reference.shape[1])
    if compiled is None:
        counts, box = joint(reference, compared, 16, kernel=kernel)
        crop = (slice(None), *box)
        found = distances(
            reference[crop], compared[crop], lut, n_regions, spacing,
            in_plane=in_plane, per_slice=per_slice, kernel=kernel,
        )  # fmt: skip
        return counts, found, None
    job = Job.of(reference, compared, lut, n_regions, spacing, in_plane, per_slice)
    counts = np.zeros((len(reference), 16, 16), dtype=np.int64)
    out: Floats = np.empty((5, len(job.counts), n_regions))
    within = int(np.searchsorted(job.steps.distances, tolerance, side="right")) - 1
    far = compiled.evaluate(*job.arguments(), counts, job.steps.distances, within, out)
    return counts, job.histogram(*far), None if far[1] else out
