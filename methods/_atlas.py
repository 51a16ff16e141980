"""A myocardium without a network: how often each place was one in the training cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchmark import Case, Label, Method, Region, Segmentation, Study, TrainContext
from benchmark.atomic import replacing
from benchmark.errors import PluginError, UsageError

from ._slices import Square, region_masks, still_volume

__all__ = ["MyocardiumAtlas"]

#: Relative positions from apex to base at which the atlas is kept.
_LEVELS = 11
_FILE = "atlas.npy"


class MyocardiumAtlas(Method):
    """The myocardium where it lay in the training cases, in mm about the image centre.

    Slices are matched by their relative position between the first and the last; the frequency is
    cut where the overlap with the training cases is best.
    """

    produces: ClassVar[frozenset[Region]] = frozenset({Region.MYOCARDIUM})

    size: int = Field(80, gt=0, description="side in pixels of the square about the image centre")
    pixel_mm: float = Field(1.5, gt=0, description="pixel size of that square in mm")

    @property
    def square(self) -> Square:
        """The grid of the atlas in a slice."""
        return Square(self.size, self.pixel_mm)

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Leave the atlas in ``context.folder``.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has no label map, or its image has frames.
        """
        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        levels = np.linspace(0, 1, _LEVELS)
        masks = []
        for i, case in enumerate(cases):
            mask = region_masks(case, (Region.MYOCARDIUM,), self.square)[:, 0].astype(np.float32)
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
        with replacing(context.folder / _FILE) as temporary, temporary.open("wb") as file:
            np.save(file, atlas, allow_pickle=False)

    def predict(self, study: Study) -> Segmentation:
        """The myocardium alone; errors as :meth:`mask`."""
        return Segmentation(np.where(self.mask(study), Label.MYOCARDIUM, Label.BACKGROUND))

    def mask(self, study: Study) -> NDArray[np.bool_]:
        """The myocardium on the study's grid.

        Raises:
            DataError: The image has frames.
            PluginError: There is no atlas, or it is of other parameters.
        """
        path = self.model / _FILE
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
