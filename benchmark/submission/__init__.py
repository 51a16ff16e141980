"""Results for somebody else's leaderboard: packed with what proves them, and verified by it."""

from __future__ import annotations

from .submitted import Submitted, submit
from .verify import verify

__all__ = ["Submitted", "submit", "verify"]
