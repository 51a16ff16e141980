"""Checks that the value types share: what does not fit is a :class:`DataError` that says so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .regions import Label, Labels

__all__ = [
    "SPACINGS",
    "Attribute",
    "checked_affine",
    "checked_attributes",
    "checked_id",
    "checked_labels",
    "checked_numbers",
    "checked_spacing",
]

Attribute = str | int | float | bool | None

#: From a nanometre to a kilometre, in mm: beyond, squares of distances would lose digits; no unit
#: of length leads there.
SPACINGS = (1e-6, 1e6)
#: No file of these names can be made on Windows, whatever its suffix.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}
#: Most file systems allow names of 255 bytes; what is added to an id needs the rest.
_LONGEST = 200


def checked_id(name: Any) -> str:
    """``name`` if it can be a file name that stays in its folder, on every system.

    Raises:
        DataError: It is no text, is empty, longer than 200 bytes, starts with a dot, ends with a
            dot or a space, holds a separator or a control character, or is reserved on Windows.
    """
    if not isinstance(name, str):
        raise DataError(f"{name!r} cannot be a case id: it is {type(name).__name__}, not text.")
    bad = not name or name.startswith(".") or name.endswith(".") or name != name.strip()
    bad = bad or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name)
    if bad or len(name.encode()) > _LONGEST or name.partition(".")[0].lower() in _RESERVED:
        raise DataError(
            f"{name!r} cannot be a case id.",
            "Use letters, digits, '-', '_' and '.'; no path separators, no dot at either end.",
        )
    return name


def checked_spacing(spacing: Any) -> tuple[float, float, float]:
    """``spacing`` as three floats, (z, y, x) in mm, from a nanometre to a kilometre.

    Raises:
        DataError: It is not that.
    """
    values = _floats(spacing)
    low, high = SPACINGS
    if values is None or len(values) != 3 or not all(low <= s <= high for s in values):
        shown = spacing if values is None else values
        raise DataError(
            f"Spacing is (z, y, x) in mm, all > 0; this is {shown}.", "Give 1e-6 to 1e6 mm."
        )
    return values[0], values[1], values[2]


def checked_numbers(name: str, numbers: Any, length: int) -> tuple[float, ...]:
    """``numbers`` as ``length`` finite floats.

    Raises:
        DataError: It is not that.
    """
    values = _floats(numbers)
    if values is None or len(values) != length or not all(map(math.isfinite, values)):
        shown = numbers if values is None else values
        raise DataError(f"{name} needs {length} finite numbers; it is {shown}.")
    return values


def _floats(numbers: Any) -> tuple[float, ...] | None:
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        return None
    try:
        return tuple(float(n) for n in numbers)
    except (TypeError, ValueError):
        return None


def checked_affine(affine: Any) -> NDArray[np.float64]:
    """``affine`` as a read-only 4x4 matrix.

    Raises:
        DataError: It is not finite, or not 4x4.
    """
    try:
        matrix = np.array(affine, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"An affine is a finite 4x4 matrix; this is {affine!r}.") from None
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise DataError(f"An affine is a finite 4x4 matrix; this is {matrix.tolist()}.")
    matrix.flags.writeable = False
    return matrix


def checked_attributes(owner: str, attributes: Mapping[str, Any]) -> dict[str, Attribute]:
    """``attributes`` with NumPy's scalars as Python's, so that they can be hashed and written.

    Raises:
        DataError: A name is no text, or a value no text, finite number, bool or None.
    """
    checked: dict[str, Attribute] = {}
    for name, given in attributes.items():
        value = given.item() if isinstance(given, np.generic) else given
        finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(name, str) or not isinstance(value, Attribute) or not finite:
            raise DataError(
                f"Attribute {name!r} of {owner!r} is {value!r}.",
                "Attributes are text, finite numbers, bools or None.",
            )
        checked[name] = value
    return checked


def checked_labels(labels: Any) -> Labels:
    """``labels`` as a read-only uint8 array of canonical values.

    Raises:
        DataError: Floats, a wrong number of axes, or values that are no canonical label.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "biu":
        raise DataError(
            f"Labels are integers; these are {array.dtype}.", "Convert them with .astype('uint8')."
        )
    if array.ndim != 3:
        raise DataError(f"Labels have axes (slice, row, column); these have shape {array.shape}.")
    if array.size and (array.min() < 0 or array.max() > max(Label)):
        unknown = sorted(set(np.unique(array).tolist()) - {int(v) for v in Label})
        listed = ", ".join(map(str, unknown[:8])) + (", ..." if len(unknown) > 8 else "")
        raise DataError(
            f"Label values [{listed}] are not canonical.",
            "Use 0 background, 1 cavity, 2 myocardium, 3 scar, 4 no-reflow.",
        )
    result = np.ascontiguousarray(array, dtype=np.uint8).view()
    result.flags.writeable = False
    return result
