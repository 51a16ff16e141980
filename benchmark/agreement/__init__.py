"""Agreement of a cohort's features with their reference: what a clinician asks of a method."""

from __future__ import annotations

from .bland_altman import BlandAltman, bland_altman
from .correlation import Correlation, concordance, pearson
from .detection import LARGE_SCAR, SCAR_PRESENT, Cut, Detection, detection
from .errors import (
    AbsoluteError,
    NormalisedError,
    Reclassification,
    absolute_error,
    normalised_mae,
    reclassification,
)
from .icc import LEVEL, Icc, IccKind, icc, icc_average_agreement
from .proportions import Proportion, proportion
from .regression import Regression, regression, slope_interval
from .strata import STRATA, tertiles

__all__ = [
    "LARGE_SCAR",
    "LEVEL",
    "SCAR_PRESENT",
    "STRATA",
    "AbsoluteError",
    "BlandAltman",
    "Correlation",
    "Cut",
    "Detection",
    "Icc",
    "IccKind",
    "NormalisedError",
    "Proportion",
    "Reclassification",
    "Regression",
    "absolute_error",
    "bland_altman",
    "concordance",
    "detection",
    "icc",
    "icc_average_agreement",
    "normalised_mae",
    "pearson",
    "proportion",
    "reclassification",
    "regression",
    "slope_interval",
    "tertiles",
]
