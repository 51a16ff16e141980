"""How all figures look: sizes, colours, marks, and words that cannot become markup.

Figures are drawn through matplotlib's objects (``Figure`` and its canvas), never through pyplot's
state. Everything is drawn between :func:`sheet` and :func:`benchmark.figures.save`, both under the
same settings, so that a user's ``matplotlibrc`` changes nothing. Mathematics in text is off
everywhere: names of methods are a stranger's, and a dollar sign in one is a dollar sign.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLUMN_MM", "MARKS", "PAGE_MM", "PALETTE", "colours", "marks", "plain"]

#: Widths of a journal's column and page.
COLUMN_MM = 85.0
PAGE_MM = 174.0
_INCH = 25.4

#: Eight colours at least .119 apart in OKLab for everybody (without, and with any of the three
#: dichromacies, Machado et al. 2009), all with contrast 2.6 or more on white and on a dark page.
PALETTE = ("#1849ff", "#ff7918", "#c20000", "#4992ff", "#556161", "#c29292", "#863daa", "#9e6daa")
#: A ninth method takes the first colour again with the second mark.
MARKS = ("o", "s", "^", "D", "v", "P", "X")

#: Text and lines. No colour of the palette, so that :func:`.output.svg_text` can make it the
#: page's own; and what lies behind everything, which is the page's too.
INK = "#1b1f24"
PAPER = "#fdfefe"
#: Of what stands back: grids, shares that nobody asked for.
QUIET = 0.16
MUTED = "#6a7078"

FONT = 7.0  # points; 7 is what journals take at least
SMALL = 6.0

#: Matplotlib brings the first; the others are for browsers without it, and no wider.
FAMILIES = ("DejaVu Sans", "Verdana", "Segoe UI", "Roboto", "Helvetica", "Arial")

#: Names longer than this lose their middle.
LONGEST = 34

#: What a screen reader says of a figure: (title, description).
WORDS: WeakKeyDictionary[Figure, tuple[str, str]] = WeakKeyDictionary()


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, by its place in the sorted names: the order given does not matter."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(sorted(set(names)))}


def marks(names: Iterable[str]) -> dict[str, str]:
    """A mark for each name: with its colour it is the name's alone, up to 56 names."""
    places = enumerate(sorted(set(names)))
    return {name: MARKS[i // len(PALETTE) % len(MARKS)] for i, name in places}


def plain(text: object, longest: int = LONGEST) -> str:
    """``text`` on one line, without control characters, its middle left out if it is too long."""
    flat = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)
    if len(shown) <= longest:
        return shown
    head = (longest - 1) * 2 // 3
    return shown[:head] + "\N{HORIZONTAL ELLIPSIS}" + shown[head + 1 - longest :]


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's own defaults with ours above them, and back to the user's afterwards."""
    import matplotlib as mpl

    # rc_context never gives the backend back, and nothing here needs one.
    kept = {"backend", "backend_fallback", "interactive", "toolbar", "timezone"}
    with mpl.rc_context(), warnings.catch_warnings():
        # A name in letters that DejaVu lacks: a box in a PNG, the letters themselves in an SVG.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        ours: Any = {k: v for k, v in mpl.rcParamsDefault.items() if k not in kept} | _STYLE
        mpl.rcParams.update(ours)
        yield


_STYLE: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": list(FAMILIES),
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.titleweight": "bold",
    "axes.labelsize": FONT,
    "xtick.labelsize": FONT,
    "ytick.labelsize": FONT,
    "legend.fontsize": FONT,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 0.9,
    "lines.markersize": 3.0,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.5,
    "grid.color": INK,
    "grid.alpha": QUIET,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "auto",
    "svg.hashsalt": "scarbench",
    # Text as text: a third of the size of outlines, searchable, and read by screen readers.
    "svg.fonttype": "none",
}


def sheet(title: str, description: str, width_mm: float, height_mm: float) -> Figure:
    """An empty figure of that size; the words are for those who cannot see it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (width_mm / _INCH, height_mm / _INCH)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    WORDS[figure] = (title, description)
    return figure


def settle(figure: Figure) -> None:
    """Lay the figure out once and for all: drawn again, at any resolution, it stays as it is."""
    engine = figure.get_layout_engine()
    if engine is not None:
        if figure.axes:
            engine.execute(figure)  # drawing it would do the same, and then draw it for nobody
        figure.set_layout_engine("none")


def nothing(title: str, reason: str, width_mm: float = COLUMN_MM) -> Figure:
    """What stands for a figure that has nothing to show: the reason, legible."""
    import textwrap

    figure = sheet(title, f"Nothing to draw: {reason}", width_mm, 24)
    words = textwrap.fill(f"Nothing to draw: {reason}.", int(width_mm * 0.7))
    figure.text(0.5, 0.5, words, ha="center", va="center", color=INK)
    return figure


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Names down the left side, first on top, without ticks."""
    axes.set_yticks(range(len(labels)), list(labels))
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def with_unit(label: str, unit: str = "", note: str = "") -> str:
    """``label (unit, note)``, whatever of it there is."""
    inside = ", ".join(part for part in (unit, note) if part)
    return f"{label} ({inside})" if inside else label


def log_axis(axes: Axes, which: str) -> None:
    """A logarithmic axis whose numbers are plain: matplotlib's own write powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    decades = abs(_log10(high) - _log10(low))
    steps = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())


def _log10(value: float) -> float:
    import math

    return math.log10(value) if value > 0 else 0.0


def short(value: float) -> str:
    """A number for an axis: ``0.01``, ``250``, ``1.5 k``, ``2 M``."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == ' k' else size):g}{letter}"
    if 0 < abs(value) < 1e-3:
        return f"{value:.12f}".rstrip("0")
    return f"{value:.4g}"
