"""Who stands where: ranks in each case, ranks in resamples, and who is significantly better.

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
    MUTED,
    PAGE_MM,
    PALETTE,
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
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Stability", "blobs", "podium", "significance_map"]


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
    case_ranks: ArrayLike,
    *,
    title: str = "",
    places: int | None = None,
    width_mm: float = PAGE_MM,
) -> Figure:
    """In each case every method takes a place; lines join a case, bars count who took a place.

    Ties within a case are broken for the drawing in the order of ``names``, as a podium has one
    step for one method; the ranks themselves share.

    Args:
        names: The methods, best first: that is their order within each place.
        case_ranks: ``(case, method)``, 1 is best; NaN where a method has no rank in a case.
        title: Stands above.
        places: How many places are drawn; by default all, at most 8, and the foot says so.
        width_mm: Of the figure.
    """
    ranks = np.asarray(case_ranks, dtype=np.float64).reshape(-1, len(names))
    ranks = ranks[~np.isnan(ranks).all(axis=1)]
    with settings():
        if not ranks.size:
            return nothing(title or "podium", "no case has ranks", width_mm)
        shown = min(len(names), 8 if places is None else places)
        steps = np.where(np.isnan(ranks), -1, _places(ranks))
        tone, mark = colours(names), marks(names)
        wins = [f"{plain(n)} is first in {int((steps[:, j] == 0).sum())} of {len(ranks)} cases"
                for j, n in enumerate(names)]  # fmt: skip
        figure = sheet(title or "Podium", "Podium plot. " + "; ".join(wins) + ".", width_mm,
                       92 + 4 * -(-len(names) // 4))  # fmt: skip
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        inner = np.linspace(0.1, 0.9, len(names)) if len(names) > 1 else np.array([0.5])
        height = ranks + 0.0
        for case in range(len(ranks)):
            mine = [(steps[case, j] + inner[j], height[case, j]) for j in range(len(names))
                    if 0 <= steps[case, j] < shown]  # fmt: skip
            mine.sort()
            top.plot(*zip(*mine, strict=True), color=INK, lw=0.35, alpha=0.22, zorder=1)
        for j, name in enumerate(names):
            here = (steps[:, j] >= 0) & (steps[:, j] < shown)
            top.plot(steps[here, j] + inner[j], height[here, j], ls="none", marker=mark[name],
                     ms=3.0, mfc=tone[name], mec=PAPER, mew=0.3, zorder=3,
                     label=plain(name, 24))  # fmt: skip
            bars = [int((steps[:, j] == place).sum()) for place in range(shown)]
            bottom.bar(np.arange(shown) + inner[j], bars, 0.7 / max(2, len(names)),
                       color=tone[name])  # fmt: skip
        for axes in (top, bottom):
            for place in range(shown + 1):
                axes.axvline(place, color=INK, lw=0.6, alpha=QUIET)
            axes.grid(visible=False, axis="x")
            axes.set_xlim(0, shown)
        top.tick_params(bottom=False, labelbottom=False)
        top.invert_yaxis()
        top.set_ylabel("rank in the case")
        bottom.set_ylabel(f"cases (of {len(ranks)})")
        bottom.tick_params(axis="x", length=0)
        bottom.set_xticks(np.arange(shown) + 0.5, [str(place + 1) for place in range(shown)])
        left = len(names) - shown
        bottom.set_xlabel("place" + (f" (places after {shown} not drawn)" if left > 0 else ""))
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
        axes.set_xlabel(
            f"rank in {int(counts[0].sum())} resamples of the patients\n"
            "(area: share; line: 95 %; cross: median; ring: all cases)"
        )
        if title:
            axes.set_title(plain(title, 80))
        return figure


def significance_map(
    names: Sequence[str],
    p_matrix: ArrayLike,
    *,
    alpha: float = 0.05,
    one_sided: bool = True,
    title: str = "",
    width_mm: float = COLUMN_MM,
) -> Figure:
    """Which row is significantly better than which column.

    Args:
        names: The methods, best first.
        p_matrix: ``(method, method)``: p of the row being better than the column, corrected for
            their number; NaN where no test was made, drawn as a dash.
        alpha: Below it, or at it, a difference is significant.
        one_sided: False if the p are of a difference either way: the words then say so.
        title: Stands above.
        width_mm: Of the figure.
    """
    p = np.asarray(p_matrix, dtype=np.float64).reshape(len(names), len(names)).copy()
    np.fill_diagonal(p, np.nan)
    with settings():
        if np.isnan(p).all():
            return nothing(title or "significance", "no two methods were tested", width_mm)
        verb = "significantly better than" if one_sided else "significantly different from"
        said = [f"{plain(a)} {verb} {', '.join(plain(names[j]) for j in np.flatnonzero(p[i] <= alpha))}"
                for i, a in enumerate(names) if (p[i] <= alpha).any()]  # fmt: skip
        words = "Significance map. " + ("; ".join(said) or "No difference is significant") + "."
        figure = sheet(title or "Significance", words, width_mm, 24 + width_mm * 0.75)
        axes = figure.add_subplot()
        k = len(names)
        small = SMALL if k <= 9 else 4.5
        for i in range(k):
            for j in range(k):
                value = p[i, j]
                if np.isnan(value):
                    if i != j:
                        axes.text(j, i, "–", ha="center", va="center", color=MUTED)  # noqa: RUF001
                    continue
                hit = value <= alpha
                axes.fill([j - 0.48, j + 0.48, j + 0.48, j - 0.48],
                          [i - 0.48, i - 0.48, i + 0.48, i + 0.48],
                          color=PALETTE[1] if hit else PALETTE[4], alpha=0.85 if hit else 0.14,
                          lw=0)  # fmt: skip
                if k <= 15:
                    axes.text(j, i, _p(value), ha="center", va="center", fontsize=small,
                              color="#10131a" if hit else INK)  # fmt: skip
        axes.set_xlim(-0.5, k - 0.5)
        axes.set_ylim(k - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(k), [plain(name, 24) for name in names], rotation=90)
        axes.set_yticks(range(k), [plain(name, 24) for name in names])
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(f"orange: the row is {verb} the column (p ≤ {alpha:g})")
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"


def _places(ranks: NDArray[np.float64]) -> NDArray[np.int64]:
    """``(case, method)``: 0 for the best of the case; ties in the order of the columns."""
    order = np.argsort(np.where(np.isnan(ranks), np.inf, ranks), axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable")
