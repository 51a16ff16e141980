"""Panels of regression and of Bland-Altman analysis, as fahmy2021 and fahmy2020 draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..agreement import pearson
from .agreement_cells import limits_of, line_of, pair_of
from .drawing import PaperFigure
from .selection import Column

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bland_altman_panel", "regression_panel"]

#: What every panel says.
_SAID = (
    "One point per case, of several seeds their mean. Solid: line through the origin with the 95 % "
    "band of its slope; dashed: identity."
)
_LIMITS = (
    "One point per case, of several seeds their mean; prediction minus reference. Lines: bias and "
    "limits of agreement with their 95 % intervals."
)


def regression_panel(
    number: str, model: Column, title: str, pairs: pd.DataFrame | None, *, label: str, unit: str
) -> PaperFigure:
    """The prediction against the reference.

    Args:
        number: Of the panel.
        model: Which runs it is of.
        title: Stands above.
        pairs: Reference and prediction by case; None where there is no run.
        label: What was measured.
        unit: Of it.
    """
    if pairs is None:
        return PaperFigure(number, title, command=model.command)

    def draw() -> Figure:
        from ..figures import regression_plot

        x, y = pair_of(pairs)
        return regression_plot(
            x, y, line_of(pairs), label=label, unit=unit, r=pearson(x, y).r, title=title,
            names=("manual", model.label),
        )  # fmt: skip

    return PaperFigure(number, title, _SAID, draw)


def bland_altman_panel(
    number: str, model: Column, title: str, pairs: pd.DataFrame | None, *, label: str, unit: str
) -> PaperFigure:
    """Their difference against their mean; arguments as of :func:`regression_panel`."""
    if pairs is None:
        return PaperFigure(number, title, command=model.command)

    def draw() -> Figure:
        from ..figures import bland_altman_plot

        x, y = pair_of(pairs)
        return bland_altman_plot(
            x, y, limits_of(pairs), label=label, unit=unit, title=title,
            names=("manual", model.label),
        )  # fmt: skip

    return PaperFigure(number, title, _LIMITS, draw)
