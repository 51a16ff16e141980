"""What a submission claims about itself, against what is known here: before anything is scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..entries import build_entry, entry_name
from ..errors import BenchError
from ..fingerprint import combined
from ..metrics.cards import cards, contour_cards
from ..results import Run
from ..splits import EVALUATED, Split
from ..types import Region, Role, checked_id
from .card import Card, shown_parameters
from .findings import Verification
from .layout import run_folder
from .manifest import Manifest
from .rescored import Here

__all__ = [
    "check_agreement",
    "check_cases",
    "check_data",
    "check_definitions",
    "check_manifest",
    "named",
]

_SHOWN = 6


def named(run: Run) -> str:
    """What a run is called in a sentence."""
    fold = "" if run.record.fold is None else f", fold {run.record.fold}"
    return f"seed {run.record.seed}{fold}"


def listed(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def check_manifest(
    found: Verification, manifest: Manifest, hashes: Mapping[str, str], itself: str
) -> None:
    """Every file is the one that the manifest names, and there is no other.

    Args:
        found: What is added to.
        manifest: As submitted.
        hashes: SHA-256 by name of the files that are there.
        itself: Name of the manifest's own file.
    """
    there = set(hashes) - {itself}
    for name in sorted(set(manifest.files) - there):
        found.refuse("files", f"{name!r} is in the manifest and not in the folder.")
    for name in sorted(there - set(manifest.files)):
        found.refuse("files", f"{name!r} is in the folder and not in the manifest.")
    for name in sorted(there & set(manifest.files)):
        if hashes[name] != manifest.files[name].sha256:
            found.refuse("files", f"{name!r} is not the file that the manifest names: its SHA-256 "
                         f"is {hashes[name]}.")  # fmt: skip


def check_agreement(
    found: Verification, manifest: Manifest, runs: Sequence[Run], card: Card
) -> None:
    """The manifest, the card and the entry say the same, and no prediction is of no run."""
    first = runs[0].record
    facts = {
        "method": (manifest.method, first.method.name, card.method.name),
        "data set": (manifest.dataset.name, first.dataset.name),
        "runs": ([(r.seed, r.fold, r.cases) for r in manifest.runs],
                 [(r.record.seed, r.record.fold, len(r.cases)) for r in runs]),
        "data fingerprints": (manifest.dataset.fingerprint,
                              [r.record.dataset.fingerprint for r in runs]),
        "metric definitions": (manifest.metric_definitions, first.metric_cards),
    }  # fmt: skip
    for what, said in facts.items():
        if any(one != said[0] for one in said[1:]):
            found.refuse("agreement", f"Its files do not agree on the {what}.")
    if card.parameters != shown_parameters(first.method.parameters):
        found.refuse("agreement", "Its files do not agree on the method's parameters.")
    try:
        checked_id(entry_name(runs[0]))
        build_entry(runs)
    except BenchError as error:
        found.refuse("entry", f"Its entry could not be accepted: {error.problem}")
    folders = {run_folder(r.record.seed, r.record.fold) for r in runs}
    if len(folders) != len(runs):
        found.refuse("agreement", "It has a seed, or a fold of one, twice.")
    strange = {"/".join(name.split("/")[:2]) for name in manifest.files if name.count("/")}
    for name in sorted(strange - folders):
        found.refuse("files", f"{name!r} holds predictions of no run of the entry.")


def check_definitions(found: Verification, runs: Sequence[Run]) -> None:
    """Each metric means here what it meant there."""
    ours = {name: card.hash for name, card in {**cards(), **contour_cards()}.items()}
    theirs = runs[0].record.metric_cards
    for name, hash_ in sorted(theirs.items()):
        if name not in ours:
            found.refuse("definitions", f"The metric {name!r} is not known here.", metric=name)
        elif ours[name] != hash_:
            found.refuse(
                "definitions", f"The metric {name!r} is defined differently here: submitted "
                f"{hash_!r}, here {ours[name]!r}.", metric=name, submitted=hash_,
                rescored=ours[name],
            )  # fmt: skip
    if not theirs:
        found.refuse("definitions", "It names no metric.")


def check_cases(found: Verification, run: Run, split: Split, here: Here) -> None:
    """The cases are those of the split here, each once; and nobody learnt from them."""
    label, record = named(run), run.record
    if set(record.evaluated) != set(EVALUATED):
        found.refuse("cases", f"{label} scored the roles {listed(record.evaluated)}, not all that "
                     f"are tested on ({listed(EVALUATED)}).", run=label)  # fmt: skip
    wanted = set(split.ids(*EVALUATED))
    counts = Counter(map(str, run.cases["case"]))
    for case in sorted(wanted - set(counts)):
        found.refuse("cases", f"{label} lacks the case {case!r}.", run=label, case=case)
    for case in sorted(set(counts) - wanted):
        role = split.roles.get(case)
        what = f"which has the role {role} here" if role else "which the data set does not have"
        found.refuse("cases", f"{label} scored the case {case!r}, {what}.", run=label, case=case)
    learnt: tuple[Role, ...] = ("train", "validation")
    if record.method.trains:
        for part in learnt:
            ids = set(split.ids(part))
            theirs = set(record.split.get(part, []))
            extra = theirs - ids
            if extra & wanted:
                found.refuse("cases", f"{label} has test cases in its role {part}: "
                             f"{listed(extra & wanted)}.", run=label)  # fmt: skip
            elif theirs != ids:
                found.refuse("cases", f"The role {part} of {label} is not that of the split here: "
                             f"{listed(theirs ^ ids)} differ.", run=label)  # fmt: skip
    regions = {str(region) for region in Region}
    strange = (set(record.produces) | set(record.annotates)) - regions
    if strange:
        found.refuse("cases", f"{label} names regions that there are not: {listed(strange)}.")
    elif set(record.annotates) != set(map(str, here.dataset.annotates)):
        found.refuse("cases", f"{label} says that the data set annotates "
                     f"{listed(record.annotates)}; it annotates "
                     f"{listed(map(str, here.dataset.annotates))}.", run=label)  # fmt: skip


def check_data(found: Verification, run: Run, manifest: Manifest, here: Here) -> None:
    """The voxels scored there are those here."""
    label = named(run)
    cases = [str(case) for case in run.cases["case"]]
    prints = {c: [here.prints[c].study, here.prints[c].reference] for c in cases}
    if combined(prints) == run.record.dataset.fingerprint:
        return
    differ = [c for c in cases if list(manifest.dataset.cases.get(c, prints[c])) != prints[c]]
    which = f" These cases differ: {listed(differ)}." if differ else ""
    found.refuse(
        "data", f"{label} was scored on other voxels or references than there are here: its data "
        f"fingerprint is {run.record.dataset.fingerprint!r}, here it is {combined(prints)!r}."
        f"{which}", run=label,
    )  # fmt: skip
