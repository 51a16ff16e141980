"""One question, many runs: methods x seeds x folds; and whether a run can be repeated."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from .atomic import unwritable
from .errors import DataError, UsageError
from .metrics.cards import cards
from .metrics.definition import card_key
from .plan import RunRequest
from .progress import Reporter
from .record import RunRecord
from .replies import RunResult, names_of, yes_of
from .runner import run as run_here
from .steps import STEPS
from .store import write_json
from .types import Role

__all__ = ["Rerun", "expand", "rerun"]


def _here(step: str, request: RunRequest) -> Any:
    return STEPS[step](request)


def expand(
    request: RunRequest,
    methods: Sequence[str],
    seeds: Sequence[int],
    folds: int | None,
    ask: Callable[[str, RunRequest], Any] = _here,
) -> list[RunRequest]:
    """Every run of an experiment, in the order in which they are done.

    A method that trains nothing is not repeated over seeds: they would change nothing. Of several
    methods each takes the common settings it has a parameter for.

    Args:
        request: What is common to all runs.
        methods: A specification each.
        seeds: All different.
        folds: Of a cross-validation, or None.
        ask: Does the steps ``parameters`` and ``trains`` of :mod:`benchmark.steps`, where it has
            to be known what they answer.

    Raises:
        UsageError, PluginError: A method or its parameters do not fit; said before any run starts.
    """
    if not methods:
        raise UsageError(
            "No method is named.", "Add --method NAME; 'bench list methods' shows them."
        )
    if folds is not None and folds < 2:
        raise UsageError(f"{folds} folds are no cross-validation.", "Use 2 or more.")
    if len(set(seeds)) != len(seeds) or not seeds:
        raise UsageError(f"Seeds {list(seeds)} are not different numbers.")
    if min(seeds) < 0:
        raise UsageError(f"There is no seed {min(seeds)}.", "Use whole numbers from 0 up.")
    runs = []
    divided = len(methods) > 1 and request.settings  # one method takes them all
    fields = {
        spec: names_of(ask("parameters", replace(request, method=spec))) if divided else set()
        for spec in methods
    }
    everywhere = set.union(*fields.values())
    for spec in methods:
        # A setting that no method has goes to all of them, whose error then names what there is.
        settings = {
            key: value
            for key, value in request.settings.items()
            if key in fields[spec] or key not in everywhere
        }
        one = replace(request, method=spec, settings=settings)
        repeated = yes_of(ask("trains", one))
        for seed in seeds if repeated else seeds[:1]:
            runs += [
                replace(one, seed=seed, fold=fold, folds=folds)
                for fold in (range(folds) if folds else [None])
            ]
    return runs


@dataclass(frozen=True)
class Rerun:
    """Whether a repeated run gave the same.

    Attributes:
        result: The repetition.
        reproduced: All scores are the same to the bit.
        differing: How many score rows differ (value or status), or exist on one side only.
        largest: Largest absolute difference of a value; None where no pair of values differs.
        changed: What of the recorded circumstances is different now: name -> (then, now).
    """

    result: RunResult
    reproduced: bool
    differing: int
    largest: float | None
    changed: dict[str, tuple[Any, Any]]


def rerun(
    path: Path,
    reporter: Reporter,
    runs: Path | None = None,
    data_root: Path | None = None,
    run: Callable[[RunRequest, Reporter], RunResult] = run_here,
) -> Rerun:
    """Repeat the run that a record describes, from the start, in a folder of its own.

    Args:
        path: A ``record.json`` or its run folder.
        reporter: Told of the progress.
        runs: Where the repetition's own new folder goes; by default beside the original.
        data_root: Where the data are now, if not where the record says.
        run: Does the run: by default in this process.

    Raises:
        DataError: No record, or no scores beside it.
        UsageError: A plugin is not there any more, or refuses its parameters.
    """
    record = RunRecord.load(path)  # first: it says what cannot be read
    folder = (path if path.is_dir() else path.parent).resolve()
    if not (folder / "scores.parquet").is_file():
        raise DataError(f"{folder} has no scores.parquet to compare with.")
    root = _new_folder(runs or folder.parent.parent)
    settings = dict(record.dataset.parameters)
    if data_root is not None:
        settings["data_root"] = str(data_root)
    split = None
    if record.split_source.startswith("file:"):
        name = record.split_source.removeprefix("file:").rpartition("#")[0]
        split = root / Path(name or "split.json").name
        write_json(split, record.split)
    request = RunRequest(
        method=record.method.spec,
        dataset=record.dataset.spec,
        settings=record.method.parameters,
        dataset_settings=settings,
        profile=record.method.profile,
        seed=record.seed,
        fold=record.fold,
        folds=record.folds,
        split=split,
        device=record.device,
        threads=record.threads,
        runs=root,
        pictures=False,
        probabilities=_with_probabilities(record),
        evaluate=cast(tuple[Role, ...], tuple(record.evaluated)),
    )
    result = run(request, reporter)
    differing, largest = _difference(folder, result.path, record.metric_cards)
    return Rerun(result, differing == 0, differing, largest, _changes(record, result.record))


def _with_probabilities(record: RunRecord) -> bool:
    """Whether probabilities were kept and measured: the tables then have rows of them."""
    known = cards()
    return any(name in known and known[name].reads == "probabilities"
               for name in record.metric_cards)  # fmt: skip


def _new_folder(inside: Path) -> Path:
    """An empty folder, so that nothing of an earlier run is taken for the repetition."""
    try:
        inside.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="rerun-", dir=inside))
    except OSError as error:
        raise unwritable(inside, error) from None


def _difference(before: Path, after: Path, metrics: Collection[str]) -> tuple[int, float | None]:
    import pandas as pd

    keys = ["case", "region", "metric", "level", "slice", "dim", "reference", "compared"]
    frames = [pd.read_parquet(p / "scores.parquet")[[*keys, "value", "status"]]
              for p in (before, after)]  # fmt: skip
    # A metric that came later is nothing in which the old run could be repeated.
    defined = [card_key(*pair) for pair in zip(frames[1]["metric"], frames[1]["dim"], strict=True)]
    frames[1] = frames[1][[key in metrics for key in defined]]
    # nulls are no keys to merge on
    frames = [f.assign(slice=f["slice"].fillna(-1), dim=f["dim"].fillna("")) for f in frames]
    both = frames[0].merge(frames[1], on=keys, how="outer", suffixes=("", "_now"), indicator=True)
    gap = (both["value"] - both["value_now"]).abs()
    same = (both["value"] == both["value_now"]) | (both["value"].isna() & both["value_now"].isna())
    wrong = ~same | (both["status"] != both["status_now"]) | (both["_merge"] != "both")
    top = float(gap.max()) if gap.notna().any() and gap.max() > 0 else None
    return int(wrong.sum()), top


def _changes(then: RunRecord, now: RunRecord) -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        "method code": (then.method.code, now.method.code),
        "data": (then.dataset.fingerprint, now.dataset.fingerprint),
        "metric definitions": (then.metric_cards, now.metric_cards),
        "device": (then.device, now.device),
        "threads": (then.threads, now.threads),
    }
    for name in ("machine", "python", "git"):
        pairs[name] = (then.provenance.get(name), now.provenance.get(name))
    before, after = (r.provenance.get("versions", {}) for r in (then, now))
    for name in sorted({*before, *after}):
        pairs[f"{name} version"] = (before.get(name), after.get(name))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
