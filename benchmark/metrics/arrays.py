"""The usual metrics of several regions as arrays, with no table, card or policy around them.

For whoever has two arrays and wants numbers, such as a training loop. The definitions are those of
the metrics of the same names; :func:`benchmark.score` gives these numbers with their statuses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_spacing
from ..errors import DataError, UsageError, near_misses
from . import kernel

__all__ = ["evaluate", "evaluate_many"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Regions = tuple[tuple[int, ...], ...]
Spacing = tuple[float, float, float]
_DIMS = ("3d", "inplane3d", "slice")
#: Tolerances of NSD are meant up to the rounding of distances.
_SLACK = 1 + 1e-9


def evaluate(
    reference: NDArray[Any],
    compared: NDArray[Any],
    spacing: Spacing,
    regions: Sequence[Sequence[int]] = ((1,),),
    *,
    dim: Literal["3d", "inplane3d", "slice"] = "3d",
    tolerance: float = 2.0,
) -> dict[str, Floats]:
    """Dice, HD, HD95, ASSD and NSD of each region.

    Args:
        reference: ``(slice, row, column)`` bool or uint8, values below 16.
        compared: The same shape.
        spacing: (z, y, x) in mm.
        regions: Labels (1 to 15) of each region; at most 8 regions.
        dim: Geometry of the surface metrics; ``slice`` measures each slice by itself.
        tolerance: Of NSD, in mm.

    Returns:
        ``dice``, ``hd``, ``hd95``, ``assd`` (mm) and ``nsd``: ``(region,)`` arrays, for
        ``dim="slice"`` ``(slice, region)``. NaN is undefined: everything where both masks are
        empty, distances where one is. Dice and NSD are 0 there.

    Raises:
        DataError: The arrays do not fit each other or hold other values, or the spacing is none.
        UsageError: The regions, ``dim`` or the tolerance are impossible.
    """
    wanted = tuple(map(tuple, regions))
    inside, lut = _regions(wanted)
    _check(reference, compared)
    spacing = checked_spacing(spacing)
    if dim not in _DIMS:
        raise UsageError(f"There is no dim {dim!r} of masks.", near_misses(str(dim), _DIMS))
    if not tolerance >= 0:
        raise UsageError(f"A tolerance of {tolerance} mm.", "Give 0 or more.")
    try:
        joint, found, known = kernel.evaluate(
            reference.view(np.uint8), compared.view(np.uint8), lut, len(wanted), spacing,
            in_plane=dim != "3d", per_slice=dim == "slice", tolerance=tolerance * _SLACK,
        )  # fmt: skip
    except ValueError as error:
        raise DataError(f"Labels: {error}.", "Renumber them below 16.") from error
    if known is None:
        known = _of_histograms(joint, found, inside, dim == "slice", tolerance * _SLACK)
    names = ("dice", "hd", "hd95", "assd", "nsd")
    return {n: v if dim == "slice" else v[0] for n, v in zip(names, known, strict=True)}


def evaluate_many(
    pairs: Iterable[tuple[NDArray[Any], NDArray[Any], Spacing]],
    regions: Sequence[Sequence[int]] = ((1,),),
    *,
    dim: Literal["3d", "inplane3d", "slice"] = "3d",
    tolerance: float = 2.0,
    threads: int | None = None,
) -> Iterator[dict[str, Floats]]:
    """:func:`evaluate` of many pairs at once, in their order.

    The C kernel works outside Python's lock, so threads are enough to use every core. Pairs are
    drawn a few at a time: they need not fit in memory together.

    Args:
        pairs: Reference, compared map and spacing of each.
        regions: See :func:`evaluate`.
        dim: See :func:`evaluate`.
        tolerance: See :func:`evaluate`.
        threads: How many; all CPUs by default.
    """
    workers = threads or os.cpu_count() or 1
    waiting = iter(pairs)

    def measured(pair: tuple[NDArray[Any], NDArray[Any], Spacing]) -> dict[str, Floats]:
        reference, compared, spacing = pair
        return evaluate(reference, compared, spacing, regions, dim=dim, tolerance=tolerance)

    with ThreadPoolExecutor(workers) as pool:
        while batch := list(islice(waiting, 4 * workers)):
            yield from pool.map(measured, batch)


@lru_cache(maxsize=64)
def _regions(regions: Regions) -> tuple[Ints, NDArray[np.uint8]]:
    """``(region, label)`` membership as 0 and 1, and as the kernel wants it."""
    labels = {label for region in regions for label in region}
    if not 1 <= len(regions) <= 8 or not all(regions) or not labels <= set(range(1, 16)):
        raise UsageError(f"Regions {regions} are not 1 to 8 sets of labels from 1 to 15.")
    inside: Ints = np.zeros((len(regions), 16), dtype=np.int64)
    for row, region in zip(inside, regions, strict=True):
        row[list(region)] = 1
    return inside, kernel.membership(regions)


def _check(reference: NDArray[Any], compared: NDArray[Any]) -> None:
    for name, array in (("Reference", reference), ("compared map", compared)):
        if array.ndim != 3 or not array.size or array.dtype.char not in "?B":
            raise DataError(
                f"{name} is {array.dtype} of shape {array.shape}, not bool or uint8 "
                "(slice, row, column)."
            )
    if reference.shape != compared.shape:
        raise DataError(f"Reference has shape {reference.shape}, the other {compared.shape}.")


def _of_histograms(
    joint: Ints, found: kernel.Histogram, inside: Ints, per_slice: bool, limit: float
) -> Floats:
    """``(5, slices or 1, regions)``: the metrics, NaN where undefined."""
    if not per_slice:
        joint = joint.sum(axis=0, keepdims=True)
    sizes = np.concatenate([joint.sum(axis=2), joint.sum(axis=1)]) @ inside.T
    ours, theirs = sizes[: len(joint)], sizes[len(joint) :]
    shared = (inside @ joint * inside).sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.stack([2 * shared / (ours + theirs), *_of_distances(found, limit)])
    values[0][ours + theirs == 0] = np.nan  # 0 / 0 has another sign bit
    values[4][(ours > 0) ^ (theirs > 0)] = 0.0
    return values


def _of_distances(found: kernel.Histogram, limit: float) -> list[Floats]:
    """HD, HD95, ASSD and NSD, as ``summarise`` in ``_kernel.c``; NaN where nothing is counted."""
    distances = found.distances
    places, columns, _ = found.counts.shape
    upto = found.counts.cumsum(axis=2)
    near = upto[:, :, -1]
    within = upto[:, :, int(np.searchsorted(distances, limit, side="right")) - 1]
    # One after another, in an order that no library chooses.
    sums = (found.counts * distances).cumsum(axis=2)[:, :, -1]
    total = near
    if len(found.far):
        starts = found.far_starts
        listed = np.diff(starts).reshape(places, columns)
        total = near + listed
    position = 0.95 * (total - 1)
    below = np.maximum(position, 0.0).astype(np.int64)
    # How many distances come before the one of a rank says which one it is.
    rank = np.stack([below, np.minimum(below + 1, total - 1), total - 1])
    index = (upto <= rank[..., None]).sum(axis=3)
    values = distances[np.minimum(index, len(distances) - 1)]
    if len(found.far):
        within, sums = within.copy(), sums.copy()
        for place, column in np.argwhere(listed).tolist():
            start = int(starts[place * columns + column])
            far = found.far[start : start + int(listed[place, column])]
            sums[place, column] += far.cumsum()[-1]
            within[place, column] += np.searchsorted(far, limit, side="right")
            for kind in range(3):
                past = int(rank[kind, place, column] - near[place, column])
                if past >= 0:
                    values[kind, place, column] = far[past]
    low, high, greatest = values
    hd95 = low + (high - low) * (position - below)
    half = columns // 2
    both = total[:, :half] + total[:, half:]
    none = both == 0
    result = [
        np.maximum(greatest[:, :half], greatest[:, half:]),
        np.maximum(hd95[:, :half], hd95[:, half:]),
        (sums[:, :half] + sums[:, half:]) / both,
        (within[:, :half] + within[:, half:]) / both,
    ]
    for array in result:
        array[none] = np.nan
    return result
