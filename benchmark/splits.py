"""Who is trained on and who is tested: a data set's own roles, a file, or cross-validation folds.

Whatever the source, patients are never parted, and a case has one role.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from .errors import DataError, UsageError, near_misses
from .store import read_json
from .types import CaseInfo, Role

__all__ = ["ROLES", "Split", "default_split", "fold_split", "read_split"]

ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Split:
    """Roles by case id, in the order of the data set's index; ``None`` is left out.

    Attributes:
        source: ``dataset``, ``file:NAME`` or ``fold k of K``.
        roles: Case id -> role.
    """

    source: str
    roles: Mapping[str, Role]

    def ids(self, *roles: Role) -> list[str]:
        """Ids of these roles, in order."""
        return [i for i, role in self.roles.items() if role in roles]

    def as_dict(self) -> dict[str, list[str]]:
        """Ids by role."""
        return {role: self.ids(role) for role in ROLES if self.ids(role)}


def default_split(index: Sequence[CaseInfo]) -> Split:
    """The roles that the data set gives."""
    return _checked(Split("dataset", {i.id: i.role for i in index}), index)


def read_split(path: Path, index: Sequence[CaseInfo]) -> Split:
    """A JSON file ``{"train": [ids], "validation": [...], "test": [...], "external": [...]}``.

    Cases that it does not name are left out.

    Raises:
        DataError: No such file, an unknown role or id, an id twice, or a patient in two roles.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} is no split.", 'Write {"train": [ids], "test": [ids], ...}.')
    given: dict[str, Role] = {}
    known = {i.id for i in index}
    for role, ids in content.items():
        if role not in ROLES:
            raise DataError(f"{path}: {role!r} is no role.", near_misses(role, ROLES))
        if not isinstance(ids, list):
            raise DataError(f"{path}: {role!r} must be a list of case ids, not {ids!r}.")
        for case_id in ids:
            if case_id not in known:
                raise DataError(
                    f"{path}: the data set has no case {case_id!r}.",
                    near_misses(str(case_id), known),
                )
            if case_id in given:
                raise DataError(f"{path}: case {case_id!r} has two roles, "
                                f"{given[case_id]} and {role}.")  # fmt: skip
            given[case_id] = role
    roles = {i.id: given[i.id] for i in index if i.id in given}
    return _checked(Split(f"file:{path.name}", roles), index)


def fold_split(index: Sequence[CaseInfo], fold: int, folds: int) -> Split:
    """Fold ``fold`` (from 0) of ``folds``: that share of each stratum's patients is tested.

    Of the other patients one in five validates and the rest train. External cases stay out: they
    belong to no fold. Patients are dealt in the order of a hash of their name, so that the folds
    hang on nothing but the patients.

    Raises:
        UsageError: Fewer patients than folds, or no such fold.
    """
    strata: dict[str, list[str]] = {}
    for info in index:
        if info.role != "external":
            patients = strata.setdefault(info.stratum, [])
            if info.patient not in patients:
                patients.append(info.patient)
    count = sum(map(len, strata.values()))
    if not 2 <= folds <= count:
        raise UsageError(f"{folds} folds do not fit {count} patients.", f"Use 2 to {count}.")
    if not 0 <= fold < folds:
        raise UsageError(f"There is no fold {fold} of {folds}.", f"Use 0 to {folds - 1}.")
    dealt = [p for s in sorted(strata) for p in sorted(strata[s], key=_shuffled)]
    rest = [p for i, p in enumerate(dealt) if i % folds != fold]
    role_of: dict[str, Role] = dict.fromkeys(dealt, "test")
    role_of |= {p: "validation" if i % 5 == 2 else "train" for i, p in enumerate(rest)}
    roles = {i.id: role_of[i.patient] for i in index if i.role != "external"}
    return _checked(Split(f"fold {fold} of {folds}", roles), index)


def _shuffled(patient: str) -> str:
    return hashlib.sha256(f"scarbench folds {patient}".encode()).hexdigest()


def _checked(split: Split, index: Sequence[CaseInfo]) -> Split:
    role_of: dict[str, Role] = {}
    for info in index:
        role = split.roles.get(info.id)
        if role is None:
            continue
        other = role_of.setdefault(info.patient, role)
        if other != role:
            raise DataError(
                f"Patient {info.patient!r} is in two roles, {other} and {role} ({split.source}).",
                "Give all cases of a patient the same role.",
            )
    return split
