"""A case and what a method said of it, as the task that is scored: of a run, or of frozen files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from .clinical import insertion_of
from .contours.filling import outlined
from .errors import DataError
from .metrics.probabilities import Probabilities
from .relaxation import map_of
from .scoring import ScoreTask
from .types import Case, Contour, Labels, Region

__all__ = ["SIDES", "task_of"]

#: The sides of a task that clinical features are given of.
SIDES = frozenset({"reference", "compared"})
_REASONS: Mapping[str, Literal["error", "not_applicable"]] = {
    "error": "error",
    "not_applicable": "not_applicable",
}


def task_of(
    case: Case,
    labels: Labels | None,
    contours: tuple[Contour, ...],
    status: str,
    message: str,
    *,
    annotates: frozenset[Region],
    produces: frozenset[Region],
    probabilities: Mapping[Region, Probabilities] | None = None,
    describe: frozenset[str] = SIDES,
) -> ScoreTask:
    """What there is to score of a case.

    Args:
        case: With its reference.
        labels: ``(slice, row, column)`` canonical labels of the prediction, where it has any; of
            one with contours alone, labels are made of these.
        contours: Those of the prediction.
        status: What its row of facts says: ``ok``, or why there is no prediction.
        message: The reason in words.
        annotates: Regions the reference says something about.
        produces: Regions the prediction says something about.
        probabilities: Of the prediction, as :class:`~benchmark.scoring.ScoreTask` has them.
        describe: Of which sides to give features.

    Raises:
        DataError: The reference has no labels; or the parts do not fit each other.
    """
    study, target = case.study, case.study.target
    if case.reference.labels is None:
        raise DataError(f"The reference of {study.id!r} has contours only.")
    if status == "ok" and labels is None:
        labels = outlined(contours, target.shape, produces)
        message = "the method gave contours and no labels"
    return ScoreTask(
        case=study.id,
        reference=case.reference.labels,
        prediction=labels,
        spacing=target.spacing,
        apex=study.apex,
        slice_positions=target.slice_positions,
        annotates=annotates,
        produces=produces,
        status=_REASONS.get(status, "no_prediction"),
        message=message,
        image=target,
        describe=describe,
        mapped=map_of(study),
        insertion=insertion_of(study),
        reference_contours=case.reference.contours,
        compared_contours=contours,
        probabilities=probabilities,
    )
