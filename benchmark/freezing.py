"""The predictions of a run folder, as they were scored, and the small file they are frozen in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .contours.files import as_rows, read_contours
from .drift.frozen import Frozen, FrozenCase, digest_of, frozen_path, write_frozen
from .errors import DataError
from .nifti import read_labels
from .record import RunRecord
from .results import load_run
from .store import read_json
from .types import Labels, checked_id

__all__ = ["freeze", "stored_predictions"]


def freeze(folders: Sequence[Path], entry: Path) -> Path:
    """Write the predictions of accepted runs beside their entry: all folds of the first seed.

    More seeds would try no more of the engine, and cost as much again.

    Args:
        folders: The run folders that were accepted.
        entry: The entry that was written of them.

    Raises:
        DataError: The data must not be passed on, a prediction is missing or was edited, or the
            file would be too large.
    """
    records = [(folder, RunRecord.load(folder)) for folder in folders]
    if not records:
        raise DataError("There are no runs to freeze.", "Name the run folders that were accepted.")
    seed = min(record.seed for _, record in records)
    first = records[0][1]
    # Said before anything is read: their masks are nobody's to copy.
    cases: list[FrozenCase] = []
    if first.dataset.redistributable:
        for folder, record in records:
            if record.seed == seed:
                cases += stored_predictions(folder, record)
    frozen = Frozen(first.method.name, first.dataset.name, first.group, tuple(cases))
    return write_frozen(frozen_path(entry), frozen, redistributable=first.dataset.redistributable)


def stored_predictions(folder: Path, record: RunRecord) -> list[FrozenCase]:
    """The predictions of a run folder, each the one that was scored.

    Raises:
        DataError: One is missing, or is another one than the run recorded.
    """
    cases = load_run(folder, ["volume"]).cases["case"].astype(str)
    found = []
    for case in cases:
        place = folder / "predictions" / f"{checked_id(case)}.json"
        try:
            row = dict(read_json(place))
            status, message, digest = (str(row[k]) for k in ("status", "message", "prediction"))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{place} is damaged: {error!r}.", "Run the method again.") from None
        labels: Labels | None = None
        contours: tuple[Any, ...] = ()
        if status == "ok":
            mask = place.with_name(f"{checked_id(case)}.nii.gz")
            drawn = folder / "predictions" / "contours" / place.name
            if mask.is_file():
                labels = read_labels(mask).labels
            if drawn.relative_to(folder).as_posix() in row.get("files", {}):
                contours = tuple(as_rows(read_contours(drawn, _shape(labels))))
            if digest_of(labels, contours) != digest:
                raise DataError(
                    f"The prediction of case {case!r} in {folder} is not the one that was scored.",
                    "Run the method again.",
                )
        found.append(FrozenCase(case, record.seed, status, message, labels, contours, digest))
    return found


def _shape(labels: Any) -> tuple[int, ...]:
    """The grid; without labels any, for the contours are checked against the image later."""
    return (4096, 4096, 4096) if labels is None else tuple(labels.shape)
