"""What may stand in the cells of a packed run: an entry may be a stranger's.

Tables are made of whatever is there, and break much later over a list where a number should be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["check_cells"]

#: Columns of the table of cases that hold numbers; the others hold texts.
_NUMBERS = ("fold", "seconds", "peak_memory_mb", "diagonal_mm")
_MUST = ("case", "patient", "role", "status")


def check_cells(packed: Mapping[str, Any]) -> None:
    """Raise unless each cell is of the type of its column.

    Args:
        packed: A run as an accepted entry has it.

    Raises:
        ValueError: The first that is not, or the columns that are missing.
    """
    if missing := [name for name in _MUST if name not in packed["cases"]]:
        raise ValueError(f"cases lacks {', '.join(missing)}")
    if strange := [name for name, c in packed["cases"].items() if not isinstance(c, list)]:
        raise ValueError(f"cases.{str(strange[0])[:40]} is no list")
    for name, column in packed["cases"].items():
        for value in column:
            fits = _number(value) if name in _NUMBERS else isinstance(value, str | None)
            if not fits or (value is None and name in _MUST):
                raise ValueError(f"cases.{str(name)[:40]} holds {_shown(value)}")
    for table, texts in (("scores", ("region", "metric")), ("features", ("source", "feature"))):
        for series in packed[table]:
            _check_series(series, table, texts)


def _check_series(series: Mapping[str, Any], table: str, texts: Sequence[str]) -> None:
    for name, value in series.items():
        if name == "values":
            bad = [v for v in value if not _number(v)]
        elif name == "worst":
            bad = [v for v in value.values() if not _number(v)]
        elif name in ("status", "message"):
            bad = [] if isinstance(value, str | dict) else [value]
        elif name in texts:
            bad = [] if isinstance(value, str) else [value]
        else:  # unit, dim, best: what there is once
            bad = [] if isinstance(value, str) or _number(value) else [value]
        if bad:
            raise ValueError(f"{table}.{str(name)[:40]} holds {_shown(bad[0])}")


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return False
    return not isinstance(value, int) or abs(value) < 2**63


def _shown(value: Any) -> str:
    return ascii(value if isinstance(value, float | str | None) else type(value).__name__)[:80]
