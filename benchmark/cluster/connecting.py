"""A Dask client: of processes started here, of jobs asked of SLURM, or of a scheduler that runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..errors import DataError, UsageError
from ..workers import uninterrupted, usable_cpus

if TYPE_CHECKING:
    from distributed import Client

    from ..progress import Reporter

__all__ = ["LOCAL", "SLURM", "connected", "slurm_cluster"]

LOCAL = "local"
SLURM = "slurm"
#: Seconds to wait for a scheduler that should be there.
_ANSWERS = 20.0
#: Seconds to wait for a first worker before saying so.
_WORKER = 10.0


@contextmanager
def connected(scheduler: str, jobs: int | None, reporter: Reporter) -> Iterator[Client]:
    """A client with, or soon with, workers; what was started for it ends with it.

    Args:
        scheduler: ``local`` for processes of this machine, ``slurm`` for jobs as the user's Dask
            configuration describes them, or the address of a scheduler, ``tcp://host:8786``.
        jobs: How many processes or jobs; of a scheduler that runs, it is not ours to say.
        reporter: Told of what there is to wait for.

    Raises:
        UsageError: Dask is not installed, or jobs do not fit the scheduler.
        DataError: No scheduler answers there.
    """
    distributed = _distributed()
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs do nothing.", "Give 1 or more.")
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if scheduler == LOCAL:
            where = stack.enter_context(_local(distributed, jobs or usable_cpus()))
        elif scheduler == SLURM:
            where = stack.enter_context(slurm_cluster(jobs))
        else:
            where = _address(scheduler, jobs)
        try:
            client = distributed.Client(
                where, timeout=_ANSWERS, set_as_default=False, name="scarbench"
            )
        except (OSError, ValueError, TypeError, ImportError) as error:
            # ImportError: of a protocol that Dask has no code for
            raise DataError(
                f"No Dask scheduler answers at {scheduler}: {error}",
                "Start one with 'dask scheduler', and workers with 'dask worker ADDRESS'.",
            ) from None
        stack.callback(client.close)
        _first_worker(client, scheduler, reporter)
        yield client


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise UsageError(
            "Dask, which spreads work over processes and machines, is not installed.",
            "pip install 'scarbench[scale]'",
        ) from None
    return distributed


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Dask's log of lost workers and schedulers: we say ourselves what that costs."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _local(distributed: Any, jobs: int) -> Iterator[Any]:
    # Ctrl-C reaches the whole terminal; workers leave it to this process.
    with uninterrupted():
        cluster = distributed.LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        yield cluster


@contextmanager
def slurm_cluster(jobs: int | None) -> Iterator[Any]:
    """So many SLURM jobs of one or more workers each, as ``jobqueue.slurm`` is configured.

    Raises:
        UsageError: dask-jobqueue is not installed, its configuration lacks something, or it is not
            said how many jobs.
    """
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise UsageError(
            "dask-jobqueue, which asks SLURM for jobs, is not installed.",
            "pip install 'scarbench[scale]'",
        ) from None
    if jobs is None:
        raise UsageError("How many SLURM jobs?", "Add --jobs N.")
    try:
        cluster = SLURMCluster(scheduler_options={"dashboard_address": None})
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"Dask's configuration of SLURM is not complete: {error}",
            "Write cores, memory and walltime under jobqueue: slurm: in "
            "~/.config/dask/jobqueue.yaml.",
        ) from None
    with cluster:
        cluster.scale(jobs=jobs)
        yield cluster


def _address(scheduler: str, jobs: int | None) -> str:
    if jobs is not None:
        raise UsageError(
            f"The scheduler at {scheduler} has the workers it has.",
            "Leave --jobs out, or start more workers there.",
        )
    if os.path.sep in scheduler and "://" not in scheduler:
        raise UsageError(
            f"{scheduler!r} is no address of a scheduler.",
            "Write tcp://HOST:8786, slurm or local.",
        )
    return scheduler


def _first_worker(client: Client, scheduler: str, reporter: Reporter) -> None:
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=_WORKER)
        return
    reporter.note(f"{scheduler}: no worker yet; waiting for the first")
