"""What a method is said to have learnt from, against what it is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..progress import Reporter
from ..splits import EVALUATED, Split
from .card import Card, TrainedOn
from .findings import Verification
from .leakage import Leak, Place, leaks_between
from .prints import CasePrint, prints_of, read_prints
from .rescored import Here

__all__ = ["check_declared", "declared_leaks", "renamed"]


def declared_leaks(
    data: Sequence[TrainedOn], dataset: str, tested: Mapping[str, tuple[str, str]]
) -> list[Leak]:
    """Declared cases and patients of this data set that are tested on.

    Names of other data sets mean nothing here: ``patient001`` is in many. Those are compared by
    their prints.

    Args:
        data: As declared.
        dataset: Name of the data set tested on.
        tested: Patient and role by id of each case tested on.
    """
    found = []
    for one in data:
        if one.dataset != dataset:
            continue
        cases, patients = set(one.cases), set(one.patients)
        for case, (patient, role) in tested.items():
            here = Place(case, patient, role)
            there = Place(case, patient, f"declared: {one.used_for}")
            if case in cases:
                found.append(Leak("case", there, here))
            elif patient in patients:
                found.append(Leak("patient", Place("", patient, there.role), here))
    return found


def check_declared(
    found: Verification,
    card: Card,
    prints: Path | None,
    here: Here,
    splits: Mapping[str, Split],
    reporter: Reporter,
) -> None:
    """Refuse what was declared to be learnt from and is tested on; doubt what is not declared.

    Args:
        found: What is added to.
        card: The method card.
        prints: Fingerprints of what was trained on, if they were given.
        here: The data.
        splits: By name of a run.
        reporter: Told of the progress.

    Raises:
        DataError: The fingerprints cannot be read.
    """
    roles = {c: r for s in splits.values() for c, r in s.roles.items() if r in EVALUATED}
    tested = {c: (here.infos[c].patient, role) for c, role in roles.items()}
    name = here.found.info.name
    in_folds = all(split.source.startswith("fold ") for split in splits.values())
    if in_folds:  # each case is tested on by a training that did not see it
        found.notes.append(
            "In folds every case is trained on by some run: the folds were compared."
        )
    else:
        for leak in declared_leaks(card.training.data, name, tested):
            found.refuse("training", f"{leak.said}.", case=leak.other.case)
    for weights in card.training.pretrained:
        if name in weights.trained_on:
            found.doubt("training", f"The pretrained weights {weights.weights!r} were trained on "
                        f"{name!r}, and nobody says on which part.")  # fmt: skip
    if prints is None:
        return
    told = read_prints(prints)
    if in_folds and told.dataset == name:
        return
    with reporter.stage("looking for duplicates", len(tested)) as advance:
        ours, unread = prints_of(here.dataset, roles, advance)
    for case, message in unread.items():
        found.notes.append(f"{case} could not be compared with what was trained on: {message}")
    for leak in leaks_between(ours, [renamed(p, told.dataset, name) for p in told.as_prints()]):
        found.refuse("training", f"{leak.said}.", case=leak.one.case)
    if not found.refusals:
        found.checks.append(f"{len(told.cases)} cases trained on look like none tested on")


def renamed(print_: CasePrint, dataset: str, here: str) -> CasePrint:
    """An id of another data set is not that of a case here, however it reads."""
    if dataset == here:
        return print_
    return CasePrint(
        f"{dataset}/{print_.id}", f"{dataset}/{print_.patient or print_.id}", print_.role,
        print_.voxels, print_.reference, print_.tiles, print_.bits,
    )  # fmt: skip
