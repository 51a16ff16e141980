"""Results for somebody else's leaderboard: packed with what proves them, and verified by it."""

from __future__ import annotations
