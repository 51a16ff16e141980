"""Shares of cases in named classes, stacked: poor to excellent Dice, as fahmy2020 classes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .style import INK, MUTED, PAGE_MM, PAPER, SMALL, name_rows, nothing, plain, settings, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["stacked_classes"]

#: From bad to good: dark orange over pale to dark blue; what is undefined is hatched.
_TONES = ("#c2500a", "#f0b27a", "#8fb4e0", "#1f4fa8")
_BEHIND = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
_ON = ("#ffffff", "#10131a", "#10131a", "#ffffff")


def stacked_classes(
    counts: Mapping[str, Mapping[str, float]],
    *,
    undefined: Mapping[str, int] | None = None,
    label: str = "Dice class",
    title: str = "",
    width_mm: float = PAGE_MM * 0.7,
) -> Figure:
    """A bar per method, all of 100 %, divided by how many cases are in which class.

    Args:
        counts: By method, cases by class, worst class first and the same in all; fractions arise
            from averaging over seeds.
        undefined: Cases by method that are in no class: a hatched part of the bar.
        label: What the classes are of.
        title: Stands above.
        width_mm: Of the figure.
    """
    undefined = undefined or {}
    with settings():
        classes = list(dict.fromkeys(name for row in counts.values() for name in row))
        totals = {name: sum(row.values()) + undefined.get(name, 0) for name, row in counts.items()}
        if not any(totals.values()):
            return nothing(title or label, "no case is in any class", width_mm)
        said = "; ".join(
            f"{plain(name)} (n = {totals[name]:g}): "
            + ", ".join(f"{c} {100 * row.get(c, 0) / totals[name]:.0f} %" for c in classes)
            for name, row in counts.items()
            if totals[name]
        )
        figure = sheet(title or label, f"Stacked bars of {label}. {said}.", width_mm,
                       22 + 6.2 * len(counts))  # fmt: skip
        axes = figure.add_subplot()
        name_rows(axes, [f"{plain(name)} (n = {totals[name]:g})" for name in counts])
        tones = _tones(len(classes))
        parts: list[tuple[str, str | None, str]] = [
            (name, tone, on) for name, (tone, on) in zip(classes, tones, strict=True)
        ]
        if any(undefined.values()):
            parts.append(("undefined", None, INK))
        for i, (method, row) in enumerate(counts.items()):
            if not totals[method]:
                axes.text(1, i, "no case", va="center", fontsize=SMALL, color=MUTED)
                continue
            left = 0.0
            for name, tone, on in parts:
                n = undefined.get(method, 0) if tone is None else row.get(name, 0)
                share = 100 * n / totals[method]
                if not share:
                    continue
                style: Any = (
                    {"color": tone} if tone else {"fc": "none", "ec": MUTED, "hatch": "////"}
                )
                axes.barh(i, share, 0.72, left, lw=0.4, **style)
                if share >= 5:
                    on = INK if tone is None else on
                    axes.text(left + share / 2, i, f"{share:.0f}", ha="center", va="center",
                              fontsize=SMALL, color=on,
                              bbox=None if tone else _BEHIND)  # fmt: skip
                left += share
        for name, tone, _ in parts:
            style = {"color": tone} if tone else {"fc": "none", "ec": MUTED, "hatch": "////"}
            axes.barh([0], [0], label=plain(name), **style)
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"cases by {label} (%)")
        figure.legend(loc="outside upper center", ncols=len(parts))
        if title:
            axes.set_title(plain(title, 80))
        return figure


def _tones(n: int) -> list[tuple[str, str]]:
    """Colours from bad to good, with the colour of text on them."""
    if n <= len(_TONES):
        chosen = {0: (), 1: (3,), 2: (0, 3), 3: (0, 2, 3), 4: (0, 1, 2, 3)}[n]
        return [(_TONES[i], _ON[i]) for i in chosen]
    from matplotlib import colormaps
    from matplotlib.colors import rgb2hex

    steps = [i / (n - 1) for i in range(n)]
    return [(rgb2hex(colormaps["cividis"](s)), "#ffffff" if s < 0.5 else "#10131a") for s in steps]
