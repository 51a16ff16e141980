"""``bench verify``: a stranger's submission, believed in nothing and scored again.

In this order: files (names, sizes, links, hashes), what they say of each other, metric definitions,
the split, the voxels, the predictions' grids, and then every number. A check that fails leaves out
those that would have nothing to stand on.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..entries import build_entry, load_entry
from ..errors import BenchError, DataError, UsageError
from ..fingerprint import Fingerprint, combined, fingerprints
from ..plan import Resolved, resolve
from ..plugins import Dataset
from ..progress import Reporter
from ..record import RunRecord
from ..registry import listed as plugins_listed
from ..results import Run
from ..splits import EVALUATED, Split, default_split, fold_split, read_split
from ..types import CaseInfo
from .card import Card, open_fields, read_card
from .claims import (
    check_agreement,
    check_cases,
    check_data,
    check_definitions,
    check_manifest,
    listed,
    named,
)
from .compared import compared
from .declared import check_declared
from .entry_schema import check_entry
from .findings import Verification
from .intake import take_in
from .layout import CARD, ENTRY, MANIFEST, PRINTS, run_folder
from .manifest import read_manifest
from .rescored import Here, UnfitError, check_prediction, held, rescore
from .suspicions import suspicions

__all__ = ["verify"]


def verify(
    source: Path,
    *,
    dataset: str | None = None,
    data_root: Path | None = None,
    split: Path | None = None,
    tolerance: float = 0.0,
    reporter: Reporter | None = None,
) -> Verification:
    """Verify a submission.

    Args:
        source: Its folder, or an archive of it.
        dataset: The data set here, ``NAME[key=value,...]``; by default the installed one of the
            name that the submission gives.
        data_root: Folder of its data.
        split: The split that was agreed on, where it is not the data set's own.
        tolerance: By what share a number may differ; see :func:`.compared.compared`.
        reporter: Told of the progress.

    Raises:
        DataError: It cannot be read at all, or the data set here cannot.
        UsageError: There is no such data set here.
    """
    reporter = reporter or Reporter()
    found = Verification(source)
    with tempfile.TemporaryDirectory(prefix="scarbench-verify-") as work:
        folder = Path(work) / "submission"
        folder.mkdir()
        taken = take_in(source, folder)
        for said in taken.refused:
            found.refuse("files", said)
        if taken.refused:
            return found
        for name in (MANIFEST, ENTRY, CARD):
            if name not in taken.hashes:
                raise DataError(f"{source} has no {name}.", "Make one with `bench submit`.")
        found.manifest = taken.hashes[MANIFEST]
        try:
            _verify(found, folder, taken.hashes, dataset, data_root, split, tolerance, reporter)
        except BenchError as error:  # in it are names of our own temporary folder
            raise type(error)(_shown(error.problem, folder, source), error.fix) from None
    return found


def _shown(text: str, folder: Path, source: Path) -> str:
    return text.replace(str(folder), str(source))


def _verify(
    found: Verification, folder: Path, hashes: Mapping[str, str], dataset: str | None,
    data_root: Path | None, split: Path | None, tolerance: float, reporter: Reporter,
) -> None:  # fmt: skip
    manifest = read_manifest(folder / MANIFEST)
    found.method, found.dataset = manifest.method, manifest.dataset.name
    check_manifest(found, manifest, hashes, MANIFEST)
    if found.refusals:
        return
    found.checks.append(f"{len(hashes) - 1} files are those of the manifest")
    runs, card = _entry(folder / ENTRY), read_card(folder / CARD)
    check_agreement(found, manifest, runs, card)
    check_definitions(found, runs)
    if found.refusals:
        return
    found.checks.append(f"{len(runs[0].record.metric_cards)} metrics are defined as here")
    resolved = _dataset(dataset or manifest.dataset.name, data_root, named=dataset is not None)
    here, splits = _here(found, resolved, runs, split, folder.parent, reporter)
    if found.refusals:
        return
    for run in runs:
        check_cases(found, run, splits[named(run)], here)
    if found.refusals:
        return
    found.checks.append("the cases are those of the split here, each once")
    for run in runs:
        check_data(found, run, manifest, here)
    if not found.refusals:
        found.checks.append("voxels and references are those here")
    prints = folder / PRINTS
    check_declared(found, card, prints if prints.is_file() else None, here, splits, reporter)
    _said(found, card)
    if found.refusals:
        return
    if not any(run.predictions for run in manifest.runs):
        found.nothing = not any(name.startswith("predictions/") for name in hashes)
        found.notes.append("There are no predictions in it: no number could be verified.")
        if found.nothing:
            return
    _score(found, folder, runs, here, splits, tolerance, reporter)


def _entry(path: Path) -> list[Run]:
    """The runs of the entry, once its text is plain JSON and it holds one whole experiment.

    Raises:
        DataError: It is damaged or forged beyond reading.
    """
    check_entry(path)
    return load_entry(path)


def _dataset(spec: str, data_root: Path | None, *, named: bool) -> Resolved:
    """The data set here.

    What a submission names may be a path, whose file would be run: only names that are installed
    here are taken from it.

    Raises:
        UsageError: It names none.
    """
    if not named and spec not in plugins_listed("datasets"):
        raise UsageError(
            f"There is no data set {spec[:80]!r} here.", "Say which one it is with --dataset."
        )
    settings: dict[str, Any] = {} if data_root is None else {"data_root": str(data_root)}
    resolved = resolve("datasets", spec, settings)
    assert isinstance(resolved.plugin, Dataset)
    return resolved


def _here(
    found: Verification, resolved: Resolved, runs: Sequence[Run], path: Path | None, work: Path,
    reporter: Reporter,
) -> tuple[Here, dict[str, Split]]:  # fmt: skip
    dataset = resolved.plugin
    assert isinstance(dataset, Dataset)
    index: list[CaseInfo] = list(dataset.index())
    splits: dict[str, Split] = {}
    for run in runs:
        record = run.record
        if record.folds is not None and path is None:
            splits[named(run)] = fold_split(index, record.fold or 0, record.folds)
        elif path is not None:
            splits[named(run)] = read_split(path, index)
        elif record.split_source.startswith("file:"):
            found.refuse(
                "cases", f"{named(run)} used a split of its authors ({record.split_source!r}). If "
                "it was agreed on, verify with --split FILE.", run=named(run),
            )  # fmt: skip
        else:
            splits[named(run)] = default_split(index)
    ids = [i.id for i in index if any(s.roles.get(i.id) in EVALUATED for s in splits.values())]
    with reporter.stage("reading cases", len(ids)) as advance:
        prints: dict[str, Fingerprint] = fingerprints(
            dataset, combined({"code": resolved.code}), ids, work / "prints.json", advance
        )
    for case, one in prints.items():
        if one.error:
            raise DataError(f"The data set here cannot be used: {case}: {one.error}")
    return Here(resolved, {i.id: i for i in index}, prints), splits


def _said(found: Verification, card: Card) -> None:
    missing = open_fields(card)
    if missing:
        found.notes.append(f"The authors left open in {CARD}: {', '.join(missing)}.")


def _score(
    found: Verification, folder: Path, runs: Sequence[Run], here: Here,
    splits: Mapping[str, Split], tolerance: float, reporter: Reporter,
) -> None:  # fmt: skip
    files = {
        named(run): held(folder / run_folder(run.record.seed, run.record.fold)) for run in runs
    }
    digests: dict[str, dict[str, str]] = {}
    for run in runs:
        _statuses(found, run, files[named(run)], here)
        digests[named(run)] = _digests(files[named(run)])
    if found.refusals:
        return
    found.checks.append("each prediction is of a case scored, on its image's grid")
    rescored = []
    for run in runs:
        record = _record(run, here, splits[named(run)])
        done = rescore(run, folder.parent / "runs", files[named(run)], here,
                       splits[named(run)], record, reporter)  # fmt: skip
        rescored.append(done)
        found.predictions += len(files[named(run)])
        for refusal in compared(run, done, named(run), tolerance):
            found.values += 1
            if refusal is not None:
                found.refusals.append(refusal)
    suspicions(found, rescored, digests)
    if not found.refusals:
        how = "to the last bit" if tolerance == 0 else f"within {tolerance:g} of their size"
        found.checks.append(f"{found.values:,} numbers are the same {how}")
        build_entry(rescored)
        found.runs = rescored


def _statuses(
    found: Verification, run: Run, files: Mapping[str, Mapping[str, Path]], here: Here
) -> None:
    """What is said of each case is what its files show."""
    label = named(run)
    statuses = dict(zip(map(str, run.cases["case"]), run.cases["status"], strict=True))
    for case in sorted(set(files) - set(statuses)):
        found.refuse("predictions", f"{label} has a prediction of {case!r}, which it did not "
                     "score.", run=label, case=case)  # fmt: skip
    skipped = []
    for case, status in statuses.items():
        mine = files.get(case, {})
        drawn = {f"{case}.nii.gz", f"contours/{case}.json"} & set(mine)
        if status == "ok" and not drawn:
            found.refuse("predictions", f"{label} says that it answered {case!r}, and there is no "
                         "prediction of it.", run=label, case=case)  # fmt: skip
        elif status != "ok" and mine:
            found.refuse("predictions", f"{label} says {status!r} of {case!r}, and there is a "
                         "prediction of it.", run=label, case=case)  # fmt: skip
        if status not in ("ok", "error", "no_prediction", "not_applicable"):
            found.refuse("predictions", f"{label} says {status[:80]!r} of {case!r}, which is no "
                         "status.", run=label, case=case)  # fmt: skip
        if not mine and status != "not_applicable":
            continue
        study = here.dataset.load(case).study
        if status == "not_applicable" and set(run.record.method.needs) <= set(study.images):
            skipped.append(case)
        try:
            check_prediction(case, mine, study)
        except UnfitError as error:
            found.refuse("predictions", f"{label}, {case}: {error.said}", run=label, case=case)
    if skipped:
        found.doubt(
            "skipped", f"{label} left {len(skipped)} of {len(statuses)} cases out as not "
            f"applicable, although the images that the method needs are there: {listed(skipped)}. "
            "Cases left out cannot count against it."
        )  # fmt: skip


def _digests(files: Mapping[str, Mapping[str, Path]]) -> dict[str, str]:
    """One hash of all files of a case."""
    return {
        case: combined({n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in mine.items()})
        for case, mine in files.items()
    }


def _record(run: Run, here: Here, split: Split) -> RunRecord:
    """The record of the re-scored run: what was checked is as it is here, the rest as submitted."""
    own, dataset = run.record, here.dataset
    data = own.dataset.model_copy(
        update={
            "name": here.found.info.name, "spec": here.found.info.name, "title": dataset.title,
            "synthetic": dataset.synthetic, "redistributable": dataset.redistributable,
            "licence": dataset.licence, "citation": dataset.citation,
        }
    )  # fmt: skip
    return own.model_copy(update={"dataset": data, "split": split.as_dict(),
                                  "split_source": split.source,
                                  "annotates": sorted(map(str, dataset.annotates))})  # fmt: skip
