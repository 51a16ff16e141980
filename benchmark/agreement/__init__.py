"""Agreement of a cohort's features with their reference: what a clinician asks of a method."""

from __future__ import annotations

from .icc import LEVEL, Icc, icc_average_agreement

__all__ = ["LEVEL", "Icc", "icc_average_agreement"]
