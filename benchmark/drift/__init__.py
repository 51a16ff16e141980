"""Whether a run has become worse than the accepted entry: verdicts, never an average alone."""

from __future__ import annotations

from .check import check_method
from .tolerances import Tolerances, default_tolerances, read_tolerances
from .verdict import CaseChange, Check, Finding, Outcome, Then

__all__ = [
    "CaseChange",
    "Check",
    "Finding",
    "Outcome",
    "Then",
    "Tolerances",
    "check_method",
    "default_tolerances",
    "read_tolerances",
]
