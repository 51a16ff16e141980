"""Stored masks against references: anybody's, with no training and one case in memory at a time.

The reference list drives. A case without a prediction is a row with status ``no_prediction``; a
case one of whose files cannot be read is a row with status ``error``, and the others go on.
Predictions that belong to no case, come twice, or lie on another grid than their reference are
mistakes in the whole set: all of them are named together, and nothing is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .case_rows import NAMES, PRESETS, ScoreFiles
from .casework import Work
from .contour_notes import contour_notes
from .contours.files import find_contours
from .errors import UsageError
from .fitting import check_fit, check_names
from .kept import Kept
from .labels import CANONICAL, LabelMap
from .masks import find_files
from .metrics.cards import metrics as mask_metrics
from .metrics.cards import select
from .nofile import no_files
from .plugins import Dataset
from .probabilities import StoredProbabilities
from .progress import Reporter
from .references import DatasetReferences, FolderReferences, References
from .scoring import ScoreTask
from .types import Role
from .workers import Elsewhere, score_all, usable_cpus

if TYPE_CHECKING:
    from .presets import PresetTable

__all__ = ["Interrupted", "Summary", "evaluate"]

#: Cases for which a further process is worth its start.
_WORTH = 200
_MOST_JOBS = 16


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while cases were scored.

    Attributes:
        out: The output folder, which keeps what is done.
        kept: How many cases are done.
        cases: Of how many.
    """

    def __init__(self, out: Path, kept: int, cases: int) -> None:
        super().__init__(f"{kept} of {cases} cases are scored and kept in {out}")
        self.out, self.kept, self.cases = out, kept, cases


@dataclass(frozen=True)
class Summary:
    """What became of the cases.

    Attributes:
        out: The folder that was written to.
        cases: How many references there are.
        missing: Cases without a prediction.
        failed: Message by case, for those that could not be read.
        notes: What a reader of the scores should know.
        files: Path by name: ``scores``, ``counts``, ``features`` and ``csv``.
        resumed: How many cases an earlier, unfinished scoring had done.
        jobs: How many processes scored the others.
        incomplete: Message by case, for those whose probabilities could not be read; what needs
            none of them is scored all the same.
    """

    out: Path
    cases: int
    missing: tuple[str, ...]
    failed: Mapping[str, str]
    notes: tuple[str, ...]
    files: Mapping[str, Path]
    resumed: int = 0
    jobs: int = 1
    incomplete: Mapping[str, str] = field(default_factory=dict)

    @property
    def scored(self) -> int:
        """How many cases have scores."""
        return self.cases - len(self.missing) - len(self.failed)


def evaluate(
    reference: Path | Dataset,
    prediction: Path,
    out: Path,
    *,
    labels: LabelMap = CANONICAL,
    prediction_labels: LabelMap | None = None,
    images: Path | None = None,
    apex: Literal["first", "last"] | None = None,
    roles: Collection[Role] | None = None,
    metrics: Collection[str] | None = None,
    probabilities: Path | None = None,
    reporter: Reporter | None = None,
    watch: Callable[[ScoreTask], None] | None = None,
    reference_contours: Path | None = None,
    contours: Path | None = None,
    jobs: int | None = 1,
    presets: Sequence[PresetTable] = (),
    elsewhere: Elsewhere | None = None,
) -> Summary:
    """Score a folder of predictions and write ``scores``, ``counts``, ``features`` and a CSV.

    Every case is kept in ``out`` as soon as it is scored. If scoring is interrupted or killed, the
    same call goes on from there, and writes the same bytes as one that was not.

    Args:
        reference: A folder of label files named as their cases (or in EMIDEC's layout), or a data
            set, which then gives labels, images, apex and regions.
        prediction: A folder of label files named as their cases.
        out: Where to write; if this raises, nothing is left there but cases that were scored.
        labels: What the codes of a reference folder mean.
        prediction_labels: What those of the predictions mean; by default as ``labels``, or
            canonical beside a data set.
        images: A folder of images for what needs intensities, beside a reference folder.
        apex: Which slice is at the apex, beside a reference folder.
        roles: Score only these, of a data set.
        metrics: Names of metrics; all but extras by default.
        probabilities: A folder with one of probability maps for each region; see
            :class:`benchmark.probabilities.StoredProbabilities`.
        reporter: Told of each case.
        watch: Given each case that could be read, in order, as its rows are written.
        reference_contours: A folder of contours (:mod:`benchmark.contours.files`) beside a
            reference folder; a data set brings its own.
        contours: The same for the predictions; without, contours are fitted to their labels.
        jobs: How many processes to score in; the files do not depend on it. None: one for each
            CPU, but for few cases fewer. The cases of a data set are scored in this process. A
            script that asks for several has to guard its main code as multiprocessing wants it.
        presets: Given each case too; opened once the arguments are right, and closed at the end.
        elsewhere: What scores instead of processes of this machine, whose number then says nothing;
            not the cases of a data set.

    Raises:
        DataError: A folder is missing or empty, ``out`` cannot be written or is written to by
            another process, or predictions are extra, duplicate, misshapen or misaligned.
        UsageError: A metric is unknown, contours are given where there are none to compare with,
            probabilities are needed and not given, or there are no jobs.
        Interrupted: By Ctrl-C, while cases were scored.
    """
    own = isinstance(reference, Dataset)
    if (own and reference_contours) or (contours and not own and not reference_contours):
        raise UsageError(
            "Contours are compared with those of a data set, or of a folder beside the references.",
            "Give --reference-contours with --reference, and not with --dataset.",
        )
    for metric in select(metrics, contours=own or reference_contours is not None):
        if metric.card.reads == "probabilities" and probabilities is None:
            raise UsageError(f"{metric.card.name} needs probabilities.", "Add --probabilities DIR.")
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs score nothing.", "Give 1 or more.")
    if elsewhere is not None and isinstance(reference, Dataset):
        raise UsageError(
            "A data set's cases are scored in one process, not elsewhere.",
            "Leave the scheduler out, or give a folder of references.",
        )
    source: References
    if isinstance(reference, Dataset):
        source = DatasetReferences(reference, roles)
        codes = prediction_labels or CANONICAL
    else:
        source = FolderReferences(reference, labels, images, apex, reference_contours)
        codes = prediction_labels or labels
    check_names(source)
    found = find_files(prediction, "prediction", "Contours")
    outlines = find_contours(contours, source.known)
    maps = None if probabilities is None else StoredProbabilities(probabilities)
    strange = no_files(prediction, [case for case in source.ids if case not in found])
    work = Work(source, found, codes, metrics, outlines, maps, strange)
    reporter = reporter or Reporter()
    watching = [*([] if watch is None else [watch]), *(table.add for table in presets)]
    failed: dict[str, str] = {}
    doubts: dict[str, str] = {}
    with ExitStack() as stack:
        kept = stack.enter_context(Kept(out, (*NAMES, PRESETS)))
        # They appear after the tables, with which those of an earlier scoring go.
        for table in presets:
            stack.enter_context(table)
        # Opened before the first case is scored: a folder that cannot be written costs no wait.
        files = stack.enter_context(ScoreFiles(out))
        notes = check_fit(source, found, maps)
        keys = work.keys()
        done = kept.find(keys)
        resumed = len(done)
        if done:
            reporter.note(f"{resumed} of {len(keys)} cases were scored already")
        if jobs is not None and jobs > 1 and not source.threads:
            reporter.note(f"a data set's cases are scored in one process, not in {jobs}")
        waiting = {case: key for case, key in keys.items() if case not in done}
        try:
            if elsewhere is None:
                journals = kept.fresh(_processes(jobs, source, len(waiting)))
                scoring = score_all(work, waiting, journals)
            else:
                journals, scoring = [], elsewhere.score(work, waiting, kept)
            advance = stack.enter_context(reporter.stage("score", len(waiting)))
            with closing(scoring) as scored:
                for case in source.ids:
                    while case not in done:
                        one = next(scored)
                        done[one.case] = one.where
                        if one.fault:
                            failed[one.case] = one.fault
                        elif one.doubt:
                            doubts[one.case] = one.doubt
                        advance(one.case)
                    files.add(kept.read(done.pop(case)))
                    if watching:
                        _show(work, case, watching)
        except KeyboardInterrupt:
            raise Interrupted(out, len(kept.find(keys)), len(keys)) from None
    missing = tuple(c for c in source.ids if c not in found and c not in failed)
    failed = {c: failed[c] for c in source.ids if c in failed}
    doubts = {c: doubts[c] for c in source.ids if c in doubts}
    named = any(name not in mask_metrics() for name in metrics or ())
    notes += contour_notes(
        files.paths["scores"],
        source.ids,
        predicted=found,
        metrics=metrics,
        promised=named or reference_contours is not None,
        drawn=contours is not None,
    )
    width = len(journals) if elsewhere is None else elsewhere.width()
    return Summary(
        out, len(source.ids), missing, failed, notes, files.paths, resumed, width, doubts
    )


def _processes(jobs: int | None, source: References, cases: int) -> int:
    """How many processes to score ``cases`` in."""
    if not source.threads:
        return 1
    if jobs is None:
        jobs = min(usable_cpus(), _MOST_JOBS, cases // _WORTH)
    return max(1, min(jobs, cases))


def _show(work: Work, case: str, watching: Iterable[Callable[[ScoreTask], None]]) -> None:
    # Read once more: it may have been scored by another process, or by one that was killed.
    task = work.read(case).task
    if task is not None:
        for watch in watching:
            watch(task)
