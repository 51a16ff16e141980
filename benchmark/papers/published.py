"""What a paper prints, as data: each number with the words it was read from.

The numbers stand in ``<paper>.toml`` beside this module. A cell that the paper leaves empty, or
shows in a figure only, has no value; so has one whose reading stays in doubt.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from ..errors import UsageError, near_misses

__all__ = ["NOT_PUBLISHED", "Better", "Paper", "Prose", "Published", "PublishedFigure",
           "PublishedRow", "PublishedTable", "known_papers", "load"]  # fmt: skip

#: What a cell without a value says.
NOT_PUBLISHED = "not published as a number"
Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Published:
    """A published cell.

    Attributes:
        value: The number; None where none is printed, or it cannot be read with certainty.
        quote: The words it was read from, verbatim, with its neighbours.
        read_from: How those words have the number, where they garble it.
        spread: What stands beside it in brackets (a standard deviation, an interquartile range).
        low, high: The ends of its interval, where one is printed.
        note: What a reader of the number should know.
        text: The number with as many decimals as are printed.
        relation: ``<`` or ``>`` where no more than a bound is printed.
        printed: ``spread``, ``low`` and ``high`` as they are printed, where they are.
    """

    value: float | None
    quote: str = ""
    read_from: str = ""
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    text: str = ""
    relation: str = ""
    printed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table: its cells by column."""

    name: str
    title: str
    better: Better
    digits: int
    cells: Mapping[str, Published]


@dataclass(frozen=True)
class PublishedTable:
    """A published table.

    Attributes:
        number: What the paper calls it.
        title: What it shows.
        columns: Title by name, in order.
        rows: By name, in order.
        tested: Whether the paper marks its cells with letters of significance.
    """

    number: str
    title: str
    columns: Mapping[str, str]
    rows: Mapping[str, PublishedRow]
    tested: bool = False

    def cell(self, row: str, column: str) -> Published:
        """The cell; one without a value where nothing is printed."""
        return self.rows[row].cells.get(column, Published(None))


@dataclass(frozen=True)
class PublishedFigure:
    """A published figure.

    Attributes:
        number: What the paper calls it.
        title: What it shows.
        quote: How its legend begins, verbatim; "" where the text of the paper has lost it.
        unquantitative: Why it cannot be drawn from numbers: it shows images, or a diagram. ""
            where it can.
    """

    number: str
    title: str
    quote: str = ""
    unquantitative: str = ""


@dataclass(frozen=True)
class Prose:
    """A number of the running text, and the cell it repeats.

    Attributes:
        table, row, column: Which cell.
        part: ``value`` or ``spread`` of it.
        value: As the text has it, often with more or fewer decimals.
        quote: Its words, verbatim.
    """

    table: str
    row: str
    column: str
    part: Literal["value", "spread"]
    value: float
    quote: str


@dataclass(frozen=True)
class Paper:
    """All of a paper's numbers.

    Attributes:
        name: Its short name.
        citation: Where it appeared.
        data: What its numbers were measured on.
        tables: By number, in order.
        prose: What the text says of them.
        figures: By number, in order.
    """

    name: str
    citation: str
    data: str
    tables: Mapping[str, PublishedTable]
    prose: tuple[Prose, ...]
    figures: Mapping[str, PublishedFigure] = field(default_factory=dict)


def known_papers() -> list[str]:
    """Short names of the papers whose numbers are kept."""
    names = (entry.name for entry in files(__package__).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


@cache
def load(name: str) -> Paper:
    """The numbers of a paper.

    Raises:
        UsageError: There is no such paper.
    """
    if name not in known_papers():
        raise UsageError(f"There is no paper {name!r}.", near_misses(name, known_papers()))
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    # As text: 86.40 is printed with two decimals, which a float forgets.
    content = tomllib.loads(text, parse_float=str)
    return Paper(
        name=content["paper"],
        citation=content["citation"],
        data=content["data"],
        tables={table["number"]: _table(table) for table in content["table"]},
        prose=tuple(
            Prose(p["table"], p["row"], p["column"], p.get("part", "value"), float(p["value"]),
                  p["quote"])
            for p in content.get("prose", ())
        ),
        figures={f["number"]: PublishedFigure(**f) for f in content.get("figure", ())},
    )  # fmt: skip


def _table(content: Mapping[str, Any]) -> PublishedTable:
    rows = {}
    for row in content["row"]:
        cells = {column: _cell(cell, row["quote"]) for column, cell in row["cells"].items()}
        digits = row.get("digits", 2)
        title, better = row["title"], row.get("better", "")
        rows[row["name"]] = PublishedRow(row["name"], title, better, digits, cells)
    return PublishedTable(
        content["number"], content["title"], content["columns"], rows, content.get("tested", False)
    )


def _cell(content: Any, quote: str) -> Published:
    if not isinstance(content, dict):
        content = {"value": content}
    numbers = {
        part: None if part not in content else float(content[part])
        for part in ("value", "spread", "low", "high")
    }
    return Published(
        quote=content.get("quote", quote),
        read_from=content.get("as", ""),
        note=content.get("note", ""),
        text=str(content.get("value", "")),
        relation=content.get("relation", ""),
        printed={name: str(content[name]) for name in ("spread", "low", "high") if name in content},
        **numbers,
    )
