"""Metrics from NIfTI files: pairs are read and scored, beside merely reading them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from contenders import Tool
from workloads import HEART, SHAPE, SPACING, Workload, heart

from benchmark.nifti import read_labels, write_labels
from benchmark.types import Volume

Files = list[tuple[Path, Path]]


def written(folder: Path, n_pairs: int) -> Files:
    """Pairs of hearts on the grid of A, all different, as ``.nii.gz``."""
    affine = np.diag([*SPACING[::-1], 1.0])
    like = Volume(np.zeros(SHAPE, np.int16), SPACING, affine)
    files = []
    for n in range(n_pairs):
        pair = folder / f"reference{n:03}.nii.gz", folder / f"compared{n:03}.nii.gz"
        for path, seed in zip(pair, (2 * n, 2 * n + 1), strict=True):
            write_labels(path, heart(SHAPE, seed), like)
        files.append(pair)
    return files


def _nibabel(path: Path) -> np.ndarray:
    import nibabel

    image = nibabel.load(path)
    return np.asarray(image.dataobj)  # type: ignore[attr-defined]


def _reading(files: Files) -> None:
    for pair in files:
        for path in pair:
            read_labels(path)


def _reading_nibabel(files: Files) -> None:
    for pair in files:
        for path in pair:
            _nibabel(path)


def _ours(tool: Tool) -> Callable[[Files], None]:
    def run(files: Files) -> None:
        for pair in files:
            a, b = (read_labels(path) for path in pair)
            work = Workload.__new__(Workload)  # without masks, which we do not need
            work.pairs, work.regions, work.spacing = [(a.labels, b.labels)], HEART, a.grid.spacing
            work.slices = False
            tool.run(work)

    return run


def _theirs(tool: Tool) -> Callable[[Files], None]:
    """Any other tool: read by nibabel, masks made and counted, as its users have to."""

    def run(files: Files) -> None:
        for pair in files:
            a, b = (_nibabel(path).T for path in pair)
            tool.run(Workload("", [(a, b)], HEART))

    return run


def _nnunet(files: Files) -> None:
    """What its evaluator maps over the files, in this process instead of a pool of one."""
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    io = SimpleITKIO()
    for a, b in files:
        compute_metrics(str(a), str(b), io, list(HEART))


def from_files(tools: list[Tool], n_pairs: int, rounds: int) -> None:
    """Print CPU times for all pairs and their ratio to merely reading them, by the faster reader.

    Other tools than ours and nnU-Net's evaluator, which take seconds, run in one round only.
    """
    runs: dict[str, tuple[int, Callable[[Files], None]]] = {
        "reading, ours": (rounds, _reading),
        "reading, nibabel": (rounds, _reading_nibabel),
    }
    for tool in tools:
        if tool.kind == "ours":
            runs[tool.name] = rounds, _ours(tool)
        elif tool.name == "nnU-Net":
            runs["nnU-Net (Dice)"] = rounds, _nnunet
        elif tool.kind in ("full", "completed"):
            runs[tool.name] = 1, _theirs(tool)
    with tempfile.TemporaryDirectory() as folder:
        files = written(Path(folder), n_pairs)
        size = sum(path.stat().st_size for pair in files for path in pair)
        print(f"\nfrom files: {n_pairs} pairs of A's kind, {size / 2e3 / n_pairs:.1f} kB a file")
        times: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(rounds):
            for name, (most, run) in runs.items():
                if number < most:
                    start = time.process_time()
                    run(files)
                    times[name].append(time.process_time() - start)
    base = min(times["reading, ours"], times["reading, nibabel"], key=min)
    for name, spent in times.items():
        each = [t / b for t, b in zip(spent, base, strict=False)]
        print(f"  {name:<17}{1000 * min(spent) / n_pairs:>12.3f} ms a pair"
              f"{min(spent) / min(base):>12.4g} x reading "
              f"({min(each):.4g} - {max(each):.4g})")  # fmt: skip
