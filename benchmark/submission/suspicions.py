"""What reproduces and is too good, or too equal, to be left unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..results import Run
from .claims import listed, named
from .findings import Verification

__all__ = ["suspicions"]


def suspicions(
    found: Verification, runs: Sequence[Run], digests: Mapping[str, Mapping[str, str]]
) -> None:
    """Add doubts.

    Args:
        found: What is added to.
        runs: As scored here.
        digests: By name of the run and case, a hash of the prediction.
    """
    for run in runs:
        _perfect(found, run)
    _equal_seeds(found, runs, digests)


def _perfect(found: Verification, run: Run) -> None:
    """A Dice coefficient of 1 means that not one voxel differs."""
    scores = run.scores
    rows = scores[
        ((scores["metric"] == "dice") & (scores["level"] == "volume")
         & (scores["compared"] == "prediction") & (scores["reference"] == "reference")
         & (scores["status"] == "ok") & scores["dim"].isna()).to_numpy(dtype=bool)
    ]  # fmt: skip
    if rows.empty:
        return
    perfect = rows.groupby("case")["value"].min() == 1
    if perfect.all():
        found.doubt("perfect", f"{named(run)}: all {len(perfect)} predictions are the reference "
                    "itself, voxel by voxel.")  # fmt: skip
    elif perfect.any():
        cases = [str(case) for case in perfect.index[perfect]]
        found.doubt("perfect", f"{named(run)}: {len(cases)} of {len(perfect)} predictions are the "
                    f"reference itself, voxel by voxel: {listed(cases)}.")  # fmt: skip


def _equal_seeds(
    found: Verification, runs: Sequence[Run], digests: Mapping[str, Mapping[str, str]]
) -> None:
    """Trainings from other seeds that end in the same voxels were not trainings."""
    groups: dict[tuple[int | None, str], list[str]] = {}
    for run in runs:
        mine = digests[named(run)]
        if run.record.method.trains and mine:
            key = (run.record.fold, repr(sorted(mine.items())))
            groups.setdefault(key, []).append(named(run))
    for names in groups.values():
        if len(names) > 1:
            found.doubt("seeds", f"All predictions of {' and '.join(names)} are the same: "
                        "one training may have been submitted as several.")  # fmt: skip
