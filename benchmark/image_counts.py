"""How many images a run learnt from and was tested on: by role, map and third of the ventricle.

An image is a slice of a T1 or T2 map in which the reference has any left ventricle, as in Table 1
of mapping2023. Cases learnt from are in no table of scores, so this is counted when scoring.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from .metrics.levels import thirds
from .relaxation import MAPS, map_of

if TYPE_CHECKING:
    from .plan import Plan
    from .types import Case

__all__ = ["UNKNOWN", "Images", "image_counts"]

#: Role -> map -> third -> how many.
Images = dict[str, dict[str, dict[str, int]]]
#: Where which end of a stack is the apex is not known.
UNKNOWN = "unknown"


def image_counts(plan: Plan, load: Callable[[str], Case]) -> Images:
    """Of all cases a run uses; empty unless the data set's index says that cases are maps.

    A case that could not be read when the run began is none.

    Args:
        plan: The run.
        load: Gives a case of it by id.
    """
    found: dict[str, dict[str, Counter[str]]] = {}
    for case_id, fingerprint in plan.prints.items():
        if plan.infos[case_id].attributes.get("map") not in MAPS or fingerprint.error:
            continue
        case = load(case_id)
        kind = map_of(case.study)
        if kind is not None:
            maps = found.setdefault(plan.split.roles[case_id], {})
            maps.setdefault(kind, Counter()).update(_levels(case))
    return {
        role: {kind: dict(sorted(levels.items())) for kind, levels in sorted(maps.items())}
        for role, maps in sorted(found.items())
    }


def _levels(case: Case) -> Counter[str]:
    """How many slices with a left ventricle lie in each third."""
    labels = case.reference.labels
    assert labels is not None  # or the case has no fingerprint
    held = [bool(plane.any()) for plane in labels]
    groups = thirds(held, case.study.target.positions, case.study.apex)
    if isinstance(groups, str):
        return Counter({UNKNOWN: sum(held)}) if any(held) else Counter()
    counted = {third: sum(held[z] for z in slices) for third, slices in groups.items()}
    return Counter({third: n for third, n in counted.items() if n})
