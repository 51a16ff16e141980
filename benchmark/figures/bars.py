"""Means with their spread as bars, and the compact letters of who differs from whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .style import COLUMN_MM, INK, MUTED, colours, nothing, plain, settings, sheet, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bars_with_letters"]

#: A value with the ends of its error bar, None where they were not estimated.
Bar = tuple[float | None, float | None, float | None]


def bars_with_letters(
    bars: Mapping[str, Bar],
    letters: Mapping[str, str] | None = None,
    *,
    label: str,
    unit: str = "",
    n: Mapping[str, int] | None = None,
    error: str = "95 % interval",
    title: str = "",
    width_mm: float = COLUMN_MM,
    height_mm: float = 62.0,
) -> Figure:
    """A bar per group with its error bar; groups that share a letter do not differ.

    Args:
        bars: By group ``(value, low, high)``; a value of None is written as undefined.
        letters: Of :func:`benchmark.significance.letters`.
        label: What the value is.
        unit: Of it.
        n: Cases by group.
        error: What the error bars are; stands beside the label.
        title: Stands above.
        width_mm: Of the figure.
        height_mm: Of the figure.
    """
    letters, n = letters or {}, n or {}
    with settings():
        known = {name: bar for name, bar in bars.items() if _number(bar[0])}
        if not known:
            return nothing(title or label, f"no {label} is defined", width_mm)
        said = "; ".join(
            f"{plain(name)} {value:.3g}" + (f" ({letters[name]})" if letters.get(name) else "")
            for name, (value, _, _) in known.items()
            if value is not None
        )
        names = [[plain(name), *([f"(n = {n[name]})"] if name in n else [])] for name in bars]
        # About 1.5 mm a letter: names that do not fit beside each other are turned.
        turned = max(len(line) for lines in names for line in lines) * len(names) * 1.5 > width_mm
        room = 1.5 * max(map(len, map(" ".join, names))) if turned else 0.0
        figure = sheet(title or label, f"Bars of {with_unit(label, unit)}. {said}.", width_mm,
                       height_mm + room)  # fmt: skip
        axes = figure.add_subplot()
        tone = colours(bars)
        tops = [v for bar in known.values() for v in bar if v is not None and _number(v)]
        low, high = min(0.0, *tops), max(0.0, *tops)
        reach = (high - low) or 1.0
        for i, (name, (value, down, up)) in enumerate(bars.items()):
            if value is None or not _number(value):
                axes.text(i, low + 0.03 * reach, "undefined", ha="center", va="bottom",
                          rotation=90, color=MUTED)  # fmt: skip
                continue
            axes.bar(i, value, 0.68, color=tone[name], alpha=0.75)
            top = max(value, 0.0)
            if down is not None and up is not None and _number(down) and _number(up):
                axes.plot([i, i], [down, up], color=INK, lw=0.9, zorder=3)
                for end in (down, up):
                    axes.plot([i - 0.12, i + 0.12], [end, end], color=INK, lw=0.9, zorder=3)
                top = max(top, up)
            axes.annotate(letters.get(name, ""), (i, top), (0, 2), textcoords="offset points",
                          ha="center", va="bottom", weight="bold")  # fmt: skip
        axes.axhline(0, color=INK, lw=0.6)
        axes.set_ylim(low - (0.06 * reach if low < 0 else 0), high + 0.12 * reach)
        axes.set_xlim(-0.6, len(bars) - 0.4)
        axes.set_xticks(range(len(bars)), [(" " if turned else "\n").join(x) for x in names],
                        rotation=90 if turned else 0)  # fmt: skip
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        drawn = any(down is not None for _, down, _ in known.values())
        axes.set_ylabel(with_unit(label, unit, error if drawn else ""))
        if letters:
            figure.supxlabel("groups that share a letter do not differ significantly", color=MUTED,
                             fontsize=6)  # fmt: skip
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _number(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))
