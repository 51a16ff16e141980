"""A method's measurements against the reference's: differences and limits of agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from .agreement_plots import BEHIND, pairs_of, scatter, short3, span_of, title_of
from .style import (
    COLUMN_MM,
    INK,
    PALETTE,
    QUIET,
    log_axis,
    nothing,
    plain,
    settings,
    sheet,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Limits", "bland_altman_plot"]


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
        one, two, left_out = pairs_of(x, y, positive=log)
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
        scatter(axes, middle, gap)
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
            axes.set_xlim(*span_of(middle))
        axes.set_xlabel(with_unit(("geometric mean of " if log else "mean of ") + label, unit))
        sign = "/" if log else "\N{MINUS SIGN}"
        axes.set_ylabel(with_unit(f"{plain(names[1])} {sign} {plain(names[0])}",
                                  "" if log else unit))  # fmt: skip
        _beside(figure, axes, lines)
        axes.text(0.02, 0.98, f"n = {len(one)}", transform=axes.transAxes, va="top", bbox=BEHIND)
        title_of(axes, title, left_out, "ratio" if log else "value")
        return figure


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
