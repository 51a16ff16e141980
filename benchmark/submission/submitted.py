"""``bench submit``: runs as a folder for somebody else's leaderboard, with what proves them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..atomic import unwritable
from ..entries import build_entry, write_entry
from ..errors import BenchError, DataError, UsageError
from ..fingerprint import combined
from ..results import Run, ordered
from ..store import file_hash, read_json
from .card import Card, card_text, drafted, open_fields, read_card
from .intake import names_below
from .layout import CARD, CARD_TEXT, ENTRY, MANIFEST, PRINTS, PULL_REQUEST, limit_of, run_folder
from .manifest import DataFacts, FileFacts, Manifest, RunFacts, read_manifest, write_manifest
from .prints import read_prints
from .texts import card_markdown, pull_request

__all__ = ["Submitted", "submit"]


@dataclass(frozen=True)
class Submitted:
    """What was written.

    Attributes:
        folder: Where.
        manifest: What ``submission.json`` says.
        open_fields: What the authors have still to say, by place in ``method.toml``.
        predictions: How many files of predictions there are.
        notes: What the user should know.
    """

    folder: Path
    manifest: Manifest
    open_fields: Mapping[str, str]
    predictions: int
    notes: tuple[str, ...]


def submit(
    runs: Sequence[Run],
    out: Path,
    *,
    with_predictions: bool | None = None,
    card: Path | None = None,
    prints: Path | None = None,
) -> Submitted:
    """Write a submission of one experiment.

    Args:
        runs: All its seeds and folds, as read from run folders.
        out: The folder. One that is there is replaced if it is a submission; its completed
            ``method.toml`` is kept.
        with_predictions: By default where the data set may be passed on.
        card: A completed ``method.toml``, instead of the one in ``out`` or a template.
        prints: Fingerprints of what was trained on, as ``bench doctor leakage --write-prints``
            leaves them.

    Raises:
        DataError: The runs are no entry, predictions are missing or changed, or ``out`` cannot be
            written.
        UsageError: ``out`` is there and is no submission.
    """
    runs = ordered(runs)
    entry = build_entry(runs)
    old = _replaceable(out)
    told = read_card(card) if card else _kept(out if old else None, runs)
    given = prints or (out / PRINTS if old and (out / PRINTS).is_file() else None)
    public = runs[0].record.dataset.redistributable
    wanted = public if with_predictions is None else with_predictions
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", suffix=".tmp", dir=out.parent))
    except OSError as error:
        raise unwritable(out, error) from None
    try:
        made.chmod(0o755)
        counts = [_predictions(run, made) if wanted else 0 for run in runs]
        _entry_file(made, entry)
        if given:
            read_prints(given)
            shutil.copyfile(given, made / PRINTS)
        _text(made / CARD, card_text(told))
        _text(made / CARD_TEXT, card_markdown(told))
        manifest = _manifest(runs, counts, made)
        _text(made / PULL_REQUEST, pull_request(runs, manifest, told, file_hash(made / ENTRY)))
        manifest = _manifest(runs, counts, made)
        write_manifest(made, manifest)
        if old:
            shutil.rmtree(out)
        made.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Submitted(out, manifest, open_fields(told),
                     sum(n.startswith("predictions/") for n in manifest.files),
                     tuple(_notes(runs, wanted, public)))  # fmt: skip


def _notes(runs: Sequence[Run], wanted: bool, public: bool) -> list[str]:
    data = runs[0].record.dataset
    if wanted and not public:
        return [
            f"WARNING: {data.title or data.name} may not simply be passed on (licence: "
            f"{data.licence}), and the predictions were made from its images. Hand this folder to "
            "people who may hold those data, do not publish it, and ask whoever gave you the data "
            "if you are not sure."
        ]
    if not wanted:
        why = "" if public else f" {data.title or data.name} may not be passed on ({data.licence})."
        return [
            f"There are no predictions in it:{why} Nobody can re-score it. With --with-predictions "
            "they are put in, for an organiser who holds the same data."
        ]
    return []


def _replaceable(out: Path) -> bool:
    """Whether ``out`` is a submission that may be written anew; False if there is nothing.

    Raises:
        UsageError: Something else is there.
    """
    if not out.exists() and not out.is_symlink():
        return False
    strange = "it is no folder"
    if out.is_dir() and not out.is_symlink():
        names = list(names_below(out))
        if not names:
            return True
        alien = [name for name in names if limit_of(name) is None]
        strange = f"it holds {alien[0]!r}" if alien else f"it has no {MANIFEST}"
        if not alien and (out / MANIFEST).is_file():
            read_manifest(out / MANIFEST)
            return True
    raise UsageError(f"{out} is there and is no submission: {strange}.", "Name another --out.")


def _kept(out: Path | None, runs: Sequence[Run]) -> Card:
    """The card that is there with its open fields filled in, what the record knows anew."""
    new = drafted(runs, _patients(runs))
    if out is None or not (out / CARD).is_file():
        return new
    old = read_card(out / CARD)
    if old.method.name != new.method.name:
        raise UsageError(
            f"{out / CARD} is of the method {old.method.name!r}, the runs are of "
            f"{new.method.name!r}.",
            "Name another --out.",
        )
    return old.model_copy(
        update={"parameters": new.parameters, "hardware": new.hardware, "cost": new.cost}
    )


def _patients(runs: Sequence[Run]) -> dict[str, str]:
    """Patient by case, as far as the data set can be asked here; its pixels are not read."""
    from ..plan import resolve
    from ..plugins import Dataset

    record = runs[0].record.dataset
    try:
        dataset = resolve("datasets", record.spec, record.parameters).plugin
        assert isinstance(dataset, Dataset)
        return {info.id: info.patient for info in dataset.index()}
    except Exception:  # a stranger's data set may raise anything; ids of cases are told anyway
        known: dict[str, str] = {}
        for run in runs:
            known |= dict(zip(run.cases["case"], run.cases["patient"], strict=True))
        return known


def _entry_file(folder: Path, entry: Mapping[str, Any]) -> None:
    """``entry.json``, byte for byte what ``bench accept`` would write."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".entry") as inner:
        write_entry(Path(inner), entry).replace(folder / ENTRY)


def _predictions(run: Run, folder: Path) -> int:
    """Copy what the run predicted, file by file as it was scored; how many cases have any.

    Raises:
        DataError: It is no run folder, or a file is missing or not the one that was scored.
    """
    if not (run.source / "predictions").is_dir():
        raise DataError(
            f"{run.source} has no folder of predictions.",
            "Name run folders, not accepted entries; or leave predictions out with "
            "--no-predictions.",
        )
    count = 0
    for case in map(str, run.cases["case"]):
        facts = read_json(run.source / "predictions" / f"{case}.json")
        try:
            files = dict(facts["files"])
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{run.source}: the facts of {case!r} are damaged.",
                            "Start the run again: it continues.") from None  # fmt: skip
        for name, digest in sorted(files.items()):
            inner = str(name).removeprefix("predictions/")
            target = f"{run_folder(run.record.seed, run.record.fold)}/{inner}"
            if limit_of(target) is None:
                raise DataError(f"{run.source}: {name!r} is no file of predictions.")
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            source = run.source / "predictions" / inner
            with suppress(FileNotFoundError):  # then its hash is not the one
                shutil.copyfile(source, folder / target)
            if file_hash(folder / target) != digest:
                raise DataError(
                    f"{source} is not the file that was scored.", "Start the run again."
                )
        count += bool(files)
    return count


def _manifest(runs: Sequence[Run], counts: Sequence[int], folder: Path) -> Manifest:
    record = runs[0].record
    data = record.dataset
    return Manifest(
        scarbench=__version__,
        method=runs[0].method,
        dataset=DataFacts(
            name=data.name, title=data.title, licence=data.licence,
            redistributable=data.redistributable,
            fingerprint=[run.record.dataset.fingerprint for run in runs],
            cases=_known_prints(runs),
        ),
        runs=[
            RunFacts(seed=run.record.seed, fold=run.record.fold, cases=len(run.cases),
                     predictions=count)
            for run, count in zip(runs, counts, strict=True)
        ],
        metric_definitions=dict(sorted(record.metric_cards.items())),
        files={
            name: FileFacts(sha256=file_hash(folder / name), bytes=(folder / name).stat().st_size)
            for name in sorted(names_below(folder)) if name != MANIFEST
        },
    )  # fmt: skip


def _known_prints(runs: Sequence[Run]) -> dict[str, tuple[str, str]]:
    """Fingerprints of the cases that were scored, where ``bench run`` remembers all of them."""
    found: dict[str, tuple[str, str]] = {}
    for run in runs:
        held = _remembered(run)
        if held is None:
            return {}
        found |= held
    return dict(sorted(found.items()))


def _remembered(run: Run) -> dict[str, tuple[str, str]] | None:
    wanted = [str(case) for case in run.cases["case"]]
    for path in sorted(run.source.parent.glob(".fingerprints-*.json")):
        try:
            cases = read_json(path)["cases"]
            pairs = {c: (str(cases[c]["study"]), str(cases[c]["reference"])) for c in wanted}
        except (BenchError, KeyError, TypeError):
            continue
        if combined({c: list(p) for c, p in pairs.items()}) == run.record.dataset.fingerprint:
            return pairs
    return None


def _text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
