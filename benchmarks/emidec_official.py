"""Where the numbers of EMIDEC's official evaluation go wrong: real references against altered ones.

    python benchmarks/emidec_official.py [--data-root DIR] [--every N]

Each reference segmentation is compared with itself altered as ``altered.py`` says. A line is a
quantity that is wrong in at least one case: the means of the official value and of ours over the
cases where both are numbers; in how many cases they differ, or only one of them is a number (as in
scar-free hearts, whose infarction the official code scores 1); the median and the greatest
difference where there is one (official minus ours); and the case that has it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from altered import ALTERED, Case, cases, options

from benchmark.presets import Row, beside, preset

#: A difference that no rounding explains, in the unit of the number.
TOLERANCE = {"": 1e-9, "mm": 1e-9, "mm3": 0.0051}


def differs(row: Row) -> bool:
    """Whether the two disagree: by more than rounding, or on being a number at all."""
    if not row.metric:
        return False
    if row.difference is None:
        return (row.theirs is None or not math.isfinite(row.theirs)) != (row.ours is None)
    return abs(row.difference) > TOLERANCE[row.unit]


def table(given: Iterable[Case]) -> Iterator[str]:
    """Lines of the table."""
    official = preset("emidec-official")
    rows: defaultdict[tuple[str, str], list[tuple[str, Row]]] = defaultdict(list)
    for case, labels, spacing in given:
        for how, alter in ALTERED.items():
            for row in beside(official, labels, alter(labels, spacing), spacing):
                if row.metric:
                    rows[how, row.name].append((case, row))
    heads = ("altered", "quantity", "unit", "official", "ours", "wrong", "median", "worst", "case")
    form = "{:<20} {:<22} {:<4} {:>9} {:>9} {:>6} {:>9} {:>9}  {}"
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
        gaps = [r.difference for _, r in wrong if r.difference is not None]
        case, worst = max(wrong, key=lambda cr: abs(cr[1].difference or 0.0))
        shown = [f"{v:.4g}" if v is not None else "none" for v in (worst.theirs, worst.ours)]
        greatest = worst.difference
        yield form.format(
            how, name, worst.unit, *means, f"{len(wrong)}/{len(found)}",
            f"{np.median(gaps):+.4g}" if gaps else "-",
            "-" if greatest is None else f"{greatest:+.4g}",
            f"{case}: {shown[0]} for {shown[1]}",
        )  # fmt: skip


def main() -> None:
    """Print the table and the preset's known faults."""
    asked = options(str(__doc__))
    given = list(cases(asked))
    print(f"EMIDEC official beside ours, {len(given)} cases\n")
    for line in table(given):
        print(line)
    print()
    for sentence in preset("emidec-official").wrong:
        print(f"* {sentence}")


if __name__ == "__main__":
    main()
