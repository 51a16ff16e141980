"""How the values of cases spread: boxes with every case, violins, dots with their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import (
    COLUMN_MM,
    INK,
    MUTED,
    PAPER,
    SMALL,
    colours,
    log_axis,
    name_rows,
    nothing,
    plain,
    settings,
    sheet,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["box_strip", "dots", "split_violins", "violins"]

Floats = NDArray[np.float64]
#: Height of a row and of what stands around the rows, in mm.
_ROW, _AROUND = 6.2, 14.0
#: Fewer values than this have no shape worth a violin.
_LEAST = 5


def box_strip(
    values: Mapping[str, ArrayLike],
    *,
    label: str,
    unit: str = "",
    log: bool = False,
    title: str = "",
    width_mm: float = COLUMN_MM,
) -> Figure:
    """A row per method: box of the quartiles, whiskers to 1.5 IQR, and every value as a dot.

    Args:
        values: By method, in the order of the rows; NaN is undefined, counted at the right.
        label: What is shown.
        unit: Of it.
        log: Whether the axis is logarithmic; values of 0 and below are counted at the right too.
        title: Stands above.
        width_mm: Of the figure.
    """
    with settings():
        drawn = _rows(values, label, unit, log, title, width_mm, "Box plot with every case")
        if not isinstance(drawn, tuple):
            return drawn
        figure, axes, rows = drawn
        tone = colours(values)
        for i, (name, row) in enumerate(rows.items()):
            if len(row) > 1:
                low, middle, high = np.percentile(row, [25, 50, 75])
                reach = 1.5 * (high - low)
                ends = row[row >= low - reach].min(), row[row <= high + reach].max()
                axes.plot(ends, [i, i], color=INK, lw=0.6, zorder=1)
                axes.barh(i, high - low, 0.62, low, color=tone[name], alpha=0.35, zorder=2)
                axes.barh(i, high - low, 0.62, low, fc="none", ec=INK, lw=0.6, zorder=2)
                axes.plot([middle, middle], [i - 0.31, i + 0.31], color=INK, lw=1.3, zorder=4)
            _dots(axes, row, i, tone[name], log=log)
        return figure


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
        drawn = _rows(values, label, unit, log, title, width_mm, "Violin plot")
        if not isinstance(drawn, tuple):
            return drawn
        figure, axes, rows = drawn
        tone = colours(values)
        for i, (name, row) in enumerate(rows.items()):
            if _shaped(row):
                _violin(axes, row, i, tone[name], log=log, vertical=False)
                low, middle, high = np.percentile(row, [25, 50, 75])
                axes.plot([low, high], [i, i], color=INK, lw=2.2, solid_capstyle="butt", zorder=3)
                axes.plot(middle, i, "o", mfc=PAPER, mec=INK, mew=0.6, ms=3.2, zorder=4)
            else:
                _dots(axes, row, i, tone[name], log=log)
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
        label, unit, log, title, width_mm: As of :func:`box_strip`.
        height_mm: Of the figure.
    """
    with settings():
        cleaned = {
            place: {name: _known(raw, log) for name, raw in halves.items()}
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
        for i, halves in enumerate(cleaned.values()):
            for name, (row, _) in halves.items():
                side = (-1, 1)[sources.index(name)] if len(sources) == 2 else 0
                if not _shaped(row):
                    at = i + 0.12 * side
                    axes.plot(np.full(len(row), at), row, "o", mfc=tone[name], mec=PAPER, mew=0.3)
                    continue
                edge = _violin(axes, row, i, tone[name], log=log, vertical=True, side=side)
                for share, line in ((25, 0.6), (50, 1.1), (75, 0.6)):
                    value = float(np.percentile(row, share))
                    reach = edge(value)
                    ends = [i + min(side, 0) * reach if side else i - reach,
                            i + max(side, 0) * reach if side else i + reach]  # fmt: skip
                    axes.plot(ends, [value] * 2, color=INK, lw=line, ls=(0, (3, 2)), zorder=4)
        axes.set_xlim(-0.55, len(cleaned) - 0.45)
        counts = ["\n".join([plain(place), *(_count(*row) for row in halves.values())])
                  for place, halves in cleaned.items()]  # fmt: skip
        axes.set_xticks(range(len(cleaned)), counts)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(with_unit(label, unit))
        if log:
            log_axis(axes, "y")
        for name in sources:
            axes.fill_between([], [], [], color=tone[name], alpha=0.6, label=plain(name))
        figure.legend(loc="outside upper center", ncols=2)
        if title:
            axes.set_title(plain(title, 80))
        return figure


def dots(
    values: Mapping[str, ArrayLike],
    *,
    label: str,
    unit: str = "",
    title: str = "",
    width_mm: float = COLUMN_MM,
) -> Figure:
    """Every value as a dot with a line at the mean, as popescu2022's figure 8.

    Arguments as of :func:`box_strip`.
    """
    with settings():
        drawn = _rows(values, label, unit, False, title, width_mm, "Every case, line at the mean")
        if not isinstance(drawn, tuple):
            return drawn
        figure, axes, rows = drawn
        tone = colours(values)
        for i, (name, row) in enumerate(rows.items()):
            _dots(axes, row, i, tone[name], log=False)
            if len(row):
                axes.plot([row.mean()] * 2, [i - 0.38, i + 0.38], color=INK, lw=1.3, zorder=4)
        return figure


def _rows(
    values: Mapping[str, ArrayLike],
    label: str,
    unit: str,
    log: bool,
    title: str,
    width_mm: float,
    what: str,
) -> Any:
    """The figure, its axes with the names, and what is known; or the figure of nothing."""
    known = {name: _known(raw, log) for name, raw in values.items()}
    rows = {name: row for name, (row, _) in known.items()}
    if not any(map(len, rows.values())):
        return nothing(title or label, f"no value of {label} is defined", width_mm)
    medians = "; ".join(
        f"{plain(name)}: " + (f"median {np.median(row):.3g}, n = {len(row)}" if len(row) else "none")
        for name, row in rows.items()
    )
    figure = sheet(title or label, f"{what} of {with_unit(label, unit)}. {medians}.", width_mm,
                   _AROUND + _ROW * len(rows))  # fmt: skip
    axes = figure.add_subplot()
    name_rows(axes, [f"{plain(name)} (n = {len(row)})" for name, row in rows.items()])
    axes.set_xlabel(with_unit(label, unit, "logarithmic" if log else ""))
    if title:
        axes.set_title(plain(title, 80))
    every = np.concatenate(list(rows.values()))
    if log:
        axes.set_xlim(every.min() / 1.2, every.max() * 1.2)
        log_axis(axes, "x")
    else:
        edge = 0.03 * float(np.ptp(every)) or 0.05 * abs(float(every[0])) or 0.5
        axes.set_xlim(every.min() - edge, every.max() + edge)
    for i, (_, missing) in enumerate(known.values()):
        if missing:
            axes.annotate(f"{missing} undefined", (1, i), (3, 0), fontsize=SMALL, color=MUTED,
                          xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                          va="center")  # fmt: skip
    return figure, axes, rows


def _known(raw: ArrayLike, log: bool) -> tuple[Floats, int]:
    """The values that can be shown, sorted, and how many cannot."""
    row = np.asarray(raw, dtype=np.float64).ravel()
    fits = np.isfinite(row) & ((row > 0) if log else True)
    return np.sort(row[fits]), int((~fits).sum())


def _count(row: Floats, missing: int) -> str:
    return f"n = {len(row)}" + (f", {missing} undefined" if missing else "")


def _shaped(row: Floats) -> bool:
    return len(row) >= _LEAST and bool(np.ptp(row) > 1e-9 * max(1.0, float(np.abs(row).max())))


def _dots(axes: Axes, row: Floats, at: float, colour: str, *, log: bool) -> None:
    size = 2.6 if len(row) <= 60 else 1.8 if len(row) <= 300 else 1.0
    axes.plot(row, at + _spread(np.log(row) if log else row), "o", ms=size, mfc=colour, mec=PAPER,
              mew=0.25, zorder=3, clip_on=False)  # fmt: skip


def _spread(row: Floats) -> Floats:
    """Offsets that keep near values apart, always the same: alternately above and below."""
    offsets = np.zeros(len(row))
    if len(row) < 2 or not np.ptp(row):
        return np.linspace(-0.2, 0.2, len(row)) if len(row) > 1 else offsets
    bins = np.floor((row - row.min()) / np.ptp(row) * 39.999).astype(int)
    for each in np.unique(bins):
        mine = np.flatnonzero(bins == each)
        k = np.arange(len(mine))
        steps = np.where(k % 2, 1, -1) * ((k + 1) // 2)
        offsets[mine] = steps * min(0.09, 0.26 / max(1, len(mine) // 2))
    return offsets


def _violin(
    axes: Axes, row: Floats, at: float, colour: str, *, log: bool, vertical: bool, side: int = 0
) -> Any:
    """Draw the density of ``row``; gives its half width at a value."""
    from scipy.stats import gaussian_kde

    inner = np.log(row) if log else row
    density = gaussian_kde(inner)
    grid = np.linspace(inner[0], inner[-1], 120)
    widths = density(grid)
    widths *= 0.4 / widths.max()
    shown = np.exp(grid) if log else grid
    lower, upper = at - widths * (side <= 0), at + widths * (side >= 0)
    fill = axes.fill_betweenx if vertical else axes.fill_between
    fill(shown, lower, upper, facecolor=colour, alpha=0.55, edgecolor=colour, lw=0.6, zorder=2)

    def edge(value: float) -> float:
        return float(np.interp(np.log(value) if log else value, grid, widths))

    return edge


def order_by_median(values: Mapping[str, ArrayLike], *, higher: bool) -> Sequence[str]:
    """Names with the best median first; those without a value last."""
    middle = {name: _known(raw, log=False)[0] for name, raw in values.items()}
    sign = -1 if higher else 1
    return sorted(middle, key=lambda n: (
        not len(middle[n]), sign * float(np.median(middle[n])) if len(middle[n]) else 0.0, n,
    ))  # fmt: skip
