"""Probability maps in files: a folder for each region, in it one file for each case.

A map is uint8, k standing for k/255 whether the header's slope says so or not, or floats from 0 to
1. Stored bytes are read as the numbers k/255 themselves, not as what the header's slope, of seven
digits, makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import BenchError, DataError, near_misses
from .grid import Grid, same_grid
from .masks import find_files
from .metrics.probabilities import Probabilities
from .nifti import read_grid
from .niftifile import read_header, read_raw, read_start
from .references import References
from .types import Region

__all__ = ["PREFIX", "StoredProbabilities", "read_probabilities"]

#: What the folders of a run's probabilities are called, before the region's name.
PREFIX = "probability-"
#: Of slope and range: what float32 headers and values leave.
_ROUNDING = 1e-6


def read_probabilities(path: Path) -> tuple[NDArray[np.float64], Grid]:
    """Probabilities ``(slice, row, column)`` in [0, 1], and their grid.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.

    Raises:
        DataError: The file cannot be read, holds whole numbers that are no bytes, looks like a
            mask, or has a value that is not finite or leaves [0, 1].
    """
    header = read_header(path, read_start(path))
    stored, slope = header.get_data_dtype(), header.get_slope_inter()[0]
    raw, grid = read_raw(path)
    if stored.kind in "biu" and slope in (None, 1.0):
        return _of_whole_numbers(path, raw), grid
    values = raw.astype(np.float64, copy=False)
    outside = ~((values >= -_ROUNDING) & (values <= 1 + _ROUNDING))  # NaN is outside
    if outside.any():
        raise DataError(
            f"{path} holds {values[outside][0]:g}, which is no probability; "
            f"{int(outside.sum())} of {values.size} voxels are not from 0 to 1.",
            "Store probabilities from 0 to 1, not logits or percentages.",
        )
    if stored == np.uint8 and slope is not None and abs(slope * 255 - 1) < _ROUNDING:
        values = np.rint(values * 255) / 255
    return values.clip(0.0, 1.0), grid


def _of_whole_numbers(path: Path, raw: NDArray[np.generic]) -> NDArray[np.float64]:
    if raw.dtype != np.uint8:
        raise DataError(
            f"{path} holds whole numbers of type {raw.dtype}, which are no probabilities.",
            "Store uint8 from 0 to 255, or floats from 0 to 1.",
        )
    if raw.max() == 1:
        raise DataError(
            f"{path} holds only 0 and 1 as bytes, where 255 is certainty: it looks like a mask.",
            "Store floats from 0 to 1, or uint8 from 0 to 255.",
        )
    return raw.astype(np.float64) / 255


@dataclass(frozen=True)
class StoredProbabilities:
    """The probability maps in a folder.

    Args:
        folder: Holds ``<region>/CASE.nii.gz``, or ``probability-<region>/CASE.nii.gz`` as a run's
            ``predictions`` does; then nothing else in it is looked at.

    Raises:
        DataError: No such folder, a subfolder that is no region, or two for one region; or none.
    """

    folder: Path
    files: Mapping[Region, Mapping[str, Path]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise DataError(
                f"The folder of probabilities {self.folder} does not exist.", "Check the path."
            )
        inside = [p for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
        stored = [p for p in inside if p.name.startswith(PREFIX)]
        found: dict[Region, Mapping[str, Path]] = {}
        for place in sorted(stored or inside):
            name = place.name.removeprefix(PREFIX)
            if name not in set(Region):
                raise DataError(f"{place} is named after no region.", near_misses(name, Region))
            found[Region(name)] = find_files(place, f"{name} probability", "Probabilities")
        if not found:
            raise DataError(
                f"The folder of probabilities {self.folder} has no folder of a region.",
                f"Put the maps of a case in {self.folder / 'scar'}/CASE.nii.gz, for instance.",
            )
        ordered = {region: found[region] for region in Region if region in found}
        object.__setattr__(self, "files", ordered)

    def faults(self, source: References) -> Iterator[str]:
        """What does not fit the references: maps of no case, or on another grid."""
        for region, files in self.files.items():
            for case, path in files.items():
                if case not in source.known:
                    yield f"{path} belongs to no reference case."
                    continue
                if case not in source.ids:
                    continue
                try:
                    difference = same_grid(read_grid(path), source.grid(case))
                except BenchError:
                    continue  # One case's own fault, which becomes its rows.
                if difference is not None:
                    yield f"{path}, of {region.value}, does not lie on its reference: {difference}"

    def of(self, case: str, grid: Grid) -> tuple[dict[Region, Probabilities], str | None]:
        """The maps of a case by region, and what is wrong with the first that cannot be read."""
        found: dict[Region, Probabilities] = {}
        fault: str | None = None
        for region, files in self.files.items():
            if case not in files:
                message = f"no file of this case among the probabilities of {region.value}"
                found[region] = "no_prediction", message
                continue
            try:
                values, lies = read_probabilities(files[case])
                difference = same_grid(lies, grid)
                if difference is not None:  # Only if the file has changed since it was checked.
                    raise DataError(f"{files[case]} does not lie on its reference: {difference}")
                found[region] = values
            except BenchError as error:
                fault = fault or error.problem
                found[region] = "error", error.problem
        return found, fault
