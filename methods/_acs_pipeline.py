"""What becomes of a study in acsnet, stage by stage, and the promise that is made at the end.

popescu2022: "Final predicted myocardial segmentations of patient scans therefore passed both
per-slice and per-volume anatomical constraints." The latent space corrects a slice in its square;
on the study's grid, part of that square may lie beyond the image. So the promise is checked where
it is made, on the labels' own grid: a slice that fails there is dropped, the volume is checked
again, and so on until nothing goes. Each round drops a slice or is the last.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark import Label
from benchmark.types import Labels

from ._acs_preprocess import Frame
from ._acs_tissue import cavity

if TYPE_CHECKING:
    from ._acs_anatomy import Limits

__all__ = ["Clock", "Found", "agreed", "enclosed"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """What each stage found in a study, in the square, ``(slice, size, size)`` from apex to base.

    Attributes:
        images: What stage 1 saw, in [0, 255].
        frame: How the square lies on the study's grid.
        roi: The region of stage 1, cleaned up.
        segmented: Stage 2's myocardium.
        enhancement: Stage 2's enhancement, cleaned up where that is asked for.
        corrected: The myocardium after the latent space, where that is asked for.
        myocardium: What is left of it after the volumetric checks.
        dropped: Slice, counted from the apex, and why it was dropped at the end.
        seconds: What each stage took.
    """

    images: NDArray[np.float32]
    frame: Frame
    roi: Mask
    segmented: Mask
    enhancement: Mask
    corrected: Mask
    myocardium: Mask
    dropped: dict[int, str]
    seconds: dict[str, float]

    def labels(self) -> Labels:
        """Cavity, myocardium, and in it scar, on the study's grid."""
        wall = self.frame.to_grid(self.myocardium)
        labels = np.zeros(wall.shape, dtype=np.uint8)
        labels[enclosed(wall)] = Label.CAVITY
        labels[wall] = Label.MYOCARDIUM
        labels[wall & self.frame.to_grid(self.enhancement)] = Label.SCAR
        return labels


@dataclass
class Clock:
    """Adds up the seconds of named stages."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Times the block as part of ``stage``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - started
            self.seconds[stage] = self.seconds.get(stage, 0.0) + passed


def enclosed(myocardium: Mask) -> Mask:
    """The cavity of each slice of ``(slice, row, column)``."""
    from ._acs_anatomy import is_c_shaped

    out = np.zeros_like(myocardium)
    for wall, inside in zip(myocardium, out, strict=True):
        if wall.any():
            inside[:] = cavity(wall, is_c_shaped(wall))
    return out


def agreed(
    myocardium: Mask, frame: Frame, limits: Limits | None, volumetric: bool
) -> tuple[Mask, dict[int, str]]:
    """The slices that pass the checks, of the slice and of the volume, on the study's grid.

    Args:
        myocardium: ``(slice, size, size)`` from apex to base.
        frame: How they lie on the grid; what lies beyond it is cut off.
        limits: Of the five checks of a slice; None leaves these out.
        volumetric: Whether the volume is checked.

    Returns:
        The myocardium, empty where a slice was dropped; and why, by slice counted from the apex.
    """
    from ._acs_anatomy import failed
    from ._acs_volume import kept_slices

    # In the grid's own plane: a turn changes the last digits of what the checks compare.
    order = slice(None, None, -1 if frame.reversed else 1)
    walls = frame.to_grid(myocardium)[order]
    dropped: dict[int, str] = {}

    def drop(k: int, why: str) -> None:
        dropped[k] = why
        walls[k] = False

    if limits is not None:
        for k, wall in enumerate(walls):
            broken = failed(wall, frame.spacing[1:], limits) if wall.any() else ()
            if broken:
                drop(k, f"fails {', '.join(broken)} on the image's grid")
    going = volumetric
    while going:
        kept = kept_slices(walls | enclosed(walls), walls)
        gone = np.flatnonzero(walls.any(axis=(1, 2)) & ~kept.slices)
        for k in gone.tolist():
            drop(k, kept.reasons[k])
        going = bool(len(gone))
    return frame.to_square(walls[order]), dropped
