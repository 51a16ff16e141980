"""A method's measurements against the reference's: the regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import (
    COLUMN_MM,
    INK,
    PALETTE,
    PAPER,
    QUIET,
    nothing,
    plain,
    settings,
    sheet,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "regression_plot"]

Floats = NDArray[np.float64]
_DOT = PALETTE[0]


class Line(Protocol):
    """What is drawn of a regression; :class:`benchmark.agreement.Regression` has it."""

    @property
    def slope(self) -> float | None:
        """Of the line; None if it was not estimated."""

    @property
    def intercept(self) -> float | None:
        """0 or None for a line through the origin."""

    @property
    def slope_low(self) -> float | None:
        """Lower end of the slope's interval."""

    @property
    def slope_high(self) -> float | None:
        """Upper end of the slope's interval."""


def regression_plot(
    x: ArrayLike,
    y: ArrayLike,
    regression: Line | None,
    *,
    label: str,
    unit: str = "",
    r: float | None = None,
    names: tuple[str, str] = ("reference", "prediction"),
    title: str = "",
    width_mm: float = COLUMN_MM,
) -> Figure:
    """Prediction against reference with the fitted line and, dashed, the line of identity.

    Args:
        x: Of the reference, one per case.
        y: Of the method; pairs with a NaN are counted in the title, not drawn.
        regression: Its line and the interval of its slope are drawn; None for none.
        label: What was measured.
        unit: Of it.
        r: Pearson's r, to be written beside the equation.
        names: Of the two axes.
        title: Stands above.
        width_mm: Of the figure, which is as high.
    """
    with settings():
        one, two, left_out = pairs_of(x, y)
        if not len(one):
            return nothing(title or label, f"no pair of {label} is defined", width_mm)
        equation = _equation(regression, r)
        words = f"Scatter plot of {label}, {names[1]} against {names[0]}, n = {len(one)}."
        words += f" {equation}".replace("\n", "; ")
        figure = sheet(title or label, words, width_mm, width_mm)
        axes = figure.add_subplot()
        low, high = span_of(np.concatenate([one, two]))
        axes.plot([low, high], [low, high], color=INK, lw=0.7, ls=(0, (4, 3)), alpha=0.6,
                  label="identity")  # fmt: skip
        if regression is not None and regression.slope is not None:
            ends = np.array([one.min(), one.max()] if len(one) > 1 else [low, high])
            base = regression.intercept or 0.0
            if not base:
                ends[0] = min(ends[0], 0.0) if low <= 0 else ends[0]
            axes.plot(ends, base + regression.slope * ends, color=INK, lw=1.2, label="regression")
            slopes = regression.slope_low, regression.slope_high
            if not base and slopes[0] is not None and slopes[1] is not None:
                # Through the origin the slope's interval is the line's own.
                axes.fill_between(ends, slopes[0] * ends, slopes[1] * ends, color=INK,
                                  alpha=QUIET, lw=0)  # fmt: skip
        scatter(axes, one, two)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set_xlabel(with_unit(f"{label}, {plain(names[0])}", unit))
        axes.set_ylabel(with_unit(f"{label}, {plain(names[1])}", unit))
        axes.text(0.03, 0.97, "\n".join([*filter(None, [equation]), f"n = {len(one)}"]),
                  transform=axes.transAxes, va="top", bbox=BEHIND, zorder=5)  # fmt: skip
        axes.legend(loc="lower right")
        title_of(axes, title, left_out)
        return figure


BEHIND = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 1.0}


def short3(value: float) -> str:
    """Three digits, never an exponent for the sizes that are measured."""
    text = f"{value:#.3g}" if 1e-3 <= abs(value) < 999.5 else f"{value:.0f}" if value else "0"
    if 0 < abs(value) < 1e-3:
        text = f"{value:.2g}"
    return text.rstrip(".").replace("-", "\N{MINUS SIGN}")


def _equation(line: Line | None, r: float | None) -> str:
    parts = []
    if line is not None and line.slope is not None:
        text = f"y = {short3(line.slope)} x"
        if line.intercept:
            sign = "+" if line.intercept > 0 else "\N{MINUS SIGN}"
            text += f" {sign} {short3(abs(line.intercept))}"
        if line.slope_low is not None and line.slope_high is not None:
            text += f"  [{short3(line.slope_low)}, {short3(line.slope_high)}]"
        parts.append(text)
    if r is not None:
        parts.append(f"r = {r:.2f}".replace("-", "\N{MINUS SIGN}"))
    return "\n".join(parts)


def pairs_of(x: ArrayLike, y: ArrayLike, *, positive: bool = False) -> tuple[Floats, Floats, int]:
    one, two = (np.asarray(side, dtype=np.float64).ravel() for side in (x, y))
    both = np.isfinite(one) & np.isfinite(two)
    if positive:
        both &= (one > 0) & (two > 0)
    return one[both], two[both], int((~both).sum())


def span_of(values: Floats) -> tuple[float, float]:
    """Ends of an axis: from 0 where nothing is below it and 0 is near."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    edge = 0.04 * (high - low)
    return (-edge if 0 <= low < 0.5 * high else low - edge), high + edge


def scatter(axes: Axes, x: Floats, y: Floats) -> None:
    size = 3.4 if len(x) <= 100 else 2.4 if len(x) <= 500 else 1.5
    axes.plot(x, y, "o", ms=size, mfc=_DOT, mec=PAPER, mew=0.3, zorder=3, alpha=0.85)


def title_of(axes: Axes, title: str, left_out: int, what: str = "value") -> None:
    several = "s" if left_out > 1 else ""
    note = f"{left_out} pair{several} without a {what} not shown" if left_out else ""
    words = "; ".join(part for part in (plain(title, 80) if title else "", note) if part)
    if words:
        axes.set_title(words)
