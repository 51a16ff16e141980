"""Figures from tables: drawn with matplotlib and seaborn, never from images.

Each function takes plain arrays and mappings and gives a matplotlib figure; :func:`save` writes it
as PNG or SVG, :func:`svg_text` gives an element for an HTML page. Importing this is cheap:
matplotlib is loaded when something is drawn.
"""

from __future__ import annotations

from .agreement_plots import regression_plot
from .bars import bars_with_letters
from .bland_altman import bland_altman_plot
from .classes import stacked_classes
from .distributions import box_strip, dots, order_by_median
from .history import Mark, history_lines
from .levels import level_histograms
from .output import save, svg_text
from .pareto import front, pareto
from .podium import blobs, podium
from .significance_map import significance_map
from .style import COLUMN_MM, PAGE_MM, colours
from .violins import split_violins, violins

__all__ = [
    "COLUMN_MM",
    "PAGE_MM",
    "Mark",
    "bars_with_letters",
    "bland_altman_plot",
    "blobs",
    "box_strip",
    "colours",
    "dots",
    "front",
    "history_lines",
    "level_histograms",
    "order_by_median",
    "pareto",
    "podium",
    "regression_plot",
    "save",
    "significance_map",
    "split_violins",
    "stacked_classes",
    "svg_text",
    "violins",
]
