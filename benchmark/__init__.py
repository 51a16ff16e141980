"""scarbench: benchmark and evaluation of left-ventricular scar segmentation in cardiac MRI.

These names are all a plugin author needs. They are imported on first use, so that
``import benchmark`` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Two processes with spinning OpenMP threads slow each other 2-10 times; torch reads this at import.
# A process that has the machine for itself takes it back (`provenance.use_threads`).
_WAITS = not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from .errors import BenchError, DataError
    from .plugins import Dataset, Method, TrainContext
    from .ranges import Range
    from .scored_arrays import score
    from .types import Case, CaseInfo, Contour, Label, Region, Segmentation, Study, Volume

__version__ = "0.1.0"

_HOMES = {
    "BenchError": "errors",
    "Case": "types",
    "CaseInfo": "types",
    "Contour": "types",
    "DataError": "errors",
    "Dataset": "plugins",
    "Label": "types",
    "Method": "plugins",
    "Range": "ranges",
    "Region": "types",
    "Segmentation": "types",
    "Study": "types",
    "TrainContext": "plugins",
    "Volume": "types",
    "score": "scored_arrays",
}

__all__ = [
    "BenchError",
    "Case",
    "CaseInfo",
    "Contour",
    "DataError",
    "Dataset",
    "Label",
    "Method",
    "Range",
    "Region",
    "Segmentation",
    "Study",
    "TrainContext",
    "Volume",
    "score",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
