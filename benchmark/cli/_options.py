"""Options that mean the same in every command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..limits import Limits

__all__ = ["AsJson", "DataRoot", "Dataset", "Device", "Jobs", "Memory", "Profile", "Runs",
           "Scheduler", "Split", "Threads", "Timeout", "TrainTimeout", "limits_of"]  # fmt: skip

Dataset = Annotated[str, typer.Option("--dataset", "-d", help="NAME or 'NAME[key=value,...]'.")]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of the data, for data sets that need one.")
]
Profile = Annotated[
    str, typer.Option(help="quick: minutes on two cores; paper: the paper's sizes.")
]
Split = Annotated[
    Path | None, typer.Option(help="JSON file of case ids by role, instead of the built-in.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all there are.")]
Runs = Annotated[Path, typer.Option(help="Where results are kept and found again.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Spread the work with Dask: the address of a scheduler (tcp://HOST:8786), 'slurm' for "
        "--jobs N jobs of your Dask configuration, or 'local' for --jobs N processes."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Runs, and cases of them, at a time in processes of this machine (with Dask), "
        "or jobs of --scheduler slurm.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float, typer.Option(min=0, help="Seconds that a case may take to be predicted; 0: no limit.")
]
TrainTimeout = Annotated[
    float, typer.Option(min=0, help="Seconds that a training may take; 0: no limit.")
]
Memory = Annotated[
    float | None,
    typer.Option(min=0.1, help="GB that a run may hold; by default 90 % of what is available."),
]


def limits_of(timeout: float, train_timeout: float, memory: float | None) -> Limits:
    """The limits that these options mean."""
    return Limits(timeout or None, train_timeout or None, memory and memory * 1024)
