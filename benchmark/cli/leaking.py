"""``bench doctor leakage``: who is both learnt from and tested on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, UsageError
from ._options import AsJson, DataRoot, Dataset, Split
from ._shared import TerminalReporter, echo_json, line

if TYPE_CHECKING:
    from ..progress import Reporter
    from ..submission.leakage import Leak
    from ..submission.linted import Lint

__all__ = ["leakage_command"]

LEAKS = 1
_SHOWN = 50


def leakage_command(
    dataset: Dataset,
    data_root: DataRoot = None,
    split: Split = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Look at the folds of cross-validation instead.")
    ] = None,
    training: Annotated[
        list[Path] | None,
        typer.Option(
            help="What a method was trained on: a method.toml, or prints from --write-prints; "
            "may be repeated."
        ),
    ] = None,
    write_prints: Annotated[
        Path | None,
        typer.Option(help="Write fingerprints of the cases trained on, to declare them with."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find patients, images and references in two roles of a split, copies of them too.

    A copy is found by a perceptual hash: re-windowed, flipped, turned by right angles, resampled,
    cropped or noisy. Exit code 1 if anything leaks.
    """
    from ..submission.linted import lint

    if split is not None and folds is not None:
        raise UsageError("--split and --folds exclude each other.", "Keep one of them.")
    reporter: Reporter = TerminalReporter(quiet=as_json)
    found = lint(dataset, data_root=data_root, split=split, folds=folds, training=training or (),
                 write_prints=write_prints, reporter=reporter)  # fmt: skip
    if as_json:
        echo_json(found.as_json())
    else:
        _print(found)
    if not found.cases:
        raise DataError("None of the cases could be read.", "See above.")
    if found.leaks:
        raise typer.Exit(LEAKS)
    if found.unread:
        raise typer.Exit(4)


def _print(found: Lint) -> None:
    for case, message in found.unread.items():
        line(f"error: {case}: {message}", error=True)
    for leak in found.leaks[:_SHOWN]:
        line(_told(leak))
    if len(found.leaks) > _SHOWN:
        line(f"... and {len(found.leaks) - _SHOWN} more (--json has all)")
    roles = ", ".join(f"{n} {role}" for role, n in found.roles.items())
    many = len(found.leaks)
    what = f"{many} leak{'s' if many != 1 else ''}" if many else "nothing leaks"
    line(f"{found.dataset}: {what}: {found.cases} cases of {found.patients} patients ({roles})"
         + (f", {found.declared} declared" if found.declared else ""))  # fmt: skip


def _told(leak: Leak) -> str:
    return f"LEAK ({leak.kind}): " + "".join(c if c.isprintable() else "?" for c in leak.said)
