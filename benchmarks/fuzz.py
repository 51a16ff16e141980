"""The metrics engine against brute force on small random masks; exits with 1 if anything differs.

    python benchmarks/fuzz.py                      # 1,000,000 checks, minutes
    python benchmarks/fuzz.py --checks 20000 --seed 7

A check is one pair of masks in one geometry: every distance of both directions, and HD, HD95,
pooled HD95, ASSD, MASD and NSD, all within 1e-9 of what comparing all voxels with all voxels
gives. The NumPy twin has to give the C kernel's bits on every ``--twin``-th pair.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from benchmark.metrics import arrays, kernel
from benchmark.metrics.distances import Distances, Surfaces

SPACINGS = (0.7, 1.0, 1.25, 1.5, 1.875, 3.0, 8.0, 10.0)
GEOMETRIES = {"3d": (False, False), "inplane3d": (True, False), "slice": (True, True)}
TOLERANCE = 1e-9
BATCH = 64
TAU = 2.0


def border(masks: np.ndarray, in_plane: bool) -> np.ndarray:
    """Surface voxels of ``(pair, slice, row, column)`` masks, by looking at each neighbour."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1), (1, 1)))
    inner = masks.copy()
    for axis in (2, 3) if in_plane or masks.shape[1] == 1 else (1, 2, 3):
        for shift in (1, -1):
            inner &= np.roll(padded, shift, axis)[:, 1:-1, 1:-1, 1:-1]
    return masks & ~inner


def brute_force(start: np.ndarray, goal: np.ndarray, between: np.ndarray) -> np.ndarray:
    """``(pair, voxel)`` distances, ascending, infinite where there is none.

    Args:
        start: ``(pair, voxel)`` surface to measure from.
        goal: The surface to measure to.
        between: ``(voxel, voxel)`` distance of any two voxels.
    """
    found = np.where(goal[:, None, :], between, np.inf).min(axis=2)
    return np.sort(np.where(start, found, np.inf), axis=1)


def percentile95(ascending: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Linear interpolation between the first ``n`` values of each row."""
    position = 0.95 * np.maximum(n - 1, 0)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    low, high = (np.take_along_axis(ascending, i[:, None], 1)[:, 0] for i in (below, above))
    return low + (high - low) * (position - below)


def expected_metrics(there: np.ndarray, back: np.ndarray) -> dict[str, np.ndarray]:
    """All metrics of a batch of pairs, from both directions' distances; NaN where undefined."""
    pooled = np.sort(np.concatenate([there, back], axis=1), axis=1)
    parts = there, back, pooled
    counts = [np.isfinite(part).sum(axis=1) for part in parts]
    sums = [np.where(np.isfinite(part), part, 0).sum(axis=1) for part in parts]
    with np.errstate(all="ignore"):
        p95 = [percentile95(part, n) for part, n in zip(parts, counts, strict=True)]
        return {
            "hd": np.where(np.isfinite(pooled), pooled, 0).max(axis=1),
            "hd95": np.maximum(p95[0], p95[1]),
            "hd95_pooled": p95[2],
            "assd": sums[2] / counts[2],
            "masd": (sums[0] / counts[0] + sums[1] / counts[1]) / 2,
            "nsd": (pooled <= TAU * (1 + 1e-9)).sum(axis=1) / counts[2],
        }


def found_metrics(distances: Distances) -> dict[str, float]:
    """The same metrics as scoring takes them from its distances."""
    ours, theirs, both = distances.reference, distances.compared, distances.pooled
    percentile = distances.percentile
    return {
        "hd": max(ours[-1], theirs[-1]),
        "hd95": max(percentile(ours, 95), percentile(theirs, 95)),
        "hd95_pooled": percentile(both, 95),
        "assd": both.mean(),
        "masd": (ours.mean() + theirs.mean()) / 2,
        "nsd": (both <= TAU * (1 + 1e-9)).mean(),
    }


def masks_of(rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float]]:
    """``(2, pair, slice, row, column)`` masks of one shape, and their spacing."""
    shape = rng.integers(1, [5, 8, 8])
    if rng.random() < 0.2:  # long and sparse: past the table of steps
        shape = np.array([rng.integers(1, 3), rng.integers(1, 4), rng.integers(20, 60)])
    fill = rng.choice([0.02, 0.1, 0.3, 0.6, 0.9], size=(2, BATCH, 1, 1, 1))
    masks = rng.random((2, BATCH, *shape)) < fill
    spacing = tuple(float(s) for s in rng.choice(SPACINGS, 3))
    return masks, spacing


def differences(
    pair: np.ndarray, spacing, dim: str, expected: list[np.ndarray], right_values: dict[str, float]
) -> list[str]:
    """What is wrong with one pair in one geometry."""
    surfaces = Surfaces(pair[0], pair[1], spacing)
    found = surfaces.pooled_slices if dim == "slice" else surfaces.volume(dim)
    wrong = []
    for side, ours, right in zip("RP", (found.reference, found.compared), expected, strict=True):
        if len(ours) != len(right) or np.abs(ours - right).max(initial=0) > TOLERANCE:
            wrong.append(f"distances from {side}: {ours} instead of {right}")
    if wrong or not len(expected[0]):
        return wrong
    values = found_metrics(found)
    if dim != "slice":
        quick = arrays.evaluate(pair[0], pair[1], spacing, dim=dim, tolerance=TAU)
        values |= {f"evaluate {name}": float(quick[name][0]) for name in quick}
        right_values["dice"] = 2 * (pair[0] & pair[1]).sum() / pair.sum()
    for name, value in values.items():
        right = right_values[name.removeprefix("evaluate ")]
        if not abs(value - right) <= TOLERANCE:
            wrong.append(f"{name}: {value} instead of {right}")
    return wrong


def twins_differ(pair: np.ndarray, spacing, dim: str) -> bool:
    """Whether the two kernels differ in any bit."""
    in_plane, per_slice = GEOMETRIES[dim]
    ours, twin = (
        kernel.distances(pair[0], pair[1], kernel.membership([[1]]), 1, spacing,
                         in_plane=in_plane, per_slice=per_slice, kernel=name)
        for name in ("c", "numpy")
    )  # fmt: skip
    parts = ("distances", "counts", "faces", "far", "far_starts")
    return any(getattr(ours, p).tobytes() != getattr(twin, p).tobytes() for p in parts)


def main() -> int:
    """Check until there are enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--twin", type=int, default=16, help="compare kernels on every n-th pair")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    checks = wrong = compared = numbers = 0
    start = time.perf_counter()
    while checks < asked.checks:
        masks, spacing = masks_of(rng)
        shape = masks.shape[2:]
        where = np.indices(shape).reshape(3, -1)
        steps = (where[:, :, None] - where[:, None, :]) * np.array(spacing).reshape(3, 1, 1)
        space = np.sqrt((steps**2).sum(axis=0))
        slices = np.where(where[0][:, None] == where[0], space, np.inf)
        for dim, (in_plane, per_slice) in GEOMETRIES.items():
            faces = [border(side, in_plane).reshape(BATCH, -1) for side in masks]
            between = slices if per_slice else space
            right = [brute_force(*f, between) for f in (faces, faces[::-1])]
            metrics = expected_metrics(*right)
            for i in range(BATCH):
                pair = masks[:, i]
                expected = [d[i][np.isfinite(d[i])] for d in right]
                values = {name: float(array[i]) for name, array in metrics.items()}
                problems = differences(pair, spacing, dim, expected, values)
                numbers += sum(map(len, expected))
                if "c" in kernel.KERNELS and i % asked.twin == 0:
                    compared += 1
                    if twins_differ(pair, spacing, dim):
                        problems.append("the kernels differ")
                checks += 1
                wrong += bool(problems)
                for problem in problems:
                    print(f"seed {asked.seed}, shape {shape}, {spacing} mm, {dim}: {problem}")
    print(
        f"{checks} checks ({numbers} distances) with the {kernel.NAME} kernel, {wrong} wrong; "
        f"{compared} of them with both kernels; {time.perf_counter() - start:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
