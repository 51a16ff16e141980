"""One case: every metric of every region at every level, as plain rows.

Their order and columns depend on nothing but the input. For two arrays in somebody's hands there is
:func:`benchmark.score`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .clinical.insertion import UNKNOWN, Insertion
from .contour_scoring import contour_rows, unreadable_contour_rows
from .contours.files import checked_contours
from .errors import DataError
from .metrics.cards import select
from .metrics.comparison import Comparison, undescribed, unforecast
from .metrics.definition import Status
from .metrics.inputs import check_grids
from .metrics.levels import LEVELS
from .metrics.probabilities import Probabilities, checked_probabilities
from .metrics.tables import COUNTS, FEATURES, FORMAT, SCORES, Row, arrow_schema, score_rows
from .relaxation import MapKind
from .types import Contour, Labels, Region, Volume, checked_labels, checked_spacing

__all__ = [
    "COUNTS",
    "FEATURES",
    "FORMAT",
    "SCORES",
    "TABLES",
    "CaseScores",
    "ScoreTask",
    "arrow_schema",
    "score_case",
    "unreadable_case",
]

#: The tables that scoring leaves, and their columns.
TABLES: Mapping[str, Mapping[str, str]] = {
    "scores": SCORES,
    "counts": COUNTS,
    "features": FEATURES,
}


@dataclass(frozen=True, eq=False)
class ScoreTask:
    """All there is to know to score one case, as data (it pickles).

    Args:
        case: Id of the case.
        reference: ``(slice, row, column)`` canonical labels.
        prediction: The same for what is compared with it; None if there is none.
        spacing: (z, y, x) in mm; z from slice centre to slice centre.
        apex: Which end of the stack is the apex; None is unknown.
        slice_positions: Per slice, mm along the normal; by default multiples of z.
        annotates: Regions the reference says something about.
        produces: Regions the prediction says something about.
        status: Why there is no prediction, where there is none.
        message: The reason in words.
        reference_name: ``reference`` or a reader's name.
        compared_name: ``prediction`` or a reader's name.
        image: On the labels' grid, for what needs intensities (core scar, T1, T2).
        mapped: Which map the image is, if it is one: then T1 or T2 of the myocardium is a feature.
        describe: Of which sides to give features: ``reference``, ``compared``.
        reference_contours: What the reference's contours are; with them come rows of contours.
        compared_contours: Those of what is compared; without, they are fitted to its labels.
        probabilities: For every region that the compared side gives probabilities of,
            ``(slice, row, column)`` in [0, 1]; or status and message where this case lacks them.
            None: calibration is not measured at all.
        insertion: Where the right ventricle joins the left, for features of segments; or why nobody
            knows.
        outline: Labels whose left ventricle says where the thirds lie; by default the reference.
            Scored against several readers, a slice is in the same third for all of them.

    Raises:
        DataError: Labels, spacing, slice positions, image, contours and probabilities do not fit
            each other.
    """

    case: str
    reference: Labels
    prediction: Labels | None
    spacing: tuple[float, float, float]
    apex: Literal["first", "last"] | None = None
    slice_positions: tuple[float, ...] | None = None
    annotates: frozenset[Region] = frozenset(Region)
    produces: frozenset[Region] = frozenset(Region)
    status: Literal["no_prediction", "error", "not_applicable"] = "no_prediction"
    message: str = ""
    reference_name: str = "reference"
    compared_name: str = "prediction"
    image: Volume | None = None
    describe: frozenset[str] = frozenset({"reference", "compared"})
    reference_contours: tuple[Contour, ...] = ()
    compared_contours: tuple[Contour, ...] = ()
    probabilities: Mapping[Region, Probabilities] | None = None
    mapped: MapKind | None = None
    outline: Labels | None = None
    insertion: Insertion | str = UNKNOWN

    def __post_init__(self) -> None:
        spacing = checked_spacing(self.spacing)
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "reference", checked_labels(self.reference))
        if self.prediction is not None:
            object.__setattr__(self, "prediction", checked_labels(self.prediction))
            names = (f"Case {self.case!r}: {self.reference_name}", self.compared_name)
            check_grids(names, (self.reference, self.prediction), spacing)
        shape = self.reference.shape
        if self.image is not None and self.image.shape != shape:
            raise DataError(
                f"Case {self.case!r}: labels have shape {shape}, the image {self.image.shape} "
                "(slice, row, column)."
            )
        if self.mapped and self.image is None:
            raise DataError(f"Case {self.case!r}: the {self.mapped} map itself is missing.")
        if self.outline is not None and self.outline.shape != shape:
            raise DataError(
                f"Case {self.case!r}: labels have shape {shape}, those of the outline "
                f"{self.outline.shape}."
            )
        if not isinstance(self.insertion, str):
            self.insertion.check(shape[0], self.case)
        if self.slice_positions is not None and len(self.slice_positions) != shape[0]:
            raise DataError(
                f"Case {self.case!r}: {len(self.slice_positions)} slice positions "
                f"for {shape[0]} slices."
            )
        for contours in (self.reference_contours, self.compared_contours):
            checked_contours(contours, shape)
        if self.probabilities is not None:
            found = {
                region: checked_probabilities(f"Case {self.case!r}", region, given, shape)
                for region, given in self.probabilities.items()
            }
            object.__setattr__(self, "probabilities", found)


@dataclass(frozen=True)
class CaseScores:
    """Rows of one case, each a dict with exactly the columns of its table, in a fixed order."""

    scores: list[Row] = field(default_factory=list)
    counts: list[Row] = field(default_factory=list)
    features: list[Row] = field(default_factory=list)

    def joined(self, more: CaseScores) -> CaseScores:
        """These rows, then those of ``more``."""
        return CaseScores(
            [*self.scores, *more.scores],
            [*self.counts, *more.counts],
            [*self.features, *more.features],
        )


def score_case(
    task: ScoreTask,
    *,
    metrics: Collection[str] | None = None,
    levels: Collection[str] = LEVELS,
    regions: Collection[Region] = tuple(Region),
) -> CaseScores:
    """Score one case: by region, metric, level, dim and slice, always in that order.

    Where the reference has contours, the rows of ``endo`` and ``epi`` follow
    (:mod:`benchmark.contour_scoring`).

    A region that either side says nothing about is ``not_applicable``, and the message says which.
    Without a prediction every row that a prediction would have had is there, with
    ``task.status`` and no value, so that means know how many are missing.

    Args:
        task: The case.
        metrics: Names of metrics; all but extras by default.
        levels: Which of :data:`benchmark.metrics.levels.LEVELS`.
        regions: Which regions.

    Raises:
        UsageError: A metric is unknown.
    """
    chosen = select(metrics, contours=True, probabilities=task.probabilities is not None)
    comparison = Comparison(task)
    out = CaseScores()
    identity = {
        "case": task.case,
        "reference": task.reference_name,
        "compared": task.compared_name,
    }
    missing = (task.status, task.message) if task.prediction is None else None
    for region in Region:
        if region not in regions:
            continue
        pair, undefined = comparison.region(region)
        out.scores.extend(
            score_rows(
                identity,
                region.value,
                pair,
                chosen,
                comparison.thirds,
                levels,
                missing or undefined,
            )
        )
    out.scores.extend(
        contour_rows(task, comparison.thirds, metrics=metrics, levels=levels, regions=regions)
    )
    if task.prediction is not None:
        out.counts.extend(comparison.count_rows(identity))
    out.features.extend(comparison.feature_rows())
    return out


def unreadable_case(
    case: str,
    message: str,
    annotates: frozenset[Region],
    produces: frozenset[Region],
    *,
    metrics: Collection[str] | None = None,
    probabilities: Collection[Region] = (),
    contours: bool = False,
) -> CaseScores:
    """Rows for a case whose reference cannot be read: an error for each value it would have had.

    Nothing is known of its field of view, so there is no worst value either, and no slice.

    Args:
        case: Its id.
        message: What is wrong with it.
        annotates: Regions the reference would say something about.
        produces: Regions the prediction would say something about.
        metrics: Names of metrics; all but extras by default.
        probabilities: Regions of which the prediction would have come with probabilities.
        contours: Whether the reference would have come with contours.
    """
    identity = {"case": case, "reference": "reference", "compared": "prediction"}
    chosen = select(metrics, contours=True, probabilities=bool(probabilities))
    rows: list[Row] = []
    for region in Region:
        reason = undescribed(region, annotates, produces)
        if region is Region.CORE_SCAR and reason is None:
            reason = "core scar needs the image"  # nobody knows whether there is one
        for metric in chosen:
            why = reason
            if metric.card.reads == "probabilities":
                why = reason or unforecast(region, probabilities, annotates)
            status: Status = "error" if why is None else "not_applicable"
            rows += score_rows(
                identity, region.value, why or message, [metric], "", LEVELS, unmeasured=status
            )
    if contours:
        rows += unreadable_contour_rows(case, message, annotates, produces, metrics=metrics)
    return CaseScores(scores=rows)
