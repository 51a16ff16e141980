"""From files: reading 100 pairs and measuring them, beside merely reading them.

    python benchmarks/files.py
    python benchmarks/files.py --pairs 20 --rounds 3 --emidec FOLDER

The pairs are four-region label maps of 12 x 192 x 192 as ``.nii.gz``. What is measured is Dice, HD,
HD95, ASSD and NSD at 2 mm of every region. Each round does every row once; times are medians over
rounds, in ms a pair, of CPU (all threads) and wall, and ratios are medians of those within a round:
to ``read``, both files decompressed, checked and decoded by our own reader, and to reading them
with nibabel.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import nibabel as nib  # noqa: E402 - numpy reads the variables above
import numpy as np  # noqa: E402
from workloads import HEART, SPACING, heart  # noqa: E402

from benchmark import gunzip  # noqa: E402
from benchmark.evaluate import evaluate as score_folder  # noqa: E402
from benchmark.metrics import kernel  # noqa: E402
from benchmark.metrics.arrays import evaluate, evaluate_many  # noqa: E402
from benchmark.nifti import read_labels, write_labels  # noqa: E402
from benchmark.types import Volume  # noqa: E402
from benchmark.workers import ahead, usable_cpus  # noqa: E402

SHAPE = (12, 192, 192)
SUBSET = ("dice", "hd", "hd95", "assd", "nsd@2mm")
Pairs = list[tuple[Path, Path]]


def loaded(pair: tuple[Path, Path]) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Both label maps and the spacing."""
    ours, theirs = map(read_labels, pair)
    return ours.labels, theirs.labels, ours.grid.spacing


def merely_read(pairs: Pairs) -> None:
    """Nothing but reading."""
    for pair in pairs:
        loaded(pair)


def with_nibabel(pairs: Pairs) -> None:
    """As most tools read: the stored integers."""
    for pair in pairs:
        for path in pair:
            np.asanyarray(nib.load(path).dataobj)


def with_gzip(pairs: Pairs) -> None:
    """Python's own gzip and an array over its bytes: no header is looked at, nothing checked."""
    for pair in pairs:
        for path in pair:
            np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)


def one_thread(pairs: Pairs) -> None:
    """Read a pair, measure it, and so on."""
    for pair in pairs:
        evaluate(*loaded(pair), HEART)


def read_ahead(pairs: Pairs) -> None:
    """The same, the next pairs read in a thread meanwhile."""
    for found in ahead(pairs, loaded):
        evaluate(*found, HEART)


def many(pairs: Pairs) -> None:
    """The batch entry point, on every CPU."""
    for _ in evaluate_many(ahead(pairs, loaded), HEART, threads=usable_cpus()):
        pass


def tables(folder: Path, subset: tuple[str, ...] | None) -> Callable[[Pairs], None]:
    """What ``bench score`` does after it was imported: every region, level and table."""

    def run(pairs: Pairs) -> None:
        score_folder(folder / "ref", folder / "pred", folder / "out", metrics=subset)
        shutil.rmtree(folder / "out")

    return run


def make(folder: Path, count: int) -> Pairs:
    """Pairs of synthetic hearts as files."""
    like = Volume(np.zeros(SHAPE, np.uint8), SPACING)
    pairs = []
    for i in range(count):
        paths = folder / "ref" / f"c{i:04d}.nii.gz", folder / "pred" / f"c{i:04d}.nii.gz"
        for side, path in enumerate(paths):
            write_labels(path, heart(SHAPE, 2 * i + side), like)
        pairs.append(paths)
    return pairs


def real(folder: Path, source: Path, count: int) -> Pairs:
    """EMIDEC references, each against itself moved by two voxels."""
    pairs: Pairs = []
    for path in sorted(source.rglob("Contours/*.nii.gz"))[:count]:
        paths = folder / "ref" / path.name, folder / "pred" / path.name
        for target in paths:
            target.parent.mkdir(exist_ok=True)
        paths[0].write_bytes(path.read_bytes())
        image = nib.load(path)
        moved = np.roll(np.asanyarray(image.dataobj), 2, axis=0)
        whole = nib.Nifti1Image(moved, image.affine, image.header).to_bytes()
        paths[1].write_bytes(gzip.compress(whole, 6))
        pairs.append(paths)
    return pairs


def timed(run: Callable[[Pairs], None], pairs: Pairs) -> tuple[float, float]:
    """CPU and wall ms for each pair."""
    cpu, wall = time.process_time(), time.perf_counter()
    run(pairs)
    scale = 1000 / len(pairs)
    return (time.process_time() - cpu) * scale, (time.perf_counter() - wall) * scale


def rows(folder: Path) -> Iterator[tuple[str, Callable[[Pairs], None]]]:
    """What is timed."""
    yield "read", merely_read
    yield "read with nibabel", with_nibabel
    yield "read with Python's gzip", with_gzip
    yield "read + measure", one_thread
    yield "read + measure, reading ahead", read_ahead
    yield f"read + measure, {usable_cpus()} threads", many
    yield "tables of the same metrics", tables(folder, SUBSET)
    yield "tables of all metrics", tables(folder, None)


def show(name: str, folder: Path, pairs: Pairs, rounds: int) -> None:
    """Print the table of one set of pairs."""
    times: dict[str, list[tuple[float, float]]] = {}
    for what, run in rows(folder):
        run(pairs[:2] if "tables" not in what else pairs)  # imports and caches
    for _ in range(rounds):
        for what, run in rows(folder):
            times.setdefault(what, []).append(timed(run, pairs))
    print(f"\n{name}: {len(pairs)} pairs, {rounds} rounds, ms a pair")
    print(f"{'':<32}" + "".join(f"{kind:>9}{'x read':>8}{'x nib.':>8}" for kind in ("CPU", "wall")))
    for what, found in times.items():
        cells = ""
        for kind in range(2):
            cells += f"{median(f[kind] for f in found):9.3f}"
            for base in ("read", "read with nibabel"):
                ratio = median(f[kind] / r[kind] for f, r in zip(found, times[base], strict=True))
                cells += f"{ratio:8.2f}"
        print(f"{what:<32}{cells}")


def main() -> None:
    """Time both sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--emidec", type=Path)
    options = parser.parse_args()
    print(f"kernel {kernel.NAME}, gzip by {gunzip.LIBRARY}, {usable_cpus()} CPUs")
    with tempfile.TemporaryDirectory(prefix="scarbench-files-") as temporary:
        folder = Path(temporary)
        (folder / "a").mkdir()
        show("synthetic 12 x 192 x 192", folder / "a", make(folder / "a", options.pairs),
             options.rounds)  # fmt: skip
        if options.emidec:
            (folder / "b").mkdir()
            show("EMIDEC", folder / "b", real(folder / "b", options.emidec, options.pairs),
                 options.rounds)  # fmt: skip


if __name__ == "__main__":
    main()
