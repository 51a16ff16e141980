"""A paper's figures from runs: drawn only when they are asked for, as drawing takes a while.

Where a figure of the paper has panels, each of them is a figure of its own here ("3a").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BenchError, DataError
from .published import Paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Drawn", "PaperFigure", "draw_all", "figures_of"]


#: How the number of a figure begins that the paper has: "3a", "A1".
_NUMBER = re.compile(r"[A-Z]?\d")


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper, or a panel of one.

    Attributes:
        number: What the paper calls it: "3", or "3a" of a panel; of a figure that the paper does
            not have, a name such as "Dice classes".
        title: What it shows.
        note: What ours is, and where it differs in kind from the paper's.
        draw: Draws it; None where it cannot be drawn.
        missing: Why it cannot be.
        command: What to type to have it.
    """

    number: str
    title: str
    note: str = ""
    draw: Callable[[], Figure] | None = None
    missing: str = ""
    command: str = ""

    @property
    def name(self) -> str:
        """Such as ``Figure 3a``."""
        return f"Figure {self.number}" if _NUMBER.match(self.number) else self.number

    @property
    def stem(self) -> str:
        """What its files are called behind the paper's name, such as ``fig3a``."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", self.number)
        return f"fig{plain}" if _NUMBER.match(self.number) else plain.lower()

    @property
    def why_not(self) -> str:
        """Why it is not drawn; "" where it can be."""
        if self.draw is not None:
            return ""
        if self.command:
            return f"not drawn: no run yet; run: {self.command}"
        return f"not drawn: {self.missing or 'no reason is known'}"


@dataclass(frozen=True)
class Drawn:
    """What became of a figure.

    Attributes:
        figure: Which.
        files: What was written.
        why_not: Why nothing was.
    """

    figure: PaperFigure
    files: tuple[Path, ...] = ()
    why_not: str = ""


def figures_of(
    paper: Paper, ours: Mapping[str, PaperFigure | Sequence[PaperFigure]]
) -> tuple[PaperFigure, ...]:
    """All figures of the paper in its order, each drawn by us or with the reason why not.

    Args:
        paper: Whose.
        ours: By the number of the published figure, what is drawn of it, by panels where there
            are some.

    Raises:
        KeyError: ``ours`` has none for a figure of numbers, or one of a figure that is not there.
    """
    strange = ours.keys() - paper.figures.keys()
    if strange:
        raise KeyError(f"{paper.name} has no figure {', '.join(sorted(strange))}")
    found: list[PaperFigure] = []
    for number, published in paper.figures.items():
        if published.unquantitative and number not in ours:
            reason = f"not quantitative ({published.unquantitative})"
            found.append(PaperFigure(number, published.title, missing=reason))
            continue
        own = ours[number]
        found += [own] if isinstance(own, PaperFigure) else own
    return tuple(found)


def draw_all(paper: str, figures: Sequence[PaperFigure], folder: Path) -> Iterator[Drawn]:
    """Draw every figure that can be drawn into ``<paper>-fig<number>.png`` and ``.svg``.

    Args:
        paper: The paper's short name.
        figures: Of :class:`~benchmark.papers.layout.PaperReport`.
        folder: Where to; made where it is not there.

    Yields:
        One for each figure, when it is written. Data that a figure cannot be made of are the
        reason why it is not drawn, and the others are.

    Raises:
        DataError: The folder cannot be made.
    """
    from ..figures import save

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} is no folder to draw into: {error}.", "Name another.") from error
    for figure in figures:
        if figure.draw is None:
            yield Drawn(figure, why_not=figure.why_not)
            continue
        try:
            drawing = figure.draw()
        except BenchError as error:
            yield Drawn(figure, why_not=f"not drawn: {error}")
            continue
        files = tuple(folder / f"{paper}-{figure.stem}.{end}" for end in ("png", "svg"))
        for path in files:
            save(drawing, path)
        yield Drawn(figure, files)
