"""Who is significantly better than whom, as a map (after challengeR)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .style import COLUMN_MM, INK, MUTED, PALETTE, SMALL, nothing, plain, settings, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["significance_map"]


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
        worse = {a: [plain(b) for j, b in enumerate(names) if p[i, j] <= alpha]
                 for i, a in enumerate(names)}  # fmt: skip
        said = [f"{plain(a)} {verb} {', '.join(them)}" for a, them in worse.items() if them]
        words = "Significance map. " + ("; ".join(said) or "No difference is significant") + "."
        figure = sheet(title or "Significance", words, width_mm, 24 + width_mm * 0.75)
        axes = figure.add_subplot()
        k = len(names)
        # Numbers only where a square is wide enough for them.
        square = width_mm * 0.72 / k
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
                if square >= 7:
                    axes.text(j, i, _p(value), ha="center", va="center", fontsize=SMALL,
                              color="#10131a" if hit else INK)  # fmt: skip
        axes.set_xlim(-0.5, k - 0.5)
        axes.set_ylim(k - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(k), [plain(name, 24) for name in names], rotation=90)
        axes.set_yticks(range(k), [plain(name, 24) for name in names])
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        figure.supxlabel(
            f"orange: the row is {verb}\nthe column (p ≤ {alpha:g})", fontsize=SMALL, color=MUTED
        )
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 0.9995 else "1"
