"""The state of a training on disk, for who takes it up after a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ._weights import save_atomically

__all__ = ["Checkpoint"]

#: Of the time of a training, the largest share that goes into writing.
_SHARE = 0.05


class Checkpoint:
    """One file, written whole after an epoch; not after each where that would take too long.

    The state of a small network goes to disk in milliseconds after every epoch. That of two
    TransUNets has gigabytes: it is left out until twenty times as long as writing takes has been
    trained. What is left out is trained again after a kill, to the same bytes.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._due = time.perf_counter()

    def read(self) -> dict[str, Any] | None:
        """The state that was kept, on the CPU; None if there is none."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        return state

    def keep(self, state: Callable[[], Mapping[str, Any]], last: bool) -> None:
        """Write ``state()``, if it is time to or the last one."""
        started = time.perf_counter()
        if last or started >= self._due:
            save_atomically(state(), self.path)
            ended = time.perf_counter()
            self._due = ended + (ended - started) * (1 / _SHARE - 1)
