"""``bench accept``: runs become their method's leaderboard entry, after saying what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DataError, UsageError
from ._shared import line
from .tables import ROLES, Entries

if TYPE_CHECKING:
    from ..drift.verdict import Check
    from ..results import Run

__all__ = ["accept_command"]

REFUSED = 1


def accept_command(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders: all seeds of one experiment; the last version of each."),
    ],
    leaderboards: Entries = Path("leaderboards"),
    tolerances: Annotated[
        Path | None, typer.Option(help="By default tolerances.toml in that folder.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")
    ] = False,
    freeze: Annotated[
        bool | None,
        typer.Option(
            "--freeze/--no-freeze",
            help="Keep the predictions of the first seed beside the entry, for 'bench check "
            "--engine'; the default where the entry had some. Only of data that may be passed on.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Accept a regression too, or replace an unreadable entry."),
    ] = False,
) -> None:
    """Accept runs as their method's leaderboard entry.

    Says first what that changes. Runs that are a regression are refused (exit code 1) without
    --force: what is accepted is what every later check compares with.
    """
    from ..drift.frozen import frozen_path
    from ..entries import build_entry, entry_name, write_entry
    from ..leaderboard import leaderboard
    from ..results import current
    from ..table import read_runs

    folders = current(paths)
    found = read_runs(folders, levels=["volume"])
    entry = build_entry(found)
    after = leaderboard(found, roles=ROLES)
    folder = leaderboards / found[0].dataset
    path = folder / f"{entry_name(found[0])}.json"
    if freeze and not found[0].record.dataset.redistributable:
        raise UsageError(
            f"The predictions of {found[0].dataset} must not be published.", "Leave out --freeze."
        )
    line(f"runs: {', '.join(str(one) for one in folders)}")
    with _held(folder, nothing=dry_run):
        before_path, before, problem = _before(folder, path, found[0])
        if problem and not force:
            raise DataError(problem, "Restore it from git, or replace it with --force.")
        old = leaderboard(before, roles=ROLES) if before else None
        means = {str(c): cell.mean for c, cell in zip(old.columns, old.rows[0].cells, strict=True)
                 } if old else {}  # fmt: skip
        for column, cell in zip(after.columns, after.rows[0].cells, strict=True):
            line(f"{column!s:<36} {_number(means.get(str(column)))} -> {_number(cell.mean)}")
        check = _checked(found, before, leaderboards, tolerances)
        refused = check is not None and check.outcome == "regression"
        if dry_run:
            line(f"would be {'refused' if refused and not force else 'written'}: {path}")
        elif refused and not force:
            line(f"not written: {path}: a regression needs --force", error=True)
        else:
            if freeze or (freeze is None and before_path and frozen_path(before_path).is_file()):
                from ..rescoring import freeze as freeze_runs

                # First: where a prediction is missing, the entry stays as it was.
                line(f"written: {freeze_runs(folders, path)}")
            else:
                frozen_path(path).unlink(missing_ok=True)
            size = _size(before_path)
            line(f"written: {write_entry(leaderboards, entry)} ({_size(path)}, was {size})")
            if before_path is not None and before_path != path:
                frozen_path(before_path).unlink(missing_ok=True)
                before_path.unlink(missing_ok=True)
                line(f"removed: {before_path}, the same experiment of earlier code")
    if refused and not force:
        raise typer.Exit(REFUSED)


def _before(folder: Path, path: Path, run: Run) -> tuple[Path | None, list[Run], str]:
    """The entry of the same experiment that is there, or why it cannot be read.

    Names of entries with parameters hold a hash of the code: it may have another name.
    """
    from ..drift.baseline import experiment
    from ..entries import load_entry

    wanted = experiment(run.record)
    candidates = [path, *sorted(set(folder.glob(f"{run.method}*.json")) - {path})]
    for one in candidates:
        if not one.is_file():
            continue
        try:
            held = load_entry(one)
        except DataError as error:
            if one == path:
                return one, [], error.problem
            continue
        if one == path or (held and experiment(held[0].record) == wanted):
            return one, held, ""
    return None, [], ""


def _checked(
    found: Sequence[Run], before: Sequence[Run], leaderboards: Path, tolerances: Path | None
) -> Check | None:
    """What the gate says of it, printed."""
    from ..drift.check import check_method
    from ..drift.text import text
    from ..gate import tolerances_of

    if not before:
        line("There is no entry yet to compare with.")
        return None
    check = check_method(found, before, tolerances_of(tolerances, leaderboards))
    line(text([check]).rstrip("\n"))
    return check


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _size(path: Path | None) -> str:
    return f"{path.stat().st_size:,} bytes" if path is not None else "none"


@contextmanager
def _held(folder: Path, *, nothing: bool) -> Iterator[None]:
    """Hold the folder: of two that accept at once, the second sees what the first wrote.

    Raises:
        DataError: It cannot be written to.
    """
    if nothing:
        yield
        return
    from filelock import FileLock

    from ..atomic import unwritable

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire()
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        yield
    finally:
        lock.release()
