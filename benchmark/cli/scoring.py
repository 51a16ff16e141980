"""``bench score``: anybody's masks, no training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError, near_misses
from ._shared import TerminalReporter, columns, echo_json, line

if TYPE_CHECKING:
    from ..evaluate import Summary
    from ..labels import LabelMap
    from ..overview import Line
    from ..plugins import Dataset
    from ..presets import Difference, Measured, PresetTable

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
    told = None if summary_json is None else read_summary(summary_json)
    asked = [*(presets or ()), *([] if told is None else [_NNUNET])]
    chosen = [preset(name) for name in dict.fromkeys(asked)]
    tables = [PresetTable(p, out / f"preset-{p.name}.csv") for p in chosen]
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
            reporter=TerminalReporter(quiet=as_json),
            reference_contours=reference_contours,
            contours=contours,
            jobs=jobs,
            presets=tables,
        )
    lines = overview(summary.files["scores"], metrics=metrics)
    held = None
    if told is not None and summary_json is not None:
        meaning = prediction_labels or labels
        held = _held(told, tables, parse_labels(meaning) if meaning else CANONICAL)
    if as_json:
        found = _as_json(summary, lines)
        found |= {"presets": _presets_as_json(tables)} if tables else {}
        echo_json(found | ({} if held is None else {"summary": _held_as_json(held)}))
    else:
        _print(summary, lines)
        for table in tables:
            _print_preset(table)
        if held is not None:
            _print_held(held, summary_json)
    if summary.scored == 0 or not _rows(summary):
        raise typer.Exit(NOTHING_MEASURED)
    if summary.failed or summary.incomplete:
        raise typer.Exit(FAILED_CASES)


def _held(
    told: Sequence[Measured], tables: Sequence[PresetTable], labels: LabelMap
) -> tuple[int, list[Difference]]:
    """How many numbers of a summary.json were compared with the masks', and what differs."""
    from ..presets import differences

    path = next(table.path for table in tables if table.preset.name == _NNUNET)
    return differences(told, path, labels)


def _held_as_json(held: tuple[int, list[Difference]]) -> dict[str, Any]:
    from dataclasses import asdict

    shown = [
        asdict(one) | {side: _finite(getattr(one, side)) for side in ("summary", "masks")}
        for one in held[1]
    ]
    return {"compared": held[0], "differences": shown}


def _print_held(held: tuple[int, list[Difference]], path: Path | None) -> None:
    compared, found = held
    if not found:
        line(f"\n{path}: all {compared} numbers are those of the masks")
        return
    columns(
        f"\n{path}: {compared} numbers compared with the masks'; {len(found)} differences",
        ("case", "quantity", "summary", "masks", "reason"),
        [
            (
                one.case or "all",
                one.quantity or "all",
                "-" if one.summary is None else f"{one.summary:g}",
                "-" if one.masks is None else f"{one.masks:g}",
                one.reason,
            )
            for one in found
        ],
    )


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


def _as_json(summary: Summary, lines: list[Line]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "cases": summary.cases,
        "scored": summary.scored,
        "missing": list(summary.missing),
        "failed": dict(summary.failed),
        "notes": list(summary.notes),
        "files": {name: str(path) for name, path in summary.files.items()},
        "resumed": summary.resumed,
        "jobs": summary.jobs,
        "means": [asdict(one) for one in lines],
        "incomplete": dict(summary.incomplete),
    }


def _print(summary: Summary, lines: list[Line]) -> None:
    for note in summary.notes:
        line(f"note: {note}", error=True)
    for case in summary.missing:
        line(f"missing: {case} has no prediction", error=True)
    for case, message in summary.failed.items():
        line(f"error: {case}: {message}", error=True)
    for case, message in summary.incomplete.items():
        line(f"error: probabilities of {case}: {message}", error=True)
    rows = [
        (
            one.region,
            one.metric,
            "none" if one.mean is None else f"{one.mean:.4f}",
            one.unit,
            f"{one.n_defined}/{one.n_total}",
            str(one.n_measured),
        )
        for one in lines
    ]
    columns(
        f"{summary.scored} of {summary.cases} cases scored; a miss counts as the worst value"
        + (", a case that cannot be read as none" if summary.failed else ""),
        ("region", "metric", "mean", "unit", "defined/total", "both present"),
        rows,
    )
    line(f"written: {', '.join(str(p) for p in summary.files.values())}")


def _presets_as_json(tables: list[PresetTable]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        table.preset.name: {
            "file": str(table.path),
            "wrong": list(table.preset.wrong),
            # JSON has no NaN and no infinity
            "means": [asdict(m) | {"theirs": _finite(m.theirs)} for m in table.means()],
        }
        for table in tables
    }


def _finite(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _print_preset(table: PresetTable) -> None:
    rows = [
        (
            m.quantity,
            m.unit,
            "it stops" if m.theirs is None else f"{m.theirs:.4f}",
            "none" if m.ours is None else f"{m.ours:.4f}",
            m.metric or "-",
            f"{m.defined}/{m.cases}",
        )
        for m in table.means()
    ]
    columns(
        f"\n{table.preset.name}: its means over cases with a prediction, ours where defined",
        ("quantity", "unit", "theirs", "ours", "our metric", "ours defined"),
        rows,
    )
    for sentence in table.preset.wrong:
        line(f"* {sentence}")
    line(f"written: {table.path}")
