"""Pairs of label maps to time metrics on: hearts, real ones, random and adversarial masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HEART = ((1,), (2, 3, 4), (3, 4), (4,))
SPACING = (10.0, 1.5, 1.5)
SHAPE = (12, 192, 192)
HUGE = (88, 576, 576)

Pair = tuple[np.ndarray, np.ndarray]
Masks = tuple[np.ndarray, np.ndarray]


@dataclass
class Workload:
    """Pairs of label maps, and what makes masks of them.

    Attributes:
        name: As the table calls it.
        pairs: Reference and compared labels, ``(slice, row, column)`` uint8.
        regions: Labels of each region.
        spacing: (z, y, x) in mm.
        slices: Whether each slice is measured by itself.
        masks: For each pair, or slice, a pair of masks per region. Making them is not counted.
    """

    name: str
    pairs: list[Pair]
    regions: tuple[tuple[int, ...], ...] = ((1,),)
    spacing: tuple[float, float, float] = SPACING
    slices: bool = False
    masks: list[list[Masks]] = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.pairs
        if self.slices:
            pairs = [(a[None], b[None]) for pair in pairs for a, b in zip(*pair, strict=True)]
        self.masks = [
            [(np.isin(a, region), np.isin(b, region)) for region in self.regions] for a, b in pairs
        ]

    def squeezed(self) -> Iterator[tuple[list[Masks], tuple[float, ...]]]:
        """Masks and spacing as other packages want them: a single slice is two-dimensional."""
        for pair in self.masks:
            if pair[0][0].shape[0] == 1:
                yield [(a[0], b[0]) for a, b in pair], self.spacing[1:]
            else:
                yield pair, self.spacing


def heart(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A short-axis stack: cavity 1, myocardium 2, scar 3 and no-reflow 4 in a tapering wall."""
    rng = np.random.default_rng(seed)
    depth, rows, columns = shape
    z, y, x = np.ogrid[:depth, :rows, :columns]
    centre = rows / 2 + rng.normal(), columns / 2 + rng.normal()
    angle = np.arctan2(y - centre[0], x - centre[1])
    radius = np.hypot(y - centre[0], x - centre[1])
    outer = 0.17 * rows * (1 - 0.5 * (z / max(depth - 1, 1)) ** 2)
    outer = outer * (1 + 0.06 * np.sin(3 * angle + seed) + 0.03 * np.sin(7 * angle + 2 * seed))
    inner = 0.65 * outer
    found = np.where(radius < outer, 2, 0) * np.ones(shape, dtype=int)
    found[radius < inner] = 1
    side = np.abs(angle - 1 + 0.1 * rng.normal())
    found[(found == 2) & (side < 0.7) & (radius < inner + 0.7 * (outer - inner))] = 3
    found[(found == 3) & (side < 0.2) & (radius < inner + 0.4 * (outer - inner))] = 4
    return found.astype(np.uint8)


def blob(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A random smooth mask."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (1, 8, 8))
    return (noise > np.quantile(noise, 0.9)).astype(np.uint8)


def ball(shape: tuple[int, int, int], share: float) -> np.ndarray:
    """An ellipsoid that takes up ``share`` of each axis."""
    from functools import reduce

    axes = [np.linspace(-1, 1, n) ** 2 for n in shape]
    return (reduce(np.add.outer, axes) <= share**2).astype(np.uint8)


def _spread(indices: Any, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    found = np.zeros(shape, np.uint8)
    found[indices] = 1
    return found


def _noise(seed: int, share: float = 0.3, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < share).astype(np.uint8)


def _sides(fill: Callable[[int], np.ndarray]) -> Pair:
    """Twelve columns of each map, at opposite sides."""
    ours, theirs = (np.zeros(SHAPE, np.uint8) for _ in range(2))
    ours[:, :, :12], theirs[:, :, -12:] = fill(1)[:, :, :12], fill(2)[:, :, -12:]
    return ours, theirs


def _slices_of_a() -> list[Pair]:
    ours, theirs = heart(SHAPE, 1), heart(SHAPE, 2)
    # Other packages fail where a mask is empty.
    full = [all((m[z] == 4).any() for m in (ours, theirs)) for z in range(len(ours))]
    return [(ours[full], theirs[full])]


def _whole_hearts() -> list[Pair]:
    return [((heart(HUGE, 1) > 0).view(np.uint8), (heart(HUGE, 2) > 0).view(np.uint8))]


def _adversarial() -> dict[str, tuple[str, Callable[[], Pair]]]:
    """Name, title and maker of each pair; all on the grid of A but for the huge ones."""
    ones = np.ones(SHAPE, np.uint8)
    board = (np.indices(SHAPE).sum(axis=0) % 2).astype(np.uint8)
    lines = _spread((slice(None), slice(None, None, 2)))
    return {
        "ones": ("all ones / all ones", lambda: (ones, ones)),
        "corner": ("all ones / a corner", lambda: (ones, _spread((0, slice(3), slice(3))))),
        "noise": ("30 % noise", lambda: (_noise(1), _noise(2))),
        "sparse": ("1 % noise", lambda: (_noise(1, 0.01), _noise(2, 0.01))),
        "half": ("30 % noise / its even rows", lambda: (_noise(1), _noise(1) * lines)),
        "far": ("far noise", lambda: _sides(_noise)),
        "walls": ("far walls", lambda: _sides(lambda seed: ones)),
        "voxel": ("a voxel / its neighbour", lambda: (_spread((5, 9, 9)), _spread((5, 9, 10)))),
        "corners": ("opposite corner voxels", lambda: (_spread((0, 0, 0)), _spread((-1, -1, -1)))),
        "dots": ("a voxel / 30 % noise", lambda: (_spread((0, 0, 0)), _noise(1))),
        "board": ("checkerboard / its inverse", lambda: (board, 1 - board)),
        "stripes": ("stripes / all ones", lambda: (lines, ones)),
        "shell": ("thin shells, one in the other", lambda: (_shell(0.9), _shell(0.5))),
        "hollow": ("a shell / its centre", lambda: (_shell(0.95), _spread((6, 96, 96)))),
        "plane": ("first slice / last slice", lambda: (_spread(0), _spread(-1))),
        "hugeballs": ("huge: balls of 90 % / 50 %", lambda: (ball(HUGE, 0.9), ball(HUGE, 0.5))),
        "hugenoise": ("huge: 30 % noise", lambda: (_noise(1, shape=HUGE), _noise(2, shape=HUGE))),
        "hugefar": ("huge: opposite corners", lambda: (
            _spread(np.s_[:8, :40, :40], HUGE), _spread(np.s_[-8:, -40:, -40:], HUGE))),
    }  # fmt: skip


def _shell(share: float) -> np.ndarray:
    from scipy.ndimage import binary_erosion

    whole = ball(SHAPE, share).astype(bool)
    return (whole & ~binary_erosion(whole)).view(np.uint8)


def workloads(
    emidec: Path | None = None, cases: int = 4
) -> Iterator[tuple[str, str, Callable[[], Workload]]]:
    """Group, name and maker of each workload, A first.

    Args:
        emidec: A folder with the EMIDEC cases.
        cases: How many of them, spread over all.
    """
    yield "A", "A", lambda: Workload("A: 12x192x192, 4 regions", [_pair_a()], HEART)
    big = (1.0, 0.625, 0.625)
    yield "B", "B", lambda: Workload("B: 88x576x576, 1 label", _whole_hearts(), spacing=big)
    yield "C", "C", lambda: Workload("C: the 2D slices of A", _slices_of_a(), HEART, slices=True)
    for n in range(3):
        yield (
            "random",
            f"random{n + 1}",
            lambda n=n: Workload(
                f"random blobs {n + 1}", [(blob(SHAPE, 2 * n + 1), blob(SHAPE, 2 * n + 2))]
            ),
        )
    for name, (title, pair) in _adversarial().items():
        group = "huge" if name.startswith("huge") else "adversarial"
        yield group, name, lambda title=title, pair=pair: Workload(title, [pair()])
    if emidec is not None:
        files = sorted(emidec.glob("**/Case_*/Contours/*.nii.gz"))
        for file in files[:: max(1, len(files) // cases)][:cases]:
            yield "emidec", file.name.split(".")[0], lambda file=file: real(file)


def _pair_a() -> Pair:
    return heart(SHAPE, 1), heart(SHAPE, 2)


def real(file: Path) -> Workload:
    """An EMIDEC reference against itself, shifted by a row and two columns."""
    from benchmark.nifti import read_labels

    found = read_labels(file)
    held = tuple(r for r in HEART if np.isin(found.labels, r).any())
    pair = found.labels, np.roll(found.labels, (1, 2), axis=(1, 2))
    return Workload(f"EMIDEC {file.name.split('.')[0]}", [pair], held, found.grid.spacing)
