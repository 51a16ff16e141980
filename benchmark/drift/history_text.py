"""The history of accepted entries as a table, with what must be said of it."""

from __future__ import annotations

from ..text import NONE
from .history import History, Point
from .text import aligned
from .wording import harmless, value

__all__ = ["text", "words"]

_HEAD = ("commit", "committed", "authored", "method", "mean", "seeds", "range of seeds", "cases",
         "changed")  # fmt: skip


def text(history: History) -> str:
    """One row per accepted version, in the order in which the branch came to hold them."""
    what = f"{history.quantity} of {harmless(history.dataset)}, mean over cases and seeds\n\n"
    return what + aligned(_HEAD, [_row(point) for point in history.points], right=(4, 5, 7))


def words(history: History) -> list[str]:
    """Notes, and each version that could not be read."""
    unread = [
        f"skipped: {one.commit[:9] or 'not committed'} {harmless(one.path)}: {harmless(one.reason)}"
        for one in history.skipped
    ]
    return [f"note: {note}" for note in history.notes] + unread


def _row(point: Point) -> list[str]:
    spread = NONE
    if point.low is not None and point.high is not None and point.seeds > 1:
        spread = f"{value(point.low)} to {value(point.high)}"
    broken = "" if point.joined else " (not comparable with before)"
    changed = ", ".join(point.changed) + broken
    return [
        point.commit[:9] or "not committed",
        f"{point.committed:%Y-%m-%d %H:%M}" if point.commit else NONE,
        f"{point.authored:%Y-%m-%d %H:%M}" if point.commit else NONE,
        harmless(point.label),
        "removed" if point.removed else value(point.mean),
        NONE if point.removed else str(point.seeds),
        spread,
        NONE if point.removed else str(point.n_cases),
        changed,
    ]
