"""What the mapping cohort must be, voxel by voxel; written once, when it was frozen."""

from __future__ import annotations

__all__ = ["CASES", "COHORT"]

COHORT = ""

CASES = ("",) * 200
