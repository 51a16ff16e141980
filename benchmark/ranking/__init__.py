"""Ranks of methods, and whether they would stand with other patients or another policy."""

from __future__ import annotations

from .standings import Standing, ranks, standings

__all__ = ["Standing", "ranks", "standings"]
