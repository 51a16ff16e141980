"""A paper's table in a terminal: what is too wide for one table stands in several, by columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table
    from rich.text import Text

__all__ = ["Wide"]

#: A cell of more characters may be broken, between words: an interval has these.
_WHOLE = 12
#: So wide a row's name may ask to be before it is broken.
_NAMED = 22
#: What a column takes beside its text: two spaces and a line.
_EDGE = 3


@dataclass(frozen=True)
class Wide:
    """A table that rich prints with every number readable, however narrow the terminal.

    A number broken within itself ("[0.6", "6,", "0.96") is misread; so no column is ever narrower
    than its longest word, and columns that do not fit beside each other follow below, each part
    with the names of the rows.

    Attributes:
        title: What stands above.
        header: Of each column; a column called ``published`` stays with the one before it.
        lines: Cells by row.
    """

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """One table, or several of some columns each."""
        from rich.table import Table
        from rich.text import Text

        yield Text(self.title, style="bold italic")
        for columns in self.parts(options.max_width):
            view = Table()
            for i, width in self._widths((0, *columns), options.max_width).items():
                view.add_column(
                    Text(self.header[i]), justify="right" if i else "left", overflow="fold",
                    style="dim" if self.header[i] == "published" else "", width=width,
                )  # fmt: skip
            for line in self.lines:
                view.add_row(*(Text(line[i]) for i in (0, *columns)))
            yield view

    def parts(self, width: int) -> list[list[int]]:
        """Which columns stand in which table, the first one's beside them in all."""
        groups: list[list[int]] = []
        for i in range(1, len(self.header)):
            if self.header[i] == "published" and groups:
                groups[-1].append(i)
            else:
                groups.append([i])
        left = width - 1 - self._least(0) - _EDGE
        found: list[list[int]] = []
        used = 0
        for group in groups:
            needs = sum(self._least(i) + _EDGE for i in group)
            if found and used + needs <= left:
                found[-1] += group
                used += needs
            else:
                found.append(list(group))
                used = needs
        return found

    def _widths(self, columns: Sequence[int], width: int) -> dict[int, int]:
        """Characters of each column: what it needs, and of what is left as much as it has use for.

        rich shares out the room by how long the cells are, and would break a number for it.
        """
        found = {i: self._least(i) for i in columns}
        longest = {i: max(len(self.header[i]), *(len(line[i]) for line in self.lines), 1)
                   for i in columns}  # fmt: skip
        left = width - 1 - sum(one + _EDGE for one in found.values())
        while left > 0 and (wanting := [i for i in columns if found[i] < longest[i]]):
            for i in wanting[:left]:
                found[i] += 1
            left -= len(wanting)
        return found

    def _least(self, column: int) -> int:
        """Characters below which a column cannot be read."""
        most = _WHOLE if column else _NAMED
        cells = [line[column] for line in self.lines]
        words = [word for cell in (self.header[column], *cells) for word in cell.split()]
        return max(1, min(most, max(map(len, cells), default=0)), *map(len, words))
