"""What a run's process may take of time and memory."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LOADING", "TIMEOUT", "Limits"]

#: Seconds that a case may take where nobody says otherwise. A large 3D network with test-time
#: augmentation takes some minutes a case on two cores; a method that hangs costs this much a case.
TIMEOUT = 1800.0
#: Seconds that a plugin may take to be loaded and to say what it is: the import of large libraries
#: from a slow network disk takes a minute or two.
LOADING = 300.0


@dataclass(frozen=True)
class Limits:
    """What a child may take.

    Attributes:
        timeout_s: Seconds of a case that is predicted or scored, and without a sign of progress
            where cases are read; None for no limit.
        train_timeout_s: Seconds of a training; None for no limit.
        memory_mb: Memory of the child and what it starts, together; None for nine tenths of what
            is available when it starts.
    """

    timeout_s: float | None = TIMEOUT
    train_timeout_s: float | None = None
    memory_mb: float | None = None
