"""A leaderboard as a LaTeX table (booktabs), to be put into a paper with its caption."""

from __future__ import annotations

from ..averages import Cell
from ..leaderboard import Leaderboard, Row
from ..text import interval_text, latex_text, number

__all__ = ["latex_table"]

_ARROWS = {"higher": r"$\uparrow$", "lower": r"$\downarrow$", "zero": r"$\rightarrow 0$"}


def latex_table(board: Leaderboard) -> str:
    """``board`` as a ``table*`` with its caption, for a document that uses booktabs.

    Args:
        board: What :func:`benchmark.leaderboard.leaderboard` made.
    """
    heads = []
    for column, unit, better in zip(board.columns, board.units, board.better, strict=True):
        name = str(column).replace("_", " ") + (f" ({unit})" if unit else "")
        heads.append(" ".join(filter(None, [latex_text(name), _ARROWS.get(better, "")])))
    out = [
        "% Needs \\usepackage{booktabs}.\n",
        "\\begin{table*}\n\\centering\n",
        f"\\caption{{{_caption(board)}}}\n",
        f"\\begin{{tabular}}{{rl{'r' * len(heads)}}}\n\\toprule\n",
        " & ".join(["rank", "method", *heads]) + r" \\" + "\n\\midrule\n",
    ]
    if board.ceiling:
        out += [_line(board, board.ceiling), "\\midrule\n"]
    out += [_line(board, row) for row in board.rows]
    out.append("\\bottomrule\n\\end{tabular}\n\\end{table*}\n")
    return "".join(out)


def _caption(board: Leaderboard) -> str:
    data = board.dataset
    synthetic = ", synthetic data" if data.synthetic else ""
    excluded = f", {board.n_excluded} excluded" if board.n_excluded else ""
    return latex_text(
        f"{data.title or data.name} ({data.name}{synthetic}): {board.n_cases} cases of "
        f"{board.n_patients} patients, role {' + '.join(board.roles)}{excluded}. Mean over cases "
        f"[95 % bootstrap interval over patients], cases with a value/cases. Undefined values, "
        f"policy {board.policy}: {board.policy.sentence}."
    )


def _line(board: Leaderboard, row: Row) -> str:
    cells = [
        _cell(cell, 2 if unit else 3) for cell, unit in zip(row.cells, board.units, strict=True)
    ]
    rank = number(None) if row.rank is None else str(row.rank)
    return " & ".join(map(latex_text, [rank, row.label, *cells])) + r" \\" + "\n"


def _cell(cell: Cell, digits: int) -> str:
    if not cell.n_total:
        return "n/a"
    counts = f"{cell.n_defined}/{cell.n_total}"
    spread = interval_text(cell.low, cell.high, digits)
    return " ".join(filter(None, [number(cell.mean, digits), spread, counts]))
