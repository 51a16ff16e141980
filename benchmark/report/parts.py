"""The sections between the ranking and the gallery: texts, small tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..board_sections import Section, sections
from ..claims import Verdict
from ..compare import p_text
from ..leaderboard import Leaderboard
from ..text import interval_text, number
from .drawings import Drawing, cost_figures, rank_figures, value_figures

__all__ = ["Part", "TableText", "parts"]


@dataclass(frozen=True)
class TableText:
    """A table whose cells are text; the first of each line is its head, ``left`` are names."""

    caption: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    left: int = 1


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
    board: Leaderboard, table: pd.DataFrame, values: pd.DataFrame, verdicts: Sequence[Verdict]
) -> list[Part]:
    """The sections that have something to say, in the order of the page.

    Args:
        board: The leaderboard.
        table: Rows of its columns.
        values: Values of the ranking quantity, cases by methods.
        verdicts: What became of the papers' claims.
    """
    found = [
        _values(board, values),
        _ranks(board, table),
        _cost(board),
        *map(_section, sections(board)),
        _claims(verdicts),
    ]
    return [part for part in found if part is not None]


def _section(section: Section) -> Part:
    """A section that the Markdown has too."""
    table = TableText(section.title, section.header, section.rows, section.left)
    return Part(
        section.title.lower().replace(" ", "-"),
        section.title,
        (section.sentence,),
        (table,),
        section.notes,
    )


def _values(board: Leaderboard, values: pd.DataFrame) -> Part | None:
    figures = value_figures(board, values)
    if not figures:
        return None
    text = (
        f"Values of {board.rank_by}, one for each case, seeds averaged within the case, under the "
        f"policy {board.policy}; cases that stay undefined are counted at the right."
    )
    return Part("values", "Values", (text,), figures=tuple(figures))


def _ranks(board: Leaderboard, table: pd.DataFrame) -> Part | None:
    figures = rank_figures(board, table)
    if not figures:
        return None
    text = (
        f"Would the order by {board.rank_by} stand with other patients? Policy {board.policy}; the "
        "ranks under the other policies stand beside the undefined values."
    )
    return Part("ranks", "Ranks", (text,), figures=tuple(figures))


def _cost(board: Leaderboard) -> Part | None:
    figures = cost_figures(board)
    if not figures:
        return None
    text = (
        f"Mean of {board.rank_by} against what a method costs; the line joins the methods that no "
        "other beats in both. Times and memory are those of each run's own machine."
    )
    return Part("cost", "Quality and cost", (text,), figures=tuple(figures))


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
