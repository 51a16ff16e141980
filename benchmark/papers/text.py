"""A paper's tables as Markdown, LaTeX, CSV and for a terminal: beside each number the published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..text import NONE, csv_table, latex_text, markdown_cell, markdown_table
from .drawing_text import latex_figures, markdown_figures, plain_figures, state
from .layout import Cell, Filled, PaperReport, shown, shown_published
from .published import NOT_PUBLISHED, PublishedRow

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["WRITERS", "csv_text", "latex", "markdown", "rich_view"]

#: Path of the drawing by the number of a figure: none is drawn.
_NONE_DRAWN: Mapping[str, str] = {}
_ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}


def markdown(
    report: PaperReport, *, intervals: bool = False, pictures: Mapping[str, str] = _NONE_DRAWN
) -> str:
    """The whole report, GitHub-flavoured.

    Args:
        report: What to write.
        intervals: Whether to show 95 % intervals where the paper has none.
        pictures: Path of the drawing by the number of a figure, of those that were drawn.
    """
    out = [f"# {markdown_cell(report.head[0])}\n\n"]
    out += [f"{markdown_cell(line)}  \n" for line in report.head[1:]]
    for table in report.tables:
        out.append(f"\n## {markdown_cell(_heading(table))}\n\n")
        rows = [
            [markdown_cell(cell) for cell in line] for line in _lines(table, intervals=intervals)
        ]
        out += [markdown_table(list(map(markdown_cell, _header(table))), rows), "\n"]
        out += [f"{markdown_cell(note)}  \n" for note in _notes(report, table)]
        # As code, so that they can be copied as they are; a backtick would end it.
        out += [f"({i}) run: `{text.replace('`', '')}`  \n" for i, text in _commands(table)]
    out.append(markdown_figures(report.figures, pictures))
    return "".join(out)


def csv_text(
    report: PaperReport, *, intervals: bool = True, pictures: Mapping[str, str] = _NONE_DRAWN
) -> str:
    """One line per cell, every number in full, with the words the published one was read from.

    Figures are lines without a row and a column: what became of them stands under ``missing``.
    """
    header = ["paper", "table", "row", "column", "value", "spread", "low", "high", "low_and_high",
              "n", "missing", "command", "filled_by", "letters", "published", "published_relation",
              "published_spread", "published_low", "published_high", "quote", "note",
              "published_on"]  # fmt: skip
    lines: list[list[object]] = []
    for table in report.tables:
        for row, column, ours, theirs in table.pairs():
            lines.append(
                [report.paper.name, table.published.number, row.name, column, ours.value,
                 ours.spread, ours.low, ours.high, None if ours.low is None else table.ends,
                 ours.n, ours.missing or _words(ours),
                 ours.command, table.filled_by.get(column), ours.letters, theirs.value,
                 theirs.relation, theirs.spread, theirs.low, theirs.high, theirs.quote, theirs.note
                 if theirs.value is not None else NOT_PUBLISHED, report.caution]
            )  # fmt: skip
    lines += [
        [report.paper.name, figure.name, *[None] * 8, state(figure, pictures), figure.command,
         *[None] * 8, figure.note, report.caution]
        for figure in report.figures
    ]  # fmt: skip
    return csv_table(header, lines)


def latex(
    report: PaperReport, *, intervals: bool = False, pictures: Mapping[str, str] = _NONE_DRAWN
) -> str:
    """Floats of plain LaTeX; no package is needed, but for drawings."""
    # On one line each: what follows a line's end is no comment any more.
    out = [f"% {' '.join(line.split())}\n" for line in report.head]
    for table in report.tables:
        header = _header(table)
        out += [
            "\n\\begin{table}\n\\centering\n",
            f"\\caption{{{latex_text(_heading(table))}}}\n",
            f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\hline\n",
        ]
        lines = [header, *_lines(table, intervals=intervals)]
        for i, line in enumerate(lines):
            out.append(
                " & ".join(map(latex_text, line)) + " \\\\\n" + ("\\hline\n" if not i else "")
            )
        out.append("\\hline\n\\end{tabular}\n\n")
        out += [f"{latex_text(note)}\n\n" for note in _notes(report, table)]
        out += [f"({i}) run: \\texttt{{{latex_text(text)}}}\n\n" for i, text in _commands(table)]
        out.append("\\end{table}\n")
    out.append(latex_figures(report.figures, pictures))
    return "".join(out)


def rich_view(
    report: PaperReport, *, intervals: bool = False, pictures: Mapping[str, str] = _NONE_DRAWN
) -> Group:
    """The tables for a terminal; print it with a ``rich.console.Console``, and ``crop=False``."""
    from rich.console import Group
    from rich.text import Text

    from .terminal import Wide

    parts: list[Wide | Text] = [Text(report.head[0], style="bold"), *map(Text, report.head[1:])]
    for table in report.tables:
        lines = _lines(table, intervals=intervals)
        dashed = [[NONE if cell == NOT_PUBLISHED else cell for cell in line] for line in lines]
        parts += [Text(""), Wide(_heading(table), _header(table), dashed)]
        if any(NOT_PUBLISHED in line for line in lines):
            parts.append(Text(f"{NONE}: {NOT_PUBLISHED}, or not there."))
        parts += map(Text, _notes(report, table))
        parts += [
            Text(f"({i}) run: {text}", no_wrap=True, overflow="ignore")
            for i, text in _commands(table)
        ]
    if report.figures:
        parts += [Text(""), Text("Figures", style="bold")]
        parts += [
            Text(told, no_wrap=True, overflow="ignore")
            for told in plain_figures(report.figures, pictures)
        ]
    return Group(*parts)


#: By the name that ``--format`` takes.
WRITERS: Mapping[str, Callable[..., str]] = {"markdown": markdown, "csv": csv_text, "latex": latex}


def _words(cell: Cell) -> str:
    """What a cell says in place of a number."""
    return cell.text if cell.value is None else ""


def _heading(table: Filled) -> str:
    number = table.published.number
    name = number if number.startswith(("Figure", "Text")) else f"Table {number}"
    return f"{name}. {table.published.title}"


def _header(table: Filled) -> list[str]:
    header = [""]
    for column, title in table.titles.items():
        header += (
            [f"{title}: ours"] if column in table.ours_only else [f"{title}: ours", "published"]
        )
    return header


def _lines(table: Filled, *, intervals: bool) -> list[list[str]]:
    return [_line(table, row, intervals) for row in table.published.rows.values()]


def _line(table: Filled, row: PublishedRow, intervals: bool) -> list[str]:
    line = [row.title + _ARROWS[row.better]]
    for column in table.titles:
        ours = shown(table.cell(row.name, column), row, table, intervals=intervals)
        line.append(ours)
        if column not in table.ours_only:
            line.append(shown_published(table.published.cell(row.name, column)))
    return line


def _notes(report: PaperReport, table: Filled) -> list[str]:
    """What stands below a table: the caution, what fills it, and what is doubtful."""
    notes = [report.caution]
    if table.published.tested:
        notes.append(_of_letters(table))
    notes += table.notes
    if table.filled_by:
        told: dict[str, list[str]] = {}
        for column, label in table.filled_by.items():
            told.setdefault(label, []).append(_named(table, column))
        by = "; ".join(f"{', '.join(names)}: {label}" for label, names in told.items())
        notes.append(f"Filled by: {by}.")
    for row, column, _, theirs in table.pairs():
        if theirs.note:
            notes.append(
                f"{row.title}, {table.titles[column]}: published {shown_published(theirs)}; "
                f"{theirs.note}."
            )
    return list(dict.fromkeys(notes))


def _of_letters(table: Filled) -> str:
    if any(ours.letters for _, _, ours, _ in table.pairs()):
        return "Of a row, cells that share a letter do not differ significantly; letters are ours."
    return (
        "The paper marks cells with letters of significance; ours have none, as they are not "
        "computed."
    )


def _commands(table: Filled) -> list[tuple[int, str]]:
    """What to type, by the number that stands in the cells."""
    return list(enumerate(table.commands(), start=1))


def _named(table: Filled, name: str) -> str:
    """Title of a column or a row, or the name itself."""
    row = table.published.rows.get(name)
    return table.titles.get(name) or (row.title if row else name.replace("_", " "))
