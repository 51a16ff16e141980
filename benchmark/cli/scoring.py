"""``bench score``: anybody's masks, no training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError

__all__ = ["score_command"]


def score_command(
    reference: Annotated[
        Path, typer.Option("--reference", "-r", help="Folder of reference masks; it drives.")
    ],
    prediction: Annotated[
        Path, typer.Option("--prediction", "-p", help="Folder of masks with the same names.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for scores.parquet, scores.csv, ...")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Take labels, layout and apex from this data set.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="File codes by canonical name: 'cavity=1;myocardium=2;scar=3,4'."),
    ] = None,
    prediction_labels: Annotated[
        str | None, typer.Option(help="The same for the predictions, where they differ.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images, for features that need them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Score a folder of predicted masks against a folder of reference masks."""
    raise UsageError("not yet")
