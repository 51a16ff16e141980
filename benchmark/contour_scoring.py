"""Contours of one case against the reference's: the rows of ``dim=contour``.

They are there where the reference has contours, and only there. A compared side that has none is
measured by those fitted to its labels, as in mapping2023, section 3.6, and each row says so. The
regions are ``endo`` and ``epi``: a mean over ``cavity`` or ``myocardium`` is of masks, and no row
here can be taken for one of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .clinical import can_describe
from .contours.filling import MADE
from .contours.fitting import KINDS, Kind
from .contours.scores import DISTANCES, ContourScore, score_contours
from .metrics.cards import select_contour
from .metrics.definition import Card, Dim, Status
from .metrics.levels import LEVELS, THIRDS, Thirds
from .metrics.measure import Sample, mean_of_slices, without_answer
from .metrics.tables import Row
from .types import Region, Segmentation

if TYPE_CHECKING:
    from .scoring import ScoreTask

__all__ = ["FITTED", "contour_rows", "unreadable_contour_rows"]

#: What a row says whose compared contours were not given.
FITTED = "contours fitted to labels (mapping2023, section 3.6)"

_DIM: Dim = "contour"


def contour_rows(
    task: ScoreTask,
    thirds: Thirds,
    *,
    metrics: Collection[str] | None = None,
    levels: Collection[str] = LEVELS,
    regions: Collection[Region] = tuple(Region),
) -> Iterator[Row]:
    """Rows of the table of scores: by kind, metric, level, slice; none without a reference contour.

    A slice whose reference has labels of the kind's region but no contour was not drawn: it is
    ``not_applicable``, and no part of a mean; nor is the ring of one whose endo was not drawn.
    In any other slice a contour of one side alone is a miss of the other.

    Args:
        task: The case.
        thirds: Slices of each third, or the reason why they are unknown.
        metrics: Names of metrics; all by default.
        levels: Which levels.
        regions: ``endo`` is there with the cavity, ``epi`` with the left ventricle.
    """
    cards = select_contour(metrics)
    if not task.reference_contours or not cards:
        return
    names, skipped = (task.reference_name, task.compared_name), ""
    if not _answered(task) and task.status == "not_applicable":
        skipped = task.message or "not applicable to this case"
    found = _measured(task, cards)
    for kind, around in KINDS.items():
        if around not in regions:
            continue
        for card in cards:
            undrawn = _undrawn(task, kind, card)
            reason = _undescribed(kind, card, task.annotates, task.produces, names, skipped)
            if reason is None:
                samples = _samples(task, kind, card, found, undrawn, thirds)
            else:
                samples = _blank("not_applicable", reason)
            for s in samples:
                if s.level in levels:
                    yield _row((task.case, *names), kind, card, s)


def unreadable_contour_rows(
    case: str,
    message: str,
    annotates: frozenset[Region],
    produces: frozenset[Region],
    *,
    metrics: Collection[str] | None = None,
) -> Iterator[Row]:
    """Rows, without slices, of a case whose reference has contours but cannot be read.

    Args:
        case: Its id.
        message: What is wrong with it.
        annotates: Regions the reference would say something about.
        produces: Regions the prediction would say something about.
        metrics: Names of metrics; all by default.
    """
    names = "reference", "prediction"
    for kind in KINDS:
        for card in select_contour(metrics):
            reason = _undescribed(kind, card, annotates, produces, names)
            samples = _blank("not_applicable", reason) if reason else _blank("error", message)
            for sample in samples:
                yield _row((case, *names), kind, card, sample)


def _measured(
    task: ScoreTask, cards: Collection[Card]
) -> dict[tuple[Kind, str, int], ContourScore]:
    """Every score there is. Against nothing, where there is no answer, they tell what that costs.

    The reference's labels play no part: mapping2023 makes its masks from the contours.
    """
    shape = task.reference.shape
    answered = task.prediction is not None or task.compared_contours
    labels = task.prediction if answered else np.zeros_like(task.reference)
    scores = score_contours(
        Segmentation(contours=task.reference_contours),
        Segmentation(labels, task.compared_contours),
        shape,
        task.spacing,
        metrics=[card.name for card in cards],
    )
    return {(s.kind, s.metric, s.slice): s for s in scores}


def _undrawn(task: ScoreTask, kind: Kind, card: Card) -> dict[int, Kind]:
    """By slice: a contour it lacks though the reference has the region that it surrounds.

    A ring needs both contours: with epi alone, the reference's would be the whole disk.
    """
    needed: tuple[Kind, ...] = (kind,)
    if kind == "epi" and card.name not in DISTANCES:
        needed = ("endo", "epi")
    lacking: dict[int, Kind] = {}
    for each in needed:
        labelled = KINDS[each].mask(task.reference).any(axis=(1, 2))
        drawn = {c.slice for c in task.reference_contours if c.kind == each}
        lacking |= dict.fromkeys(set(np.flatnonzero(labelled).tolist()) - drawn, each)
    return lacking


def _undescribed(
    kind: Kind,
    card: Card,
    annotates: frozenset[Region],
    produces: frozenset[Region],
    names: tuple[str, str],
    skipped: str = "",
) -> str | None:
    """Why nothing can be said of this: either side says nothing about it, or it was ``skipped``."""
    if kind == "endo":
        needed = [Region.CAVITY]
    elif card.name in DISTANCES:  # the outer border of a ring is that of the ventricle
        needed = [Region.LV, Region.MYOCARDIUM]
    else:
        needed = [Region.MYOCARDIUM]
    named = " or ".join(region.value for region in needed)
    if not any(can_describe(region, annotates) for region in needed):
        return f"{names[0]} does not annotate {named}"
    if skipped:
        return skipped
    if not any(can_describe(region, produces) for region in needed):
        return f"{names[1]} does not produce {named}"
    return None


def _answered(task: ScoreTask) -> bool:
    return task.prediction is not None or bool(task.compared_contours)


def _samples(
    task: ScoreTask,
    kind: Kind,
    card: Card,
    found: Mapping[tuple[Kind, str, int], ContourScore],
    undrawn: Mapping[int, Kind],
    thirds: Thirds,
) -> Iterator[Sample]:
    """The volume, the thirds, then the slices."""
    slices = [
        _undrawn_sample(z, undrawn[z])
        if z in undrawn
        else _slice(z, found.get((kind, card.name, z)))
        for z in range(len(task.reference))
    ]
    samples = [_mean("volume", slices)]
    for third in THIRDS:
        if isinstance(thirds, str):
            samples.append(_nothing(third, "not_applicable", thirds))
        else:
            samples.append(_mean(third, [slices[z] for z in thirds[third]]))
    for sample in [*samples, *slices]:
        if _answered(task):
            yield _noted(task, card, sample)
        else:
            _, *sides = (n * s for n, s in zip(task.reference.shape, task.spacing, strict=True))
            yield without_answer(card, sample, task.status, task.message, math.hypot(*sides))


def _slice(index: int, score: ContourScore | None) -> Sample:
    if score is None:
        return Sample("slice", index, _DIM, None, "both_empty", "", None)
    return Sample("slice", index, _DIM, score.value, score.status, "", score.worst)


def _undrawn_sample(index: int, kind: Kind) -> Sample:
    message = f"the reference has labels here, but no {kind} contour"
    return Sample("slice", index, _DIM, None, "not_applicable", message, None)


def _mean(level: str, slices: list[Sample]) -> Sample:
    """The mean over the slices that were drawn, of however many there are."""
    drawn = [s for s in slices if s.status != "not_applicable"]
    # Nothing but undrawn and empty slices is not known to be empty.
    known = any(s.status != "both_empty" for s in drawn) or len(drawn) == len(slices)
    return mean_of_slices(level, drawn if known else slices, _DIM)


def _nothing(level: str, status: Status, reason: str) -> Sample:
    return Sample(level, None, _DIM, None, status, reason, None)


def _blank(status: Status, reason: str) -> Iterator[Sample]:
    for level in ("volume", *THIRDS):
        yield _nothing(level, status, reason)


def _noted(task: ScoreTask, card: Card, sample: Sample) -> Sample:
    """``sample``, saying what of the compared side was converted to measure it."""
    counted: tuple[Status, ...] = ("ok", "pred_empty", "ref_empty")
    note = ""
    if card.name in DISTANCES:
        note = "" if task.compared_contours else FITTED
    elif task.prediction is None:
        note = MADE
    if not note or sample.status not in counted:
        return sample
    return sample._replace(message=f"{sample.message}; {note}" if sample.message else note)


def _row(names: tuple[str, str, str], kind: Kind, card: Card, sample: Sample) -> Row:
    case, reference, compared = names
    return {
        "case": case,
        "region": kind,
        "metric": card.name,
        "level": sample.level,
        "slice": sample.slice,
        "dim": sample.dim,
        "reference": reference,
        "compared": compared,
        "value": sample.value,
        "status": sample.status,
        "message": sample.message,
        "unit": card.unit,
        "better": card.better,
        "worst": sample.worst,
        "best": card.best,
    }
