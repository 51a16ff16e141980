"""How the driver of a run learns that a step's process is no more."""

from __future__ import annotations

from .errors import PluginError

__all__ = ["Gone", "LostProcessError"]


class Gone(Exception):  # noqa: N818  # it is no error of ours
    """A step's process is no more.

    Attributes:
        reason: What happened to it, as the rest of a sentence that it begins.
        seconds: How long it was busy with the step.
        memory_mb: The most that was seen of its memory.
        log: File of what it printed, where that is not the run's own; else empty.
    """

    def __init__(
        self, reason: str, seconds: float = 0.0, memory_mb: float = 0.0, log: str = ""
    ) -> None:
        super().__init__(reason, seconds, memory_mb, log)
        self.reason = reason
        self.seconds = seconds
        self.memory_mb = memory_mb
        self.log = log


class LostProcessError(PluginError):
    """A plugin took its process down, where no case can be blamed for it.

    Attributes:
        training: It was at training, and nothing else.
    """

    def __init__(self, problem: str, fix: str = "", training: bool = False) -> None:
        super().__init__(problem, fix)
        self.training = training
