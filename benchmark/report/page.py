"""The page of a leaderboard: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..board_sections import count
from ..claims import Verdict
from ..leaderboard import Leaderboard, Row, one_dataset
from ..leaderboard_text import COSTS, note_text, seeds_text, titles
from ..policies import Policy, case_means
from ..results import Run
from ..seen import caution
from . import cells
from .definitions import definitions, hashes
from .drawings import agreement_figures
from .gallery import Strip, fitted, quantity_values, strips
from .methods import cards, costs, groups
from .parts import parts
from .rendering import rendered

__all__ = ["MAX_BYTES", "page"]

#: What a page may weigh: a phone must open it, and a repository keep it.
MAX_BYTES = 5_000_000
#: Kept free for what is counted only once the page is whole.
_SPARE = 20_000


def page(
    board: Leaderboard,
    runs: Sequence[Run],
    verdicts: Sequence[Verdict] = (),
    *,
    gallery: bool = False,
    limit: int = MAX_BYTES,
) -> str:
    """The whole page; the same board and runs give the same text.

    Args:
        board: The leaderboard.
        runs: What it was made of; runs of other data sets are ignored.
        verdicts: What became of the papers' claims.
        gallery: Show pictures of a data set that is not redistributable as well. The page says
            then that it must not be published.
        limit: Bytes that the page may have; pictures of the gallery that do not fit are left out,
            which the page says.
    """
    runs = one_dataset(runs, board.dataset.name)
    members = groups(runs)
    table = cells.scores_of(board, runs)
    means = case_means(table, board.policy)
    labels = [row.label for row in board.rows]
    values = quantity_values(means, board.rank_by, labels)
    context = _context(board, members, table, verdicts)
    context |= {
        "parts": parts(board, table, values, verdicts),
        "agreement": agreement_figures(board, members),
    }
    context["sections"] = _sections(context)
    shown = strips(board, members, values)
    private = gallery and not board.dataset.redistributable
    if not board.dataset.redistributable and not gallery:
        why = (
            "No pictures: the licence of the data set does not let its images be passed on. "
            "Whoever has the data can make a page with pictures for themselves by --gallery."
        )
        return rendered(context | {"gallery": [], "gallery_texts": [why], "private": False})
    context["private"] = private
    without, _ = fitted(shown, 0)
    bare = len(rendered(context | _gallery(board, without, 0)).encode("utf-8"))
    kept, dropped = fitted(shown, max(0, limit - bare - _SPARE))
    return rendered(context | _gallery(board, kept, dropped))


def _gallery(board: Leaderboard, kept: list[Strip], dropped: int) -> dict[str, Any]:
    held = any(picture.png for strip in kept for picture in strip.pictures)
    if not held and not dropped:
        return {"gallery": [], "gallery_texts": ["No pictures: made from accepted entries, or "
                                                 "from runs that drew none."]}  # fmt: skip
    texts = [
        f"Per method the case with its best, median and worst value of {board.rank_by}, policy "
        f"{board.policy}, seeds averaged. Every slice, the reference above the prediction: "
        "myocardium red, scar yellow, no-reflow blue."
    ]
    if dropped:
        texts.append(
            f"{dropped} picture{'s are' if dropped > 1 else ' is'} left out, the least important "
            "first (median before best before worst cases, low ranks first): the page would be "
            "too large."
        )
    return {"gallery": kept, "gallery_texts": texts}


def _context(
    board: Leaderboard, members: dict[str, list[Run]], table: Any, verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """What the template prints, but for figures and pictures."""
    data = board.dataset
    strata = cells.strata(table)
    found = cells.tables(board, table, strata)
    by_kind = [("", strata[:1])] + [
        (name, [part for part in strata if part.kind == kind])
        for kind, name in cells.KINDS.items()
        if any(part.kind == kind for part in strata)
    ]
    filters = cells.filters(board, strata, found)
    said = caution(board.fingerprints)
    return {
        "board": board,
        "title": data.title or data.name,
        "synthetic": data.synthetic,
        "caution": [said] if said else [],
        "head": _head(board),
        "tracks": sorted({row.track for row in board.rows}),
        "strata": by_kind,
        "policies": list(Policy),
        "said": _said(board, strata[0]),
        "heads": _heads(board),
        "rows": [_row(row) for row in board.rows],
        "ceiling": _row(board.ceiling) if board.ceiling else None,
        "digits": [cells.digits(unit) for unit in board.units],
        "rank_digits": cells.digits(board.units[board.columns.index(board.rank_by)]),
        "explained": _explained(board),
        "noted": [(row.label, note_text(row)) for row in board.rows if row.note],
        "cards": cards(board, members),
        "definitions": definitions(board),
        "foot": hashes(board, members),
        "data": filters,
    }


def _head(board: Leaderboard) -> list[tuple[str, str]]:
    data = board.dataset
    excluded = f", {board.n_excluded} excluded" if board.n_excluded else ""
    return [
        ("Data set", f"{data.title or data.name} ({data.name})"),
        ("Licence", data.licence or "not stated"),
        ("Citation", data.citation or "not stated"),
        (
            "Cases",
            f"{count(board.n_cases, 'case')} of {count(board.n_patients, 'patient')}, "
            f"role {' + '.join(board.roles)}{excluded}",
        ),
        ("Ranked by", str(board.rank_by)),
    ]


def _said(board: Leaderboard, everything: cells.Stratum) -> str:
    """What the page's script says of a choice, of the one that the page comes with."""
    return (
        f"{count(len(board.rows), 'method')}, ranked among these; all cases: "
        f"{count(len(everything.cases), 'case')} of "
        f"{count(everything.n_patients, 'patient')}. Policy {board.policy}: "
        f"{board.policy.sentence}." + (f" NOTE: {everything.note}." if everything.note else "")
    )


def _heads(board: Leaderboard) -> list[dict[str, str]]:
    """Text of each column's head, and how its first click sorts."""
    kinds = ["down" if better == "higher" else "" for better in board.better]
    return [
        {"text": "rank", "kind": ""},
        {"text": "method", "kind": "text"},
        *({"text": text, "kind": kind} for text, kind in zip(titles(board), kinds, strict=True)),
        *({"text": text, "kind": ""} for text in COSTS),
        {"text": "seeds", "kind": ""},
        {"text": "inputs", "kind": "text"},
    ]


def _row(row: Row) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "label": row.label,
        "note": row.note,
        "track": row.track,
        "seeds": len(row.seeds),
        "seed_text": seeds_text(row),
        "cells": row.cells,
        "costs": costs(row),
    }


def _explained(board: Leaderboard) -> list[str]:
    return [
        f"Mean over cases, 95 % bootstrap interval of {board.resamples} joint resamples of the "
        "patients, cases with a value of all cases it applies to. Seeds are averaged within each "
        "case first; a case weighs by the share of its seeds that have a value.",
        "Costs, each on the machine of its runs: mean seconds of training, in all and for each "
        "epoch, and of predicting a slice (median over cases, the first left out); peak memory of "
        "the process.",
        "Human ceiling: none, these runs hold one reader of each case."
        if board.ceiling is None
        else "Human ceiling, above the methods and not ranked: several readers of the same images, "
        "each pair averaged as a seed is. They are held against each other, methods against the "
        "reference.",
    ]


def _sections(context: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("ranking-title", "Ranking"),
        *((part.id, part.title) for part in context["parts"]),
        ("gallery", "Gallery"),
        ("methods", "Methods"),
        ("definitions", "Definitions"),
        ("hashes", "Hashes and versions"),
    ]
