"""``bench submit`` and ``bench verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ._options import AsJson, DataRoot, Split
from ._shared import TerminalReporter, echo_json, line

__all__ = ["submit_command", "verify_command"]

REFUSED = 1


def submit_command(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders: all seeds of one experiment; the last version of each."),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write; a submission there is renewed.")],
    predictions: Annotated[
        bool | None,
        typer.Option(
            "--with-predictions/--no-predictions",
            help="Put the predictions in; by default where the data may be passed on.",
        ),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="A completed method.toml, instead of that of --out.")
    ] = None,
    prints: Annotated[
        Path | None,
        typer.Option(
            "--training-prints",
            help="What `bench doctor leakage --write-prints` wrote of what was trained on.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pack runs for somebody else's leaderboard, with what proves them.

    Complete its method.toml and run the same command again.
    """
    from ..results import current
    from ..submission import submit
    from ..table import read_runs

    runs = read_runs(current(paths), levels=["volume"])
    done = submit(runs, out, with_predictions=predictions, card=card, prints=prints)
    if as_json:
        echo_json({"folder": done.folder, "predictions": done.predictions,
                   "open_fields": dict(done.open_fields), "notes": list(done.notes),
                   "manifest": done.manifest.model_dump(mode="json")})  # fmt: skip
        return
    for note in done.notes:
        line(note, error=True)
    for place, told in done.open_fields.items():
        line(f"open in {out / 'method.toml'}: {place}: {told}", error=True)
    line(f"written: {out} ({len(runs)} runs, {done.predictions} files of predictions)")


def verify_command(
    folder: Annotated[Path, typer.Argument(help="A submission, or a zip or tar archive of it.")],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="The data set here; by default of the same name."),
    ] = None,
    data_root: DataRoot = None,
    split: Split = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1e-6,
            help="Share by which a number may differ: sums of floats differ in their last bits "
            "between CPUs (1e-12). By default none.",
        ),
    ] = 0.0,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write the re-scored entry into --leaderboards.")
    ] = False,
    despite_doubts: Annotated[
        bool, typer.Option("--despite-doubts", help="Accept although there are doubts.")
    ] = False,
    leaderboards: Annotated[Path, typer.Option(help="Where accepted entries are.")] = Path(
        "leaderboards"
    ),
    markdown: Annotated[
        Path | None, typer.Option(help="Write the report as Markdown into this file, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Re-score a submission here, and refuse whatever does not reproduce.

    Exit codes: 0 reproduced; 1 refused; 2 it cannot be read; 3 it holds no predictions.
    """
    from ..atomic import replacing
    from ..entries import build_entry, write_entry
    from ..submission import verify
    from ..submission.findings import Outcome
    from ..submission.reports import markdown as as_markdown
    from ..submission.reports import said

    if despite_doubts and not accept:
        raise UsageError("--despite-doubts says something about --accept.", "Give both.")
    found = verify(
        folder, dataset=dataset, data_root=data_root, split=split, tolerance=tolerance,
        reporter=TerminalReporter(quiet=as_json),
    )  # fmt: skip
    reproduced = found.outcome is Outcome.REPRODUCED
    held_back = accept and reproduced and bool(found.doubts) and not despite_doubts
    written = None
    if accept and reproduced and not held_back:
        written = write_entry(leaderboards, build_entry(found.runs))
    if as_json:
        echo_json({**found.as_json(), "accepted": None if written is None else str(written)})
    else:
        for text, complaint in said(found):
            line(text, error=complaint)
        if written is not None:
            line(f"written: {written}")
    if markdown is not None:
        with replacing(markdown) as temporary:
            temporary.write_bytes(as_markdown(found).encode("utf-8"))
    if held_back:
        line(
            "not accepted: look at the doubts, and add --despite-doubts if all is well", error=True
        )
    if found.outcome.exit_code or held_back:
        raise typer.Exit(found.outcome.exit_code or REFUSED)
