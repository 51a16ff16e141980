"""Which workers each of several runs has to itself.

A process that turns from one run to another loads plugins, data and network anew. So every run
that is driven has workers of its own; those of a run that ends go to the ones that are left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping

__all__ = ["Shares"]


class Shares:
    """Deals workers out; safe to use from several threads.

    Args:
        workers: Gives the threads of each worker there is now, by address.
    """

    def __init__(self, workers: Callable[[], Mapping[str, int]]) -> None:
        self._workers = workers
        self._known: Mapping[str, int] = {}
        self._held: dict[Hashable, list[str]] = {}
        self._changed = threading.Condition()
        self._closed = False

    def join(self, who: Hashable) -> bool:
        """Wait for a worker to have; False once there are none to be had any more."""
        with self._changed:
            while not self._closed:
                self._deal()
                if len(self._held) < max(1, len(self._known)):
                    self._held[who] = []
                    self._deal()
                    return True
                self._changed.wait(1.0)  # a worker may come
            return False

    def leave(self, who: Hashable) -> None:
        """Have none any more."""
        with self._changed:
            self._held.pop(who, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def of(self, who: Hashable) -> dict[str, int]:
        """The workers that ``who`` has now, with their threads; none if there are none at all."""
        with self._changed:
            self._deal()
            return {name: self._known[name] for name in self._held.get(who, ())}

    def _deal(self) -> None:
        """Take workers that are gone, and give those that nobody has to who has the fewest."""
        self._known = self._workers()
        for names in self._held.values():
            names[:] = [name for name in names if name in self._known]
        taken = {name for names in self._held.values() for name in names}
        for name in self._known:
            if name not in taken and self._held:
                min(self._held.values(), key=len).append(name)
        for names in self._held.values():
            richest = max(self._held.values(), key=len)
            if not names and len(richest) > 1:
                names.append(richest.pop())
