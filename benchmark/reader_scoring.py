"""What further readers of a map add to its rows: the answer against each, and each against each.

Only of studies whose target is a T1 or T2 map, where mapping2023 has three readers of one image:
its tables set an automated method against each expert, and the experts against each other. Their
rows are those of contours (``dim=contour``), the paper's; overlaps of masks of any region can be
made again from the counts, which are kept of every pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from .contours.filling import contours_to_labels
from .errors import DataError
from .metrics.cards import contour_cards
from .scoring import CaseScores, ScoreTask, score_case
from .types import Labels, Segmentation

__all__ = ["PERFECT", "score_readers"]

#: What is compared where the reference's own contours, made a mask, are fitted again: no answer of
#: labels can be expected to come nearer (mapping2023, Figure 9).
PERFECT = "perfect_mask"
_TAKEN = ("reference", "prediction", PERFECT)


def score_readers(task: ScoreTask, readers: Mapping[str, Segmentation]) -> CaseScores:
    """Rows of the readers of one case, and of the best that a mask could score.

    In this order: the prediction against each reader, with that reader's features; each pair of
    readers, the first by name as the reference; the perfect mask against the reference. A reader
    who drew no contour has no scores, as nothing says where between pixels the line would run.

    Args:
        task: The prediction against the reference.
        readers: By name.

    Returns:
        Nothing but counts and features where nobody has contours.

    Raises:
        DataError: A reader is called as something else is, or their contours or labels do not fit.
    """
    wrong = sorted(set(readers) & set(_TAKEN))
    if wrong:
        raise DataError(
            f"Case {task.case!r}: a reader is called {wrong[0]!r}.",
            f"Give readers names other than {', '.join(_TAKEN)}.",
        )
    shape = task.reference.shape
    drawn = {name: (_labels(readers[name], shape), readers[name]) for name in sorted(readers)}
    out = CaseScores()
    names = list(contour_cards())
    outline = task.outline if task.outline is not None else task.reference
    plain = replace(task, probabilities=None, describe=frozenset(), outline=outline)
    for name, (labels, reader) in drawn.items():
        one = replace(
            plain,
            reference=labels,
            reference_name=name,
            reference_contours=reader.contours,
            describe=frozenset({"reference"}),
        )
        out = out.joined(score_case(one, metrics=names))
    between = replace(plain, status="no_prediction", message="", produces=task.annotates)
    for first, second in combinations(drawn, 2):
        pair = replace(
            between,
            reference=drawn[first][0],
            reference_name=first,
            reference_contours=drawn[first][1].contours,
            prediction=drawn[second][0],
            compared_name=second,
            compared_contours=drawn[second][1].contours,
        )
        out = out.joined(score_case(pair, metrics=names))
    return out.joined(_perfect(between))


def _perfect(task: ScoreTask) -> CaseScores:
    if not task.reference_contours:
        return CaseScores()
    mask = contours_to_labels(task.reference_contours, task.reference.shape)
    best = replace(task, prediction=mask, compared_name=PERFECT, compared_contours=())
    return CaseScores(scores=score_case(best, metrics=list(contour_cards())).scores)


def _labels(reader: Segmentation, shape: tuple[int, ...]) -> Labels:
    if reader.labels is not None:
        return reader.labels
    return contours_to_labels(reader.contours, shape)
