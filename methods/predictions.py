"""A folder of label maps made before, as a method.

``bench run -m predictions --set folder=DIR`` scores ``DIR/CASE.nii.gz`` for each case tested on (or
``DIR/CASE/Contours/CASE.nii.gz``, as EMIDEC lays it out), beside the methods that are run here:
one record, the same tables. ``bench score`` does it without a data set.

A case without a file is ``no_prediction``: counted as the worst, never left out. Files of other
cases are not looked at, so the folder may hold more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, field_validator

from benchmark import Region, Segmentation, Study
from benchmark.errors import DataError, NoPredictionError
from benchmark.grid import Grid, same_grid
from benchmark.masks import find_files
from benchmark.probabilities import StoredProbabilities, read_probabilities

from ._external import External

__all__ = ["Predictions"]


class Predictions(External):
    """Label maps in files, and probabilities where a folder of them is given."""

    needs: ClassVar[frozenset[str]] = frozenset()

    folder: Path = Field(description="Holds CASE.nii.gz for each case")
    probabilities: Path | None = Field(
        None, description="Holds scar/CASE.nii.gz, or probability-scar/CASE.nii.gz, and so on"
    )

    _found: Mapping[str, Path] | None = PrivateAttr(default=None)

    @field_validator("folder", "probabilities")
    @classmethod
    def _is_there(cls, folder: Path | None) -> Path | None:
        if folder is None:
            return None
        folder = folder.expanduser()
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
        return folder

    def files(self) -> Sequence[Path]:
        """Every label map and every probability map there.

        Raises:
            DataError: There is none, or two for one case.
        """
        masks = list(self._masks().values())
        if self.probabilities is None:
            return masks
        maps = StoredProbabilities(self.probabilities).files
        return [*masks, *(path for files in maps.values() for path in files.values())]

    def predict(self, study: Study) -> Segmentation:
        """The label map of ``study``, and its probabilities where there are any.

        Raises:
            NoPredictionError: There is no label map of it.
            DataError: A file cannot be read, holds other codes or lies on another grid.
        """
        path = self._masks().get(study.id)
        if path is None:
            raise NoPredictionError(
                f"{self.folder} has no label map of {study.id!r}.", f"Add {study.id}.nii.gz."
            )
        return Segmentation(self.labels_of(path, study), probabilities=self._probable(study))

    def _masks(self) -> Mapping[str, Path]:
        """Label maps by case, looked for once."""
        if self._found is None:
            self._found = find_files(self.folder, "prediction", "Contours")
        return self._found

    def _probable(self, study: Study) -> Mapping[Region, NDArray[np.float32]] | None:
        if self.probabilities is None:
            return None
        found = {}
        for region, files in StoredProbabilities(self.probabilities).files.items():
            if study.id not in files:
                continue
            values, grid = read_probabilities(files[study.id])
            difference = same_grid(grid, Grid.of(study.target))
            if difference is not None:
                raise DataError(
                    f"{files[study.id]} does not lie on the image of {study.id!r}: {difference}",
                    "Write it in the geometry of that image.",
                )
            found[region] = values.astype(np.float32)
        return found
