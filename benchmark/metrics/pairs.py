"""Both masks of one region, with their counts and whatever geometry somebody asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from .definition import Dim, Pair, Status
from .distances import Surfaces

__all__ = ["Forecast", "Mask", "RegionPair", "status_of"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Probabilities of a region beside what is true, near the heart.

    Args:
        reference: ``(slice, row, column)`` bool.
        probabilities: The same shape, in [0, 1].
        missing: Status and message, where this case has no probabilities though others have; those
            above only stand in for them.
    """

    reference: Mask
    probabilities: NDArray[np.float64]
    missing: tuple[Status, str] | None = None


@dataclass(frozen=True, eq=False)
class RegionPair:
    """Both masks of one region, with their counts.

    Args:
        reference: ``(slice, row, column)`` bool, possibly cropped in plane.
        compared: The same.
        counts: ``(slice, 4)``: tp, fp, fn, tn over the whole field of view.
        shape: (slice, row, column) of the whole field of view.
        spacing: (z, y, x) in mm.
        myocardium: Per slice, voxels of the reference's myocardium, scar included, or the reason
            why nothing is known of it.
        measured: The surface distances, where they are measured with those of other regions.
        heart: Gives, on the grid of the masks, where either map has any class that both sides
            speak about; or the reason why that is not known.
        forecast: The probabilities of the region, or the reason why there are none.
    """

    reference: Mask
    compared: Mask
    counts: NDArray[np.int64]
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    myocardium: NDArray[np.int64] | str = "only canonical labels tell where the myocardium is"
    measured: Surfaces | None = None
    heart: Callable[[], tuple[Mask, Mask]] | str = (
        "only canonical labels tell which other classes there are"
    )
    forecast: Forecast | str = "there are no probabilities"

    @classmethod
    def of_masks(
        cls, reference: Mask, compared: Mask, spacing: tuple[float, float, float]
    ) -> RegionPair:
        """Two masks that are no union of labels, ``(slice, row, column)``, uncropped."""
        z, y, x = reference.shape
        tp = (reference & compared).sum(axis=(1, 2))
        fp = (compared & ~reference).sum(axis=(1, 2))
        fn = (reference & ~compared).sum(axis=(1, 2))
        counts = np.stack([tp, fp, fn, y * x - tp - fp - fn], axis=1).astype(np.int64)
        return cls(reference, compared, counts, (z, y, x), spacing)

    @cached_property
    def surfaces(self) -> Surfaces:
        """The surface distances, none of them computed yet."""
        return self.measured or Surfaces(self.reference, self.compared, self.spacing)

    @cached_property
    def volume(self) -> Pair:
        """The whole stack, without distances."""
        return self._pair(self.counts.sum(axis=0).tolist(), slice(None))

    @cached_property
    def slices(self) -> list[Pair]:
        """Each slice, with its distances where both masks are present and one may need them."""
        return [self._pair(c, slice(z, z + 1)) for z, c in enumerate(self.counts.tolist())]

    @cached_property
    def measured_slices(self) -> dict[int, Pair]:
        """The slices that have both masks, by index, with their distances."""
        pairs = self.slices
        return {z: replace(pairs[z], given=found) for z, found in self.surfaces.slices.items()}

    def measured_volume(self, dim: Dim) -> Pair:
        """The whole stack, both masks in it, with its distances: ``3d`` or ``inplane3d``."""
        if dim not in self._volumes:
            self._volumes[dim] = replace(self.volume, given=self.surfaces.volume(dim))
        return self._volumes[dim]

    @cached_property
    def _volumes(self) -> dict[Dim, Pair]:
        return {}

    def diagonal(self, in_plane: bool) -> float:
        """Diagonal of the field of view (or of one slice of it) in mm."""
        sides = [n * s for n, s in zip(self.shape, self.spacing, strict=True)]
        return math.hypot(*(sides[1:] if in_plane else sides))

    def _pair(self, counts: Sequence[int], where: slice) -> Pair:
        tp, fp, fn, tn = counts
        known, heart, forecast = self.myocardium, self.heart, self.forecast
        return Pair(
            tp=tp,
            fp=fp,
            fn=fn,
            tn=tn,
            spacing=self.spacing,
            # No method of this pair: that cycle would keep masks until it is found.
            masks=partial(_cut, self.reference, self.compared, where),
            myocardium=None if isinstance(known, str) else int(known[where].sum()),
            hearts=None if isinstance(heart, str) else partial(_heart, heart, where),
            forecasts=None if isinstance(forecast, str) else partial(_forecast, forecast, where),
        )


def _cut(reference: Mask, compared: Mask, where: slice) -> tuple[Mask, Mask]:
    return reference[where], compared[where]


def _heart(of: Callable[[], tuple[Mask, Mask]], where: slice) -> tuple[Mask, Mask]:
    ours, theirs = of()
    return ours[where], theirs[where]


def _forecast(of: Forecast, where: slice) -> tuple[Mask, NDArray[np.float64]]:
    return of.reference[where], of.probabilities[where]


def status_of(pair: Pair) -> Status:
    """Which of the masks are empty."""
    if pair.reference:
        return "ok" if pair.compared else "pred_empty"
    return "ref_empty" if pair.compared else "both_empty"
