"""Tests between methods on the same patients."""

from __future__ import annotations

from .paired import Paired, paired, wilcoxon_p

__all__ = ["Paired", "paired", "wilcoxon_p"]
