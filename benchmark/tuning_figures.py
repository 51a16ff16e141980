"""How a search went and what mattered, as PNG and SVG; the same trials give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import replacing
from .importance import Importance
from .ranges import Range
from .trials import Trial, best_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_history", "draw_importance"]

# Okabe and Ito's colours: told apart by everybody.
_COLOURS = {"given": "#D55E00", "random": "#999999", "model": "#0072B2"}
_MARKS = {"given": "D", "random": "o", "model": "o"}
_NAMES = {"given": "without a search", "random": "random", "model": "Gaussian process"}
_BEST = "#009E73"
_PALE = "#9CC4DC"


def draw_history(
    stem: Path, trials: tuple[Trial, ...], space: Mapping[str, Range], higher: bool, what: str
) -> list[Path]:
    """Value by trial with the best so far, and by each parameter; gives the files written.

    Args:
        stem: Path of the files without suffix.
        trials: Failed ones are crosses at the edge.
        space: What was searched: a small panel each.
        higher: Whether the greater value is the better.
        what: Name of the value.
    """
    across = min(4, len(space))
    down = -(-len(space) // across)
    with _figure(stem, (9.0, 3.4 + 2.3 * down)) as (figure, written):
        grid = figure.add_gridspec(1 + down, across, height_ratios=[3.1] + [2.0] * down)
        axes = figure.add_subplot(grid[0, :])
        _by_number(axes, trials, higher)
        axes.set(xlabel="trial", ylabel=what)
        top = axes.get_ylim()
        for k, (name, one) in enumerate(space.items()):
            small = figure.add_subplot(grid[1 + k // across, k % across])
            _by_parameter(small, trials, name, one, best_of(trials, higher))
            small.set_ylim(top)
            small.set_xlabel(name)
            if k % across:
                small.tick_params(labelleft=False)
            else:
                small.set_ylabel(what)
    return written


def _height(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value


def _by_number(axes: Axes, trials: tuple[Trial, ...], higher: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    done = [trial for trial in trials if trial.value is not None]
    for source, colour in _COLOURS.items():
        mine = [trial for trial in done if trial.source == source]
        if mine:
            axes.scatter([t.number for t in mine], [_height(t) for t in mine], s=32, color=colour,
                         marker=_MARKS[source], zorder=3, label=_NAMES[source])  # fmt: skip
    best = [best_of(trials[: i + 1], higher) for i in range(len(trials))]
    line = [(t.number, b.value) for t, b in zip(trials, best, strict=True) if b is not None]
    if line:
        axes.step(*zip(*line, strict=True), where="post", color=_BEST, lw=1.6, label="best so far")
    failed = [trial.number for trial in trials if trial.value is None]
    if failed:
        axes.scatter(failed, [0.02] * len(failed), marker="x", s=36, color="black", zorder=3,
                     transform=axes.get_xaxis_transform(), label="failed")  # fmt: skip
    axes.set_xlim(0.3, len(trials) + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.1)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, frameon=False)


def _by_parameter(
    axes: Axes, trials: tuple[Trial, ...], name: str, one: Range, best: Trial | None
) -> None:
    at = one.choices.index if one.choices else float
    for trial in trials:
        if trial.value is not None:
            is_best = trial is best
            axes.scatter(at(trial.parameters[name]), trial.value, s=60 if is_best else 18,
                         marker="*" if is_best else _MARKS[trial.source],
                         color=_BEST if is_best else _COLOURS[trial.source],
                         zorder=4 if is_best else 3)  # fmt: skip
    failed = [at(trial.parameters[name]) for trial in trials if trial.value is None]
    axes.scatter(failed, [0.04] * len(failed), marker="x", s=18, color="black", zorder=3,
                 transform=axes.get_xaxis_transform())  # fmt: skip
    if one.choices:
        axes.set_xticks(range(len(one.choices)), [str(choice) for choice in one.choices])
        axes.set_xlim(-0.5, len(one.choices) - 0.5)
        return
    assert one.low is not None
    assert one.high is not None
    if one.log:
        axes.set_xscale("log")
        edge = (one.high / one.low) ** 0.04
        axes.set_xlim(one.low / edge, one.high * edge)
    else:
        edge = (one.high - one.low) * 0.04
        axes.set_xlim(one.low - edge, one.high + edge)


def draw_importance(stem: Path, found: Importance, what: str) -> list[Path]:
    """A bar for each parameter: its share alone, and with what it makes together with others."""
    names = list(found.shares)
    with _figure(stem, (7.0, 1.5 + 0.42 * len(names))) as (figure, written):
        axes = figure.add_subplot()
        rows = range(len(names))
        shares = [found.shares[name] for name in names]
        axes.barh(rows, [100 * s.total for s in shares], color=_PALE, height=0.62,
                  label="with other parameters")  # fmt: skip
        axes.barh(rows, [100 * s.alone for s in shares], color=_COLOURS["model"], height=0.62,
                  label="alone")  # fmt: skip
        for row, share in zip(rows, shares, strict=True):
            axes.annotate(f"{100 * share.total:.0f} %", (100 * share.total, row), (4, 0),
                          textcoords="offset points", va="center")  # fmt: skip
        axes.set_yticks(rows, names)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(
            f"share of the variance of {what} over the whole space, %\n"
            f"by a model of {found.trials} trials that foretells "
            f"{100 * max(found.explained, 0):.0f} % of the variance of unseen ones"
        )
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return written


@contextmanager
def _figure(stem: Path, size: tuple[float, float]) -> Iterator[tuple[Any, list[Path]]]:
    """A figure that is written as PNG and SVG when it is drawn."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
             "axes.grid": True, "grid.color": "#e6e6e6", "axes.axisbelow": True,
             # no random ids, and text as text
             "svg.hashsalt": "scarbench", "svg.fonttype": "none"}  # fmt: skip
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        written: list[Path] = []
        yield figure, written
        for suffix, meta in ((".png", {"Software": None}), (".svg", {"Date": None})):
            path = stem.with_suffix(suffix)
            with replacing(path) as temporary:
                figure.savefig(temporary, format=suffix[1:], dpi=150, metadata=meta)
            written.append(path)
