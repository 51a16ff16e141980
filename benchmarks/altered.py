"""Reference segmentations altered in known ways: what an evaluator is shown as a prediction."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmark.datasets.emidec import Emidec
from benchmark.regions import Labels

__all__ = ["ALTERED", "Case", "cases", "options"]

Spacing = tuple[float, float, float]
Case = tuple[str, Labels, Spacing]
ROOT = Path(__file__).resolve().parents[1]
DEFAULT = os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec")
#: In-plane voxel size of a prediction on another grid, in mm.
COARSE = 2.0


def shifted(axis: int) -> Callable[[Labels, Spacing], Labels]:
    """One voxel on along an axis; what leaves the grid on one side is lost."""

    def alter(labels: Labels, spacing: Spacing) -> Labels:
        moved = np.roll(labels, 1, axis)
        moved[(slice(None),) * axis + (0,)] = 0
        return moved

    return alter


def without_slice(which: float) -> Callable[[Labels, Spacing], Labels]:
    """The first (0), middle (0.5) or last (1) of the slices with a heart is missing."""

    def alter(labels: Labels, spacing: Spacing) -> Labels:
        held = np.flatnonzero(labels.any(axis=(1, 2)))
        altered = labels.copy()
        altered[held[int(which * (len(held) - 1))]] = 0
        return altered

    return alter


def eroded(labels: Labels, spacing: Spacing) -> Labels:
    """Each label loses its voxels with a neighbour of another label in the slice."""
    from scipy.ndimage import grey_dilation, grey_erosion

    same = grey_dilation(labels, footprint=_cross()) == grey_erosion(labels, footprint=_cross())
    return np.where(same, labels, 0).astype(np.uint8)


def dilated(labels: Labels, spacing: Spacing) -> Labels:
    """Each label grows by a voxel in the slice, over all lower ones: scar over myocardium."""
    from scipy.ndimage import grey_dilation

    return np.asarray(grey_dilation(labels, footprint=_cross()), dtype=np.uint8)


def _cross() -> np.ndarray:
    return np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)


def resampled(labels: Labels, spacing: Spacing) -> Labels:
    """To voxels of :data:`COARSE` mm in the slice and back, by the nearest neighbour."""
    altered = labels
    for axis in (1, 2):
        n = labels.shape[axis]
        m = max(1, round(n * spacing[axis] / COARSE))
        there = ((np.arange(m) + 0.5) * n / m).astype(int)
        back = ((np.arange(n) + 0.5) * m / n).astype(int)
        altered = altered.take(there[back], axis=axis)
    return altered


def without_scar(labels: Labels, spacing: Spacing) -> Labels:
    """No infarction and no no-reflow is found."""
    return np.where(labels > 2, 2, labels).astype(np.uint8)


def with_speck(labels: Labels, spacing: Spacing) -> Labels:
    """One voxel of myocardium of the first slice that has any is called scar."""
    altered = labels.copy()
    altered.flat[np.flatnonzero(labels == 2)[0]] = 3
    return altered


ALTERED: dict[str, Callable[[Labels, Spacing], Labels]] = {
    "identical": lambda labels, spacing: labels.copy(),
    "shifted by a column": shifted(2),
    "shifted by a row": shifted(1),
    "shifted by a slice": shifted(0),
    "eroded": eroded,
    "dilated": dilated,
    "resampled": resampled,
    "first slice missing": without_slice(0),
    "middle slice missing": without_slice(0.5),
    "last slice missing": without_slice(1),
    "scar missed": without_scar,
    "a speck of scar": with_speck,
}


def options(description: str) -> argparse.Namespace:
    """The arguments of a script over the cases."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, default=Path(DEFAULT))
    parser.add_argument("--every", type=int, default=1, help="take only every Nth case")
    return parser.parse_args()


def cases(asked: argparse.Namespace) -> Iterator[Case]:
    """Name, reference labels and (z, y, x) mm of each case asked for."""
    data = Emidec(data_root=asked.data_root)
    for info in list(data.index())[:: asked.every]:
        case = data.load(info.id)
        assert case.reference is not None
        assert case.reference.labels is not None
        yield info.id, case.reference.labels, case.study.images["lge"].spacing
