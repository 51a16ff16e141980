"""nnU-Net's ``summary.json`` of a run, from its joint label counts.

The keys are those of nnU-Net v2's evaluator: ``metric_per_case`` (``reference_file``,
``prediction_file`` and, by region, ``Dice, IoU, TP, FP, FN, TN, n_pred, n_ref``), ``mean`` over the
cases by region, and ``foreground_mean`` over regions. Regions are unions of canonical labels, as
nnU-Net has them where ``regions_class_order`` is set: ``"(3, 4)"`` is scar.

What holds for nnU-Net's own file holds for this one (see the preset ``nnunet``): a case where
neither mask has the region is NaN and leaves the mean without a trace, and a case without a
prediction is not in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError
from ..presets.masks import STRUCTURES, mean_defined
from ..regions import Region
from ..results import Run

__all__ = ["nnunet_summary", "summary_text", "unpredicted"]

_COLUMNS = ["case", "reference", "compared", "reference_label", "compared_label", "voxels"]
_METRICS = ("Dice", "IoU", "FP", "TP", "FN", "TN", "n_pred", "n_ref")


def nnunet_summary(run: Run, roles: Sequence[str] = ("test",)) -> dict[str, Any]:
    """What nnU-Net's evaluator says of the run's predictions.

    Args:
        run: Read from its folder; an accepted entry keeps no counts.
        roles: Cases of which roles.

    Raises:
        DataError: The run has no counts, no prediction of such a case, or no region that both the
            method and the reference say something about.
    """
    counts = _counts(run)
    mine = run.cases[run.cases["role"].isin(list(roles)).to_numpy(dtype=bool)]
    counts = counts[counts["case"].isin(mine["case"]).to_numpy(dtype=bool)]
    if counts.empty:
        raise DataError(
            f"{run.source} has no prediction of a case with the role {' or '.join(roles)}.",
            "Name another run, or other roles with --role.",
        )
    said = {str(r) for r in run.record.produces} & {str(r) for r in run.record.annotates}
    regions = [region for region in STRUCTURES if region.value in said]
    if not regions:
        raise DataError(
            f"{run.label} and the reference of {run.dataset} have no region in common.",
            "Name another run.",
        )
    cases: list[dict[str, Any]] = []
    for case, part in counts.groupby(counts["case"].astype(str), sort=True):
        file = f"{case}.nii.gz"
        metrics = {_key(region): _of_region(part, region) for region in regions}
        cases.append(
            {
                "metrics": metrics,
                "prediction_file": f"predictions/{file}",
                "reference_file": file,
            }
        )
    means = {
        key: {name: mean_defined([c["metrics"][key][name] for c in cases]) for name in _METRICS}
        for key in map(_key, regions)
    }
    # A region that no case has makes it NaN, as it makes nnU-Net's.
    foreground = {
        name: float(np.mean([mean[name] for mean in means.values()])) for name in _METRICS
    }
    return {"foreground_mean": foreground, "mean": means, "metric_per_case": cases}


def summary_text(summary: Mapping[str, Any]) -> str:
    """The file, as nnU-Net writes it: four spaces, sorted keys, ``NaN`` where it has no number."""
    return json.dumps(summary, indent=4, sort_keys=True)


def unpredicted(run: Run, roles: Sequence[str] = ("test",)) -> list[str]:
    """Cases of these roles that the summary does not know of: without a prediction, or excluded."""
    mine = run.cases[run.cases["role"].isin(list(roles)).to_numpy(dtype=bool)]
    return sorted(set(map(str, mine["case"])) - set(map(str, _counts(run)["case"])))


def _counts(run: Run) -> pd.DataFrame:
    """Joint label counts of the predictions with the reference, of all slices."""
    path = (run.source if run.source.is_dir() else Path("?")) / "counts.parquet"
    if not path.is_file():
        raise DataError(
            f"{run.source} has no counts.parquet, which the voxel counts are made from.",
            "Name a run folder: accepted entries keep no counts.",
        )
    try:
        frame = pd.read_parquet(path, engine="pyarrow", columns=_COLUMNS)
    except (OSError, ValueError) as error:  # pyarrow's errors are one or the other
        raise DataError(f"{path} cannot be read: {error}.", "Score the run again.") from error
    keep = (frame["reference"] == "reference") & (frame["compared"] == "prediction")
    return frame[keep.to_numpy(dtype=bool)]


def _of_region(part: pd.DataFrame, region: Region) -> dict[str, float | int]:
    """What nnU-Net measures of one region of one case."""
    labels = [int(label) for label in region.labels]
    truth = part["reference_label"].isin(labels).to_numpy(dtype=bool)
    found = part["compared_label"].isin(labels).to_numpy(dtype=bool)
    voxels = part["voxels"].to_numpy(dtype=np.int64)
    tp, fp, fn, tn = (
        int(voxels[mask].sum()) for mask in (truth & found, ~truth & found, truth & ~found,
                                             ~truth & ~found)
    )  # fmt: skip
    union = tp + fp + fn
    return {
        "Dice": 2 * tp / (2 * tp + fp + fn) if union else math.nan,
        "IoU": tp / union if union else math.nan,
        "FP": fp,
        "TP": tp,
        "FN": fn,
        "TN": tn,
        "n_pred": fp + tp,
        "n_ref": fn + tp,
    }


def _key(region: Region) -> str:
    """How nnU-Net names a union of labels in JSON."""
    return str(tuple(int(label) for label in region.labels))
