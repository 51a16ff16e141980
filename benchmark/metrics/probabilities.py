"""Probabilities of regions as scoring takes them: checked once, then trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, UsageError, near_misses
from ..types import Region
from .definition import Status

__all__ = ["Probabilities", "checked_probabilities", "regions_of"]

#: ``(slice, row, column)`` in [0, 1]; or status and message of a case that lacks them.
Probabilities = NDArray[np.float64] | tuple[Status, str]


def checked_probabilities(
    what: str, region: Region, given: Any, shape: tuple[int, ...]
) -> Probabilities:
    """``given`` as float64 if it holds probabilities on the labels' grid.

    Args:
        what: Whose they are, for the message.
        region: Of what they are.
        given: An array, or status and message.
        shape: (slice, row, column) of the labels.

    Raises:
        DataError: Another shape, whole numbers, or a value that is not finite or leaves [0, 1].
    """
    if isinstance(given, tuple):
        return given
    values = np.asarray(given)
    of = f"{what}: the probabilities of {region.value}"
    if values.shape != tuple(shape):
        raise DataError(
            f"{of} have shape {values.shape}, the labels {tuple(shape)} (slice, row, column).",
            "Bring both to one grid first.",
        )
    if values.dtype.kind != "f":
        raise DataError(
            f"{of} have dtype {values.dtype}; probabilities are floats from 0 to 1.",
            "Divide stored bytes by 255.",
        )
    # NaN is neither inside nor outside.
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        raise DataError(
            f"{of} leave [0, 1]: {int(outside.sum())} voxels do, the first is "
            f"{values[outside][0]:g}.",
            "Give probabilities, not logits or percentages.",
        )
    return values.astype(np.float64, copy=False)


def regions_of(
    given: Mapping[str, NDArray[Any]] | None,
) -> dict[Region, NDArray[Any]] | None:
    """``given`` by region instead of by its name.

    Raises:
        UsageError: A name is no region's.
    """
    known = [region.value for region in Region]
    for name in given or ():
        if name not in known:
            raise UsageError(f"There is no region {name!r}.", near_misses(name, known))
    return None if given is None else {Region(name): values for name, values in given.items()}
