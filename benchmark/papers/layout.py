"""A paper's table filled from runs: our number and the published one in every cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..text import NONE, interval_text, number
from .drawing import PaperFigure
from .published import NOT_PUBLISHED, Paper, Published, PublishedRow, PublishedTable

__all__ = ["Cell", "Filled", "PaperReport", "shown", "shown_published"]


@dataclass(frozen=True)
class Cell:
    """What runs say of one cell.

    Attributes:
        value: The number; None where there is none.
        spread: What the paper prints beside it in brackets.
        low, high: Its 95 % interval, None where it was not estimated; or what else the table's
            ``ends`` says.
        n: Over how many samples.
        missing: Why there is no number.
        command: What to type to have it.
        letters: The compact letters of significance, where the paper has some: groups that share
            a letter do not differ. Empty while they are not computed.
        text: Shown instead of the number, of what is no single one.
    """

    value: float | None = None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    missing: str = ""
    command: str = ""
    letters: str = ""
    text: str = ""


@dataclass(frozen=True)
class Filled:
    """A published table with our cells.

    Attributes:
        published: The table as it was printed.
        cells: Ours by row and column; what is not here is missing without a reason.
        notes: What our cells are, and where they differ in kind from the paper's.
        filled_by: Which runs fill which column, in words.
        intervals: Whether an interval is part of the cell in the paper too.
        columns: Titles by column, where ours are more or others than the paper's.
        ours_only: Columns that the paper has no counterpart of, shown without a published number.
        ends: What ``low`` and ``high`` of its cells are.
    """

    published: PublishedTable
    cells: Mapping[tuple[str, str], Cell]
    notes: tuple[str, ...] = ()
    filled_by: Mapping[str, str] = field(default_factory=dict)
    intervals: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    ours_only: Collection[str] = ()
    ends: str = "95 % interval"

    @property
    def titles(self) -> Mapping[str, str]:
        """Title of each column by name."""
        return self.columns or self.published.columns

    def cell(self, row: str, column: str) -> Cell:
        """Ours."""
        return self.cells.get((row, column), Cell())

    def pairs(self) -> Iterator[tuple[PublishedRow, str, Cell, Published]]:
        """Every cell, by row: row, column, ours, published."""
        for row in self.published.rows.values():
            for column in self.titles:
                yield (
                    row,
                    column,
                    self.cell(row.name, column),
                    self.published.cell(row.name, column),
                )

    def commands(self) -> list[str]:
        """What to type for the cells that no run fills, in their order."""
        return list(dict.fromkeys(ours.command for _, _, ours, _ in self.pairs() if ours.command))


@dataclass(frozen=True)
class PaperReport:
    """All tables and figures of a paper.

    Attributes:
        paper: The paper.
        head: What must be said above them.
        tables: In the paper's order.
        figures: In the paper's order, those that cannot be drawn among them.
    """

    paper: Paper
    head: tuple[str, ...]
    tables: tuple[Filled, ...]
    figures: tuple[PaperFigure, ...] = ()

    @property
    def caution(self) -> str:
        """What must be said with every table."""
        return f"Published on other data: {self.paper.data}."


def shown(cell: Cell, row: PublishedRow, table: Filled, *, intervals: bool = False) -> str:
    """Our cell as text.

    Args:
        cell: Which.
        row: Its row, which says how many decimals.
        table: Its table.
        intervals: Whether to show intervals where the paper has none.
    """
    if cell.command:
        return f"run ({table.commands().index(cell.command) + 1})"
    if cell.text:
        return cell.text
    if cell.value is None:
        return cell.missing or NONE
    digits = 0 if row.name.startswith("n_") else row.digits
    # Apart from the number: "86.25b" was read as 86256 once.
    parts = [number(cell.value, digits), cell.letters]
    if cell.spread is not None:
        parts.append(f"({number(cell.spread, digits)})")
    if intervals or table.intervals:
        parts.append(interval_text(cell.low, cell.high, digits))
    return " ".join(filter(None, parts))


def shown_published(cell: Published) -> str:
    """The published cell as text, with the decimals it is printed with."""
    if cell.value is None:
        return NOT_PUBLISHED
    parts = [f"{cell.relation} {cell.text}".strip()]
    if cell.spread is not None:
        parts.append(f"({cell.printed['spread']})")
    if cell.low is not None and cell.high is not None:
        parts.append(f"[{cell.printed['low']}, {cell.printed['high']}]")
    return " ".join(parts)
