"""Accepted leaderboard entries: an experiment's numbers as one small file fit to be committed.

``leaderboards/<dataset>/<method>.json`` holds the records of its runs, their case tables and the
scores of whole volumes: enough to rank, compare and check against, and, by a list of what may be
in it, nothing of an image or a mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from .atomic import replacing
from .cells import check_cells
from .checks import checked_id
from .errors import DataError
from .packing import plain, rows, series
from .record import RunRecord
from .results import Run, checked_run, ordered, tested

__all__ = ["FORMAT", "MAX_BYTES", "MIN_SEEDS", "build_entry", "entry_name", "load_entry",
           "parse_entry", "portable_record", "write_entry"]  # fmt: skip

FORMAT = 1
#: A repository is no data store.
MAX_BYTES = 2_000_000
#: One seed says nothing about how much a retraining changes.
MIN_SEEDS = 3
_KIND = "scarbench leaderboard entry"
#: Everything of a case that may be in an entry; whatever else a case table holds stays out.
CASE_KEYS = ("case", "patient", "role", "fold", "site", "vendor", "pathology", "map", "excluded",
             "status", "message", "seconds", "peak_memory_mb", "diagonal_mm")  # fmt: skip
SCORE_KEYS = ("region", "metric", "dim", "reference", "compared", "unit", "better", "best")
FEATURE_KEYS = ("source", "feature", "unit")
#: What agreement, the scar-free panel and the papers' tables and claims read.
FEATURES = (
    "lv_ml", "cavity_ml", "myocardium_ml", "myocardium_mass_g", "scar_ml", "scar_percent",
    "mvo_ml", "mvo_percent", "core_scar_ml", "gray_zone_ml", "wall_thickness_mean_mm",
    "myocardium_t1_median_ms", "myocardium_t2_median_ms",
    "septum_t1_median_ms", "septum_t2_median_ms",
)  # fmt: skip
#: A word, or what follows its ``=``, that is a path: ``/home/me/predict.py``, ``--model=~/m.pth``.
_PATH_IN_TEXT = re.compile(r"(?:(?<=[\s=:,;('\"])|^)(?:~|\.{1,2})?/[^\s/]+(?:/[^\s/]+)+")
#: Case columns that hold sentences, which may name paths.
_TOLD = ("excluded", "message")
PROVENANCE_KEYS = ("versions", "python", "platform", "machine", "device", "threads", "git")


def entry_name(run: Run) -> str:
    """``<method>``, with the group's first digits where parameters were asked for."""
    asked = bool(run.record.method.asked)
    return f"{run.method}-{run.record.group[:8]}" if asked else run.method


def build_entry(runs: Sequence[Run]) -> dict[str, Any]:
    """The entry of one experiment.

    Args:
        runs: All its seeds, and of each seed all folds.

    Raises:
        DataError: Not one experiment; a trial of a search, which tested on no case; fewer
            than :data:`MIN_SEEDS` seeds of a method that trains;
            a fold missing; or different data, code or metric definitions among the runs.
    """
    if not runs:
        raise DataError("An entry needs runs.", "Name the runs of one experiment.")
    runs = ordered(runs)
    first = runs[0].record
    for run in runs[1:]:
        _same(runs[0], run)
    if not tested(first):
        raise DataError(
            f"{runs[0].source} scored {' and '.join(first.evaluated)} cases alone: a trial of a "
            "search is no entry.",
            "Run its parameters on the test cases, and accept those runs.",
        )
    seeds = sorted({run.record.seed for run in runs})
    if first.method.trains and len(seeds) < MIN_SEEDS:
        raise DataError(
            f"{runs[0].label} on {runs[0].dataset} has {len(seeds)} of the {MIN_SEEDS} seeds that "
            "an entry of a trained method needs.",
            f"Run it with --seeds {MIN_SEEDS}.",
        )
    expected = [(s, f) for s in seeds for f in (range(first.folds) if first.folds else [None])]
    held = [(run.record.seed, run.record.fold) for run in runs]
    if sorted(map(str, expected)) != sorted(map(str, held)):
        missing = [pair for pair in expected if pair not in held]
        what = f"lacks (seed, fold) {missing}" if missing else "has a seed and fold twice"
        raise DataError(f"{runs[0].label} on {runs[0].dataset} {what}.", "Run all of them once.")
    return {
        "kind": _KIND,
        "format": FORMAT,
        "method": runs[0].method,
        "dataset": runs[0].dataset,
        "group": first.group,
        "runs": [_packed(run) for run in runs],
    }


def write_entry(folder: Path, entry: Mapping[str, Any]) -> Path:
    """Write ``entry`` to ``<folder>/<dataset>/<method>.json``; the same entry, the same bytes.

    Args:
        folder: ``leaderboards/``.
        entry: What :func:`build_entry` made.

    Raises:
        DataError: It is larger than :data:`MAX_BYTES`, the folder cannot be written to, or the
            data set's name would lead out of it.
    """
    name = entry_name(_unpacked(entry["runs"][0], Path()))
    path = Path(folder) / checked_id(entry["dataset"]) / f"{name}.json"
    text = json.dumps(entry, sort_keys=True, allow_nan=False, separators=(",", ":"))
    # A line per list of values: a changed score is then a changed line, not a changed file.
    text = text.replace('{"', '\n{"') + "\n"
    size = len(text.encode("utf-8"))
    if size > MAX_BYTES:
        raise DataError(
            f"The entry {path} would have {size:,} bytes; {MAX_BYTES:,} are allowed.",
            "Score fewer metrics, or keep the run folders instead.",
        )
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
    return path


def load_entry(path: str | Path) -> list[Run]:
    """The runs of an entry, as if their folders had been read (volume level only).

    Raises:
        DataError: The file is missing, too large, of a later format, or no entry.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is larger than the {MAX_BYTES:,} bytes of an entry.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    return parse_entry(content, path)


def parse_entry(content: bytes, path: Path) -> list[Run]:
    """The runs of what an entry's file holds.

    Args:
        content: The bytes of the file.
        path: What it is called, in errors and as the source of the runs.

    Raises:
        DataError: It is too large, of a later format, or no entry.
    """
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} is larger than the {MAX_BYTES:,} bytes of an entry.")
    try:
        entry = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is not valid JSON ({error}).", "Name a run folder or an accepted entry."
        ) from None
    if not isinstance(entry, dict) or entry.get("kind") != _KIND:
        raise DataError(f"{path} is no leaderboard entry.", "Make one with `bench accept`.")
    version = entry.get("format")
    if not isinstance(version, int) or version > FORMAT:
        raise DataError(
            f"{path} has format {version}; this version reads up to {FORMAT}.", "Update scarbench."
        )
    try:
        for packed in entry["runs"]:
            check_cells(packed)
        return [_unpacked(packed, path) for packed in entry["runs"]]
    except (
        KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        # Whatever a damaged or forged file lacks: ValidationError is a ValueError.
        if isinstance(error, ValidationError):
            told = error.errors()[0]["msg"]
        else:
            told = str(error) if type(error) is ValueError else repr(error)
        what = told.removeprefix("Value error, ").rstrip(".")
        raise DataError(f"{path} is damaged: {what}.", "Restore it from git.") from None


def _same(one: Run, other: Run) -> None:
    facts: dict[str, Callable[[Run], object]] = {
        "experiment": lambda r: (r.dataset, r.record.group),
        "data fingerprint": lambda r: r.record.folds is None and r.record.dataset.fingerprint,
        "code": lambda r: r.record.method.code,
        "metric definitions": lambda r: sorted(r.record.metric_cards.items()),
        "folds": lambda r: r.record.folds,
    }
    for name, fact in facts.items():
        if fact(one) != fact(other):
            raise DataError(
                f"{one.source} and {other.source} differ in their {name}.",
                "An entry holds the seeds and folds of one experiment: "
                + ("accept each by itself." if name == "experiment" else "run it again."),
            )


def _packed(run: Run) -> dict[str, Any]:
    """One run; each series of values lies in the order of the cases."""
    ids = [str(case) for case in run.cases["case"]]
    cases = {
        key: [plain(_without_paths(v) if key in _TOLD else v) for v in run.cases[key].tolist()]
        for key in CASE_KEYS
        if key in run.cases
    }
    scores = run.scores[(run.scores["level"] == "volume").to_numpy(dtype=bool)]
    features = run.features[
        (run.features["level"] == "volume").to_numpy(dtype=bool)
        & run.features["feature"].isin(FEATURES).to_numpy(dtype=bool)
    ]
    return {
        "name": run.name,
        "record": portable_record(run.record),
        "cases": cases,
        "scores": series(_portable(scores), SCORE_KEYS, ids, run.source),
        "features": series(_portable(features), FEATURE_KEYS, ids, run.source),
    }


def _unpacked(packed: Mapping[str, Any], path: Path) -> Run:
    record = RunRecord.model_validate(packed["record"])
    cases = pd.DataFrame({k: packed["cases"][k] for k in CASE_KEYS if k in packed["cases"]})
    ids = packed["cases"]["case"]
    scores = rows(packed["scores"], SCORE_KEYS, ids)
    features = rows(packed["features"], FEATURE_KEYS, ids)
    columns = ["case", "level", "slice", *SCORE_KEYS, "value", "status", "message", "worst"]
    feature_columns = ["case", "level", "slice", *FEATURE_KEYS, "value", "status", "message"]
    run = Run(
        name=str(packed["name"]),
        record=record,
        cases=cases,
        scores=pd.DataFrame(scores, columns=columns),
        features=pd.DataFrame(features, columns=feature_columns),
        source=path,
    )
    return checked_run(run)


def _portable(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` without the paths that its messages name."""
    if "message" not in frame:
        return frame
    return frame.assign(message=[_without_paths(text) for text in frame["message"]])


def portable_record(record: RunRecord) -> dict[str, Any]:
    """The record without what tells about its author's machine: paths and the command line."""
    # The order says something of its own runs folder alone.
    content = record.model_dump(mode="json", include=set(RunRecord.model_fields) - {"order"})
    kept = content.get("provenance", {})
    content["provenance"] = {key: kept[key] for key in PROVENANCE_KEYS if key in kept}
    portable: dict[str, Any] = _without_paths(content)
    return portable


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    if isinstance(value, str) and _is_path(value):
        return value.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if isinstance(value, str):  # a command line, say
        return _PATH_IN_TEXT.sub(lambda found: found[0].rpartition("/")[2], value)
    return value


def _is_path(text: str) -> bool:
    absolute = text.startswith(("/", "~", "../", "./", "\\\\"))
    return absolute or (len(text) > 2 and text[0].isalpha() and text[1:3] in (":\\", ":/"))
