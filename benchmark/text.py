"""Numbers and tables as text: the same bytes for the same numbers; a stranger's names as text."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from .plain import printable

__all__ = ["NONE", "csv_cell", "csv_table", "interval_text", "latex_text", "markdown_cell",
           "markdown_table", "number"]  # fmt: skip

#: What stands where there is no number.
NONE = "–"  # noqa: RUF001 - the dash that means "none" in tables
#: What makes a spreadsheet take a text for something to compute.
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")
#: What stands for a character that means something to LaTeX, or that its fonts lack.
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # after a line's end it would be an option of \\
    "]": "{]}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    NONE: "--",
}


def number(value: float | None, digits: int = 3) -> str:
    """``value`` with ``digits`` decimals, or a dash where there is none."""
    if value is None or math.isnan(value):
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", "", 1) if float(text) == 0 and text.startswith("-") else text


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """``[low, high]``, or nothing where it was not estimated."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def markdown_cell(text: object) -> str:
    """``text`` so that it can neither end its cell nor become markup: names are a stranger's."""
    flat = printable(" ".join(str(text).split()))
    for mark in "\\`*_[]<>|~$":
        flat = flat.replace(mark, {"<": "&lt;", ">": "&gt;"}.get(mark, "\\" + mark))
    return flat


def latex_text(text: object) -> str:
    """``text`` on one line, with nothing in it that LaTeX would act on."""
    flat = " ".join(str(text).split())
    return "".join(_LATEX.get(mark, mark) for mark in flat if mark.isprintable())


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A pipe table of cells that are Markdown already; the first ``left`` columns left-aligned."""
    rule = [":--" if i < left else "--:" for i in range(len(header))]
    lines = [header, rule, *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def csv_cell(value: object) -> object:
    """``value`` so that a spreadsheet shows it: what it would compute gets a ``'`` before it.

    ``=cmd()`` in a case's name would otherwise be run by whoever opens the file. A number stays
    one, written as text too.
    """
    if not isinstance(value, str) or not value.startswith(_COMPUTED):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


def csv_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated values with Unix line ends; None is empty; floats in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(map(csv_cell, row) for row in rows)
    return out.getvalue()
