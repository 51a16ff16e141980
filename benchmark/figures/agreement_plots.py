"""A method's measurements against the reference's: regression, Bland-Altman."""

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
    log_axis,
    nothing,
    plain,
    settings,
    sheet,
    short,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Limits", "Line", "bland_altman_plot", "regression_plot"]

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


class Limits(Protocol):
    """What is drawn of a Bland-Altman analysis; :class:`benchmark.agreement.BlandAltman` has it."""

    @property
    def bias(self) -> float | None:
        """Mean difference, or mean ratio of the log form; None if it was not estimated."""

    @property
    def bias_low(self) -> float | None:
        """Lower end of its interval."""

    @property
    def bias_high(self) -> float | None:
        """Upper end of its interval."""

    @property
    def lower(self) -> float | None:
        """Lower limit of agreement."""

    @property
    def lower_low(self) -> float | None:
        """Lower end of its interval."""

    @property
    def lower_high(self) -> float | None:
        """Upper end of its interval."""

    @property
    def upper(self) -> float | None:
        """Upper limit of agreement."""

    @property
    def upper_low(self) -> float | None:
        """Lower end of its interval."""

    @property
    def upper_high(self) -> float | None:
        """Upper end of its interval."""


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
        one, two, left_out = _pairs(x, y)
        if not len(one):
            return nothing(title or label, f"no pair of {label} is defined", width_mm)
        equation = _equation(regression, r)
        words = f"Scatter plot of {label}, {names[1]} against {names[0]}, n = {len(one)}. {equation}"
        figure = sheet(title or label, words, width_mm, width_mm)
        axes = figure.add_subplot()
        low, high = _span(np.concatenate([one, two]))
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
        _scatter(axes, one, two)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.set_xlabel(with_unit(f"{label}, {plain(names[0])}", unit))
        axes.set_ylabel(with_unit(f"{label}, {plain(names[1])}", unit))
        axes.text(0.03, 0.97, "\n".join([*filter(None, [equation]), f"n = {len(one)}"]),
                  transform=axes.transAxes, va="top", bbox=_BEHIND, zorder=5)  # fmt: skip
        axes.legend(loc="lower right")
        _title(axes, title, left_out)
        return figure


def bland_altman_plot(
    x: ArrayLike,
    y: ArrayLike,
    result: Limits | None,
    *,
    label: str,
    unit: str = "",
    log: bool = False,
    names: tuple[str, str] = ("reference", "prediction"),
    title: str = "",
    width_mm: float = COLUMN_MM,
    height_mm: float = 66.0,
) -> Figure:
    """Difference against mean, with bias, limits of agreement and their intervals as bands.

    Args:
        x: Of the reference, one per case.
        y: Of the method; the difference is ``y - x``.
        result: What is drawn as lines; None for the points alone. In the log form its numbers
            are ratios.
        label: What was measured.
        unit: Of it.
        log: The ratio ``y / x`` against the geometric mean, both on logarithmic axes; pairs with a
            value of 0 or below have none and are counted in the title.
        names: Of what is compared.
        title: Stands above.
        width_mm: Of the figure.
        height_mm: Of the figure.
    """
    with settings():
        one, two, left_out = _pairs(x, y, positive=log)
        if not len(one):
            return nothing(title or label, f"no pair of {label} is defined", width_mm)
        lines = _limits(result)
        said = "; ".join(f"{name} {short3(value)}" for name, value, _, _ in lines)
        words = f"Bland-Altman plot of {label}, {names[1]} and {names[0]}, n = {len(one)}. {said}"
        figure = sheet(title or label, words, width_mm, height_mm)
        axes = figure.add_subplot()
        middle, gap = (np.sqrt(one * two), two / one) if log else ((one + two) / 2, two - one)
        equal = 1.0 if log else 0.0
        axes.axhline(equal, color=INK, lw=0.5, alpha=0.6)
        for name, value, low, high in lines:
            solid = name == "bias"
            axes.axhline(value, color=INK, lw=1.1 if solid else 0.9, zorder=2,
                         ls="-" if solid else (0, (4, 3)))  # fmt: skip
            if low is not None and high is not None:
                axes.axhspan(low, high, color=PALETTE[1 if solid else 4], alpha=QUIET, lw=0)
        _scatter(axes, middle, gap)
        every = np.array([*gap, equal, *(v for line in lines for v in line[1:] if v is not None)])
        if log:
            edge = float(np.ptp(np.log(every))) * 0.06 or 0.1
            axes.set_ylim(every.min() / np.exp(edge), every.max() * np.exp(edge))
            axes.set_xlim(middle.min() / 1.15, middle.max() * 1.15)
            log_axis(axes, "y")
            log_axis(axes, "x")
        else:
            edge = float(np.ptp(every)) * 0.06 or 0.5
            axes.set_ylim(every.min() - edge, every.max() + edge)
            axes.set_xlim(*_span(middle))
        axes.set_xlabel(with_unit(("geometric mean of " if log else "mean of ") + label, unit))
        sign = "/" if log else "\N{MINUS SIGN}"
        axes.set_ylabel(with_unit(f"{plain(names[1])} {sign} {plain(names[0])}",
                                  "" if log else unit))  # fmt: skip
        _beside(figure, axes, lines)
        axes.text(0.02, 0.98, f"n = {len(one)}", transform=axes.transAxes, va="top", bbox=_BEHIND)
        _title(axes, title, left_out)
        return figure


_BEHIND = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 1.0}
_Lines = list[tuple[str, float, float | None, float | None]]


def _limits(result: Limits | None) -> _Lines:
    if result is None:
        return []
    found = [
        ("+1.96 SD", result.upper, result.upper_low, result.upper_high),
        ("bias", result.bias, result.bias_low, result.bias_high),
        ("\N{MINUS SIGN}1.96 SD", result.lower, result.lower_low, result.lower_high),
    ]
    return [(name, value, low, high) for name, value, low, high in found if value is not None]


def _beside(figure: Figure, axes: Axes, lines: _Lines) -> None:
    """What the lines are, right of them, moved apart where they are close."""
    if not lines:
        return
    low, high = axes.get_ylim()
    log = axes.get_yscale() == "log"
    scale = np.log if log else np.asarray
    heights = np.array([float(scale(value)) for _, value, _, _ in lines])
    bottom, top = float(scale(low)), float(scale(high))
    at = (heights - bottom) / (top - bottom)
    # Two lines of text each, in shares of the axes' height.
    least = 17 / (figure.get_figheight() * 72 * 0.75)
    order = np.argsort(at)
    for k in range(1, len(order)):
        at[order[k]] = max(at[order[k]], at[order[k - 1]] + least)
    at -= max(0.0, float(at.max()) - 1.0)
    for (name, value, _, _), place in zip(lines, at, strict=True):
        axes.annotate(f"{name}\n{short3(value)}", (1, place), (3, 0), xycoords="axes fraction",
                      textcoords="offset points", va="center")  # fmt: skip


def short3(value: float) -> str:
    """Three digits, never an exponent for the sizes that are measured."""
    text = f"{value:.3g}" if 1e-3 <= abs(value) < 1000 or not value else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


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


def _pairs(x: ArrayLike, y: ArrayLike, *, positive: bool = False) -> tuple[Floats, Floats, int]:
    one, two = (np.asarray(side, dtype=np.float64).ravel() for side in (x, y))
    both = np.isfinite(one) & np.isfinite(two)
    if positive:
        both &= (one > 0) & (two > 0)
    return one[both], two[both], int((~both).sum())


def _span(values: Floats) -> tuple[float, float]:
    """Ends of an axis: from 0 where nothing is below it and 0 is near."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    edge = 0.04 * (high - low)
    return (-edge if 0 <= low < 0.5 * high else low - edge), high + edge


def _scatter(axes: Axes, x: Floats, y: Floats) -> None:
    size = 3.4 if len(x) <= 100 else 2.4 if len(x) <= 500 else 1.5
    axes.plot(x, y, "o", ms=size, mfc=_DOT, mec=PAPER, mew=0.3, zorder=3, alpha=0.85)


def _title(axes: Axes, title: str, left_out: int) -> None:
    note = f"{left_out} undefined pair{'s' if left_out > 1 else ''} not shown" if left_out else ""
    words = "; ".join(part for part in (plain(title, 80) if title else "", note) if part)
    if words:
        axes.set_title(words)
