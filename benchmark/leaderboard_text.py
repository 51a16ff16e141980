"""A leaderboard as Markdown, as CSV, and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .averages import Cell
from .board_sections import count, sections
from .leaderboard import Leaderboard, Row
from .seen import caution
from .text import NONE, csv_table, interval_text, markdown_cell, markdown_table, number

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["COSTS", "cost_texts", "csv_text", "head_lines", "markdown", "note_text", "rich_view",
           "seeds_text", "titles"]  # fmt: skip

_ARROWS = {"higher": "↑", "lower": "↓", "zero": "→ 0"}
#: Heads of the columns of costs.
COSTS = ("train (s)", "per epoch (s)", "per slice (ms)", "memory (MB)", "parameters")


def head_lines(board: Leaderboard) -> list[str]:
    """What must be said above the table, as plain sentences."""
    data = board.dataset
    title = data.title or data.name
    excluded = f", {board.n_excluded} excluded" if board.n_excluded else ""
    lines = [
        f"{title} ({data.name})"
        + (", SYNTHETIC: computed, not measured in patients" * data.synthetic),
        f"Licence of the data: {data.licence or 'not stated'}."
        + (f" Citation: {data.citation.rstrip('.')}." if data.citation else ""),
        f"{count(board.n_cases, 'case')} of {count(board.n_patients, 'patient')}, "
        f"role {' + '.join(board.roles)}{excluded}.",
        f"Ranked by {board.rank_by}. Undefined values, policy {board.policy}: "
        f"{board.policy.sentence}.",
        f"Mean over cases [95 % bootstrap interval, {board.resamples} joint resamples of the "
        "patients] cases with a value/cases. Seeds are averaged within each case first; a case "
        "weighs by the share of its seeds that have a value.",
        "Costs, each on the machine of its runs: mean seconds of training, in all and for each "
        "epoch, and of predicting a slice (median over cases, the first left out); peak memory of "
        "the process.",
    ]
    if board.ceiling is None:
        lines.append("Human ceiling: none, these runs hold one reader of each case.")
    else:
        lines.append(
            "Human ceiling, above the methods and not ranked: several readers of the same images, "
            "each pair averaged as a seed is. They are held against each other, methods against "
            "the reference."
        )
    said = caution(board.fingerprints)
    return [*lines, said] if said else lines


def markdown(board: Leaderboard) -> str:
    """The whole page, GitHub-flavoured."""
    first, *rest = head_lines(board)
    out = [f"# Leaderboard: {markdown_cell(first)}\n\n"]
    out += [f"{markdown_cell(line)}  \n" for line in rest]
    header = ["rank", "method", "seeds", *titles(board), *COSTS, "inputs"]
    rows = [
        [_rank(row), markdown_cell(row.label), seeds_text(row), *_cells(board, row),
         *cost_texts(row), markdown_cell(row.track)]
        for row in _all_rows(board)
    ]  # fmt: skip
    out += ["\n", markdown_table(header, rows, left=2)]
    notes = [
        f"* {markdown_cell(row.label)}: {markdown_cell(note_text(row))}\n" for row in _noted(board)
    ]
    out += ["\n", *notes] if notes else []
    for section in sections(board):
        out += [f"\n## {section.title}\n\n", markdown_cell(section.sentence), "\n\n"]
        # Names are a stranger's; the rest is numbers, whose brackets stay as they are.
        lines = [
            [*map(markdown_cell, line[: section.left]), *line[section.left :]]
            for line in section.rows
        ]
        out.append(markdown_table(section.header, lines, left=section.left))
        out += ["\n" * bool(section.notes), *(f"* {markdown_cell(n)}\n" for n in section.notes)]
    cards = ", ".join(f"{markdown_cell(n)} `{h}`" for n, h in board.metric_cards.items())
    digests = sorted({p for seen in board.fingerprints for p in seen if p})
    prints = ", ".join(f"`{p[:16]}`" for p in digests)
    out.append(f"\nMetric definitions: {cards or 'not recorded'}.  \n")
    out.append(f"Data fingerprint: {prints or 'not recorded'}.\n")
    return "".join(out)


def csv_text(board: Leaderboard) -> str:
    """One line per method and column, every number in full.

    Then one per method, clinical feature and statistic of agreement: ``region`` is ``agreement``,
    ``metric`` the feature and the statistic (``scar_ml slope``), ``mean`` its value.
    """
    header = ["dataset", "synthetic", "policy", "roles", "rank", "method", "profile", "seeds",
              "folds", "region", "metric", "dim", "level", "unit", "better", "mean", "low", "high",
              "n_defined", "n_total", "train_seconds", "seconds_per_case", "parameters",
              "metric_card", "note", "seconds_per_epoch", "seconds_per_slice", "memory_mb",
              "device_memory_mb", "track"]  # fmt: skip
    lines: list[list[object]] = []
    for row in _all_rows(board):
        for k, (column, cell) in enumerate(zip(board.columns, row.cells, strict=True)):
            lines.append(
                [board.dataset.name, board.dataset.synthetic, board.policy.value,
                 "+".join(board.roles), row.rank, row.label, row.profile,
                 " ".join(map(str, row.seeds)), row.folds, column.region, column.metric,
                 column.dim, column.level, board.units[k], board.better[k], cell.mean, cell.low,
                 cell.high, cell.n_defined, cell.n_total, row.train_seconds, row.seconds_per_case,
                 row.parameters, board.metric_cards.get(column.card), row.note,
                 row.seconds_per_epoch, row.seconds_per_slice, row.memory_mb, row.device_memory_mb,
                 row.track]
            )  # fmt: skip
    by_label = {row.label: row for row in board.rows}
    for one in board.agreement:
        row = by_label[one.label]
        for name, low, value, high in (
            ("slope", one.slope_low, one.slope, one.slope_high),
            ("r", one.r_low, one.r, one.r_high),
            ("bias", one.bias_low, one.bias, one.bias_high),
            ("lower_limit", None, one.lower, None),
            ("upper_limit", None, one.upper, None),
        ):
            unit = one.unit if name not in ("slope", "r") else ""
            mine = {
                "dataset": board.dataset.name, "synthetic": board.dataset.synthetic,
                "policy": board.policy.value, "roles": "+".join(board.roles), "rank": row.rank,
                "method": row.label, "profile": row.profile,
                "seeds": " ".join(map(str, row.seeds)), "folds": row.folds, "region": "agreement",
                "metric": f"{one.feature} {name}", "level": "volume", "unit": unit, "mean": value,
                "low": low, "high": high, "n_defined": one.n_cases, "n_total": one.n_total,
                "note": one.note, "track": row.track,
            }  # fmt: skip
            lines.append([mine.get(column) for column in header])
    return csv_table(header, lines)


def rich_view(board: Leaderboard) -> Group:
    """The tables for a terminal; print it with a ``rich.console.Console``."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    first, *rest = head_lines(board)
    table = Table(title=Text(first), title_justify="left", title_style="bold")
    for name in ("rank", "method", "seeds"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for title in (*titles(board), *COSTS, "inputs"):
        # Two short lines instead of one long: six columns must fit beside each other.
        table.add_column(Text(title.replace(" ", "\n", 1)), justify="right")
    for row in _all_rows(board):
        cells = [text.replace(" [", "\n[").replace("] ", "]\n") for text in _cells(board, row)]
        line = [_rank(row), row.label, seeds_text(row), *cells, *cost_texts(row), row.track]
        table.add_row(*map(Text, line))
    parts: list[Table | Text] = [table, *map(Text, rest)]
    parts += [Text(f"{row.label}: {note_text(row)}") for row in _noted(board)]
    for section in sections(board):
        more = Table(title=section.title, title_justify="left", title_style="bold")
        for k, name in enumerate(section.header):
            named = k < section.left
            title = name if named else name.replace(" ", "\n")
            more.add_column(title, justify="left" if named else "right")
        for texts in section.rows:
            more.add_row(*map(Text, texts))
        parts += [Text(""), more, Text(section.sentence), *map(Text, section.notes)]
    return Group(*parts)


def titles(board: Leaderboard) -> list[str]:
    """The heads of the columns: region, metric, geometry, unit and direction."""
    titles = []
    for column, unit, better in zip(board.columns, board.units, board.better, strict=True):
        # The unit is said once: a metric may carry it in its name.
        name = f"{column.region} {column.metric}".replace("_ml", "").replace("_", " ")
        level = "" if column.level == "volume" else column.level
        inside = ", ".join(filter(None, [column.dim, level, unit]))
        parts = [name, f"({inside})" if inside else "", _ARROWS.get(better, "")]
        titles.append(" ".join(filter(None, parts)))
    return titles


def _cells(board: Leaderboard, row: Row) -> list[str]:
    return [
        _cell(cell, 2 if unit else 3) for cell, unit in zip(row.cells, board.units, strict=True)
    ]


def _cell(cell: Cell, digits: int) -> str:
    if not cell.n_total:
        return "n/a"
    spread = interval_text(cell.low, cell.high, digits)
    counts = f"{cell.n_defined}/{cell.n_total}"
    return " ".join(filter(None, [number(cell.mean, digits), spread, counts]))


def cost_texts(row: Row) -> list[str]:
    """What a method took, in the order of :data:`COSTS`."""
    parameters = "–" if row.parameters is None else f"{row.parameters:,}"  # noqa: RUF001
    per_slice = None if row.seconds_per_slice is None else 1000 * row.seconds_per_slice
    memory = number(row.memory_mb, 0)
    if row.device_memory_mb is not None:
        memory += f" + {number(row.device_memory_mb, 0)} GPU"
    return [
        number(row.train_seconds, 1),
        number(row.seconds_per_epoch, 2),
        number(per_slice, 1),
        memory,
        parameters,
    ]


def _rank(row: Row) -> str:
    return "–" if row.rank is None else str(row.rank)  # noqa: RUF001


def seeds_text(row: Row) -> str:
    """How many seeds, and of how many folds."""
    if not row.seeds:
        return NONE
    return f"{len(row.seeds)}" + (f" x {row.folds} folds" if row.folds else "")


def note_text(row: Row) -> str:
    """What must be said of a method beside its numbers."""
    return f"not ranked, {row.note}" if row.rank is None else row.note


def _all_rows(board: Leaderboard) -> list[Row]:
    """The human ceiling above the methods, where there is one."""
    return [*([board.ceiling] if board.ceiling else []), *board.rows]


def _noted(board: Leaderboard) -> list[Row]:
    return [row for row in _all_rows(board) if row.note]
