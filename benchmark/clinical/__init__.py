"""Clinical features of ONE segmentation."""

from __future__ import annotations

from .aha import SEGMENTS, SEPTUM
from .burden import LARGE_PERCENT, PRESENCE_PERCENT, has_large_scar, has_scar
from .core import CoreScar, core_of, core_scar, gray_zone
from .description import features, missing_features, septum
from .feature import Feature, can_describe
from .insertion import Insertion, insertion_of, of_right_ventricle, turn_of
from .volumes import MYOCARDIAL_DENSITY

__all__ = [
    "LARGE_PERCENT",
    "MYOCARDIAL_DENSITY",
    "PRESENCE_PERCENT",
    "SEGMENTS",
    "SEPTUM",
    "CoreScar",
    "Feature",
    "Insertion",
    "can_describe",
    "core_of",
    "core_scar",
    "features",
    "gray_zone",
    "has_large_scar",
    "has_scar",
    "insertion_of",
    "missing_features",
    "of_right_ventricle",
    "septum",
    "turn_of",
]
