"""The heart from apex to base: a small histogram for each level and structure (popescu2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .style import COLUMN_MM, INK, PAGE_MM, colours, nothing, plain, settings, sheet, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["level_histograms"]


def level_histograms(
    values: Mapping[str, Mapping[str, ArrayLike]],
    *,
    label: str,
    unit: str = "",
    span: tuple[float, float] | None = None,
    bins: int = 20,
    title: str = "",
    width_mm: float | None = None,
) -> Figure:
    """A row per level, a column per structure or method: histogram, mean, 5th and 95th percentile.

    Solid is the mean, dotted the percentiles, as in popescu2022's figure 6.

    Args:
        values: By level (``base`` first, as there), then by column; NaN is undefined and counted.
        label: What is shown.
        unit: Of it.
        span: Ends of the axis; by default from the smallest to the largest value of all.
        bins: How many.
        title: Stands above.
        width_mm: Of the figure; by default a column up to two columns of histograms, else a page.
    """
    columns = list(dict.fromkeys(name for row in values.values() for name in row))
    rows = {
        level: {name: np.asarray(row.get(name, ()), dtype=np.float64).ravel() for name in columns}
        for level, row in values.items()
    }
    known = [v[np.isfinite(v)] for row in rows.values() for v in row.values()]
    width = width_mm or (COLUMN_MM if len(columns) <= 2 else PAGE_MM)
    with settings():
        if not any(map(len, known)):
            return nothing(title or label, f"no value of {label} is defined", width)
        every = np.concatenate(known)
        low, high = span or (float(every.min()), float(every.max()))
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, bins + 1)
        said = [f"{plain(name)}, {plain(level)}: mean {np.nanmean(row[name]):.3g}"
                for level, row in rows.items() for name in columns
                if np.isfinite(row[name]).any()]  # fmt: skip
        figure = sheet(title or label, f"Histograms of {label}. {'; '.join(said)}.", width,
                       14 + 27 * len(rows))  # fmt: skip
        grid = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
        tone = colours(columns)
        for i, (level, row) in enumerate(rows.items()):
            for j, name in enumerate(columns):
                axes, mine = grid[i, j], row[name]
                fine = mine[np.isfinite(mine)]
                axes.grid(visible=False, axis="x")
                if len(fine):
                    axes.hist(np.clip(fine, low, high), edges, color=tone[name], alpha=0.65)
                    axes.axvline(fine.mean(), color=INK, lw=1.1)
                    for end in np.percentile(fine, [5, 95]):
                        axes.axvline(end, color=INK, lw=0.8, ls=":")
                missing = len(mine) - len(fine)
                lines = [f"n = {len(fine)}"]
                if missing:
                    lines.append(f"{missing} undefined")
                if len(fine):
                    lines.insert(0, f"mean {fine.mean():.3g}")
                left = len(fine) == 0 or fine.mean() > (low + high) / 2
                axes.text(0.03 if left else 0.97, 0.96, "\n".join(lines), va="top",
                          ha="left" if left else "right", transform=axes.transAxes)  # fmt: skip
                if i == 0:
                    axes.set_title(plain(name))
                if j == 0:
                    axes.set_ylabel(f"{plain(level)}\nvalues")
        axes.set_xlim(low, high)
        figure.supxlabel(with_unit(label, unit), fontsize=7, color=INK)
        if title:
            figure.suptitle(plain(title, 90), fontsize=7, weight="bold", color=INK)
        return figure
