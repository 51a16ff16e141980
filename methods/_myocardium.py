"""A myocardium for methods that only find the scar in it: from a network, an atlas or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchmark import Case, Label, Method, Region, Segmentation, Study, TrainContext
from benchmark.errors import DataError
from benchmark.grid import Grid, same_grid
from benchmark.nifti import SUFFIXES, read_labels

from ._atlas import MyocardiumAtlas
from ._slices import still_volume
from ._slicewise import SlicewiseMethod

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

__all__ = ["InMyocardium", "MyocardiumNetwork"]

Mask = NDArray[np.bool_]


class MyocardiumNetwork(SlicewiseMethod):
    """The myocardium network of ``two_step`` alone: the same seed and cases, the same weights."""

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM})
    heads: ClassVar[Mapping[str, int]] = {"myocardium": 1}
    learns: ClassVar[tuple[Region, ...]] = (Region.MYOCARDIUM,)

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """Of the myocardium."""
        return {Region.MYOCARDIUM: networks["myocardium"](images)}


class InMyocardium(MyocardiumNetwork):
    """Marks as scar what ``scar`` says of the voxels of a myocardium.

    The myocardium comes from, as the parameter says,

    * ``network``: the myocardium network of ``two_step``;
    * ``atlas``: how often a place was myocardium in the training cases. No network, a second of
      training, a poor myocardium;
    * any other text: a folder with a mask ``ID.nii.gz`` for each study, in canonical labels, or of
      0 and 1 alone. Nothing is trained.

    Network and atlas are trained once for all methods that differ only in what they call scar.
    """

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})

    myocardium: str = Field(
        "network", min_length=1, description="'network', 'atlas' or a folder of masks ID.nii.gz"
    )

    def scar(self, values: NDArray[Any]) -> Mask:
        """Which of the myocardium's voxels are scar, from their intensities ``(n,)``, n > 0."""
        raise NotImplementedError

    def scar_in(
        self, voxels: NDArray[Any], mask: Mask, spacing: tuple[float, float, float]
    ) -> Mask:
        """Which voxels are scar, where more than the intensities decides: by default, nothing more.

        Args:
            voxels: The image, ``(slice, row, column)``.
            mask: Its myocardium, somewhere true.
            spacing: (z, y, x) in mm.

        Returns:
            Of the shape of the image; what is true outside ``mask`` does not count.
        """
        found = np.zeros_like(mask)
        found[mask] = self.scar(voxels[mask])
        return found

    def trainer(self) -> Method:
        """What learns the myocardium, if anything does: it knows nothing of scar."""
        if self.myocardium == "network":
            names = MyocardiumNetwork.model_fields
            return MyocardiumNetwork(**{name: getattr(self, name) for name in names})
        if self.myocardium == "atlas":
            return MyocardiumAtlas(size=self.size, pixel_mm=self.pixel_mm)
        return self

    @property
    def trains(self) -> bool:
        """Unless the masks are given."""
        return self.myocardium in ("network", "atlas")

    def files(self) -> Sequence[Path]:
        """The given masks, or what its network starts from."""
        if self.myocardium == "network":
            return super().files()
        if self.myocardium == "atlas":
            return ()
        return sorted(p for s in SUFFIXES for p in Path(self.myocardium).glob(f"*{s}"))

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Learn where the myocardium is, unless it is given.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has no label map, or its image has frames.
        """
        if self.trains:
            self.trainer().train(cases, context)

    def predict(self, study: Study) -> Segmentation:
        """The myocardium, and what is scar in it.

        Raises:
            DataError: The image has frames; the given mask is missing, damaged or on another grid.
            PluginError: What training leaves is not there.
        """
        volume = still_volume(study)
        mask = self.mask(study)
        labels = np.where(mask, np.uint8(Label.MYOCARDIUM), np.uint8(Label.BACKGROUND))
        if mask.any():
            labels[mask & self.scar_in(volume.voxels, mask, volume.spacing)] = Label.SCAR
        return Segmentation(labels)

    def mask(self, study: Study) -> Mask:
        """The myocardium on the study's grid; errors as :meth:`predict`."""
        if self.myocardium == "network":
            return np.asarray(self.probabilities(study)[Region.MYOCARDIUM] >= 0.5)
        if self.myocardium == "atlas":
            atlas = MyocardiumAtlas(size=self.size, pixel_mm=self.pixel_mm)
            return atlas.at(self.model).mask(study)
        return _mask_from_file(Path(self.myocardium), study)

    @property
    def epoch_count(self) -> int | None:
        """Of the myocardium network's training, where there is one."""
        return super().epoch_count if self.myocardium == "network" else None

    def parameter_count(self) -> int | None:
        """Of the myocardium network, where there is one."""
        return super().parameter_count() if self.myocardium == "network" else None

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """Of the network's training; None where there is none."""
        return super().estimate_seconds(cases, context) if self.myocardium == "network" else None


def _mask_from_file(folder: Path, study: Study) -> Mask:
    found = [p for p in (folder / f"{study.id}{s}" for s in SUFFIXES) if p.is_file()]
    if not found:
        raise DataError(
            f"There is no myocardium mask {folder / study.id}.nii.gz.",
            "Give a folder that has one for each study, or myocardium=network or atlas.",
        )
    image = read_labels(found[0])
    difference = same_grid(image.grid, Grid.of(still_volume(study)))
    if difference is not None:
        raise DataError(
            f"The myocardium mask {found[0]} does not lie on its study's grid: {difference}",
            "Write it in the geometry of the image.",
        )
    labels = image.labels.astype(np.uint8)
    if labels.max() <= 1:
        return np.asarray(labels == 1)
    return Region.MYOCARDIUM.mask(labels)
