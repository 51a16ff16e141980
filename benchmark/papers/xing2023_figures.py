"""Figures 2 and 4 of xing2023: scores of the scar by method, a dot for each slice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..policies import resolve
from ..table import Quantity
from .drawing import PaperFigure, figures_of
from .slices import slice_values
from .xing2023_runs import METHODS, TABLES, Making

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures"]

#: Beside a box there is no room for more.
_SHORT = {"direct": "Direct", "two_step": "Two-step", "mtl": "MTL", "jdl": "JDL"}


def figures(making: Making) -> tuple[PaperFigure, ...]:
    """All figures of the paper, in its order."""
    drawn = {
        "2": {"2": ("Figure 2", "slice", "Dice of the scar")},
        "4": {
            "4a": ("Figure 4", "precision", "Precision of the scar"),
            "4b": ("Figure 4", "recall", "Recall of the scar"),
        },
    }
    made: dict[str, list[PaperFigure]] = {}
    missing = [name for name in METHODS if name not in making.labels]
    lacking = f" No run of {', '.join(missing)} yet." if missing else ""
    for number, panels in drawn.items():
        made[number] = [
            PaperFigure(
                panel,
                label,
                "A dot for each slice with a left ventricle in which either mask has scar (mean "
                f"over seeds); box: quartiles.{lacking}",
                draw=partial(_boxes, making, TABLES[table][column], label),
            )
            for panel, (table, column, label) in panels.items()
        ]
    return figures_of(making.paper, made)


def _boxes(making: Making, quantity: Quantity, label: str) -> Figure:
    from ..figures import box_strip

    counted = resolve(making.table, making.policy)
    values = {_SHORT[name]: slice_values(counted, making.labels[name], quantity)
              for name in METHODS if name in making.labels}  # fmt: skip
    return box_strip(values, label=label)
