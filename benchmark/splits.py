"""Who is trained on and who is tested: a data set's own roles, a file, or cross-validation folds.

Whatever the source, patients are never parted, and a case has one role.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from .errors import DataError, UsageError, near_misses
from .store import read_json
from .types import CaseInfo, Role

__all__ = ["EVALUATED", "ROLES", "Split", "default_split", "fold_split", "read_split"]

ROLES: tuple[Role, ...] = get_args(Role)
#: Cases of these roles are predicted and scored, unless a request says otherwise.
EVALUATED: tuple[Role, ...] = ("test", "external")


@dataclass(frozen=True)
class Split:
    """Roles by case id, in the order of the data set's index; ``None`` is left out.

    Attributes:
        source: ``dataset``, ``file:NAME#HASH`` (of the roles it gives) or ``fold k of K``.
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
    _refuse_repeated(path)
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
            if not isinstance(case_id, str) or case_id not in known:
                raise _unknown(path, case_id, known)
            if case_id in given:
                twice = given[case_id] == role
                what = (
                    f"twice the role {role}" if twice else f"two roles, {given[case_id]} and {role}"
                )
                raise DataError(f"{path}: case {case_id!r} has {what}.")
            given[case_id] = role
    roles = {i.id: given[i.id] for i in index if i.id in given}
    # two files of one name are two splits
    text = json.dumps([[case_id, roles[case_id]] for case_id in sorted(roles)])
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return _checked(Split(f"file:{path.name}#{digest}", roles), index)


def _unknown(path: Path, case_id: object, known: set[str]) -> DataError:
    composed = unicodedata.normalize("NFC", str(case_id))
    for one in known:
        if unicodedata.normalize("NFC", one) == composed:
            return DataError(
                f"{path}: the data set has no case {case_id!a}, but {one!a}: the same "
                "letters, their accents encoded in another way.",
                "Write the id as the data set has it.",
            )
    return DataError(
        f"{path}: the data set has no case {case_id!r}.", near_misses(str(case_id), known)
    )


def _refuse_repeated(path: Path) -> None:
    """JSON lets a key stand twice, and the first list would be forgotten without a word."""

    def once(pairs: list[tuple[str, object]]) -> None:
        for key, count in Counter(key for key, _ in pairs).items():
            if count > 1:
                raise DataError(f"{path}: {key!r} is there {count} times.", "Make it one list.")

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)


def fold_split(index: Sequence[CaseInfo], fold: int, folds: int) -> Split:
    """Fold ``fold`` (from 0) of ``folds``: that share of each stratum's patients is tested.

    Of the other patients one in five validates and the rest train. External cases stay out: they
    belong to no fold. Patients are dealt in the order of a hash of their name, so that the folds
    hang on nothing but the patients.

    Raises:
        UsageError: Fewer patients than folds, or no such fold.
    """
    stratum_of: dict[str, str] = {}  # of a patient whose cases differ, that of the first
    for info in index:
        if info.role != "external":
            stratum_of.setdefault(info.patient, info.stratum)
    count = len(stratum_of)
    if not 2 <= folds <= count:
        raise UsageError(f"{folds} folds do not fit {count} patients.", f"Use 2 to {count}.")
    if not 0 <= fold < folds:
        raise UsageError(f"There is no fold {fold} of {folds}.", f"Use 0 to {folds - 1}.")
    dealt = sorted(stratum_of, key=lambda p: (stratum_of[p], _shuffled(p)))
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
