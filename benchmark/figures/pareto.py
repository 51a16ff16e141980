"""Quality against cost: who is the best that can be had for the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import (
    COLUMN_MM,
    INK,
    MUTED,
    PAPER,
    SMALL,
    colours,
    log_axis,
    marks,
    nothing,
    plain,
    settings,
    sheet,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["front", "pareto"]

Point = tuple[float | None, float | None]
#: Costs that differ by more than this factor are drawn on a logarithmic axis.
_WIDE = 8.0


def front(points: Mapping[str, Point], better: str = "higher") -> list[str]:
    """Names that no other beats: none is as cheap and as good, and cheaper or better.

    Args:
        points: Cost and quality by name; one without either is not on the front.
        better: ``higher`` or ``lower`` quality; of ``zero`` the absolute value counts.

    Returns:
        By rising cost, then by name. Points alike in both are all on it.
    """
    known = {
        name: (cost, _badness(quality, better))
        for name, (cost, quality) in points.items()
        if _finite(cost) and _finite(quality) and cost is not None and quality is not None
    }
    best = [
        name
        for name, (cost, bad) in known.items()
        if not any(
            c <= cost and b <= bad and (c < cost or b < bad)
            for other, (c, b) in known.items()
            if other != name
        )
    ]
    return sorted(best, key=lambda name: (known[name][0], name))


def pareto(
    points: Mapping[str, Point],
    *,
    cost: str,
    quality: str,
    better: str = "higher",
    log: bool | None = None,
    title: str = "",
    width_mm: float = COLUMN_MM,
    height_mm: float = 70.0,
) -> Figure:
    """Quality over cost with the front of those that no other beats in both.

    Args:
        points: ``(cost, quality)`` by name; those without one are named at the foot.
        cost: What it costs, with its unit; less is better.
        quality: What is gained, with its unit.
        better: ``higher`` or ``lower`` quality.
        log: Whether the cost's axis is logarithmic; by default if costs differ much and none is 0.
        title: Stands above.
        width_mm: Of the figure.
        height_mm: Of the figure.
    """
    with settings():
        known = {n: (float(c), float(q)) for n, (c, q) in points.items()
                 if c is not None and q is not None and _finite(c) and _finite(q)}  # fmt: skip
        if not known:
            return nothing(title or quality, f"no method has both {cost} and {quality}", width_mm)
        costs = np.array([c for c, _ in known.values()])
        if log is None:
            log = bool(costs.min() > 0 and costs.max() / costs.min() > _WIDE)
        if log and costs.min() <= 0:
            known = {name: point for name, point in known.items() if point[0] > 0}
            if not known:
                return nothing(title or quality, f"no {cost} is above 0", width_mm)
            costs = np.array([c for c, _ in known.values()])
        best = front(dict(known), better)
        words = f"{quality} against {cost}. On the Pareto front: {', '.join(map(plain, best))}."
        missing = [name for name in points if name not in known]
        figure = sheet(title or f"{quality} against {cost}", words, width_mm, height_mm)
        axes = figure.add_subplot()
        _limits(axes, costs, np.array([q for _, q in known.values()]), log=log)
        steps = [known[name] for name in best]
        axes.step([c for c, _ in steps], [q for _, q in steps], where="post", color=INK, lw=0.9,
                  ls=(0, (4, 2)), alpha=0.7, zorder=2)  # fmt: skip
        tone, mark = colours(points), marks(points)
        for name, (c, q) in known.items():
            on = name in best
            axes.plot(c, q, marker=mark[name], ms=5.4 if on else 4.0, mfc=tone[name],
                      mec=INK if on else PAPER, mew=0.7 if on else 0.3, zorder=4)  # fmt: skip
        axes.set_xlabel(cost + (", logarithmic" if log else ""))
        axes.set_ylabel(quality)
        if title:
            axes.set_title(plain(title, 80))
        if missing:
            listed = ", ".join(plain(name, 20) for name in missing[:6])
            more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
            figure.supxlabel(f"not shown, no number: {listed}{more}", fontsize=SMALL, color=MUTED)
        _label(figure, axes, known, best)
        return figure


def _badness(quality: float, better: str) -> float:
    return {"higher": -quality, "lower": quality}.get(better, abs(quality))


def _finite(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _limits(axes: Axes, x: Any, y: Any, *, log: bool) -> None:
    if log:
        edge = max((x.max() / x.min()) ** 0.10, 1.15)
        axes.set_xlim(x.min() / edge, x.max() * edge)
        log_axis(axes, "x")
    else:
        edge = float(np.ptp(x)) * 0.10 or abs(float(x[0])) * 0.2 or 0.5
        axes.set_xlim(max(x.min() - edge, 0 if x.min() >= 0 and x.min() < edge else -np.inf)
                      if x.min() > 0 else x.min() - edge, x.max() + edge)  # fmt: skip
    edge = float(np.ptp(y)) * 0.10 or abs(float(y[0])) * 0.1 or 0.5
    axes.set_ylim(y.min() - edge, y.max() + edge)


def _label(
    figure: Figure, axes: Axes, known: Mapping[str, tuple[float, float]], best: Sequence[str]
) -> None:
    """Names beside their points where they cover neither points nor each other.

    Of all places around a point the first free one is taken, those on the front choosing first; a
    name that had to go far is tied to its point by a line. Where nothing is free, the least bad.
    """
    figure.draw_without_rendering()  # the layout, so that places are known
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    per_point = figure.dpi / 72
    frame = axes.get_window_extent(renderer)
    at = {name: axes.transData.transform(point) for name, point in known.items()}
    half = 3.4 * per_point
    taken = [(x - half, y - half, x + half, y + half) for x, y in at.values()]
    taken += _along([at[name] for name in best], per_point)
    for name in sorted(known, key=lambda n: (n not in best, n)):
        weight = "bold" if name in best else "normal"
        words = axes.text(0, 0, plain(name, 24), fontsize=SMALL, weight=weight)
        box = words.get_window_extent(renderer)
        x, y = at[name]
        found: tuple[float, float, float] | None = None
        least = np.inf
        for radius in (5.0, 9.0, 14.0, 20.0, 28.0, 38.0):
            for angle in (0, 180, 90, 270, 45, 135, 315, 225, 20, 160, 340, 200):
                far = radius * per_point
                left = x + far * np.cos(np.deg2rad(angle))
                low = y + far * np.sin(np.deg2rad(angle)) - box.height / 2
                side = np.cos(np.deg2rad(angle))
                left -= box.width * (0.5 - 0.5 * side if abs(side) < 0.99 else float(side < 0))
                here = (left, low, left + box.width, low + box.height)
                bad = sum(_overlap(here, other) for other in taken)
                bad += 4 * (box.width * box.height - _overlap(here, frame.extents))
                if bad < least - 1e-6:
                    least, found = bad, (left, low, radius)
            if least <= 0:
                break
        assert found is not None
        left, low, radius = found
        words.remove()
        taken.append((left, low, left + box.width, low + box.height))
        # In points from the data point: it stays beside it at any resolution.
        offset = ((left - x) / per_point, (low + 0.2 * box.height - y) / per_point)
        line = {"arrowstyle": "-", "lw": 0.4, "color": MUTED, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(plain(name, 24), known[name], offset, textcoords="offset points",
                      fontsize=SMALL, zorder=5, color=INK,
                      weight=weight,
                      arrowprops=line if radius > 9 else None)  # fmt: skip


def _along(steps: Sequence[Any], per_point: float) -> list[tuple[float, float, float, float]]:
    """The boxes that the front's steps fill."""
    boxes = []
    for (x, y), (right, up) in pairwise(steps):
        low, high = min(y, up), max(y, up)
        boxes.append((x, y - per_point, right, y + per_point))
        boxes.append((right - per_point, low, right + per_point, high))
    return boxes


def _overlap(one: Any, two: Any) -> float:
    wide = min(one[2], two[2]) - max(one[0], two[0])
    high = min(one[3], two[3]) - max(one[1], two[1])
    return float(wide * high) if wide > 0 and high > 0 else 0.0
