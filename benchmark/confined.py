"""A process in which a plugin may do its worst: what happens to it is told, and costs no more.

What is contained: a crash, an exit, an endless loop (in Python or in C), memory without end,
anything that is printed (by C code and by programs that are started too), rubbish for an answer,
processes that are left behind. The child is of a session of its own; it ends with its parent,
however that ends.

What is not: a plugin runs as the user who asks for it. It can read and write that user's files, use
the network and end that user's other processes, as any Python package can that is imported. Give a
stranger's plugin an account, a container or a machine of its own. Nor can the scores of a method be
trusted whose author means to deceive: its code shares a process with the engine's. They are
believed once somebody else has scored its predictions (``bench score``, ``bench verify``). What
this module does towards that: cases are scored in a child in which nothing was trained or
predicted, so that what a method leaves behind by mistake (another locale, NumPy's error state, a
patched module) does not get into its scores; that child loads the method for what it says that it
produces. Replies are JSON that is checked, and an id in them is used only where the parent knows
it already.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .childprocess import ChildProcess
from .errors import BenchError
from .gone import Gone
from .limits import LOADING, Limits
from .progress import Reporter

if TYPE_CHECKING:
    from .plan import RunRequest

__all__ = ["Confined", "Gone", "Limits"]

#: Steps in which a method's code computes; what they leave behind is kept out of the others.
_TOUCHING = ("train_step", "predict_step")
_ASKING = ("parameters", "trains", "opens")
_SCORING = ("unscored", "score_step", "finish")


class Confined:
    """Does steps in a child, which is started when it is needed; a context manager.

    A new child is started where the last one is gone, worked for another run, or ran a method's
    code and is now to score.

    Args:
        limits: What the child may take.
        reporter: Told of the progress within a step.
        folder: The child's working directory; by default this process's.
    """

    def __init__(
        self, limits: Limits, reporter: Reporter | None = None, folder: Path | None = None
    ) -> None:
        self._limits = limits
        self._folder = folder
        self._reporter = reporter or Reporter()
        self._child: ChildProcess | None = None
        self._run: Any = None
        self._touched = False

    def __enter__(self) -> Confined:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, and whatever it started."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def kill(self) -> None:
        """End the child while another thread waits for its answer, which is then :class:`Gone`."""
        child = self._child
        if child is not None:
            child.kill()

    def do(self, step: str, request: RunRequest, *args: Any) -> Any:
        """Do a step of :data:`benchmark.steps.STEPS`, and give its answer as plain JSON.

        Raises:
            BenchError: As the step raises it.
            Gone: The child crashed, took too long or too much, or said what it should not; or the
                step raised something else.
        """
        run = "" if step in _ASKING else request.identity
        if run != self._run or (self._touched and step in _SCORING):
            self.close()
        if self._child is None:
            self._touched = False
            self._child = ChildProcess(self._limits, self._folder)
        self._run, self._touched = run, self._touched or step in _TOUCHING
        try:
            return self._child.do(step, request, args, self._timeout(step), self._reporter)
        except BenchError:
            raise
        except BaseException:  # an interrupt too, which the child does not get
            child, self._child = self._child, None
            child.close(patient=False)
            raise

    def _timeout(self, step: str) -> float | None:
        limits = self._limits
        if step in _ASKING and limits.timeout_s:  # no data is read, no network runs
            return min(limits.timeout_s, LOADING)
        return (limits.train_timeout_s if step == "train_step" else limits.timeout_s) or None
