"""Who stands where: places in each case, and ranks in resamples of the patients.

The drawings follow challengeR's ideas (Wiesenfarth et al., Sci Rep 2021;11:2369).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import (
    COLUMN_MM,
    INK,
    MARKS,
    MUTED,
    PAGE_MM,
    PAPER,
    QUIET,
    SMALL,
    colours,
    marks,
    name_rows,
    nothing,
    plain,
    settings,
    sheet,
    with_unit,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Stability", "blobs", "podium"]


class Stability(Protocol):
    """What is drawn of a ranking's stability; :class:`benchmark.ranking.RankStability` has it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The methods."""

    @property
    def ranks(self) -> NDArray[Any]:
        """``(method,)``: of the full set of cases."""

    @property
    def counts(self) -> NDArray[Any]:
        """``(method, rank)``: resamples in which the method has that rank."""

    @property
    def low(self) -> NDArray[Any]:
        """``(method,)``: lower end of the interval."""

    @property
    def median(self) -> NDArray[Any]:
        """``(method,)``: over resamples."""

    @property
    def high(self) -> NDArray[Any]:
        """``(method,)``: upper end of the interval."""


def podium(
    names: Sequence[str],
    values: ArrayLike,
    *,
    label: str,
    better: str = "higher",
    unit: str = "",
    title: str = "",
    places: int | None = None,
    width_mm: float = PAGE_MM,
) -> Figure:
    """In each case every method takes a place with its value; bars count who took which place.

    A line joins the values of one case. Equal values take places in the order of ``names``, as a
    step of a podium holds one; ranks elsewhere share. An undefined value takes one of the last
    places, is counted in the bars, and has no dot: give values in which a rightly empty answer is
    perfect (``filled`` of :class:`benchmark.ranking.CaseMatrix`).

    Args:
        names: The methods, best first: that is their order within each place.
        values: ``(case, method)``; NaN is undefined, and a case without any value does not count.
        label: What the values are.
        better: ``higher``, ``lower`` or ``zero``.
        unit: Of the values.
        title: Stands above.
        places: How many places are drawn; by default all, at most 8, and the foot says so.
        width_mm: Of the figure.
    """
    from matplotlib.ticker import MaxNLocator

    height = np.asarray(values, dtype=np.float64).reshape(-1, len(names))
    height = height[np.isfinite(height).any(axis=1)]
    with settings():
        if not height.size:
            return nothing(title or label, f"no value of {label} is defined", width_mm)
        shown = min(len(names), 8 if places is None else places)
        steps = _places({"higher": -height, "lower": height}.get(better, np.abs(height)))
        tone, mark = colours(names), marks(names)
        wins = [f"{plain(n)} is first in {int((steps[:, j] == 0).sum())} of {len(height)} cases"
                for j, n in enumerate(names)]  # fmt: skip
        figure = sheet(title or "Podium", "Podium plot. " + "; ".join(wins) + ".", width_mm,
                       92 + 4 * -(-len(names) // 5))  # fmt: skip
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        inner = np.linspace(0.1, 0.9, len(names)) if len(names) > 1 else np.array([0.5])
        for mine, at in zip(height, steps, strict=True):
            order = np.argsort(at)[:shown]
            top.plot(at[order] + inner[order], mine[order], color=INK, lw=0.35, alpha=0.22,
                     zorder=1)  # fmt: skip
        for j, name in enumerate(names):
            here = steps[:, j] < shown
            top.plot(steps[here, j] + inner[j], height[here, j], ls="none", marker=mark[name],
                     ms=3.0, mfc=tone[name], mec=PAPER, mew=0.3, zorder=3,
                     label=plain(name, 24))  # fmt: skip
            bars = [int((steps[:, j] == place).sum()) for place in range(shown)]
            bottom.bar(np.arange(shown) + inner[j], bars, 0.7 / max(2, len(names)),
                       color=tone[name], hatch=None if mark[name] == MARKS[0] else "/" * 9,
                       lw=0)  # fmt: skip
        for axes in (top, bottom):
            for place in range(shown + 1):
                axes.axvline(place, color=INK, lw=0.6, alpha=2 * QUIET)
            axes.grid(visible=False, axis="x")
            axes.set_xlim(0, shown)
        top.tick_params(bottom=False, labelbottom=False)
        if better == "lower":
            top.invert_yaxis()
        top.set_ylabel(with_unit(label, unit))
        bottom.set_ylabel(f"cases (of {len(height)})")
        bottom.yaxis.set_major_locator(MaxNLocator(integer=True))
        bottom.tick_params(axis="x", length=0)
        bottom.set_xticks(np.arange(shown) + 0.5, [str(place + 1) for place in range(shown)])
        missing = int(np.isnan(height).sum())
        notes = [f"places after {shown} not drawn"] if len(names) > shown else []
        notes += [f"{missing} undefined values take last places, without a dot"] if missing else []
        bottom.set_xlabel(with_unit("place in the case", note="; ".join(notes)))
        figure.legend(*top.get_legend_handles_labels(), loc="outside lower center",
                      ncols=min(len(names), 5), handletextpad=0.2, columnspacing=1.2)  # fmt: skip
        if title:
            top.set_title(plain(title, 90))
        return figure


def blobs(stability: Stability, *, title: str = "", width_mm: float = COLUMN_MM) -> Figure:
    """A row per method: the area of a blob is the share of resamples with that rank.

    The cross is the median rank, the line the 95 % interval, the ring the rank of all cases.
    """
    with settings():
        names = stability.names
        counts = np.asarray(stability.counts, dtype=np.float64)
        if not counts.sum():
            return nothing(title or "ranks", "there is no resample", width_mm)
        shares = counts / counts.sum(axis=1, keepdims=True)
        full = np.asarray(stability.ranks)
        order = sorted(range(len(names)), key=lambda j: (full[j], names[j]))
        said = "; ".join(
            f"{plain(names[j])}: rank {full[j]:g}, 95 % {stability.low[j]:g} to "
            f"{stability.high[j]:g}"
            for j in order
        )
        figure = sheet(title or "Ranks in resamples",
                       f"Ranks in {int(counts[0].sum())} resamples of the patients. {said}.",
                       width_mm, 20 + 6.2 * len(names))  # fmt: skip
        axes = figure.add_subplot()
        name_rows(axes, [plain(names[j]) for j in order])
        axes.set_xlim(0.4, len(names) + 0.6)
        tone = colours(names)
        inches = figure.get_figwidth() * 0.6 / max(len(names), 4)
        largest = min(inches * 72 * 0.95, 13.0)
        for i, j in enumerate(order):
            low, middle, high = stability.low[j], stability.median[j], stability.high[j]
            axes.plot([low, high], [i, i], color=INK, lw=0.8, zorder=2)
            for rank in np.flatnonzero(shares[j]):
                axes.plot(rank + 1, i, "o", ms=max(0.8, largest * np.sqrt(shares[j, rank])),
                          mfc=tone[names[j]], mec="none", alpha=0.75, zorder=3)  # fmt: skip
            axes.plot(full[j], i, "o", ms=largest, mfc="none", mec=INK, mew=0.5, zorder=4)
            axes.plot(middle, i, "x", ms=3.4, color=INK, mew=0.9, zorder=5)
        axes.grid(visible=False, axis="y")
        ticks = np.arange(1, len(names) + 1)
        axes.set_xticks(ticks[:: 1 if len(names) <= 16 else 2])
        axes.set_xlabel("rank")
        figure.supxlabel(
            f"{int(counts[0].sum())} resamples of the patients: area is their share,\n"
            "line 95 %, cross the median; ring: rank of all cases",
            fontsize=SMALL,
            color=MUTED,
        )
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _places(ranks: NDArray[np.float64]) -> NDArray[np.int64]:
    """``(case, method)``: 0 for the best of the case; ties in the order of the columns."""
    order = np.argsort(np.where(np.isnan(ranks), np.inf, ranks), axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable")
