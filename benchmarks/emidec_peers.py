"""Our metrics beside MONAI's, MetricsReloaded's and medpy's, on real hearts altered in known ways.

    python benchmarks/emidec_peers.py [--data-root DIR] [--every N]

Each EMIDEC reference is compared with itself altered as ``altered.py`` says, region by region. An
answer is *equal* within 1e-9 of the value, *single* where it is ours in single precision (within
2e-6), *neither* where both of us call it undefined (NaN, or it raises). The others differ, for one
of these reasons:

* ``empty``: a mask is empty, and what is made of that is a convention, not a measurement.
* ``pooled``: its HD95 is the percentile of both directions pooled: it equals our ``hd95_pooled``.
* ``rank``: its percentile's rank is in single precision, which moves it between two distances.
* ``?``: anything else; there should be none.

MetricsReloaded is on no package index. Where it is not installed, its definitions are restated here
with SciPy's distance transform, from ``BinaryPairwiseMeasures`` in pairwise_measures.py of
github.com/Project-MONAI/MetricsReloaded (commit 00219d05): the row is then called ``restated``.

All are given the box of both masks in plane with a voxel around it, and every slice: what lies
beyond is background for everybody.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

import numpy as np
from altered import ALTERED, Case, cases, options

from benchmark.regions import Region
from benchmark.scored_arrays import score

REGIONS = (Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR, Region.MVO)
METRICS = ("dice", "iou", "hd", "hd95", "assd", "masd", "nsd@2mm")
EXACT, SINGLE = 1e-9, 2e-6
KINDS = ("equal", "single", "neither", "empty", "pooled", "rank", "?")

Mask = np.ndarray
Spacing = tuple[float, float, float]
#: A value by our name of the metric; None where it raises.
Values = dict[str, float | None]
Peer = Callable[[Mask, Mask, Spacing], Values]
#: What a peer did with a metric: its kind, relative difference, place, its value and ours.
Outcome = tuple[str, float, str, float | None, float | None]


def monai(reference: Mask, prediction: Mask, spacing: Spacing) -> Values:
    """MONAI's functions, the spacing in the order of the axes."""
    import torch
    from monai import metrics as m

    pair = [torch.from_numpy(x[None, None].astype(np.float32)) for x in (prediction, reference)]
    given = {"include_background": True, "spacing": list(spacing)}
    return tried(
        {
            "dice": lambda: m.compute_dice(*pair),
            "iou": lambda: m.compute_iou(*pair),
            "hd": lambda: m.compute_hausdorff_distance(*pair, **given),
            "hd95": lambda: m.compute_hausdorff_distance(*pair, percentile=95, **given),
            "assd": lambda: m.compute_average_surface_distance(*pair, symmetric=True, **given),
            "nsd@2mm": lambda: m.compute_surface_dice(*pair, [2.0], **given),
        }
    )


def medpy(reference: Mask, prediction: Mask, spacing: Spacing) -> Values:
    """Medpy's functions."""
    from medpy.metric import binary

    pair, given = (prediction, reference), {"voxelspacing": spacing}
    return tried(
        {
            "dice": lambda: binary.dc(*pair),
            "iou": lambda: binary.jc(*pair),
            "hd": lambda: binary.hd(*pair, **given),
            "hd95": lambda: binary.hd95(*pair, **given),
            "assd": lambda: binary.assd(*pair, **given),
        }
    )


def metrics_reloaded(reference: Mask, prediction: Mask, spacing: Spacing) -> Values:
    """MetricsReloaded's own class."""
    from MetricsReloaded.metrics.pairwise_measures import BinaryPairwiseMeasures

    masks = prediction.astype(int), reference.astype(int)
    made = BinaryPairwiseMeasures(*masks, pixdim=spacing, dict_args={"nsd": 2.0, "hd_perc": 95})
    return tried(
        {
            "dice": made.dsc,
            "iou": made.intersection_over_union,
            "hd": made.measured_hausdorff_distance,
            "hd95": made.measured_hausdorff_distance_perc,
            "assd": made.measured_average_distance,
            "masd": made.measured_masd,
            "nsd@2mm": made.normalised_surface_distance,
        }
    )


def restated(reference: Mask, prediction: Mask, spacing: Spacing) -> Values:
    """MetricsReloaded's definitions: six-neighbour borders, whole-grid distance transforms.

    Percentiles are linear and directed, ASSD is pooled, NSD a share of voxels; two empty masks have
    Dice 1 and distances 0, one empty mask leaves a percentile of nothing, which raises.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt

    sizes = [int(np.count_nonzero(m)) for m in (reference, prediction)]
    both = int(np.count_nonzero(reference & prediction))
    found: Values = {
        "dice": 2 * both / sum(sizes) if any(sizes) else 1.0,
        "iou": both / (sum(sizes) - both) if any(sizes) else math.nan,
    }
    if not any(sizes):
        return found | dict.fromkeys(("hd", "hd95", "assd", "masd"), 0.0) | {"nsd@2mm": math.nan}
    borders = [m & ~binary_erosion(m) for m in (reference, prediction)]
    maps = [distance_transform_edt(~border, sampling=spacing) for border in borders]
    there, back = maps[1][borders[0]], maps[0][borders[1]]
    pooled = np.concatenate([there, back])
    found["nsd@2mm"] = float(np.count_nonzero(pooled <= 2.0) / len(pooled))
    if not all(sizes):
        return found | dict.fromkeys(("hd", "hd95", "assd", "masd"))
    return found | {
        "hd": float(pooled.max()),
        "hd95": float(max(np.percentile(there, 95), np.percentile(back, 95))),
        "assd": float(pooled.sum() / len(pooled)),
        "masd": float(0.5 * (there.mean() + back.mean())),
    }


def tried(asked: dict[str, Callable[[], object]]) -> Values:
    """Each value as a number; None where it raises."""
    found: Values = {}
    for name, function in asked.items():
        try:
            found[name] = float(function())  # type: ignore[arg-type]
        # What a foreign function raises is its answer.
        except Exception:
            found[name] = None
    return found


def peers() -> dict[str, Peer]:
    """Those that can be asked here; says which cannot."""
    found: dict[str, Peer] = {}
    for name, peer in (("monai", monai), ("medpy", medpy)):
        if find_spec(name) is None:
            print(f"{name}: not installed")
        else:
            found[name] = peer
    real = find_spec("MetricsReloaded") is not None
    found["MetricsReloaded" if real else "restated"] = metrics_reloaded if real else restated
    return found


def ours(
    reference: Mask, prediction: Mask, spacing: Spacing
) -> dict[Region, tuple[str, dict[str, float | None]]]:
    """Status and values of each region, as ``bench score`` has them, surfaces in space."""
    regions = {str(r): tuple(map(int, r.labels)) for r in REGIONS}
    table = score(
        reference, prediction, spacing, regions=regions, metrics=(*METRICS, "hd95_pooled")
    )
    found: dict[Region, tuple[str, dict[str, float | None]]] = {r: ("", {}) for r in REGIONS}
    for row in table.to_dict("records"):
        if row["dim"] == "3d" or not isinstance(row["dim"], str):
            region = Region(row["region"])
            value = None if math.isnan(row["value"]) else float(row["value"])
            found[region] = row["status"], found[region][1] | {row["metric"]: value}
    return found


def boxed(reference: Mask, prediction: Mask) -> tuple[slice, slice, slice]:
    """Every slice, and rows and columns of either mask with one more on each side."""
    either = (reference | prediction).any(axis=0)
    sides = [slice(None)]
    for axis in (1, 0):
        held = np.flatnonzero(either.any(axis=axis))
        first, last = (int(held[0]), int(held[-1])) if len(held) else (0, 0)
        sides.append(slice(max(0, first - 1), last + 2))
    return sides[0], sides[1], sides[2]


def judged(
    metric: str, theirs: float | None, status: str, mine: dict[str, float | None]
) -> tuple[str, float]:
    """How an answer relates to ours, and the relative difference where both are numbers."""
    right = mine[metric]
    undefined = theirs is None or math.isnan(theirs)
    if right is None and undefined:
        return "neither", 0.0
    if right is None or theirs is None or undefined or math.isinf(theirs):
        return ("empty" if status != "ok" else "?"), math.inf
    difference = abs(theirs - right) / max(abs(right), 1e-300) if theirs != right else 0.0
    if difference <= EXACT:
        return "equal", difference
    if difference <= SINGLE:
        return "single", difference
    if status != "ok":
        return "empty", difference
    pooled = mine["hd95_pooled"]
    if metric == "hd95" and pooled is not None and math.isclose(theirs, pooled, rel_tol=SINGLE):
        return "pooled", difference
    return "?", difference


def examined(given: Iterable[Case], asked: dict[str, Peer]) -> dict[tuple[str, str], list[Outcome]]:
    """Outcomes by peer and metric, over cases, alterations and regions."""
    found: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for case, labels, spacing in given:
        for how, alter in ALTERED.items():
            altered = alter(labels, spacing)
            for region, (status, mine) in ours(labels, altered, spacing).items():
                masks = region.mask(labels), region.mask(altered)
                box = boxed(*masks)
                place = f"{case}, {how}, {region}"
                for name, peer in asked.items():
                    values = peer(masks[0][box], masks[1][box], spacing)
                    for metric, theirs in values.items():
                        kind, difference = judged(metric, theirs, status, mine)
                        right = mine[metric]
                        if kind == "?" and metric == "hd95" and theirs and right:
                            slack = rank_rounding(*masks, mine["hd"] or 0.0)
                            kind = "rank" if abs(theirs - right) <= slack else "?"
                        found[name, metric].append((kind, difference, place, theirs, right))
    return found


def rank_rounding(reference: Mask, prediction: Mask, greatest: float) -> float:
    """How far a percentile moves at most if its rank is rounded to single precision, in mm.

    The rank is at most the number of distances, and between two neighbouring distances lies at
    most the greatest one.
    """
    from scipy.ndimage import binary_erosion

    count = max(np.count_nonzero(m & ~binary_erosion(m)) for m in (reference, prediction))
    return float(count * np.finfo(np.float32).eps * greatest)


def table(found: dict[tuple[str, str], list[Outcome]]) -> Iterator[str]:
    """A line for each peer and metric, then the greatest difference of each kind that differs."""
    form = "{:<16} {:<8} {:>6}" + " {:>9}" * len(KINDS) + "  {:>20}"
    yield form.format("peer", "metric", "asked", *KINDS, "greatest rel. diff.")
    for (peer, metric), outcomes in found.items():
        counted = Counter(kind for kind, *_ in outcomes)
        same = [d for kind, d, *_ in outcomes if kind in ("equal", "single")]
        yield form.format(
            peer, metric, len(outcomes), *(counted[k] or "." for k in KINDS),
            f"{max(same, default=0.0):.1e} where same",
        )  # fmt: skip
    yield ""
    for (peer, metric), outcomes in found.items():
        for kind in KINDS[3:]:
            differing = [o for o in outcomes if o[0] == kind]
            if differing:
                _, _, place, theirs, right = max(differing, key=lambda o: _gap(o[3], o[4]))
                said = "raises" if theirs is None else f"{theirs:.6g}"
                mine = "undefined" if right is None else f"{right:.6g}"
                yield f"{peer} {metric}, {kind}, {len(differing)} x: {said} for {mine} ({place})"


def _gap(theirs: float | None, right: float | None) -> float:
    if theirs is None or math.isnan(theirs):
        return 0.0
    return abs(theirs - (right or 0.0))


def main() -> None:
    """Print the table."""
    asked = options(str(__doc__))
    warnings.simplefilter("ignore")  # MONAI's about itself and about empty masks
    given = list(cases(asked))
    print(f"{len(given)} EMIDEC cases, {len(ALTERED)} alterations, {len(REGIONS)} regions\n")
    for line in table(examined(given, peers())):
        print(line)


if __name__ == "__main__":
    main()
