"""What a method answers: checked against the study, and written into the run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from .contours.files import as_rows, checked_contours
from .errors import DataError, PluginError
from .nifti import write_labels, write_probabilities
from .probabilities import PREFIX
from .store import RunFolder, file_hash, write_json
from .types import Region, Segmentation, Study

__all__ = ["checked_prediction", "file_names", "write_answer"]


def checked_prediction(answer: Any, study: Study) -> Segmentation:
    """``answer`` if it is a segmentation on the study's grid.

    Raises:
        PluginError: It is something else, has another shape, or contours off the grid.
    """
    # by its type: a property called __class__ may say anything
    if not issubclass(type(answer), Segmentation):
        raise PluginError(
            f"predict returned {type(answer).__name__}, not a Segmentation.",
            "Return benchmark.Segmentation(labels).",
        )
    given: Segmentation = answer
    shape = study.target.shape
    arrays = {"labels": given.labels} | {
        f"probabilities of {region}": p for region, p in (given.probabilities or {}).items()
    }
    for what, array in arrays.items():
        if array is not None and array.shape != shape:
            raise PluginError(
                f"predict returned {what} of shape {array.shape}; the image of "
                f"{study.id!r} has {shape} (slice, row, column)."
            )
    beyond = [c.slice for c in given.contours if not 0 <= c.slice < shape[0]]
    if beyond:
        raise PluginError(f"predict returned contours in slices {beyond}, which do not exist.")
    try:
        checked_contours(given.contours, shape)
    except DataError as error:
        raise PluginError(
            f"predict returned contours that do not fit {study.id!r}. {error.problem}", error.fix
        ) from None
    return given


def file_names(folder: RunFolder, case_id: str) -> set[str]:
    """The files that a prediction may have, relative to the run."""
    names = ["predictions", *(f"predictions/{PREFIX}{region}" for region in Region)]
    paths = [folder.case_file(name, case_id, ".nii.gz") for name in names]
    paths.append(folder.case_file("predictions/contours", case_id, ".json"))
    return {path.relative_to(folder.path).as_posix() for path in paths}


def write_answer(
    folder: RunFolder, answer: Segmentation, study: Study, probabilities: bool
) -> dict[str, Any]:
    """Write an answer; what else than labels there is goes to folders beside them.

    Args:
        folder: The run.
        answer: As :func:`checked_prediction` gives it.
        study: What it is of.
        probabilities: Keep its probabilities too.

    Returns:
        For the row of facts: hash of each file by its name in the run, and of the prediction.

    Raises:
        DataError: The disk does not take it.
    """
    files: list[Path] = []
    digest = hashlib.sha256()
    if answer.labels is not None:
        files.append(folder.case_file("predictions", study.id, ".nii.gz"))
        write_labels(files[-1], answer.labels, study.target)
        digest.update(answer.labels.tobytes())
    if answer.contours:
        points = as_rows(answer.contours)
        files.append(folder.case_file("predictions/contours", study.id, ".json"))
        write_json(files[-1], points)
        digest.update(repr(points).encode())
    if probabilities:
        for region, values in sorted((answer.probabilities or {}).items()):
            files.append(folder.case_file(f"predictions/{PREFIX}{region}", study.id, ".nii.gz"))
            write_probabilities(files[-1], values, study.target)
    names = {file.relative_to(folder.path).as_posix(): file_hash(file) for file in files}
    return {"files": names, "prediction": digest.hexdigest()}
