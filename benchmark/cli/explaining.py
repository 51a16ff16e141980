"""``bench explain``: the definition of one metric, with what it does in every status."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import PluginError, UsageError, near_misses
from ._shared import columns, echo_json, line

if TYPE_CHECKING:
    from ..metrics.definition import Card, Status

__all__ = ["computed", "explain_command", "print_definitions"]

_WIDTH = 100
_MARGIN = 11
_WORST = {
    "diagonal": "the diagonal of the field of view",
    "as_empty": "what an empty answer gets, unless that is right",
}
_STATUSES: dict[Status, str] = {
    "ok": "both masks have a voxel",
    "both_empty": "neither has",
    "pred_empty": "only the reference has",
    "ref_empty": "only the compared mask has",
    "no_prediction": "there is no answer",
    "not_applicable": "nobody was asked for one",
    "error": "it could not be computed",
}
_OF_CONTOURS: dict[Status, str] = {
    **_STATUSES,
    "ok": "both sides have a contour",
    "ref_empty": "only the compared side has",
}


#: Here an empty answer is what there is, or would be right.
_ONE_SIDED = ("pred_empty", "ref_empty")


def explain_command(
    name: Annotated[str, typer.Argument(help="Name of a metric; 'bench list metrics' shows them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Explain a metric: its whole definition.

    With what it counts as where a mask is empty or an answer missing.
    """
    from ..metrics.cards import problems

    if name in problems():
        raise PluginError(f"The metrics of {name!r} are broken: {problems()[name]}")
    if not print_definitions(name, as_json):
        from ..metrics.cards import cards, contour_cards

        known = {*cards(), *contour_cards(), *(card.name for card in contour_cards().values())}
        raise UsageError(f"There is no metric {name!r}.", near_misses(name, known))


def print_definitions(name: str, as_json: bool) -> bool:
    """Print the cards of that name: of masks, of contours (``hd@contour`` alone), or of both.

    Returns:
        Whether there is any.
    """
    from ..metrics.cards import cards, select_contour

    found = [cards()[name]] if name in cards() else []
    found += select_contour([name])
    if found and as_json:
        first, *more = (card.as_dict() for card in found)
        echo_json(first | {"contour": more[0]} if more else first)
    elif found:
        for number, card in enumerate(found):
            if number:
                line("")
            _print_card(card)
    return bool(found)


def _print_card(card: Card) -> None:
    line(f"{card.key}: {card.title}\n")
    least, greatest = (_number(bound) for bound in card.bounds)
    facts = {
        "formula": card.formula,
        "unit": card.unit or "none",
        "better": {
            "zero": "the nearer to 0, on either side",
            "none": "neither: it describes the case and ranks nobody",
        }.get(card.better, card.better),
        "bounds": f"{least or 'unbounded'} to {greatest or 'unbounded'}",
        "best": "" if card.better == "none" else f"{card.best:g}",
        "dim": ", ".join(card.dims) or "none",
        "regions": "endo, epi" if card.reads == "contours" else "",
        "surface": card.surface,
        "field": card.field,
        "reads": card.reads,
        "computed": computed(card),
        "source": card.source,
        "notes": card.notes,
        "version": f"{card.version}, hash {card.hash}",
    }
    for key, text in facts.items():
        if text:
            line(_paragraph(key, text))
    line("")
    meanings = _OF_CONTOURS if card.reads == "contours" else _STATUSES
    rows = [
        (status, meanings[status], _value(rule), _under_worst_case(card, status))
        for status, rule in card.rules.items()
    ]
    columns("", ("status", "which is", "value", "in a mean, by default (worst_case)"), rows)


def computed(card: Card) -> str:
    """When scoring computes a metric, without being told which to compute."""
    if card.extra:
        return "if asked for"
    return {"probabilities": "with probabilities", "contours": "with contours"}.get(
        card.reads, "always"
    )


def _paragraph(key: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent=f"{key:<{_MARGIN}}",
        subsequent_indent=" " * _MARGIN,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _value(rule: float | str | None) -> str:
    if isinstance(rule, str):
        return "the formula's"
    return "none" if rule is None else f"{rule:g}"


def _under_worst_case(card: Card, status: Status) -> str:
    """What the default policy makes of ``status``, as scoring fills it in."""
    if status == "not_applicable":
        return "left out"
    if card.rule(status) is not None:
        return "the value"
    if status == "both_empty":
        return "left out"
    if card.worst is None or (card.worst == "as_empty" and status in _ONE_SIDED):
        return "none: it is undefined there"
    return _WORST.get(str(card.worst)) or f"{card.worst:g}"
