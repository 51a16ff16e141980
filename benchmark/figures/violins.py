"""Densities of values: violins of methods, and violins whose halves are two sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distributions import dots_in, known_values, rows_of
from .style import (
    COLUMN_MM,
    INK,
    PAPER,
    SMALL,
    colours,
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

__all__ = ["split_violins", "violins"]

Floats = NDArray[np.float64]
#: Fewer values than this have no shape worth a violin.
_LEAST = 5


def violins(
    values: Mapping[str, ArrayLike],
    *,
    label: str,
    unit: str = "",
    log: bool = False,
    title: str = "",
    width_mm: float = COLUMN_MM,
) -> Figure:
    """A row per method: the estimated density, cut at the smallest and largest value.

    The bar holds the middle half, the white dot is the median. Fewer than five values, or values
    all alike, have no density: they are shown as dots. Arguments as of :func:`box_strip`.
    """
    with settings():
        drawn = rows_of(values, label, unit, log, title, width_mm, "Violin plot")
        figure, axes, rows = drawn
        if axes is None:
            return figure
        tone = colours(values)
        for i, (name, row) in enumerate(rows.items()):
            if _shaped(row):
                _violin(axes, row, i, tone[name], log=log)
                low, middle, high = np.percentile(row, [25, 50, 75])
                axes.plot([low, high], [i, i], color=INK, lw=2.2, solid_capstyle="butt", zorder=3)
                axes.plot(middle, i, "o", mfc=PAPER, mec=INK, mew=0.6, ms=3.2, zorder=4)
            else:
                dots_in(axes, row, i, tone[name], log=log)
        return figure


def split_violins(
    groups: Mapping[str, Mapping[str, ArrayLike]],
    *,
    label: str,
    unit: str = "",
    log: bool = False,
    title: str = "",
    width_mm: float = COLUMN_MM,
    height_mm: float = 62.0,
) -> Figure:
    """Violins whose halves are two sources, as mapping2023's figures 5 and 8.

    Dashed lines are the median and the quartiles; cut at the bounds of the data.

    Args:
        groups: By place on the axis, the values of the (one or) two sources, the same in each.
        label: What is shown.
        unit: Of it.
        log: Whether the axis is logarithmic.
        title: Stands above.
        width_mm: Of the figure.
        height_mm: Of the figure.
    """
    with settings():
        cleaned = {
            place: {name: known_values(raw, log) for name, raw in halves.items()}
            for place, halves in groups.items()
        }
        sources = list(dict.fromkeys(name for halves in cleaned.values() for name in halves))
        if not any(len(row[0]) for halves in cleaned.values() for row in halves.values()):
            return nothing(title or label, f"no value of {label} is defined", width_mm)
        if len(sources) > 2:
            raise ValueError("a violin has two halves")
        words = f"Split violins of {label} by {', '.join(map(plain, groups))}."
        figure = sheet(title or label, words, width_mm, height_mm)
        axes = figure.add_subplot()
        tone = colours(sources)
        if log:
            axes.set_yscale("log")  # before the densities, which are then of logarithms
        _halves(axes, cleaned, sources, tone)
        axes.set_xlim(-0.55, len(cleaned) - 0.45)
        # About 1.3 mm a letter of a name.
        longest = max(6, int(width_mm / len(cleaned) / 1.3))
        counts = [_counts(plain(place, longest), list(halves.values()))
                  for place, halves in cleaned.items()]  # fmt: skip
        axes.set_xticks(range(len(cleaned)), counts, fontsize=SMALL)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(with_unit(label, unit, "logarithmic" if log else ""))
        if log:
            log_axis(axes, "y")
        for name in sources:
            axes.fill_between([], [], [], color=tone[name], alpha=0.6, label=plain(name))
        figure.legend(loc="outside upper center", ncols=2)
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _counts(place: str, halves: Sequence[tuple[Floats, int]]) -> str:
    """The name of a place with its numbers, left and right."""
    lines = [place, "n = " + " | ".join(str(len(row)) for row, _ in halves)]
    if any(missing for _, missing in halves):
        lines.append("undefined " + " | ".join(str(missing) for _, missing in halves))
    return "\n".join(lines)


def _shaped(row: Floats) -> bool:
    return len(row) >= _LEAST and bool(np.ptp(row) > 1e-9 * max(1.0, float(np.abs(row).max())))


def _halves(
    axes: Axes,
    cleaned: Mapping[str, Mapping[str, tuple[Floats, int]]],
    sources: Sequence[str],
    tone: Mapping[str, str],
) -> None:
    """The halves of every place; values that have no shape as dots."""
    import pandas as pd
    import seaborn

    parts = []
    for i, halves in enumerate(cleaned.values()):
        for name, (row, _) in halves.items():
            if _shaped(row):
                parts.append(pd.DataFrame({"value": row, "place": float(i), "source": name}))
                continue
            side = (-1, 1)[sources.index(name)] if len(sources) == 2 else 0
            at = np.full(len(row), i + 0.12 * side)
            axes.plot(at, row, "o", mfc=tone[name], mec=PAPER, mew=0.3)
    if parts:
        seaborn.violinplot(
            pd.concat(parts), x="place", y="value", hue="source", hue_order=sources,
            palette=dict(tone), split=len(sources) == 2, native_scale=True, inner="quart", cut=0,
            density_norm="width", width=0.8, saturation=1, alpha=0.55, linewidth=0.6,
            legend=False, ax=axes,
        )  # fmt: skip
        axes.set_xlabel("")


def _violin(axes: Axes, row: Floats, at: float, colour: str, *, log: bool) -> None:
    """Draw the density of ``row`` along the axis of values."""
    from scipy.stats import gaussian_kde

    inner = np.log(row) if log else row
    grid = np.linspace(inner[0], inner[-1], 120)
    widths = gaussian_kde(inner)(grid)
    widths *= 0.4 / widths.max()
    shown = np.exp(grid) if log else grid
    axes.fill_between(shown, at - widths, at + widths, facecolor=colour, alpha=0.55,
                      edgecolor=colour, lw=0.6, zorder=2)  # fmt: skip
