"""The sections between the ranking and the gallery: texts, small tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..claims import Verdict
from ..compare import p_text
from ..feature_agreement import agreement_cells, agreement_header, agreement_sentence
from ..leaderboard import Leaderboard
from ..metrics.definition import STATUSES
from ..policies import Policy
from ..results import Run
from ..text import interval_text, number
from .cells import digits
from .drawings import Drawing, cost_figures, value_figures

__all__ = ["Part", "TableText", "count", "parts"]

_STATUS = {
    "ok": "ok",
    "both_empty": "both empty",
    "pred_empty": "missed",
    "ref_empty": "false alarm",
    "no_prediction": "no prediction",
    "not_applicable": "not applicable",
    "error": "error",
}


@dataclass(frozen=True)
class TableText:
    """A table whose cells are text; the first of each line is its head."""

    caption: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A section of the page."""

    id: str
    title: str
    texts: tuple[str, ...] = ()
    tables: tuple[TableText, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Drawing, ...] = ()


def parts(
    board: Leaderboard,
    members: Mapping[str, Sequence[Run]],
    table: pd.DataFrame,
    means: pd.DataFrame,
    values: pd.DataFrame,
    verdicts: Sequence[Verdict],
) -> list[Part]:
    """The sections that have something to say, in the order of the page.

    Args:
        board: The leaderboard.
        members: Its runs by label.
        table: Rows of its columns.
        means: What ``case_means`` made of them under the board's policy.
        values: Values of the ranking quantity, cases by methods.
        verdicts: What became of the papers' claims.
    """
    found = [
        _values(board, values),
        _ranks(board, means),
        _agreement(board, members),
        _cost(board),
        _scar_free(board),
        _undefined(board),
        _claims(verdicts),
    ]
    return [part for part in found if part is not None]


def count(n: int, what: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _values(board: Leaderboard, values: pd.DataFrame) -> Part | None:
    figures = value_figures(board, values)
    if not figures:
        return None
    text = (
        f"Values of {board.rank_by}, one for each case, seeds averaged within the case, under the "
        f"policy {board.policy}; cases that stay undefined are not drawn."
    )
    return Part("values", "Values", (text,), figures=tuple(figures))


def _ranks(board: Leaderboard, means: pd.DataFrame) -> Part:
    orders = {tuple(s.rank for _, s in sorted(b.items())) for b in board.standings.values()}
    same = "the same" if len(orders) == 1 else "NOT the same"
    text = (
        f"Rank and mean of {board.rank_by} under every policy for undefined values: the order is "
        f"{same}."
    )
    shown = digits(board.units[board.columns.index(board.rank_by)])
    lines = []
    for row in board.rows:
        line = [row.label]
        for policy in Policy:
            standing = board.standings[policy].get(row.label)
            line.append(f"{standing.rank} ({number(standing.mean, shown)})" if standing else "n/a")
        lines.append(tuple(line))
    table = TableText(
        "Rank (mean) under every policy", ("method", *(str(p) for p in Policy)), tuple(lines)
    )
    notes = tuple(f"{policy}: {policy.sentence}." for policy in Policy)
    return Part("ranks", "Ranks", (text,), (table,), notes)


def _agreement(board: Leaderboard, members: Mapping[str, Sequence[Run]]) -> Part | None:
    rows = getattr(board, "agreement", ())
    if not rows:
        return None
    text = f"{agreement_sentence()} The plots stand in the card of each method."
    table = TableText(
        "Features", tuple(agreement_header()), tuple(tuple(agreement_cells(row)) for row in rows)
    )
    notes = tuple(f"{row.label}, {row.feature}: {row.note}" for row in rows if row.note)
    return Part("agreement", "Agreement with the reference", (text,), (table,), notes)


def _cost(board: Leaderboard) -> Part | None:
    figures = cost_figures(board)
    if not figures:
        return None
    text = (
        f"Mean of {board.rank_by} against what a method costs; the line joins the methods that no "
        "other beats in both. Times and memory are those of each run's own machine."
    )
    return Part("cost", "Quality and cost", (text,), figures=tuple(figures))


def _scar_free(board: Leaderboard) -> Part | None:
    if not board.panel:
        return None
    sizes = {(row.sensitivity.n, row.specificity.n) for row in board.panel}
    of = " or ".join(f"{count(a, 'heart')} with and {b} without scar" for a, b in sorted(sizes))
    text = (
        f"Per case, any voxel of scar: {of}. Proportions with Wilson intervals; seeds averaged "
        "within each case; no prediction counts as wrong. False scar is the mean volume predicted "
        "in hearts without scar, with a bootstrap interval."
    )
    lines = tuple(
        (
            row.label,
            *(
                f"{number(p.value)} {interval_text(p.low, p.high)}".strip()
                for p in (row.sensitivity, row.specificity)
            ),
            f"{number(row.false_ml, 2)} {interval_text(row.low, row.high, 2)}".strip(),
            str(row.n_missing),
        )
        for row in board.panel
    )
    head = ("method", "sensitivity", "specificity", "false scar (mL)", "no prediction")
    return Part("scar-free", "Presence of scar", (text,), (TableText("Per case", head, lines),))


def _undefined(board: Leaderboard) -> Part:
    each = "slice" if board.rank_by.level == "slice" else "case"
    text = f"Values of {board.rank_by} by status, one for each {each} and seed."
    lines = tuple(
        (
            row.label,
            *(str(board.ledger.get(row.label, {}).get(status, 0)) for status in STATUSES),
        )
        for row in board.rows
    )
    head = ("method", *(_STATUS[status] for status in STATUSES))
    table = TableText("Values by status", head, lines)
    return Part("undefined", "Undefined values", (text,), (table,))


def _claims(verdicts: Sequence[Verdict]) -> Part | None:
    if not verdicts:
        return None
    text = (
        "Does the order that a paper reports hold on these cases? Differences are positive where "
        "the order was found. Two-sided test by exchanges of the two methods within patients, "
        "corrected for the number of claims (Holm); the interval draws patients and seeds anew. "
        "'holds' and 'the opposite' at a corrected p below 0.05 and an interval without 0; 'not "
        "shown' is no proof of equality."
    )
    lines, notes = [], []
    for v in verdicts:
        claim = v.claim
        order = f"{claim.better} > {claim.worse}"
        of, total = v.seeds_in_order
        lines.append(
            (
                f"{claim.paper}: {order}: {claim.says}",
                claim.quantity,
                *(number(value) for value in v.values),
                f"{number(v.difference)} {interval_text(v.low, v.high)}".strip(),
                number(None) if v.p is None else p_text(v.p),
                f"{of}/{total}" if total else number(None),
                str(v.n_cases),
                v.outcome,
            )
        )
        why = ". ".join(filter(None, (v.note, claim.why)))
        if why:
            notes.append(f"{order}, {claim.quantity}: {why}")
    head = ("claim", "by", "first", "second", "difference [95 % interval]", "p (Holm)",
            "seeds in order", "cases", "outcome")  # fmt: skip
    table = TableText("Claims and what became of them", head, tuple(lines))
    return Part("claims", "Claims of papers", (text,), (table,), tuple(notes))
