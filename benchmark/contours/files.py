"""Contours as JSON, as a run leaves them: ``[[slice, kind, [[row, column], ...]], ...]``.

A file may come from anybody, so nothing in it is believed: its size, its shape, the kinds, whether
every number is one and is finite, and whether each contour lies on the grid it is said to.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, near_misses
from ..types import Contour
from .filling import checked_on_grid

__all__ = [
    "MAX_BYTES",
    "MAX_CONTOURS",
    "MAX_POINTS",
    "as_rows",
    "checked_contours",
    "find_contours",
    "read_contours",
]

#: A hundred times what the contours of a large cine study need.
MAX_BYTES = 100_000_000
#: Of one contour; a thousand are drawn, and distances are sampled along each edge.
MAX_POINTS = 20_000
#: Of one kind in one slice; one is drawn, and each is filled over the whole slice.
MAX_CONTOURS = 1_000


def as_rows(contours: Iterable[Contour]) -> list[list[Any]]:
    """What a file of these contours holds, ready for JSON."""
    return [[c.slice, c.kind, c.points.tolist()] for c in contours]


def find_contours(folder: Path | None, cases: Collection[str]) -> dict[str, Path]:
    """Files of contours by case, ``<case>.json``; none without a folder.

    Args:
        folder: Where they lie, flat.
        cases: Those that may have contours; not all need to.

    Raises:
        DataError: There is no such folder, it holds no such file, or one of no case.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise DataError(f"There is no folder of contours {folder}.")
    # macOS leaves a hidden ._<case>.json beside what it copies to a foreign disk.
    paths = (p for p in sorted(folder.glob("*.json")) if not p.name.startswith("."))
    found = {path.stem: path for path in paths}
    if not found:
        raise DataError(f"{folder} holds no contours.", "Name each file <case>.json.")
    for case, path in found.items():
        if case not in cases:
            raise DataError(f"{path} belongs to no reference case.", near_misses(case, cases))
    return found


def read_contours(path: Path, shape: Sequence[int]) -> tuple[Contour, ...]:
    """The contours in a file, in its order; none where its list is empty.

    Args:
        path: JSON: a list of ``[slice, kind, points]`` with slices counted from 0, ``endo`` or
            ``epi``, and points (row, column) in pixels, pixel centres at whole numbers.
        shape: (slice, row, column) of the grid they lie on.

    Raises:
        DataError: The file cannot be read, is larger than :data:`MAX_BYTES` or no such list, or a
            contour in it is none or lies off the grid.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} has more than the {MAX_BYTES:,} bytes contours may have.")
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:  # no text, no JSON, or nested beyond reason
        raise DataError(f"{path} is not valid JSON ({error}).") from None
    if not isinstance(rows, list):
        raise _malformed(path, f"it holds {type(rows).__name__}, no list")
    contours: list[Contour] = []
    sums: _Sums = {}
    for number, row in enumerate(rows):
        try:
            contours.append(_contour(row))
            _check(contours[-1], shape, sums)
        except DataError as error:
            raise _malformed(path, f"entry {number}: {error.problem}") from None
    return tuple(contours)


def checked_contours(contours: Iterable[Contour], shape: Sequence[int]) -> None:
    """Refuse contours that cannot be of this grid, or are more than can be drawn on it.

    Few points far apart may make a curve without end, which is sampled every 0.1 mm. So those of
    one kind in one slice may together be as long as all edges of its pixels and of a margin of one
    around them: longer than the outlines, through midpoints, of any mask.

    Raises:
        DataError: One of them.
    """
    sums: _Sums = {}
    for contour in contours:
        _check(contour, shape, sums)


#: How many contours there are, and their length in pixels, by slice and kind.
_Sums = dict[tuple[int, str], tuple[int, float]]


def _check(contour: Contour, shape: Sequence[int], sums: _Sums) -> None:
    """Refuse ``contour`` alone, or with those in ``sums``, where it is then counted."""
    if len(contour.points) > MAX_POINTS:
        raise DataError(
            f"The {contour.kind} contour of slice {contour.slice} has "
            f"{len(contour.points):,} points; {MAX_POINTS:,} are allowed."
        )
    checked_on_grid(contour, shape)
    count, length = sums.get((contour.slice, contour.kind), (0, 0.0))
    edges = contour.points - np.roll(contour.points, 1, axis=0)
    count, length = count + 1, length + float(np.hypot(edges[:, 0], edges[:, 1]).sum())
    sums[contour.slice, contour.kind] = count, length
    most = 2 * (shape[1] + 2) * (shape[2] + 2)
    if count > MAX_CONTOURS or length > most:
        raise DataError(
            f"The {contour.kind} contours of slice {contour.slice} are {count:,} of {length:,.0f} "
            f"pixels together; {MAX_CONTOURS:,} of {most:,} are allowed."
        )


def _contour(row: Any) -> Contour:
    if not isinstance(row, list) or len(row) != 3:
        raise DataError("it is not [slice, kind, points].")
    index, kind, points = row
    if not isinstance(index, int) or isinstance(index, bool):
        raise DataError(f"its slice is {_short(index)}, no whole number.")
    if kind not in ("endo", "epi"):
        raise DataError(f"its kind is {_short(kind)}, not 'endo' or 'epi'.")
    if not isinstance(points, list) or len(points) > MAX_POINTS:
        raise DataError(f"its points are no list of at most {MAX_POINTS:,}.")
    for point in points:
        if not (isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))):
            raise DataError(f"a point is {_short(point)}, not [row, column].")
    return Contour(index, kind, np.array(points, dtype=np.float64))  # wants three, and finite


def _is_number(value: Any) -> bool:
    if isinstance(value, int):  # of any length in JSON; beyond this no pixel is
        return not isinstance(value, bool) and abs(value) < 2**53
    return isinstance(value, float)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _malformed(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} holds no contours: {what}",
        "It is a list of [slice, 'endo' or 'epi', [[row, column], ...]], in pixels, from 0.",
    )
