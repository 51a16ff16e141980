"""``bench score``: anybody's masks, no training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError, near_misses
from ._options import Scheduler
from ._shared import TerminalReporter, echo_json, line
from .scoring_text import (
    held_as_json,
    presets_as_json,
    print_held,
    print_preset,
    print_summary,
    summary_as_json,
)

if TYPE_CHECKING:
    from ..evaluate import Summary
    from ..labels import LabelMap
    from ..plugins import Dataset
    from ..presets import Difference, Measured, PresetTable
    from ..workers import Elsewhere

__all__ = ["score_command"]

NOTHING_MEASURED = 3
FAILED_CASES = 4
INTERRUPTED = 130
#: The preset that a summary.json is of.
_NNUNET = "nnunet"
#: What to do with an option that would be ignored, by what it stands beside.
_INSTEAD = {
    "--dataset": "Leave it out: a data set brings labels, images and apex of its own.",
    "--reference": "Leave it out: roles are those of a data set, --dataset NAME.",
}


def score_command(
    prediction: Annotated[
        Path, typer.Option("--prediction", "-p", help="Folder of masks, named as their cases.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for scores.parquet, scores.csv, ...")
    ],
    reference: Annotated[
        Path | None,
        typer.Option("--reference", "-r", help="Folder of reference masks; its list drives."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="Take the references from this data set instead."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="What file codes mean: 'cavity=1;myocardium=2;scar=3,4'."),
    ] = None,
    prediction_labels: Annotated[
        str | None, typer.Option(help="The same for the predictions, where they differ.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images, for features that need them.")
    ] = None,
    apex: Annotated[
        str | None, typer.Option(help="Which slice is apical, first or last, for thirds.")
    ] = None,
    reference_contours: Annotated[
        Path | None,
        typer.Option(help="Folder of <case>.json with the references' contours, beside masks."),
    ] = None,
    contours: Annotated[
        Path | None,
        typer.Option(help="The same for predictions; else contours are fitted to their masks."),
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help="Only cases of these roles of the data set; repeatable."),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Only these metrics, extras included; repeatable."),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(help="Folder with REGION/CASE.nii.gz of probabilities, for calibration."),
    ] = None,
    presets: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            help="Another evaluator's numbers beside ours, faults included: emidec-official, "
            "myosaiq-official, acdc-official, nnunet, medpy, monai; repeatable.",
        ),
    ] = None,
    summary_json: Annotated[
        Path | None,
        typer.Option(
            "--summary",
            help="The summary.json that nnU-Net wrote of these predictions: lists where its "
            "numbers are not those that the preset nnunet makes of the masks.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes to score in; by default one per CPU, fewer for few cases, and one "
            "with --dataset."
        ),
    ] = None,
    scheduler: Scheduler = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Score anybody's masks against references.

    Interrupted or killed, the same command goes on with the cases that are left.
    """
    from ..evaluate import evaluate
    from ..labels import CANONICAL, parse_labels
    from ..overview import overview
    from ..presets import PresetTable, preset, read_summary
    from ..splits import ROLES

    for role in roles or ():
        if role not in ROLES:
            raise UsageError(f"There is no role {role!r}.", near_misses(role, ROLES))
    if apex not in (None, "first", "last"):
        raise UsageError(f"--apex {apex!r}: a stack's apex is 'first', 'last' or not said.")
    beside, options = (
        ("--dataset", {"--labels": labels, "--images": images, "--apex": apex})
        if dataset is not None
        else ("--reference", {"--role": roles})
    )
    for option, given in options.items():
        if given:
            raise UsageError(f"{option} says nothing beside {beside}.", _INSTEAD[beside])
    source: Path | Dataset
    if dataset is not None:
        source = _dataset(dataset, reference)
    elif reference is not None:
        source = reference
    else:
        raise UsageError("There is no reference.", "Add --reference DIR or --dataset NAME.")
    if scheduler is not None and dataset is not None:
        raise UsageError(
            "--scheduler says nothing beside --dataset: a data set's cases are scored in one "
            "process.",
            "Leave it out, or give --reference DIR.",
        )
    told = None if summary_json is None else read_summary(summary_json)
    asked = [*(presets or ()), *([] if told is None else [_NNUNET])]
    chosen = [preset(name) for name in dict.fromkeys(asked)]
    tables = [PresetTable(p, out / f"preset-{p.name}.csv") for p in chosen]
    reporter = TerminalReporter(quiet=as_json)
    with _told_how_to_go_on():
        summary = evaluate(
            source,
            prediction,
            out,
            labels=parse_labels(labels) if labels else CANONICAL,
            prediction_labels=parse_labels(prediction_labels) if prediction_labels else None,
            images=images,
            apex=apex,  # type: ignore[arg-type]  # checked above
            roles=roles,  # type: ignore[arg-type]  # checked above
            metrics=metrics,
            probabilities=probabilities,
            reporter=reporter,
            reference_contours=reference_contours,
            contours=contours,
            jobs=jobs if scheduler is None else 1,
            presets=tables,
            elsewhere=None if scheduler is None else _elsewhere(scheduler, jobs, reporter),
        )
    lines = overview(summary.files["scores"], metrics=metrics)
    held = None
    if told is not None and summary_json is not None:
        meaning = prediction_labels or labels
        held = _held(told, tables, parse_labels(meaning) if meaning else CANONICAL)
    if as_json:
        found = summary_as_json(summary, lines)
        found |= {"presets": presets_as_json(tables)} if tables else {}
        echo_json(found | ({} if held is None else {"summary": held_as_json(held)}))
    else:
        print_summary(summary, lines)
        for table in tables:
            print_preset(table)
        if held is not None:
            print_held(held, summary_json)
    if summary.scored == 0 or not _rows(summary):
        raise typer.Exit(NOTHING_MEASURED)
    if summary.failed or summary.incomplete:
        raise typer.Exit(FAILED_CASES)


def _elsewhere(scheduler: str, jobs: int | None, reporter: TerminalReporter) -> Elsewhere:
    """What scores on a cluster; it connects when there is something to score."""
    from ..cluster.connecting import connected
    from ..cluster.scoring import OnCluster

    return OnCluster(lambda: connected(scheduler, jobs, reporter))


def _held(
    told: Sequence[Measured], tables: Sequence[PresetTable], labels: LabelMap
) -> tuple[int, list[Difference]]:
    """How many numbers of a summary.json were compared with the masks', and what differs."""
    from ..presets import differences

    path = next(table.path for table in tables if table.preset.name == _NNUNET)
    return differences(told, path, labels)


def _rows(summary: Summary) -> int:
    """How many scores there are: none where only contours were asked for, and there are none."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(summary.files["scores"]).num_rows)


@contextmanager
def _told_how_to_go_on() -> Iterator[None]:
    """Ctrl-C ends the command with a line that says what is kept."""
    from ..evaluate import Interrupted

    try:
        yield
    except Interrupted as stop:
        line(
            f"\nInterrupted: {stop.kept} of {stop.cases} cases are scored and kept in {stop.out}; "
            "the same command goes on with the others.",
            error=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def _dataset(spec: str, reference: Path | None) -> Dataset:
    """The data set; ``--reference`` is where its files are, if it has files."""
    from ..plan import resolve
    from ..plugins import Dataset

    settings = {} if reference is None else {"data_root": str(reference)}
    plugin = resolve("datasets", spec, settings).plugin
    assert isinstance(plugin, Dataset)
    return plugin
