"""``bench leaderboard``, and what all commands that read results share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, UsageError
from ..legible import is_there
from ._shared import echo_json, line

if TYPE_CHECKING:
    from ..claims import Verdict
    from ..leaderboard import Leaderboard
    from ..results import Run

__all__ = ["found_runs", "leaderboard_command", "print_board"]

#: Internal and external test cases together, as fahmy2021's "all testing" has it.
ROLES = ["test", "external"]

RunPaths = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders or accepted entries; by default all of the data set."),
]
RunsFolder = Annotated[Path, typer.Option(help="Where bench run kept its results.")]
Entries = Annotated[Path, typer.Option(help="Where accepted entries are.")]
Roles = Annotated[list[str], typer.Option("--role", help="Cases of which roles; may be repeated.")]
PolicyName = Annotated[
    str, typer.Option(help="worst_case, exclude or both_empty_is_perfect: undefined values.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def leaderboard_command(
    paths: RunPaths = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Name of the data set.")
    ] = None,
    runs: RunsFolder = Path("runs"),
    leaderboards: Entries = Path("leaderboards"),
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files DATASET.* instead of that one.")
    ] = None,
    roles: Roles = ROLES,
    policy: PolicyName = "worst_case",
    html: Annotated[
        bool, typer.Option(help="Write DATASET.html too: one page that needs no network.")
    ] = True,
    gallery: Annotated[
        bool,
        typer.Option(
            "--gallery",
            help="Show pictures in the page of data that must not be passed on; needs --out.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rank the methods of a data set.

    The table is printed, and written as Markdown, CSV and an offline HTML page.
    """
    from ..atomic import replacing
    from ..claims_text import claims_markdown
    from ..compare import p_text
    from ..leaderboard import leaderboard
    from ..leaderboard_text import csv_text, markdown
    from ..policies import parse_policy
    from ..text import number

    found = found_runs(paths, dataset, runs, leaderboards)
    board = leaderboard(found, dataset, policy=parse_policy(policy), roles=roles)
    verdicts = _verdicts(leaderboards / f"{board.dataset.name}.claims.toml", found, roles)
    folder = out or leaderboards
    written = []
    texts = {".md": markdown(board) + claims_markdown(verdicts), ".csv": csv_text(board)}
    if html:
        from ..report import page

        if gallery and not board.dataset.redistributable and out is None:
            raise UsageError(
                f"The pictures of {board.dataset.name} must not be published.",
                "Give --out, a folder of your own.",
            )
        texts[".html"] = page(board, found, verdicts, gallery=gallery)
    for suffix, text in texts.items():
        path = folder / f"{board.dataset.name}{suffix}"
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(str(path))
    if as_json:
        import csv
        import io
        from dataclasses import asdict

        echo_json(
            {
                "written": written,
                "rows": list(csv.DictReader(io.StringIO(csv_text(board)))),
                "ledger": board.ledger,
                "agreement": [asdict(one) for one in board.agreement],
                "schemes": board.schemes,
                "claims": [
                    asdict(v) | {"claim": v.claim.model_dump(), "outcome": v.outcome}
                    for v in verdicts
                ],
                "standings": {
                    policy.value: {label: asdict(one) for label, one in standings.items()}
                    for policy, standings in board.standings.items()
                },
            }
        )
        return
    _show_board(board)
    for verdict in verdicts:
        claim = verdict.claim
        about = verdict.note
        if verdict.p is not None:
            about = f"{number(verdict.difference)}, p {p_text(verdict.p)}"
        line(
            f"{claim.paper}: {claim.better} > {claim.worse}, {claim.quantity}: {verdict.outcome}"
            + (f" ({about})" if about else "")
        )
    line(f"written: {', '.join(written)}")


def _verdicts(path: Path, found: list[Run], roles: list[str]) -> list[Verdict]:
    """What becomes of the claims in ``path``, if there is such a file."""
    if not path.is_file():
        return []
    from ..claims import read_claims
    from ..judging import judge

    name = path.name.removesuffix(".claims.toml")
    return judge(read_claims(path), [run for run in found if run.dataset == name], roles)


def found_runs(
    paths: list[Path] | None,
    dataset: str | None,
    runs: Path,
    leaderboards: Path,
    levels: Sequence[str] = ("volume",),
) -> list[Run]:
    """The runs of ``paths``; without any, all of the data set in both folders."""
    from ..results import find_runs
    from ..table import read_runs

    if paths:
        for path in paths:
            named = len(path.parts) == 1 and not is_there(path)
            known = (folder / path for folder in (runs, leaderboards))
            if named and any(is_there(one) and one.is_dir() for one in known):
                raise UsageError(
                    f"'{path}' is a data set, no run folder or entry.", f"Name it as '-d {path}'."
                )
        return read_runs(paths, levels=levels)
    entries = sorted(leaderboards.glob(f"{dataset or '*'}/*.json"))
    ours = find_runs(runs, dataset)
    if not ours and not entries:
        where = f" of {dataset!r}" if dataset else ""
        raise DataError(
            f"There are no results{where} in {runs} or {leaderboards}.",
            "Run 'bench run' first.",
        )
    return read_runs(ours, levels=levels, entries=entries)


def print_board(
    found: list[Run],
    *,
    roles: list[str] = ROLES,
    policy: str = "worst_case",
    dataset: str | None = None,
    **options: Any,
) -> None:
    """The ranked table on stdout: drawn on a terminal, Markdown elsewhere."""
    from ..leaderboard import leaderboard
    from ..policies import parse_policy

    _show_board(leaderboard(found, dataset, roles=roles, policy=parse_policy(policy), **options))


def _show_board(board: Leaderboard) -> None:
    from ..leaderboard_text import markdown, rich_view

    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_view(board))
    else:
        line(markdown(board))
