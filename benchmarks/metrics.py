"""CPU time of the metrics engine beside medpy, MONAI and SimpleITK, on one thread.

    python benchmarks/metrics.py                      # every workload that takes seconds
    python benchmarks/metrics.py --only A,B           # B: 88 x 576 x 576, minutes with some peers
    python benchmarks/metrics.py --emidec FOLDER      # and real cases, against shifted copies

Everybody computes Dice, HD, HD95, ASSD and NSD at 2 mm of every region, surfaces by six faces
(MONAI: as it defines them). In each round every tool runs once (ours several times, averaged), and
a ratio is that of one round: the table shows their median and range. ``floor`` is one read of
both label maps. Medpy has no NSD and computes all distances anew for each metric; ``medpy shared``
takes all five metrics from one computation of its distances, the fastest way to use it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402 - reads the variables above when it is imported

from benchmark.metrics import arrays, kernel  # noqa: E402

HEART = ((1,), (2, 3, 4), (3, 4), (4,))
SPACING = (10.0, 1.5, 1.5)
OURS = ("ours C", "ours NumPy")
Masks = list[tuple[np.ndarray, np.ndarray]]


class Workload:
    """Pairs of label maps, and what makes masks of them."""

    def __init__(
        self,
        name: str,
        pairs: Masks,
        regions: Any = ((1,),),
        spacing: Any = SPACING,
        slices: bool = False,
    ) -> None:
        self.name, self.pairs, self.regions, self.spacing = name, pairs, regions, spacing
        self.slices = slices
        # Peers get masks that are ready, slice by slice where slices are asked for: making them
        # is not counted.
        if slices:
            pairs = [(a[None], b[None]) for pair in pairs for a, b in zip(*pair, strict=True)]
        self.masks = [[tuple(np.isin(a, r) for a in pair) for r in regions] for pair in pairs]


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


def workloads(emidec: Path | None) -> Iterator[tuple[str, Callable[[], Workload]]]:
    """Name and maker of each workload, A first."""
    shape = (12, 192, 192)

    def pair_a() -> tuple[np.ndarray, np.ndarray]:
        return heart(shape, 1), heart(shape, 2)

    def one_label() -> Masks:
        big = (88, 576, 576)
        return [((heart(big, 1) > 0).view(np.uint8), (heart(big, 2) > 0).view(np.uint8))]

    def slices() -> Masks:
        ours, theirs = pair_a()
        # Peers fail where a mask is empty.
        full = [all((m[z] == 4).any() for m in (ours, theirs)) for z in range(len(ours))]
        return [(ours[full], theirs[full])]

    def noise(seed: int) -> np.ndarray:
        return (np.random.default_rng(seed).random(shape) < 0.3).astype(np.uint8)

    def far() -> Masks:
        ours, theirs = (np.zeros(shape, np.uint8) for _ in range(2))
        ours[:, :, :12], theirs[:, :, -12:] = noise(1)[:, :, :12], noise(2)[:, :, -12:]
        return [(ours, theirs)]

    ones = np.ones(shape, np.uint8)
    corner = np.zeros(shape, np.uint8)
    corner[0, :3, :3] = 1
    yield "A", lambda: Workload("A: 12x192x192, 4 regions", [pair_a()], HEART)
    yield "B", lambda: Workload("B: 88x576x576, 1 label", one_label(), spacing=(1.0, 0.625, 0.625))
    yield "C", lambda: Workload("C: the 2D slices of A", slices(), HEART, slices=True)
    yield "random", lambda: Workload("random blobs", [(blob(shape, 1), blob(shape, 2))])
    yield "ones", lambda: Workload("all ones / all ones", [(ones, ones)])
    yield "corner", lambda: Workload("all ones / a corner", [(ones, corner)])
    yield "noise", lambda: Workload("30 % noise", [(noise(1), noise(2))])
    yield "far", lambda: Workload("far surfaces", far())
    if emidec is not None:
        for file in sorted(emidec.glob("**/Case_P*/Contours/*.nii.gz"))[:4]:
            yield "emidec", lambda file=file: real(file)


def real(file: Path) -> Workload:
    """An EMIDEC reference against itself, shifted by a row and two columns."""
    import nibabel

    image = nibabel.load(file)
    labels = np.ascontiguousarray(np.asarray(image.dataobj).transpose(2, 1, 0).astype(np.uint8))
    spacing = tuple(float(s) for s in image.header.get_zooms()[:3][::-1])
    held = [r for r in HEART if np.isin(labels, r).any()]
    pair = labels, np.roll(labels, (1, 2), axis=(1, 2))
    return Workload(f"EMIDEC {file.name.split('.')[0]}", [pair], held, spacing)


def ours(name: str) -> Callable[[Workload], Any]:
    """Our engine with one of its kernels."""

    def run(work: Workload) -> Any:
        kernel.NAME = name  # type: ignore[assignment]
        dim = "slice" if work.slices else "3d"
        return [arrays.evaluate(a, b, work.spacing, work.regions, dim=dim) for a, b in work.pairs]

    return run


def floor(work: Workload) -> Any:
    """One read of both maps."""
    return [a.max() | b.max() for a, b in work.pairs]


def from_distances(there: np.ndarray, back: np.ndarray, dice: float) -> tuple[float, ...]:
    """All five metrics from both directions' distances."""
    both = np.concatenate([there, back])
    hd95 = max(np.percentile(there, 95), np.percentile(back, 95))
    return dice, both.max(), hd95, both.mean(), (both <= 2.0).mean()


def medpy(work: Workload) -> Any:
    """Its functions as documented; it has no NSD."""
    from medpy.metric import binary

    return [
        (binary.dc(b, a), *(f(b, a, voxelspacing=s) for f in (binary.hd, binary.hd95, binary.assd)))
        for pair, s in squeezed(work)
        for a, b in pair
    ]


def medpy_shared(work: Workload) -> Any:
    """Its distances computed once each way."""
    from medpy.metric import binary

    surface_distances = binary.__dict__["__surface_distances"]
    return [
        from_distances(
            surface_distances(a, b, voxelspacing=s),
            surface_distances(b, a, voxelspacing=s),
            binary.dc(a, b),
        )
        for pair, s in squeezed(work)
        for a, b in pair
    ]


def monai(work: Workload) -> Any:
    """Its functions as documented, all regions as channels of one batch."""
    import torch
    from monai import metrics as m

    torch.set_num_threads(1)
    found = []
    for pair, s in squeezed(work):
        a, b = (torch.from_numpy(np.stack(side)[None]).float() for side in zip(*pair, strict=True))
        options = {"include_background": True, "spacing": list(s)}
        found.append(
            [
                m.compute_dice(b, a, include_background=True),
                m.compute_hausdorff_distance(b, a, **options),
                m.compute_hausdorff_distance(b, a, percentile=95, **options),
                m.compute_average_surface_distance(b, a, symmetric=True, **options),
                m.compute_surface_dice(b, a, [2.0] * len(pair), **options),
            ]
        )
    return found


def simple_itk(work: Workload) -> Any:
    """Maurer distance maps of both contours, each computed once."""
    import SimpleITK as Itk

    Itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    found = []
    for pair, s in squeezed(work):
        for masks in pair:
            images = [Itk.GetImageFromArray(m.view(np.uint8)) for m in masks]
            for image in images:
                image.SetSpacing(s[::-1])
            # Its contour leaves out what touches the border of the image.
            padded = [
                Itk.ConstantPad(i, [1] * i.GetDimension(), [1] * i.GetDimension()) for i in images
            ]
            faces = [Itk.LabelContour(i, fullyConnected=False) for i in padded]
            # Named, because a view does not keep its image alive.
            fields = [Itk.Abs(Itk.SignedMaurerDistanceMap(f, False, False, True)) for f in faces]
            maps = [Itk.GetArrayViewFromImage(f) for f in fields]
            first, second = (Itk.GetArrayViewFromImage(f) > 0 for f in faces)
            overlap = Itk.LabelOverlapMeasuresImageFilter()
            overlap.Execute(*images)
            found.append(
                from_distances(maps[1][first], maps[0][second], overlap.GetDiceCoefficient())
            )
    return found


def squeezed(work: Workload) -> Iterator[tuple[Any, tuple[float, ...]]]:
    """Masks and spacing as peers want them: a single slice is two-dimensional."""
    for pair in work.masks:
        if pair[0][0].shape[0] == 1:
            yield [tuple(m[0] for m in masks) for masks in pair], tuple(work.spacing[1:])
        else:
            yield pair, tuple(work.spacing)


TOOLS: dict[str, tuple[str, Callable[[Workload], Any]]] = {
    "floor": ("numpy", floor),
    "ours C": ("scarbench", ours("c")),
    "ours NumPy": ("scarbench", ours("numpy")),
    "medpy": ("medpy", medpy),
    "medpy shared": ("medpy", medpy_shared),
    "MONAI": ("monai", monai),
    "SimpleITK": ("SimpleITK", simple_itk),
}


def installed() -> dict[str, Callable[[Workload], Any]]:
    """The tools that can be run here."""
    found = {}
    for name, (distribution, run) in TOOLS.items():
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            print(f"{name}: not installed")
            continue
        if name == "ours C" and "c" not in kernel.KERNELS:
            print(f"{name}: {kernel.describe()}")
            continue
        print(f"{name}: {distribution} {version}")
        found[name] = run
    small = Workload("", [(blob((4, 32, 32), 1), blob((4, 32, 32), 2))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's about itself
        for run in found.values():
            run(small)  # imports
    return found


def seconds(run: Callable[[Workload], Any], work: Workload, least: float) -> float:
    """CPU time of one run, averaged over as many as fill ``least`` seconds."""
    times, start = 0, time.process_time()
    while True:
        run(work)
        times += 1
        spent = time.process_time() - start
        if spent >= least:
            return spent / times


def compare(work: Workload, tools: dict[str, Callable[[Workload], Any]], rounds: int) -> dict:
    """Print a workload's table; returns the median ratio to each of ours by (ours, peer)."""
    times: dict[str, list[float]] = {name: [] for name in tools}
    for name in OURS:
        if name in tools:
            tools[name](work)  # fills caches that belong to a spacing
    for _ in range(rounds):
        for name, run in tools.items():
            times[name].append(seconds(run, work, 0.2 if name in (*OURS, "floor") else 0.0))
    mine = [name for name in OURS if name in tools]
    print(f"\n{work.name}" + "".join(f"{f'/ {name}':>30}" for name in mine))
    ratios = {}
    for name, spent in times.items():
        line = f"  {name:<14}{1000 * median(spent):>12.3f} ms"
        for base in mine:
            each = [t / b for t, b in zip(spent, times[base], strict=True)]
            ratios[base, name] = median(each)
            line += f"{median(each):>14.2f} ({min(each):.4g} - {max(each):.4g})"
        print(line, flush=True)
    return ratios


def main() -> None:
    """Compare on each workload, then over all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="names of workloads, separated by commas")
    parser.add_argument("--without", default="B", help="workloads to leave out where all are asked")
    parser.add_argument("--tools", default="", help="names of tools, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--emidec", type=Path, help="folder with the EMIDEC cases")
    asked = parser.parse_args()
    tools = installed()
    if asked.tools:
        tools = {name: tools[name] for name in asked.tools.split(",")}
    found = []
    for name, make in workloads(asked.emidec):
        if name in (asked.only.split(",") if asked.only else {name} - {*asked.without.split(",")}):
            found.append(compare(make(), tools, asked.rounds))
    print(f"\ngeometric mean over {len(found)} workloads")
    peers = [name for name in tools if name not in (*OURS, "floor", "medpy")]
    for base in (name for name in OURS if name in tools):
        for peer in peers:
            mean = math.exp(sum(math.log(r[base, peer]) for r in found) / len(found))
            print(f"  {peer} / {base}: {mean:.1f}")
        if peers:
            fastest = [min(r[base, peer] for peer in peers) for r in found]
            mean = math.exp(sum(map(math.log, fastest)) / len(fastest))
            print(f"  fastest full-set peer / {base}: {mean:.1f} (least {min(fastest):.1f})")


if __name__ == "__main__":
    main()
