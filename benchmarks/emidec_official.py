"""Where the numbers of EMIDEC's official evaluation go wrong: real references against altered ones.

    python benchmarks/emidec_official.py [--data-root DIR] [--every N]

Each reference segmentation is compared with itself shifted by one voxel along each axis, with its
basal slice missing, with its scar removed, and with a speck of scar in the first slice. The table
gives the mean of the official value and of ours over the cases where both are numbers, the share
of cases where they differ, and the worst case.
"""

from __future__ import annotations

import argparse
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmark.datasets.emidec import Emidec
from benchmark.presets import Row, beside, preset
from benchmark.regions import Labels

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = os.environ.get("SCARBENCH_EMIDEC", ROOT.parent / "shared" / "data" / "emidec")
#: A difference that no rounding explains, in the unit of the number.
TOLERANCE = {"": 1e-9, "mm": 1e-9, "mm3": 0.0051}


def shifted(axis: int) -> Callable[[Labels], Labels]:
    """One voxel on along an axis; what leaves the grid on one side is lost."""

    def alter(labels: Labels) -> Labels:
        moved = np.roll(labels, 1, axis)
        moved[(slice(None),) * axis + (0,)] = 0
        return moved

    return alter


def without_base(labels: Labels) -> Labels:
    """The last slice with a heart is missing."""
    altered = labels.copy()
    altered[np.flatnonzero(labels.any(axis=(1, 2)))[-1]] = 0
    return altered


def without_scar(labels: Labels) -> Labels:
    """No infarction and no no-reflow is found."""
    return np.where(labels > 2, 2, labels).astype(np.uint8)


def with_speck(labels: Labels) -> Labels:
    """One voxel of myocardium of the first slice that has any is called scar."""
    altered = labels.copy()
    altered.flat[np.flatnonzero(labels == 2)[0]] = 3
    return altered


ALTERED: dict[str, Callable[[Labels], Labels]] = {
    "shifted by a column": shifted(2),
    "shifted by a row": shifted(1),
    "shifted by a slice": shifted(0),
    "basal slice missing": without_base,
    "scar missed": without_scar,
    "a speck of scar": with_speck,
}


def differs(row: Row) -> bool:
    """Whether the two disagree: by more than rounding, or on being a number at all."""
    if not row.metric:
        return False
    if row.difference is None:
        return (row.theirs is None or not math.isfinite(row.theirs)) != (row.ours is None)
    return abs(row.difference) > TOLERANCE[row.unit]


def table(cases: Iterator[tuple[str, Labels, tuple[float, float, float]]]) -> Iterator[str]:
    """Lines of the table."""
    official = preset("emidec-official")
    rows: defaultdict[tuple[str, str], list[tuple[str, Row]]] = defaultdict(list)
    for case, labels, spacing in cases:
        for how, alter in ALTERED.items():
            for row in beside(official, labels, alter(labels), spacing):
                if row.metric:
                    rows[how, row.name].append((case, row))
    heads = ("altered", "quantity", "unit", "official", "ours", "both", "differ", "worst case")
    form = "{:<20} {:<30} {:<4} {:>10} {:>10} {:>7} {:>7}  {}"
    yield form.format(*heads)
    for (how, name), found in rows.items():
        both = [r for _, r in found if r.difference is not None]
        wrong = [(c, r) for c, r in found if differs(r)]
        if not wrong:
            continue
        means = [
            f"{np.mean([getattr(r, side) for r in both]):.4g}" if both else "-"
            for side in ("theirs", "ours")
        ]
        case, worst = max(wrong, key=lambda cr: abs(cr[1].difference or 0.0))
        shown = [f"{v:.4g}" if v is not None else "none" for v in (worst.theirs, worst.ours)]
        yield form.format(
            how, name, worst.unit, *means, f"{len(both)}/{len(found)}",
            f"{len(wrong)}/{len(found)}", f"{case}: {shown[0]} for {shown[1]}",
        )  # fmt: skip


def main() -> None:
    """Print the preset's known faults and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, default=Path(DEFAULT))
    parser.add_argument("--every", type=int, default=1, help="take only every Nth case")
    options = parser.parse_args()
    data = Emidec(data_root=options.data_root)
    chosen = list(data.index())[:: options.every]

    def cases() -> Iterator[tuple[str, Labels, tuple[float, float, float]]]:
        for info in chosen:
            case = data.load(info.id)
            assert case.reference is not None
            assert case.reference.labels is not None
            yield info.id, case.reference.labels, case.study.images["lge"].spacing

    print(f"EMIDEC official beside ours, {len(chosen)} cases\n")
    for line in table(cases()):
        print(line)
    print()
    for sentence in preset("emidec-official").wrong:
        print(f"* {sentence}")


if __name__ == "__main__":
    main()
