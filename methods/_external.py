"""What label maps made elsewhere have in common: codes of their own, and a grid that must fit."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from benchmark import Method, Region, Study
from benchmark.errors import DataError
from benchmark.grid import Grid, same_grid
from benchmark.labels import CANONICAL, LabelMap, parse_labels
from benchmark.nifti import read_labels
from benchmark.types import Labels

__all__ = ["External"]


class External(Method):
    """A method whose labels come in files, with codes of their own.

    Without ``labels`` the codes are canonical (1 cavity, 2 myocardium, 3 scar, 4 no-reflow), and
    cavity, myocardium, their union and scar are taken to be segmented; with it, what it names.
    """

    labels: str = Field(
        "", description="Meaning of the codes, 'cavity=1;myocardium=2;scar=3,4'; empty: canonical"
    )

    @field_validator("labels")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        if text:
            parse_labels(text)
        return text

    @property
    def label_map(self) -> LabelMap:
        """Canonical labels by code."""
        return parse_labels(self.labels) if self.labels else CANONICAL

    @property
    def produces(self) -> frozenset[Region]:  # type: ignore[override]
        """The regions that its labels speak about."""
        return self.label_map.regions if self.labels else Method.produces

    def labels_of(self, path: Path, study: Study) -> Labels:
        """The canonical labels in a file, which lies on the study's grid.

        Raises:
            DataError: The file cannot be read, holds other codes, or lies on another grid.
        """
        labels = self.label_map
        image = read_labels(path, labels.codes.keys())
        difference = same_grid(image.grid, Grid.of(study.target))
        if difference is not None:
            raise DataError(
                f"{path} does not lie on the image of {study.id!r}: {difference}",
                "Write it in the geometry of that image.",
            )
        return labels.apply(image.labels)
