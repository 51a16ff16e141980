"""``bench export``: records as other programs' files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError, near_misses
from ._shared import line, write_text
from .tables import ROLES, Roles

if TYPE_CHECKING:
    from ..results import Run
    from ..table import Quantity

__all__ = ["export_command"]

_FORMATS = ("csv", "challenger", "nnunet", "latex")


def export_command(
    paths: Annotated[
        list[Path], typer.Argument(help="Run folders or accepted entries, of one data set.")
    ],
    to: Annotated[str, typer.Option("--to", help="csv, challenger, nnunet or latex.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File; for challenger also a folder, a file each.")
    ],
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric; may be repeated; dice by default.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Region; may be repeated; all by default.")
    ] = None,
    dim: Annotated[str | None, typer.Option(help="3d, slice, inplane3d or contour.")] = None,
    level: Annotated[str, typer.Option(help="volume, slice, apex, middle or base.")] = "volume",
    roles: Roles = ROLES,
    policy: Annotated[
        str | None,
        typer.Option(help="Undefined values; challenger: exclude (NA), latex: worst_case."),
    ] = None,
) -> None:
    """Write runs as a file for another program.

    csv: every value, tidy. challenger: challengeR's task, case, algorithm, value. nnunet: the
    summary.json of one run. latex: a table with booktabs.
    """
    from ..leaderboard import one_dataset
    from ..policies import Policy, parse_policy
    from ..table import read_runs

    if to not in _FORMATS:
        raise UsageError(f"There is no format {to!r}.", near_misses(to, _FORMATS))
    rule = parse_policy(policy) if policy is not None else None
    if to in ("csv", "nnunet") and rule is not None:
        raise UsageError(f"--policy means nothing for {to}: nothing is averaged.", "Leave it out.")
    if to == "nnunet":
        if metric or region or dim or level != "volume":
            raise UsageError(
                "A summary.json has fixed metrics of all regions.",
                "Leave out --metric, --region, --dim and --level.",
            )
        _nnunet(paths, out, roles)
        return
    if to == "csv" and dim:
        raise UsageError("--dim means nothing for csv: every dim is in it.", "Leave it out.")
    runs = one_dataset(read_runs(paths, levels=[level]), None)
    if to == "csv":
        from ..export import tidy_csv

        write_text(
            out, tidy_csv(runs, regions=region or (), metrics=metric or (), roles=_asked(roles))
        )
        return
    from .quantities import of_metrics

    if to == "challenger":
        columns = of_metrics(runs, metric or ["dice"], region, dim, level)
        _challenger(runs, columns, out, rule or Policy.EXCLUDE, roles)
        return
    from ..export import latex_table
    from ..leaderboard import leaderboard

    own = metric or region or dim or level != "volume"
    chosen = of_metrics(runs, metric or ["dice"], region, dim, level) if own else None
    board = leaderboard(runs, columns=chosen, policy=rule or Policy.WORST_CASE, roles=roles)
    write_text(out, latex_table(board))


def _asked(roles: list[str]) -> list[str]:
    """Roles to filter by; the default leaves nothing out that a run scored."""
    return [] if roles == ROLES else roles


def _nnunet(paths: list[Path], out: Path, roles: list[str]) -> None:
    from ..export import nnunet_summary, summary_text
    from ..export.nnunet import unpredicted
    from ..shown import is_scores_folder, read_shown
    from ..table import read_runs

    scored = len(paths) == 1 and is_scores_folder(paths[0])
    runs = read_shown(paths[0]) if scored else read_runs(paths, levels=["volume"])
    if len(runs) != 1:
        raise UsageError(f"A summary.json is of one run, and these are {len(runs)}.", "Name one.")
    text = summary_text(nnunet_summary(runs[0], roles))
    for case in unpredicted(runs[0], roles):
        line(f"note: {case} has no prediction: nnU-Net's summary does not know of it", error=True)
    write_text(out, text)


def _challenger(
    runs: list[Run], columns: list[Quantity], out: Path, policy: object, roles: list[str]
) -> None:
    from ..export import challenger_csv
    from ..policies import Policy

    rule = Policy(str(policy))
    if out.suffix == ".csv":
        write_text(out, challenger_csv(runs, columns, policy=rule, roles=roles))
        return
    for column in columns:
        parts = [column.region, column.metric, column.dim, column.level]
        name = "_".join(part for part in parts if part and part != "volume")
        write_text(out / f"{name}.csv", challenger_csv(runs, [column], policy=rule, roles=roles))
