"""The errors a user can cause. Each says what is wrong, where, and what to do about it.

The command line prints them without a traceback; anything else that escapes is our bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BenchError", "DataError", "NoPredictionError", "PluginError", "UsageError",
           "near_misses"]  # fmt: skip


class BenchError(Exception):
    """Something the user can mend.

    Args:
        problem: What is wrong, naming the file or the value.
        fix: What to do about it, as an imperative sentence; may be empty.
    """

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem} {self.fix}".strip()


class UsageError(BenchError):
    """A name, a parameter or an option that does not exist or does not fit."""


class DataError(BenchError):
    """A file or an array that is missing, unreadable, misshapen or misaligned."""


class NoPredictionError(DataError):
    """A case that a method has no answer for: scored as ``no_prediction``, not as an ``error``."""


class PluginError(BenchError):
    """A method, data set or metric that cannot be loaded or breaks its contract."""


def near_misses(name: str, known: Iterable[str]) -> str:
    """A sentence that lists what was probably meant, or everything there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(repr(c) for c in close)}?"
    return f"There are: {', '.join(names)}." if names else "There are none."
