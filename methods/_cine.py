"""Which image of a cine stack goes with an LGE slice: the same cardiac phase, the nearest place.

fahmy2021, Data Splitting and Preprocessing: "For each LGE slice, a matched cine slice at the same
cardiac phase and closest anatomical location was selected using the trigger delay and slice
location information stored in the dicom file". What that leaves open is chosen here:

* Phase. Frames are taken to be spread evenly over the heart beat, so the beat lasts as long as the
  last frame's time and one more step, and the beat is a circle: shortly before the next R wave the
  heart is nearer to the first frame than to the last. A delay longer than the cine's beat (the
  heart was slower in the LGE scan) is the end of the beat, never the systole of the next one.
* Place. Positions along the slice normal, in mm; where both images have affines but not both
  positions, those of the slice centres along the LGE normal. A stack may run either way. A cine
  slice further off than the larger of the two slice distances shows another part of the heart, so
  there is none: the network is then given black, in training and in prediction.
* Of two equally near the first is taken.
* A cine of a single frame was matched before; neither times nor delay are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark import DataError, Study, Volume
from benchmark.grid import Grid

__all__ = [
    "Match",
    "header_offset",
    "match",
    "matched",
    "nearest_frame",
    "nearest_slices",
    "reason",
]

#: Distances that differ by less (in ms, in mm) are equal: headers have a decimal or two.
_DIGITS = 6
#: Cosine of the angle, 15 degrees, by which the axes of two images of one plan may differ.
_ALONG = 0.966


@dataclass(frozen=True)
class Match:
    """What of a cine goes with an LGE stack.

    Attributes:
        frame: The cine frame.
        slices: For each LGE slice the cine slice, or None where there is none near enough.
    """

    frame: int
    slices: tuple[int | None, ...]


def nearest_frame(times_ms: Sequence[float], delay_ms: float) -> int:
    """The frame nearest to ``delay_ms`` after the R wave, on the circle of the beat.

    Args:
        times_ms: Of each frame since the R wave, at least one, in any order.
        delay_ms: Not negative.
    """
    times = np.asarray(times_ms, dtype=np.float64)
    if len(times) == 1:
        return 0
    beat = times.max() + (times.max() - times.min()) / (len(times) - 1)
    apart = np.abs(times - min(delay_ms, beat))
    return int(np.argmin(np.round(np.minimum(apart, beat - apart), _DIGITS)))


def nearest_slices(
    positions: Sequence[float], candidates: Sequence[float], furthest_mm: float
) -> tuple[int | None, ...]:
    """For each position the index of the nearest candidate; None if all are beyond the furthest."""
    apart = np.abs(np.subtract.outer(np.asarray(positions), np.asarray(candidates)))
    apart = np.round(apart, _DIGITS)
    nearest = apart.argmin(axis=1)
    return tuple(
        int(i) if row[i] <= furthest_mm else None for i, row in zip(nearest, apart, strict=True)
    )


def reason(study: Study) -> str | None:
    """Why no cine can be matched to the LGE image of ``study``, or None if one can."""
    for modality in ("lge", "cine"):
        if modality not in study.images:
            return f"it has no {modality} image"
    lge, cine = study.images["lge"], study.images["cine"]
    times, delay = cine.times_ms, lge.trigger_delay_ms
    if cine.n_frames > 1:
        if times is None:
            return "its cine does not say when in the heart beat its frames are (times_ms)"
        if min(times) == max(times):
            return f"all {cine.n_frames} frames of its cine have the time {times[0]:g} ms"
        if delay is None:
            return "its LGE image does not say when in the heart beat it is (trigger_delay_ms)"
        if delay < 0:
            return f"the trigger delay of its LGE image is {delay:g} ms"
    if lge.affine is not None and cine.affine is not None:
        cosines = np.diag(Grid.of(lge).directions.T @ Grid.of(cine).directions)
        if min(cosines[0], cosines[1], abs(cosines[2])) < _ALONG:  # slices may run either way
            return "the axes of its cine run otherwise than those of its LGE image"
    if set(_slices(lge, cine)) == {None}:
        return "no slice of its cine lies near a slice of its LGE image"
    return None


def match(study: Study) -> Match:
    """Frame and slices of the study's cine for its LGE image.

    Raises:
        DataError: There is no match, with the reason.
    """
    why = reason(study)
    if why is not None:
        raise DataError(
            f"Study {study.id!r}: {why}.",
            "Leave it out, or give frame times, trigger delay and slice positions.",
        )
    lge, cine = study.images["lge"], study.images["cine"]
    if cine.n_frames == 1 or cine.times_ms is None or lge.trigger_delay_ms is None:
        return Match(0, _slices(lge, cine))
    return Match(nearest_frame(cine.times_ms, lge.trigger_delay_ms), _slices(lge, cine))


def matched(cine: Volume, match: Match) -> NDArray[Any]:
    """``(LGE slice, row, column)``: for each LGE slice its cine image; zeros where it has none."""
    frames = cine.voxels if cine.voxels.ndim == 4 else cine.voxels[None]
    chosen = np.zeros((len(match.slices), *cine.shape[1:]), dtype=cine.voxels.dtype)
    for k, slice_ in enumerate(match.slices):
        if slice_ is not None:
            chosen[k] = frames[match.frame, slice_]
    return chosen


def header_offset(lge: Volume, cine: Volume) -> tuple[float, float]:
    """Where the middle of the LGE image lies in the cine's plane, by the headers.

    Returns:
        (row, column) in mm from the middle of the cine image; (0, 0) where there are no two affines
        to say so: the middles are then taken to be the same place.
    """
    if not _placed(lge) or not _placed(cine):
        return 0.0, 0.0
    apart = _middles(lge).mean(axis=0) - _middles(cine).mean(axis=0)
    x, y, _ = Grid.of(cine).directions.T @ apart
    return float(y), float(x)


def _slices(lge: Volume, cine: Volume) -> tuple[int | None, ...]:
    at, candidates = lge.positions, cine.positions
    known = lge.slice_positions is not None and cine.slice_positions is not None
    if not known and _placed(lge) and _placed(cine):
        normal = Grid.of(lge).directions[:, 2]
        at, candidates = tuple(_middles(lge) @ normal), tuple(_middles(cine) @ normal)
    return nearest_slices(at, candidates, max(lge.spacing[0], cine.spacing[0]))


def _placed(volume: Volume) -> bool:
    """Whether its affine says where it lies (that of EMIDEC, say, does not)."""
    return volume.affine is not None and Grid.of(volume).disagreement is None


def _middles(volume: Volume) -> NDArray[np.float64]:
    """``(slice, 3)``: the middle of each slice in RAS mm."""
    z, y, x = volume.shape
    index = np.array([[(x - 1) / 2, (y - 1) / 2, k, 1.0] for k in range(z)])
    return np.asarray((index @ Grid.of(volume).affine.T)[:, :3])
