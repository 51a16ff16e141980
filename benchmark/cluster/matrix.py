"""Many runs at once: as many as there are workers, each driven by a thread of its own."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from ..driving import drive
from ..errors import BenchError
from ..progress import Reporter
from .connecting import LostSchedulerError
from .executing import OnDask

if TYPE_CHECKING:
    from ..plan import RunRequest
    from ..replies import RunResult

__all__ = ["drive_all"]

#: Runs that may be driven or wait for another's training; a thread each, which does little.
_DRIVERS = 64


def drive_all(
    requests: Sequence[RunRequest], cluster: OnDask, reporter: Reporter
) -> Generator[tuple[int, RunResult | BenchError], None, None]:
    """Drive runs, and give the number of each with what came of it, as they end.

    Args:
        requests: The runs, all in one folder of runs.
        cluster: What does their steps.
        reporter: Told of the stages, where there is one run only.

    Raises:
        LostSchedulerError: The scheduler is gone, and with it all runs that were driven.
    """
    told = reporter if len(requests) == 1 else Reporter()

    def one(request: RunRequest) -> RunResult:
        with cluster.run() as executor:
            return drive(request, executor, told)

    with ThreadPoolExecutor(min(len(requests), _DRIVERS), "run") as drivers:
        numbers: dict[Future[RunResult], int] = {}
        try:
            for number, request in enumerate(requests):
                numbers[drivers.submit(one, request)] = number
            for future in as_completed(numbers):
                try:
                    yield numbers[future], future.result()
                except LostSchedulerError:
                    raise
                except BenchError as error:
                    yield numbers[future], error
        except BaseException:  # an interrupt too: no thread is left to wait for what will not come
            for future in numbers:
                future.cancel()
            cluster.stop()
            raise
