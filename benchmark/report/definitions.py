"""What the numbers of a page mean: the cards of its metrics, and what fixes them by hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..leaderboard import Leaderboard
from ..metrics.cards import Card, cards, contour_cards
from ..results import Run

__all__ = ["Definition", "definitions", "hashes"]

_BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "zero": "the nearer to zero, the better",
    "none": "describes the case and ranks nobody",
}
_WORST = {
    "diagonal": "the diagonal of the uncropped field of view",
    "as_empty": "what an empty answer gets",
}
_STATUS = {
    "both_empty": "both empty",
    "pred_empty": "only the prediction empty",
    "ref_empty": "only the reference empty",
}


@dataclass(frozen=True)
class Definition:
    """A metric in sentences."""

    name: str
    title: str
    texts: tuple[str, ...]


def definitions(board: Leaderboard) -> list[Definition]:
    """One for each metric shown, in the order of the columns.

    Where the runs were scored by another definition than the installed one, that is said, and the
    installed one is not shown in its place.
    """
    known = {**cards(), **contour_cards()}
    found: dict[str, Definition] = {}
    for column in board.columns:
        if column.card in found:
            continue
        recorded = board.metric_cards.get(column.card, "")
        card = known.get(column.card)
        if card is None or (recorded and recorded != card.hash):
            what = f"card {recorded}" if recorded else "not recorded"
            text = f"Not the definition of this version of scarbench ({what})."
            found[column.card] = Definition(column.card, column.metric, (text,))
        else:
            found[column.card] = Definition(column.card, card.title, _sentences(card))
    return list(found.values())


def hashes(board: Leaderboard, members: Mapping[str, Sequence[Run]]) -> list[tuple[str, str]]:
    """Name and text of everything that fixes what was computed, by what and on what."""
    runs = [run for mine in members.values() for run in mine]
    records = [run.record for run in runs]
    data = _each(record.dataset.fingerprint for record in records)
    learnt = _each(record.dataset.training_fingerprint for record in records)
    made = _each(record.dataset.code for record in records)
    versions: dict[str, set[str]] = {}
    for record in records:
        seen = record.provenance.get("versions")
        for name, version in seen.items() if isinstance(seen, dict) else ():
            versions.setdefault(str(name), set()).add(str(version))
    listed = [
        ("Data scored", ", ".join(data)),
        ("Data learnt from", ", ".join(learnt)),
        ("Code of the data set", ", ".join(made)),
        ("Metric cards", ", ".join(f"{name} {h}" for name, h in board.metric_cards.items())),
        (
            "Packages",
            ", ".join(f"{n} {' or '.join(sorted(versions[n]))}" for n in sorted(versions)),
        ),
    ]
    for label, mine in members.items():
        code = _each(run.record.method.code for run in mine)
        listed.append((f"Code of {label}", ", ".join(code)))
    return [(name, text or "not recorded") for name, text in listed]


def _sentences(card: Card) -> tuple[str, ...]:
    low, high = ("none" if end is None else f"{end:g}" for end in card.bounds)
    empty = "; ".join(
        f"{words}: {_rule(getattr(card, status))}" for status, words in _STATUS.items()
    )
    worst = card.worst
    missing = f"{worst:g}" if isinstance(worst, float | int) else _WORST.get(str(worst), "")
    return tuple(
        filter(
            None,
            [
                card.formula,
                f"{_BETTER[card.better].capitalize()}; bounds {low} and {high}"
                + (f" {card.unit}" if card.unit else "") + ".",
                f"Surface: {card.surface.rstrip('.')}." if card.surface else "",
                f"Value with {empty}.",
                "A miss stays missing." if worst is None
                else f"A miss counts, by worst_case, as {missing}.",
                card.notes,
                f"Source: {card.source.rstrip('.')}." if card.source else "",
                f"Card {card.hash}.",
            ],
        )
    )  # fmt: skip


def _rule(value: float | str | None) -> str:
    if value is None:
        return "undefined"
    return "computed" if isinstance(value, str) else f"{value:g}"


def _each(texts: Iterable[str]) -> list[str]:
    return sorted({text for text in texts if text})
