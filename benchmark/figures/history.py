"""A metric over the versions of accepted entries: one line per method."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .style import MUTED, PAGE_MM, colours, marks, nothing, plain, settings, sheet, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Mark", "history_lines"]

#: Names of versions below the axis; more would lie over each other.
_MOST_NAMES = 14


@dataclass(frozen=True)
class Mark:
    """One accepted version of a method.

    Attributes:
        at: Which version of the axis, from 0.
        mean: Its value.
        low: Smallest of a seed; None if there is one seed.
        high: Largest.
        joined: Whether a line from the mark before means something.
    """

    at: int
    mean: float
    low: float | None = None
    high: float | None = None
    joined: bool = True


def history_lines(
    series: Mapping[str, Sequence[Mark]],
    versions: Sequence[str],
    *,
    label: str,
    unit: str = "",
    title: str = "",
    removed: Collection[str] = (),
    width_mm: float = PAGE_MM,
) -> Figure:
    """A line per method over versions; broken where what was measured is not the same.

    Versions stand at equal distances in their order: several are often accepted on one day. A
    hollow mark is the first of a new definition or of other data; no line leads to it. Vertical
    lines reach from the lowest to the highest seed.

    Args:
        series: Marks of each method, in order.
        versions: Names of the versions, in order.
        label: What is shown.
        unit: Of it.
        title: Stands above.
        removed: Methods that are no longer there; of the others a dotted line goes on to the newest
            version, where they stand as they were.
        width_mm: Of the figure.
    """
    with settings():
        if not any(series.values()):
            return nothing(title or label, f"no version has a value of {label}", width_mm)
        height = max(70.0, 20.0 + 4.2 * len(series))
        last = {name: points[-1].mean for name, points in series.items() if points}
        told = "; ".join(f"{plain(name)} {value:.3f}" for name, value in last.items())
        figure = sheet(title or label, f"{label} over {len(versions)} versions. Newest: {told}.",
                       width_mm, height)  # fmt: skip
        axes = figure.add_subplot()
        paint, shape = colours(series), marks(series)
        waiting = False
        order = sorted(last, key=lambda name: (-last[name], name))
        for name in order:
            _line(axes, series[name], paint[name], shape[name], plain(name))
            end = series[name][-1]
            if name not in removed and end.at < len(versions) - 1:
                axes.plot([end.at, len(versions) - 1], [end.mean] * 2, ":", color=paint[name])
                axes.plot([len(versions) - 1], [end.mean], shape[name], color=paint[name],
                          alpha=0.4)  # fmt: skip
                waiting = True
        names = [plain(version, 24) for version in versions]
        step = max(1, -(-len(names) // _MOST_NAMES))
        # The newest has its name in any case.
        shown = sorted(range(len(names) - 1, -1, -step))
        axes.set_xticks(shown, [names[i] for i in shown], rotation=40, ha="right",
                        rotation_mode="anchor")  # fmt: skip
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel(with_unit(plain(label, 60), unit))
        if title:
            axes.set_title(plain(title, 120), loc="left")
        if any(not mark.joined for points in series.values() for mark in points):
            axes.plot([], [], "o", mfc="none", color=MUTED, label="new definition or data")
        if waiting:
            axes.plot([], [], ":", color=MUTED, label="as accepted before")
        if any(mark.low is not None for points in series.values() for mark in points):
            axes.plot([], [], "|", ms=9, color=MUTED, label="lowest to highest seed")
        figure.legend(loc="outside right upper", handlelength=1.6, labelspacing=0.35)
        return figure


def _line(axes: object, points: Sequence[Mark], colour: str, mark: str, name: str) -> None:
    draw: Any = axes
    draw.plot([], [], color=colour, marker=mark, label=name)
    for point in points:
        if point.low is not None and point.high is not None:
            draw.plot([point.at] * 2, [point.low, point.high], color=colour, lw=0.6, alpha=0.5)
    for before, now in pairwise(points):
        if now.joined:
            draw.plot([before.at, now.at], [before.mean, now.mean], color=colour)
    for point in points:
        face = colour if point.joined else "white"
        draw.plot([point.at], [point.mean], marker=mark, color=colour, mfc=face, zorder=3)
