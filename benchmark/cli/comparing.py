"""``bench compare``: paired differences of methods on the same patients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ._shared import echo_json, line
from .tables import ROLES, AsJson, Entries, PolicyName, Roles, RunPaths, RunsFolder, found_runs

__all__ = ["compare_command"]


def compare_command(
    paths: RunPaths = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Name of the data set.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Region; by default scar, or myocardium where the data set has no scar drawn."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metric, by default dice; may be repeated; see 'bench list metrics'."),
    ] = None,
    dim: Annotated[
        str | None,
        typer.Option(help="3d, slice, inplane3d or contour, for distances; 3d by default."),
    ] = None,
    level: Annotated[str, typer.Option(help="volume, slice, apex, middle or base.")] = "volume",
    baseline: Annotated[
        str | None, typer.Option(help="Compare all others with this method only.")
    ] = None,
    runs: RunsFolder = Path("runs"),
    leaderboards: Entries = Path("leaderboards"),
    roles: Roles = ROLES,
    policy: PolicyName = "worst_case",
    as_json: AsJson = False,
) -> None:
    """Compare methods on the same patients.

    Paired differences with intervals and tests, of metrics of one region. P values are corrected
    (Holm) for all tests of the table. slice_success adds McNemar's test of slices.
    """
    from ..columns import default_columns
    from ..compare import comparison_markdown, comparison_view, tests_sentence
    from ..leaderboard import one_dataset
    from ..policies import parse_policy
    from ..seen import caution, data_seen
    from ..success import METRIC, with_mcnemar
    from ..table import tidy
    from ..tested import compared_together
    from .quantities import named, of_metrics

    rule = parse_policy(policy)
    chosen = named(metric or ["dice"])
    levels = [level, *(["slice"] if METRIC in {name for name, _ in chosen} else [])]
    known = one_dataset(found_runs(paths, dataset, runs, leaderboards, levels), dataset)
    region = region or default_columns(known)[0].region
    table = tidy(known)
    found = compared_together(
        table,
        of_metrics(known, metric or ["dice"], [region], dim, level),
        dataset=dataset,
        baseline=baseline,
        policy=rule,
        roles=roles,
    )
    found = with_mcnemar(found, table, roles)
    if as_json:
        import json

        rows = json.loads(found.to_json(orient="records", double_precision=15))
        echo_json([one | {"caution": caution(data_seen(known, (one["a"], one["b"])))}
                   for one in rows])  # fmt: skip
        return
    said = caution(data_seen(known, {*found["a"], *found["b"]}))
    if said:  # above the p values, which mean little then
        line(f"{said}\n")
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(comparison_view(found))
        line(tests_sentence(found))
    else:
        line(comparison_markdown(found))
