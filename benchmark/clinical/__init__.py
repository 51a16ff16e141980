"""Clinical features of ONE segmentation."""

from __future__ import annotations

from .core import CoreScar, core_of, core_scar
from .volumes import MYOCARDIAL_DENSITY, Feature, can_describe, features, missing_features

__all__ = [
    "MYOCARDIAL_DENSITY",
    "CoreScar",
    "Feature",
    "can_describe",
    "core_of",
    "core_scar",
    "features",
    "missing_features",
]
