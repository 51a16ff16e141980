"""What stands below a leaderboard's table: presence of scar, features, undefined values, ranks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .feature_agreement import (
    agreement_cells,
    agreement_header,
    agreement_notes,
    agreement_sentence,
)
from .metrics.definition import STATUSES
from .panel import PanelRow, Proportion
from .policies import Policy
from .text import interval_text, number

if TYPE_CHECKING:
    from .board_rows import Row
    from .leaderboard import Leaderboard

__all__ = ["Section", "count", "sections"]

_PANEL = ("sensitivity", "specificity", "false scar (mL)", "no prediction")
_STATUS = {"ok": "ok", "both_empty": "both empty", "pred_empty": "missed",
           "ref_empty": "false alarm", "no_prediction": "no prediction",
           "not_applicable": "not applicable", "error": "error"}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A titled table of plain text, with a sentence on what it is.

    Attributes:
        title: Its heading.
        sentence: What must be said beside it.
        header: Titles of its columns.
        rows: Its cells.
        left: How many columns, from the first on, are names.
        notes: What must be said of single rows, below the table.
    """

    title: str
    sentence: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    notes: tuple[str, ...] = ()


def sections(board: Leaderboard) -> Iterator[Section]:
    """Those that have something to say of this leaderboard."""
    if board.panel:
        yield Section(
            "Presence of scar",
            _panel_sentence(board),
            ("method", *_PANEL),
            tuple((row.label, *_panel_cells(row)) for row in board.panel),
        )
    if board.agreement:
        yield Section(
            "Clinical features",
            agreement_sentence(board.policy),
            tuple(agreement_header()),
            tuple(tuple(agreement_cells(row)) for row in board.agreement),
            left=2,
            notes=agreement_notes(board.agreement),
        )
    yield Section(
        "Undefined values",
        _ledger_sentence(board),
        ("method", *_ledger_titles(board)),
        tuple((row.label, *_ledger_cells(board, row)) for row in board.rows),
    )


def count(n: int, what: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _panel_sentence(board: Leaderboard) -> str:
    sizes = {(row.sensitivity.n, row.specificity.n) for row in board.panel}
    of = " or ".join(f"{count(a, 'heart')} with and {b} without scar" for a, b in sorted(sizes))
    return (
        f"Per case, any voxel of scar: {of}. Proportions with Wilson intervals; seeds averaged "
        "within each case; no prediction counts as wrong. False scar is the mean volume predicted "
        "in hearts without scar, with a bootstrap interval."
    )


def _panel_cells(row: PanelRow) -> list[str]:
    false = f"{number(row.false_ml, 2)} {interval_text(row.low, row.high, 2)}".strip()
    shares = [_proportion(row.sensitivity), _proportion(row.specificity)]
    return [*shares, false, str(row.n_missing)]


def _proportion(share: Proportion) -> str:
    return f"{number(share.value)} {interval_text(share.low, share.high)}".strip()


def _ledger_titles(board: Leaderboard) -> list[str]:
    return [
        *(_STATUS[status] for status in STATUSES),
        *(f"rank, {policy}" for policy in Policy),
        *(f"rank, {scheme}" for scheme in board.schemes),
    ]


def _ledger_sentence(board: Leaderboard) -> str:
    orders = {tuple(s.rank for _, s in sorted(b.items())) for b in board.standings.values()}
    same = "the same" if len(orders) == 1 else "NOT the same"
    each = "slice" if board.rank_by.level == "slice" else "case"
    return (
        f"Values of {board.rank_by} by status, one for each {each} and seed. Rank and mean under "
        f"every policy for undefined values: the order is {same}." + _schemes_sentence(board)
    )


def _schemes_sentence(board: Leaderboard) -> str:
    """What the other ways of ranking are."""
    if not board.schemes:
        return ""
    from .ranking import Scheme

    said = "; ".join(f"{name}: {Scheme(name).sentence}" for name in board.schemes)
    return f" Beside it, other ways to rank under {board.policy}: {said}."


def _ledger_cells(board: Leaderboard, row: Row) -> list[str]:
    counted = board.ledger.get(row.label, {})
    digits = 2 if board.units[board.columns.index(board.rank_by)] else 3
    cells = [str(counted.get(status, 0)) for status in STATUSES]
    for policy in Policy:
        standing = board.standings[policy].get(row.label)
        cells.append(f"{standing.rank} ({number(standing.mean, digits)})" if standing else "n/a")
    for ranks in board.schemes.values():
        rank = ranks.get(row.label)
        cells.append("n/a" if rank is None else f"{rank:g}")
    return cells
