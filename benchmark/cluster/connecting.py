"""A Dask client: of processes started here, of jobs asked of SLURM, or of a scheduler that runs."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..errors import DataError, UsageError
from ..workers import uninterrupted, usable_cpus
from .address import ask, checked_address, security_of, unanswered

if TYPE_CHECKING:
    from distributed import Client

    from ..progress import Reporter

__all__ = ["LOCAL", "SLURM", "LostSchedulerError", "connected", "gpus", "lost", "slurm_cluster"]

LOCAL = "local"
SLURM = "slurm"
#: Even without one, Dask would ask for its usual port.
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
#: Seconds to wait for a scheduler that should be there.
_ANSWERS = 20.0
#: Seconds to wait for a first worker before saying so.
_WORKER = 10.0


class LostSchedulerError(DataError):
    """The scheduler is gone, and with it all that was in flight."""


def lost(client: Client) -> LostSchedulerError:
    """What to raise where an answer is missing for good."""
    where = client.scheduler.addr if client.scheduler is not None else "that address"
    return LostSchedulerError(
        f"The Dask scheduler at {where} is gone, or called the work off.",
        "What is done is kept; once a scheduler runs, the same command goes on.",
    )


@contextmanager
def connected(
    scheduler: str, jobs: int | None, reporter: Reporter, devices: Sequence[str] = ()
) -> Iterator[Client]:
    """A client with, or soon with, workers; what was started for it ends with it.

    Args:
        scheduler: ``local`` for processes of this machine, ``slurm`` for jobs as the user's Dask
            configuration describes them, or the address of a scheduler, ``tcp://host:8786``.
        jobs: How many processes or jobs; of a scheduler that runs, it is not ours to say.
        reporter: Told of what there is to wait for.
        devices: GPUs of this machine, for as many of its processes, one each.

    Raises:
        UsageError: Dask is not installed, jobs do not fit the scheduler, or it is no address, or
            one that lacks certificates.
        DataError: No scheduler answers there.
    """
    distributed = _distributed()
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} jobs do nothing.", "Give 1 or more.")
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        security = None
        if scheduler == LOCAL:
            where = stack.enter_context(_local(distributed, jobs or usable_cpus(), devices))
        elif scheduler == SLURM:
            where = stack.enter_context(slurm_cluster(jobs))
        else:
            where = _address(scheduler, jobs)
            security = security_of(where)
            ask(where, security, _ANSWERS)
        try:
            client = distributed.Client(
                where, timeout=_ANSWERS, set_as_default=False, name="scarbench", security=security
            )
        except (OSError, ValueError, TypeError, ImportError) as error:
            # ImportError: of other versions of Python's packages than ours
            raise unanswered(scheduler, error) from None
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
def _local(distributed: Any, jobs: int, devices: Sequence[str]) -> Iterator[Any]:
    options: dict[str, Any] = {
        "nthreads": 1,
        "dashboard": False,
        "silence_logs": logging.CRITICAL,
        "memory_limit": 1 / jobs,  # of all there is
    }
    workers = {}
    for i in range(jobs):
        own = dict(options)
        if i < len(devices):
            own |= {"env": {"CUDA_VISIBLE_DEVICES": devices[i]}, "resources": {"GPU": 1}}
        workers[i] = {"cls": distributed.Nanny, "options": own}
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {**_NO_DASHBOARD, "host": "127.0.0.1", "port": 0},
    }
    import dask

    # A nanny starts its worker anew. Dask takes one that is not back in 15 s for lost, ends the
    # nanny and never starts another: where the machine is busy, nobody would be left to work.
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"})
    # Ctrl-C reaches the whole terminal; workers leave it to this process.
    with uninterrupted():
        cluster = distributed.SpecCluster(
            workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL
        )
    with patient, cluster:
        yield cluster


def gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        asked = [program, "--query-gpu=index", "--format=csv,noheader"]
        found = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return found.stdout.split()


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
    import dask

    # Asked here: the object that dask-jobqueue refuses to finish cannot be thrown away quietly.
    missing = [n for n in ("cores", "memory") if dask.config.get(f"jobqueue.slurm.{n}") is None]
    if missing:
        raise UsageError(
            f"Dask's configuration does not say how much a SLURM job has: {', '.join(missing)}.",
            "Write cores, memory and walltime under jobqueue: slurm: in "
            "~/.config/dask/jobqueue.yaml.",
        )
    with SLURMCluster(scheduler_options=dict(_NO_DASHBOARD)) as cluster:
        cluster.scale(jobs=jobs)
        yield cluster


def _address(scheduler: str, jobs: int | None) -> str:
    if jobs is not None:
        raise UsageError(
            f"The scheduler at {scheduler} has the workers it has.",
            "Leave --jobs out, or start more workers there.",
        )
    return checked_address(scheduler)


def _first_worker(client: Client, scheduler: str, reporter: Reporter) -> None:
    with suppress(TimeoutError):
        client.wait_for_workers(1, timeout=_WORKER)
        return
    reporter.note(f"{scheduler}: no worker yet; waiting for the first")
