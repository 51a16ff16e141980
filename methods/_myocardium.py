"""A myocardium for methods that only find the scar in it: from a network, an atlas or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchmark import Case, Label, Region, Segmentation, Study, TrainContext
from benchmark.atomic import replacing
from benchmark.errors import DataError, PluginError, UsageError
from benchmark.grid import Grid, same_grid
from benchmark.nifti import SUFFIXES, read_labels

from ._slices import region_masks, still_volume
from ._slicewise import SlicewiseMethod

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

__all__ = ["InMyocardium"]

Mask = NDArray[np.bool_]
#: Relative positions from apex to base at which the atlas is kept.
_LEVELS = 11
_ATLAS = "atlas.npy"


class InMyocardium(SlicewiseMethod):
    """Marks as scar what ``scar`` says of the voxels of a myocardium.

    The myocardium comes from, as the parameter says,

    * ``network``: the myocardium network of ``two_step``, trained alike: the same seed and cases
      give the same weights;
    * ``atlas``: how often a place is myocardium in the training cases, in mm about the image centre
      and by relative position between the first and the last slice, cut where the overlap with
      those cases is best. No network, a second of training, a poor myocardium;
    * any other text: a folder with a mask ``ID.nii.gz`` for each study, in canonical labels, or of
      0 and 1 alone. Nothing is trained.
    """

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM, Region.SCAR})
    heads: ClassVar[Mapping[str, int]] = {"myocardium": 1}
    learns: ClassVar[tuple[Region, ...]] = (Region.MYOCARDIUM,)

    myocardium: str = Field(
        "network", min_length=1, description="'network', 'atlas' or a folder of masks ID.nii.gz"
    )

    def scar(self, values: NDArray[Any]) -> Mask:
        """Which of the myocardium's voxels are scar, from their intensities ``(n,)``, n > 0."""
        raise NotImplementedError

    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """The myocardium network's."""
        return {Region.MYOCARDIUM: networks["myocardium"](images)}

    @property
    def trains(self) -> bool:
        """Unless the masks are given."""
        return self.myocardium in ("network", "atlas")

    def files(self) -> Sequence[Path]:
        """The given masks, or what its network starts from."""
        if self.trains:
            return super().files()
        return sorted(p for s in SUFFIXES for p in Path(self.myocardium).glob(f"*{s}"))

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Learn where the myocardium is, unless it is given.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has no label map, or its image has frames.
        """
        if self.myocardium == "network":
            super().train(cases, context)
        elif self.myocardium == "atlas":
            self._train_atlas(cases, context)

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
            inside = labels[mask]
            inside[self.scar(volume.voxels[mask])] = Label.SCAR
            labels[mask] = inside
        return Segmentation(labels)

    def mask(self, study: Study) -> Mask:
        """The myocardium on the study's grid; errors as :meth:`predict`."""
        if self.myocardium == "network":
            return np.asarray(self.probabilities(study)[Region.MYOCARDIUM] >= 0.5)
        if self.myocardium == "atlas":
            return self._mask_from_atlas(study)
        return _mask_from_file(Path(self.myocardium), study)

    def parameter_count(self) -> int | None:
        """Of the myocardium network, where there is one."""
        return super().parameter_count() if self.myocardium == "network" else None

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """Of the network's training; None where there is none."""
        return super().estimate_seconds(cases, context) if self.myocardium == "network" else None

    def _train_atlas(self, cases: Sequence[Case], context: TrainContext) -> None:
        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        levels = np.linspace(0, 1, _LEVELS)
        masks = []
        for i, case in enumerate(cases):
            mask = region_masks(case, self.learns, self.square)[:, 0].astype(np.float32)
            positions = _positions(case.study)
            order = np.argsort(positions)
            masks.append(_interpolation(levels, positions[order], mask[order]) >= 0.5)
            context.report(i + 1, len(cases), {})
        stack = np.stack(masks)
        frequency = stack.mean(axis=0)
        cuts = np.arange(1, 20) / 20
        overlaps = [
            2 * float(stack[:, frequency >= cut].sum())
            / max(float(stack.sum() + len(stack) * (frequency >= cut).sum()), 1.0)
            for cut in cuts
        ]  # fmt: skip
        best = cuts[int(np.argmax(overlaps))]
        # Scaled so that, as with a probability, the region is where it reaches one half.
        atlas = np.clip(frequency / (2 * best), 0, 1).astype(np.float32)
        with replacing(context.folder / _ATLAS) as temporary, temporary.open("wb") as file:
            np.save(file, atlas, allow_pickle=False)

    def _mask_from_atlas(self, study: Study) -> Mask:
        path = self.model / _ATLAS
        if not path.is_file():
            raise PluginError(f"There is no atlas at {path}.", "Train the method first.")
        atlas = np.load(path, allow_pickle=False)
        if atlas.shape != (_LEVELS, self.size, self.size):
            raise PluginError(
                f"The atlas {path} has shape {atlas.shape}.",
                "Use the parameters it was trained with, or train again.",
            )
        at = _interpolation(_positions(study), np.linspace(0, 1, _LEVELS), atlas)
        return np.asarray(self.square.restored(at, still_volume(study)) >= 0.5)


def _positions(study: Study) -> NDArray[np.float64]:
    """Each slice's relative position, 0 at the apex (or the first slice, if that is unknown)."""
    n = still_volume(study).shape[0]
    positions = np.linspace(0, 1, n) if n > 1 else np.array([0.5])
    return 1 - positions if study.apex == "last" else positions


def _interpolation(
    to: NDArray[np.float64], at: NDArray[np.float64], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``values[i]`` given at the rising positions ``at``, linearly interpolated at ``to``."""
    index = np.arange(len(at), dtype=np.float64)
    place = np.interp(to, at, index)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(at) - 1)
    share = (place - low).astype(np.float32)[:, None, None]
    return np.asarray(values[low] * (1 - share) + values[high] * share, dtype=np.float32)


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
