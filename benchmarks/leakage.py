"""How far apart perceptual hashes are: of different patients, and of one image and its copies.

    python benchmarks/leakage.py /data/emidec

The table behind the thresholds of :mod:`benchmark.submission.duplicates`: of every pair of
different patients the distance, and of every case the distance to a copy that was re-windowed,
turned, resampled, cropped, or made noisy. With ``--dataset NAME`` the same of another data set.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from benchmark import Case, Segmentation, Study, Volume
from benchmark.plan import resolve
from benchmark.plugins import Dataset
from benchmark.submission.duplicates import FEW_THRESHOLD, THRESHOLD, distances
from benchmark.submission.prints import print_of

Change = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, tuple[float, ...]]]


def _cut(share: float) -> Change:
    def change(image, labels):
        y, x = (int(n * share) for n in image.shape[1:])
        return image[:, y:-y, x:-x], labels[:, y:-y, x:-x], (1, 1, 1)

    return change


def _scaled(z: float, yx: float) -> Change:
    def change(image, labels):
        to = (z, yx, yx)
        return (ndimage.zoom(image, to, order=1), ndimage.zoom(labels, to, order=0),
                tuple(1 / s for s in to))  # fmt: skip

    return change


def _noisy(share: float) -> Change:
    def change(image, labels):
        noise = np.random.default_rng(0).normal(0, share * image.std(), image.shape)
        return image + noise, labels, (1, 1, 1)

    return change


def _turned(degrees: float) -> Change:
    def change(image, labels):
        options = {"axes": (1, 2), "reshape": False}
        return (ndimage.rotate(image, degrees, order=1, **options),
                ndimage.rotate(labels, degrees, order=0, **options), (1, 1, 1))  # fmt: skip

    return change


CHANGES: Mapping[str, Change] = {
    "window 5-90 %, gamma 0.7": lambda i, d: (
        (np.clip(i, *np.percentile(i, [5, 90])) - np.percentile(i, 5)) ** 0.7, d, (1, 1, 1)),
    "squared intensities": lambda i, d: ((i - i.min()) ** 2, d, (1, 1, 1)),
    "flipped": lambda i, d: (i[:, ::-1], d[:, ::-1], (1, 1, 1)),
    "turned by 90 degrees": lambda i, d: (
        np.rot90(i, 1, (1, 2)), np.rot90(d, 1, (1, 2)), (1, 1, 1)),
    "apex and base swapped": lambda i, d: (i[::-1], d[::-1], (1, 1, 1)),
    "end slices left out": lambda i, d: (i[1:-1], d[1:-1], (1, 1, 1)),
    "resampled to 70 % in plane": _scaled(1, 0.7),
    "resampled to 60 % along z": _scaled(0.6, 1),
    "cropped by 10 % a side": _cut(0.10),
    "cropped by 25 % a side": _cut(0.25),
    "noise of 10 % of the SD": _noisy(0.1),
    "noise of 30 % of the SD": _noisy(0.3),
    "turned by 5 degrees": _turned(5),
    "turned by 15 degrees": _turned(15),
}  # fmt: skip


def _copy(case: Case, change: Change) -> Case | None:
    target = case.study.target
    assert case.reference.labels is not None
    image, labels, scale = change(target.voxels.astype(np.float64), case.reference.labels)
    if not labels.any():
        return None
    spacing = tuple(s * k for s, k in zip(target.spacing, scale, strict=True))
    volume = Volume(np.ascontiguousarray(image, np.float32), spacing)
    return Case(Study("copy", {"lge": volume}), Segmentation(np.ascontiguousarray(labels)))


def _line(name: str, values: list[float]) -> None:
    quantiles = np.quantile(values, [0, 0.001, 0.01, 0.5, 0.99, 1])
    shown = " ".join(f"{q:>7.3f}" for q in quantiles)
    under = np.mean(np.array(values) <= THRESHOLD)
    print(f"{name:<28} {len(values):>7} {shown} {under:>9.4f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?")
    parser.add_argument("--dataset", default="emidec")
    parser.add_argument("--slices", type=int, help="only the first so many slices of each stack")
    asked = parser.parse_args()
    settings = {"data_root": asked.root} if asked.root else {}
    dataset = resolve("datasets", asked.dataset, settings).plugin
    assert isinstance(dataset, Dataset)
    infos = {i.id: i.patient for i in dataset.index()}
    prints, copies = [], {name: [] for name in CHANGES}
    for name, patient in infos.items():
        case = dataset.load(name)
        prints.append(print_of(case, patient, "test"))
        if len(prints) % 4 == 1:
            for what, change in CHANGES.items():
                copy = _copy(case, change)
                if copy is not None:
                    copies[what].append((prints[-1], print_of(copy, patient, "test")))
    if asked.slices:
        n = asked.slices
        prints = [replace(p, tiles=p.tiles[:n], bits=p.bits[:n]) for p in prints]
        copies = {k: [(a, replace(b, bits=b.bits[:n])) for a, b in v] for k, v in copies.items()}
    print(f"threshold {THRESHOLD}, {FEW_THRESHOLD} of fewer than 3 slices")
    print(f"{'':<28} {'n':>7} {'min':>7} {'0.1 %':>7} {'1 %':>7} {'median':>7} {'99 %':>7} "
          f"{'max':>7} {'<= thr.':>9}")  # fmt: skip
    apart = []
    for i, one in enumerate(prints):
        rest = [other for other in prints[i + 1 :] if other.patient != one.patient]
        apart += [float(d) for d in distances(one, rest)] if rest else []
    _line("different patients", apart)
    for what, pairs in copies.items():
        _line(what, [float(distances(one, [other])[0]) for one, other in pairs])


if __name__ == "__main__":
    main()
