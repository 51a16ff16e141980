"""A run in this very process, as a program or a test may do it; ``bench`` itself never does."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from .driving import drive
from .plan import RunRequest
from .progress import Reporter
from .recorded import CASES
from .replies import RunResult
from .steps import STEPS

__all__ = ["CASES", "InProcess", "RunResult", "run"]


class InProcess:
    """Does the steps of runs here and now. What a plugin breaks, it breaks for everybody.

    Args:
        reporter: Told of the progress.
    """

    width = 1

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def submit(self, step: str, request: RunRequest, *args: Any) -> Future[Any]:
        """Do a step; the future is done, or what it raised is raised."""
        future: Future[Any] = Future()
        future.set_result(STEPS[step](request, *args, reporter=self._reporter))
        return future


def run(request: RunRequest, reporter: Reporter) -> RunResult:
    """Do what is not done yet of a run.

    Raises:
        BenchError: The request does not fit, or training failed. A case that fails is no error
            here: it is a row.
    """
    return drive(request, InProcess(reporter), reporter)
