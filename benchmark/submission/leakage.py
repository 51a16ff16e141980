"""Who is both learnt from and tested on: by name, by voxels, by reference, or by looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from ..errors import DataError, near_misses
from ..splits import ROLES, fold_split
from ..types import CaseInfo
from .duplicates import alike
from .prints import CasePrint
from .strict import strict_json

__all__ = ["Leak", "Place", "dealt", "leaks_among", "leaks_between", "leaks_by_name",
           "place_of"]  # fmt: skip

_MAX_SPLIT = 64_000_000


@dataclass(frozen=True)
class Place:
    """A case in a role."""

    case: str
    patient: str
    role: str

    @property
    def said(self) -> str:
        """``S004 (train)``, with the patient where that is another name."""
        if not self.case:
            return f"patient {self.patient!r} ({self.role})"
        of = f" of patient {self.patient!r}" if self.patient not in ("", self.case) else ""
        return f"{self.case!r}{of} ({self.role})"


@dataclass(frozen=True)
class Leak:
    """Two roles that share something.

    Attributes:
        kind: ``case``, ``patient``, ``voxels``, ``reference`` or ``alike``.
        one, other: Where it is.
        distance: Of what looks alike: the share of bits that differ.
    """

    kind: str
    one: Place
    other: Place
    distance: float | None = None

    @property
    def said(self) -> str:
        """A sentence without its full stop."""
        what = {
            "case": "are the same case",
            "patient": "are of the same patient",
            "voxels": "have the same voxels",
            "reference": "have the same reference, voxel by voxel",
            "alike": f"look alike: {(self.distance or 0) * 100:.1f} % of bits differ",
        }
        return f"{self.one.said} and {self.other.said} {what[self.kind]}"

    def as_json(self) -> Mapping[str, Any]:
        """Plain data."""
        return {"kind": self.kind, "one": vars(self.one), "other": vars(self.other),
                "distance": self.distance, "said": self.said}  # fmt: skip


def dealt(
    index: Sequence[CaseInfo], split: Path | None = None, folds: int | None = None
) -> list[tuple[str, str]]:
    """Case and role, as they are dealt: a case that has two roles is there twice.

    The readers of splits refuse what leaks at first sight; here it is to be told.

    Args:
        index: Of the data set.
        split: A JSON file of case ids by role, instead of the data set's own roles.
        folds: Folds of cross-validation: the role of a case is the fold that tests it.

    Raises:
        DataError: The file is no split of these cases.
        UsageError: The folds do not fit.
    """
    if folds is not None:
        return [(case, f"fold {fold}") for fold in range(folds)
                for case in fold_split(_once(index), fold, folds).ids("test")]  # fmt: skip
    if split is None:
        return [(info.id, info.role) for info in index]
    content = strict_json(split, _MAX_SPLIT)
    known = {info.id for info in index}
    if not isinstance(content, dict):
        raise DataError(f"{split} is no mapping of roles to case ids.")
    found = []
    for role, ids in content.items():
        if role not in ROLES:
            raise DataError(f"{split}: there is no role {role!r}.", near_misses(role, ROLES))
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise DataError(f"{split}: {role!r} must be a list of case ids.")
        for case in ids:
            if case not in known:
                raise DataError(f"{split}: the data set has no case {case!r}.",
                                near_misses(case, known))  # fmt: skip
            found.append((case, role))
    return found


def _once(index: Sequence[CaseInfo]) -> list[CaseInfo]:
    return list({info.id: info for info in index}.values())


def leaks_by_name(roles: Sequence[tuple[str, str]], patients: Mapping[str, str]) -> list[Leak]:
    """A case, or a patient, in two roles.

    Args:
        roles: Case and role, see :func:`dealt`.
        patients: Patient by case.
    """
    found = []
    by_patient: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    by_case: dict[str, list[str]] = defaultdict(list)
    for case, role in roles:
        by_case[case].append(role)
        by_patient[patients[case]][role].append(case)
    for case, held in by_case.items():
        for one, other in combinations(dict.fromkeys(held), 2):
            at = patients[case]
            found.append(Leak("case", Place(case, at, one), Place(case, at, other)))
    for patient, cases in by_patient.items():
        for (one, first), (other, second) in combinations(cases.items(), 2):
            pair = next(((a, b) for a in first for b in second if a != b), None)
            if pair is not None:  # or it is one case in two roles, which is said already
                found.append(Leak("patient", Place(pair[0], patient, one),
                                  Place(pair[1], patient, other)))  # fmt: skip
    return found


def leaks_among(
    prints: Iterable[CasePrint], advance: Callable[[str], None] = lambda case: None
) -> Iterator[Leak]:
    """What is the same, or looks alike, in any two roles."""
    by_role: dict[str, list[CasePrint]] = defaultdict(list)
    for one in prints:
        by_role[one.role].append(one)
    groups = list(by_role.values())
    for i, group in enumerate(groups):
        later = [other for rest in groups[i + 1 :] for other in rest]
        if later:
            yield from leaks_between(group, later, advance)


def leaks_between(
    ones: Sequence[CasePrint],
    others: Sequence[CasePrint],
    advance: Callable[[str], None] = lambda case: None,
) -> Iterator[Leak]:
    """The same between two groups. One pair is told once, by what says most.

    Args:
        ones: Cases that are here.
        others: Cases here or declared.
        advance: Called with each case of ``ones`` that was compared.
    """
    told: set[tuple[str, str]] = set()
    for kind in ("voxels", "reference"):
        held: dict[str, list[CasePrint]] = defaultdict(list)
        for other in others:
            held[getattr(other, kind)].append(other)
        for one in ones:
            print_ = getattr(one, kind)
            for other in held[print_] if print_ else []:
                if (one.id, other.id) not in told:
                    told.add((one.id, other.id))
                    yield Leak(kind, place_of(one), place_of(other))
    for pair in alike(ones, others, advance):
        if (pair.one.id, pair.other.id) not in told:
            yield Leak("alike", place_of(pair.one), place_of(pair.other), pair.distance)


def place_of(print_: CasePrint) -> Place:
    """Where a print is from."""
    return Place(print_.id, print_.patient, print_.role)
