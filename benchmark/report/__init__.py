"""The offline page of a leaderboard."""

from __future__ import annotations

from .page import MAX_BYTES, page

__all__ = ["MAX_BYTES", "page"]
