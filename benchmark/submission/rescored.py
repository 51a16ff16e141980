"""A submitted run scored again here: its predictions, our references, our metrics.

The stage that scores is that of ``bench run``; only the method is not here, for its predictions
are files.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ..errors import BenchError, NoPredictionError
from ..fingerprint import Fingerprint
from ..grid import Grid, same_grid
from ..metrics.cards import contour_cards
from ..nifti import read_grid
from ..parquet import write_table
from ..plan import Plan, Resolved, RunRequest
from ..plugins import Dataset, Method
from ..progress import Reporter
from ..record import RunRecord
from ..recorded import CASES
from ..results import Run, load_run
from ..scored import join, measured, score_one, scoring_of
from ..scoring import arrow_schema
from ..splits import Split
from ..store import RunFolder, file_hash
from ..types import CaseInfo, Region, Segmentation, Study

__all__ = ["Here", "UnfitError", "check_prediction", "held", "rescore"]

#: A NIfTI header with extensions; a packed file may hold this beside its voxels.
_HEADER = 1 << 20
#: The largest voxel that is read.
_WIDEST = 8
_PIECE = 1 << 20
_STATUSES = ("ok", "error", "no_prediction", "not_applicable")


@dataclass(frozen=True)
class Here:
    """What this machine knows of the data set.

    Attributes:
        found: The data set.
        infos: Its index, by case id.
        prints: Fingerprints of the cases to score.
    """

    found: Resolved
    infos: Mapping[str, CaseInfo]
    prints: Mapping[str, Fingerprint]

    @property
    def dataset(self) -> Dataset:
        """The data set itself."""
        assert isinstance(self.found.plugin, Dataset)
        return self.found.plugin


class UnfitError(Exception):
    """A prediction that cannot be one of its case.

    Args:
        case: The case.
        said: What is wrong with it.
    """

    def __init__(self, case: str, said: str) -> None:
        super().__init__(said)
        self.case, self.said = case, said


def held(folder: Path) -> dict[str, dict[str, Path]]:
    """Files of predictions below the folder of a run: by case, by name within the folder."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file():
            case = path.name.removesuffix(".nii.gz").removesuffix(".json")
            found.setdefault(case, {})[path.relative_to(folder).as_posix()] = path
    return found


def check_prediction(case: str, files: Mapping[str, Path], study: Study) -> None:
    """Refuse what lies off the grid or would grow beyond it, before any of it is unpacked.

    Raises:
        UnfitError: That.
    """
    target = study.target
    voxels = int(np.prod(target.shape))
    for name, path in files.items():
        if not name.endswith(".nii.gz"):
            continue
        try:
            grid = read_grid(path)
        except BenchError as error:
            raise UnfitError(case, f"{name} cannot be read: {_without(error, path)}") from None
        difference = same_grid(grid, Grid.of(target))
        if difference is not None:
            raise UnfitError(case, f"{name} does not lie on the image: {difference}")
        if _grows_beyond(path, _HEADER + voxels * _WIDEST):
            raise UnfitError(case, f"{name} unpacks to more than the voxels of its image can need.")


def _without(error: BenchError, path: Path) -> str:
    """Its sentence without our own temporary folder."""
    return error.problem.replace(f"{path}", path.name)


def _grows_beyond(path: Path, limit: int) -> bool:
    """Whether a gzip holds more than ``limit`` bytes; nothing of it is kept. A broken one does not.

    Several members are as good as one, and each is counted.
    """
    size = 0
    with path.open("rb") as file:
        left = file.read(_PIECE)
        while left:
            member = zlib.decompressobj(31)
            try:
                while left and not member.eof:
                    size += len(member.decompress(left, _PIECE))
                    if size > limit:
                        return True
                    left = member.unconsumed_tail or (b"" if member.eof else file.read(_PIECE))
            except zlib.error:
                return False  # the reader says what is wrong with it
            left = (member.unused_data if member.eof else b"") or file.read(_PIECE)
            left = left.lstrip(b"\0") or b""
    return False


def rescore(
    run: Run, folder: Path, files: Mapping[str, Mapping[str, Path]], here: Here, split: Split,
    record: RunRecord, reporter: Reporter,
) -> Run:  # fmt: skip
    """Score the predictions of a run.

    Args:
        run: As it was submitted: which cases, and why some have no prediction.
        folder: ``runs/``-like folder of ours to work in.
        files: Predictions by case, see :func:`held`; checked by :func:`check_prediction`.
        here: The data.
        split: Roles of cases as they are here.
        record: What the re-scored run's record shall say.
        reporter: Told of the progress.

    Returns:
        The run at the level of volumes, with the submission's seconds and memory: what cannot be
        measured here is what its authors say.

    Raises:
        DataError: A case can no longer be read.
    """
    plan = _plan(run, folder, here, split)
    place = plan.folder.path / "predictions"
    rows: dict[str, dict[str, Any]] = {}
    told: dict[str, Mapping[str, Any]] = {
        str(r["case"]): {str(k): v for k, v in r.items()} for r in run.cases.to_dict("records")
    }
    for case, row in told.items():
        mine = files.get(case, {})
        for name, path in mine.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(place / name)
        status = "ok" if mine else str(row.get("status"))
        if status not in _STATUSES or (status == "ok" and not mine):
            status = "no_prediction"
        named = {f"predictions/{name}": file_hash(place / name) for name in mine}
        message = row.get("message")
        rows[case] = {
            "status": status, "message": message if isinstance(message, str) else "",
            "prediction": "".join(named.values()), "files": named, **_extent(here, case),
        }  # fmt: skip
    scoring = scoring_of(plan, rows)
    with reporter.stage(f"scoring seed {run.record.seed}", len(rows)) as advance:
        for case in rows:
            score_one(plan, scoring, case)
            advance(case)
    join(plan, scoring, 0.0, lambda case: None)
    table = [_case_row(case, rows[case], told[case], here, split, run.record.fold)
             for case in rows]  # fmt: skip
    write_table(plan.folder.path / "cases.parquet", arrow_schema(CASES), table)
    record = record.model_copy(update=_measured(record, rows, plan))
    record.save(plan.folder.path)
    done = load_run(plan.folder.path, levels=["volume"])
    # Under the name that it had, so that it is the same run in every table.
    return Run(run.name, done.record, done.cases, done.scores, done.features, done.source)


def _measured(record: RunRecord, rows: dict[str, dict[str, Any]], plan: Plan) -> dict[str, Any]:
    """What the record says of what was measured here."""
    contours = pq.read_table(
        plan.folder.path / "scores.parquet", columns=["dim"], filters=[("dim", "==", "contour")]
    )
    used = {metric.card.name: metric.card for metric in measured(rows)}
    used |= contour_cards() if contours.num_rows else {}
    # Images that are tested on are counted here; of those learnt from, the count is theirs.
    told = _counted(record.stages.get("score", {}).get("images"))
    images = {**told, **plan.folder.marker("score").get("images", {})}
    scored = {k: v for k, v in record.stages.get("score", {}).items() if k != "images"}
    stage = scored | ({"images": images} if images else {})
    return {
        "stages": {**record.stages, **({"score": stage} if stage else {})},
        "metric_cards": {name: card.hash for name, card in sorted(used.items())},
        "totals": {**record.totals, "cases": dict(Counter(row["status"] for row in rows.values()))},
    }


def _counted(images: Any) -> dict[str, Any]:
    """What a stranger says of how many images were learnt from, where it is that."""
    found = {}
    for role, maps in images.items() if isinstance(images, dict) else ():
        whole = isinstance(maps, dict) and all(
            isinstance(thirds, dict) and all(type(n) is int and n >= 0 for n in thirds.values())
            for thirds in maps.values()
        )
        if role in ("train", "validation") and whole:
            found[role] = maps
    return found


def _plan(run: Run, folder: Path, here: Here, split: Split) -> Plan:
    record = run.record
    method = _standing(frozenset(Region(name) for name in record.produces))
    name = here.found.info.name
    request = RunRequest(
        "submitted", name, seed=record.seed, fold=record.fold, folds=record.folds, runs=folder,
        pictures=False, evaluate=("test", "external"),
    )  # fmt: skip
    key = f"{record.seed:010d}{0 if record.fold is None else record.fold + 1:02d}"
    return Plan(
        request, method, method, Resolved(method, here.found.info, "submitted", {}, ""),
        here.dataset, here.found, here.infos, split, here.prints, "cpu", 1, record.seed,
        record.group, "", "", key, RunFolder(folder, name, "submitted", key),
    )  # fmt: skip


def _standing(regions: frozenset[Region]) -> Method:
    class Submitted(Method):
        """Stands for a method that is not here."""

        produces = regions

        def predict(self, study: Study) -> Segmentation:
            raise NoPredictionError("What was submitted are predictions, not the method.")

    return Submitted()


def _extent(here: Here, case: str) -> dict[str, Any]:
    target = here.dataset.load(case).study.target
    size = [n * s for n, s in zip(target.shape, target.spacing, strict=True)]
    return {"diagonal_mm": math.hypot(*size), "slices": target.shape[0]}


def _case_row(
    case: str, row: Mapping[str, Any], told: Mapping[str, Any], here: Here, split: Split,
    fold: int | None,
) -> dict[str, Any]:  # fmt: skip
    """Who and where is ours; how long it took, and on how much, is theirs."""
    info = here.infos[case]
    known = {k: info.attributes.get(k) for k in ("site", "vendor", "pathology", "map")}
    return {
        "case": case, "patient": info.patient, "role": split.roles[case], "fold": fold,
        **{k: None if v is None else str(v) for k, v in known.items()},
        "excluded": row["message"] if row["status"] == "not_applicable" else None,
        "status": row["status"], "message": row["message"],
        "seconds": _number(told.get("seconds")),
        "peak_memory_mb": _number(told.get("peak_memory_mb")),
        "diagonal_mm": row["diagonal_mm"], "slices": row["slices"], "warm": None,
    }  # fmt: skip


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if fits and value == value and value >= 0 else None
