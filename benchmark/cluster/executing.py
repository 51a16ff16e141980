"""Steps of runs on the workers of a Dask cluster: names and ids out, facts back.

A step whose worker is lost is done again by another, by Dask itself; every step finds what was
done before. A lost scheduler is an error of all runs that are driven; the store keeps the rest.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import unwritable
from ..errors import BenchError, DataError, UsageError
from ..gone import Gone
from ..limits import Limits
from ..replies import begun_of
from .connecting import LostSchedulerError, lost
from .held import Task, close_children, do
from .shares import Shares

if TYPE_CHECKING:
    from distributed import Client

    from ..plan import RunRequest
    from ..progress import Reporter

__all__ = ["OnDask", "wants_gpu"]


def wants_gpu(device: str, client: Client) -> bool:
    """Whether steps go only to workers that have a resource ``GPU``.

    Raises:
        UsageError: A certain device is asked for, or a GPU where no worker has one.
    """
    if ":" in device:
        raise UsageError(
            f"--device {device}: each process of a cluster has the device it was given.",
            "Use --device cuda; CUDA_VISIBLE_DEVICES says which there are.",
        )
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    there = any(worker["resources"].get("GPU") for worker in workers)
    if device == "cuda" and workers and not there:
        raise UsageError(
            "No worker has a GPU.",
            "Start each with CUDA_VISIBLE_DEVICES=I and --resources GPU=1, or use --device cpu.",
        )
    return there and device in ("auto", "cuda")


class OnDask:
    """Shares the workers of ``client`` among runs; a context manager.

    Args:
        client: Connected.
        limits: What the child of a worker may take.
        runs: The folder of runs, which all workers must see.
        gpu: Only workers with a GPU, one step at a time on each.
        reporter: Told what steps have to say.

    Raises:
        DataError: The folder of runs cannot be written to.
    """

    def __init__(
        self, client: Client, limits: Limits, runs: Path, *, gpu: bool, reporter: Reporter
    ) -> None:
        self._client, self._limits, self._reporter = client, limits, reporter
        self._resources = {"GPU": 1} if gpu else None
        self._here, self._runs = Path.cwd(), Path.cwd() / runs
        self._probe = self._runs / f".shared-{uuid.uuid4().hex}"
        self._sent: dict[Future[Any], Any] = {}
        self._lock = threading.Lock()
        self._training: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self.shares = Shares(self._workers)
        self.stopped = False

    def __enter__(self) -> OnDask:
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
            self._probe.touch()
        except OSError as error:
            raise unwritable(self._probe, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        with suppress(OSError):
            self._probe.unlink()  # what waits at a worker finds it gone, and does nothing
        # A scheduler that is gone cannot pass it on; the children then end by themselves.
        with suppress(OSError, RuntimeError, TypeError, ValueError):
            self._client.run(close_children, self._probe, on_error="ignore")

    def stop(self) -> None:
        """Call everything off: whoever waits for a step is interrupted."""
        self.stopped = True
        self.shares.close()
        with self._lock:
            sent, self._sent = self._sent, {}
        with suppress(OSError, RuntimeError, TimeoutError):
            self._client.cancel(list(sent.values()))
        for future in sent:
            if not future.done():
                future.set_exception(KeyboardInterrupt())

    @contextmanager
    def run(self) -> Iterator[_OneRun]:
        """What does the steps of one run, once there is a worker to have."""
        one = _OneRun(self)
        try:
            one.join()
            yield one
        finally:
            self.shares.leave(one)

    @contextmanager
    def training(self, key: str, one: _OneRun) -> Iterator[None]:
        """Let nobody else train what has this key: who comes later finds it trained.

        Whoever waits lets others have its workers.
        """
        lock = self._training[key]
        if not lock.acquire(blocking=False):
            self.shares.leave(one)
            while not lock.acquire(timeout=0.5):
                if self.stopped:
                    raise KeyboardInterrupt
            try:
                one.join()
            except BaseException:
                lock.release()
                raise
        try:
            yield
        finally:
            lock.release()

    def submit(
        self, step: str, request: RunRequest, args: tuple[Any, ...], workers: list[str]
    ) -> Future[Any]:
        """Do a step on one of ``workers``, or wherever it can be done if they are gone."""
        if self.stopped:
            raise KeyboardInterrupt
        sent = replace(request, runs=self._runs)
        task = Task(step, sent, args, self._limits, self._here, self._probe)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            remote = self._client.submit(
                do, task, pure=False, resources=self._resources,
                workers=workers or None, allow_other_workers=bool(workers),
            )  # fmt: skip
        except (OSError, RuntimeError) as error:
            raise lost(self._client) from error
        with self._lock:
            self._sent[future] = remote
        remote.add_done_callback(lambda done: self._answered(future, done))
        return future

    def _answered(self, future: Future[Any], remote: Any) -> None:
        """Pass on what a worker said; runs in a thread of the client."""
        with self._lock:
            if self._sent.pop(future, None) is None:
                return  # called off
        try:
            answer = self._outcome(remote)
        except BaseException as error:  # nobody would hear of it in here
            future.set_exception(error)
        else:
            future.set_result(answer)

    def _outcome(self, remote: Any) -> Any:
        from distributed import KilledWorker

        if remote.status in ("cancelled", "lost"):
            raise lost(self._client)
        error = remote.exception()
        if isinstance(error, KilledWorker):
            raise Gone("every Dask worker that tried to do it died")
        if isinstance(error, ImportError):
            raise DataError(
                f"A worker cannot import what it needs: {error}.",
                "Install scarbench on every worker, in the same version as here.",
            )
        if error is not None:
            raise error
        outcome = remote.result()
        for said in outcome.notes:
            self._reporter.note(said)
        if outcome.error is not None:
            raise outcome.error
        return outcome.answer

    def _workers(self) -> Mapping[str, int]:
        """Threads by worker, of those that may be used."""
        try:
            found = self._client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, RuntimeError, KeyError):
            return {}
        if self._resources is None:
            return {name: int(worker["nthreads"]) for name, worker in found.items()}
        return {name: 1 for name, worker in found.items() if worker["resources"].get("GPU")}


class _OneRun:
    """The steps of one run; see :class:`benchmark.driving.Executor`."""

    def __init__(self, cluster: OnDask) -> None:
        self._cluster = cluster
        self._trained_as = ""

    def join(self) -> None:
        """Wait for workers."""
        if not self._cluster.shares.join(self):
            raise KeyboardInterrupt

    @property
    def width(self) -> int:
        """How many threads the workers of the run have."""
        return max(1, sum(self._cluster.shares.of(self).values()))

    def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
        """Do a step; training holds off others who would train the same."""
        if step != "train_step":
            future = self._submitted(step, request, args)
            if step == "begin":
                with suppress(BenchError, Gone):  # whoever asked is told
                    self._trained_as = begun_of(future.result()).train
            return future
        with self._cluster.training(self._trained_as, self):
            future = self._submitted(step, request, args)
            with suppress(BenchError, Gone):
                future.result()
            return future

    def _submitted(self, step: str, request: RunRequest, args: tuple[Any, ...]) -> Future[Any]:
        workers = list(self._cluster.shares.of(self))
        try:
            return self._cluster.submit(step, request, args, workers)
        except LostSchedulerError as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future
