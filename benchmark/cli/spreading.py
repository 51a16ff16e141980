"""``--jobs`` and ``--scheduler`` of ``bench run``: several runs at once, and their cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import BenchError, UsageError
from ..workers import usable_cpus
from ._shared import complain

if TYPE_CHECKING:
    from ..limits import Limits
    from ..plan import RunRequest
    from ..progress import Reporter
    from ..replies import RunResult

__all__ = ["spread", "threads_each"]


def threads_each(scheduler: str | None, jobs: int | None, threads: int | None) -> int | None:
    """How many CPU threads a run gets where nobody says: together no more than there are CPUs.

    They are part of a run's key, because results differ by them, in the fifth digit or so.
    """
    if threads is not None or (scheduler is None and (jobs is None or jobs < 2)):
        return threads
    if scheduler in (None, "local"):
        return max(1, usable_cpus() // (jobs or usable_cpus()))
    return 1


def spread(
    requests: Sequence[RunRequest],
    limits: Limits,
    scheduler: str | None,
    jobs: int | None,
    reporter: Reporter,
    title: Callable[[RunRequest], str],
) -> tuple[list[RunResult], list[tuple[RunRequest, BenchError]]]:
    """Do runs on the processes of a cluster; gives results and failures in the runs' order.

    Raises:
        UsageError: Dask is not installed, or the options do not fit each other or a run.
        DataError: No scheduler answers, or it is lost.
        BenchError: The only run cannot be done.
    """
    from ..cluster.connecting import LOCAL, connected, gpus
    from ..cluster.executing import OnDask, wants_gpu
    from ..cluster.matrix import drive_all

    scheduler = scheduler or LOCAL
    asked = requests[0]
    alone = len({one.dataset for one in requests}) == 1
    threads = threads_each(scheduler, jobs, asked.threads)
    if asked.threads is None:
        reporter.note(
            f"{threads} CPU thread{'' if threads == 1 else 's'} for each run, which is part of "
            "what names it; --threads says otherwise"
        )
    requests = [replace(one, threads=threads) for one in requests]
    devices = gpus() if scheduler == LOCAL and asked.device not in ("cpu", "mps") else []
    if devices:
        reporter.note(f"one training at a time on each of {len(devices)} GPU(s)")
    came: dict[int, RunResult | BenchError] = {}
    with connected(scheduler, jobs, reporter, devices) as client:
        gpu = wants_gpu(asked.device, client)
        with (
            OnDask(client, limits, asked.runs, gpu=gpu, reporter=reporter) as cluster,
            closing(drive_all(requests, cluster, reporter)) as outcomes,
        ):
            for number, outcome in outcomes:
                came[number] = outcome
                one = requests[number]
                # What does not fit one run on a data set is unlikely to fit the next.
                if isinstance(outcome, BenchError) and (
                    len(requests) == 1 or (alone and isinstance(outcome, UsageError))
                ):
                    raise outcome
                if len(requests) > 1:
                    reporter.note(f"[{len(came)}/{len(requests)}] {title(one)}")
                if isinstance(outcome, BenchError):
                    complain(title(one), outcome)
    results: list[RunResult] = []
    failures: list[tuple[RunRequest, BenchError]] = []
    for number, outcome in sorted(came.items()):
        if isinstance(outcome, BenchError):
            failures.append((requests[number], outcome))
        else:
            results.append(outcome)
    return results, failures
