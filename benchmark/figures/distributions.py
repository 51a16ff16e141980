"""How the values of cases spread: boxes with every case, dots with their mean."""

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

__all__ = ["box_strip", "dots", "order_by_median"]

Floats = NDArray[np.float64]
#: Height of a row and of what stands around the rows, in mm.
_ROW, _AROUND = 6.2, 14.0
#: Room that names leave to the values, and what a letter takes, in mm.
_LEAST, _LETTER = 46.0, 1.45


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
        width_mm: Of the figure; long names widen it.
    """
    with settings():
        drawn = rows_of(values, label, unit, log, title, width_mm, "Box plot with every case")
        figure, axes, rows = drawn
        if axes is None:
            return figure
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
            dots_in(axes, row, i, tone[name], log=log)
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
        drawn = rows_of(values, label, unit, False, title, width_mm, "Every case, line at the mean")
        figure, axes, rows = drawn
        if axes is None:
            return figure
        tone = colours(values)
        for i, (name, row) in enumerate(rows.items()):
            dots_in(axes, row, i, tone[name], log=False)
            if len(row):
                axes.plot([row.mean()] * 2, [i - 0.38, i + 0.38], color=INK, lw=1.3, zorder=4)
        return figure


def rows_of(
    values: Mapping[str, ArrayLike],
    label: str,
    unit: str,
    log: bool,
    title: str,
    width_mm: float,
    what: str,
) -> tuple[Figure, Any, dict[str, Floats]]:
    """The figure, its axes with the names, and what is known; no axes where nothing is."""
    known = {name: known_values(raw, log) for name, raw in values.items()}
    rows = {name: row for name, (row, _) in known.items()}
    if not any(map(len, rows.values())):
        empty = nothing(title or label, f"no value of {label} is defined", width_mm)
        return empty, None, rows
    medians = "; ".join(
        f"{plain(name)}: " + (f"median {np.median(row):.3g}, n = {len(row)}" if len(row) else "no")
        for name, row in rows.items()
    )
    names = [f"{plain(name)} (n = {len(row)})" for name, row in rows.items()]
    width_mm = max(width_mm, _LEAST + _LETTER * max(map(len, names)))
    figure = sheet(title or label, f"{what} of {with_unit(label, unit)}. {medians}.", width_mm,
                   _AROUND + _ROW * len(rows))  # fmt: skip
    axes = figure.add_subplot()
    name_rows(axes, names)
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


def known_values(raw: ArrayLike, log: bool) -> tuple[Floats, int]:
    """The values that can be shown, sorted, and how many cannot."""
    row = np.asarray(raw, dtype=np.float64).ravel()
    fits = np.isfinite(row) & ((row > 0) if log else True)
    return np.sort(row[fits]), int((~fits).sum())


def dots_in(axes: Axes, row: Floats, at: float, colour: str, *, log: bool) -> None:
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


def order_by_median(values: Mapping[str, ArrayLike], *, higher: bool) -> Sequence[str]:
    """Names with the best median first; those without a value last."""
    middle = {name: known_values(raw, log=False)[0] for name, raw in values.items()}
    sign = -1 if higher else 1
    return sorted(middle, key=lambda n: (
        not len(middle[n]), sign * float(np.median(middle[n])) if len(middle[n]) else 0.0, n,
    ))  # fmt: skip
