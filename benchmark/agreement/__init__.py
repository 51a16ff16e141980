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
from .measured import feature_pairs
from .proportions import Proportion, proportion
from .regression import Regression, regression, slope_interval
from .strata import STRATA, tertiles
from .table import CUTS, FEATURES, agreement_table
from .text import agreement_csv, agreement_markdown, agreement_view

__all__ = [
    "CUTS",
    "FEATURES",
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
    "agreement_csv",
    "agreement_markdown",
    "agreement_table",
    "agreement_view",
    "bland_altman",
    "concordance",
    "detection",
    "feature_pairs",
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
