"""``bench explain``: the definition of one metric, with what it does in every status."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import PluginError, UsageError, near_misses
from ._shared import columns, echo_json, line

if TYPE_CHECKING:
    from ..metrics.definition import Card, Status

__all__ = ["computed", "explain_command", "print_card"]

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


#: Here an empty answer is what there is, or would be right.
_ONE_SIDED = ("pred_empty", "ref_empty")


def explain_command(
    name: Annotated[str, typer.Argument(help="Name of a metric; 'bench list metrics' shows them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Explain a metric: its whole definition.

    With what it counts as where a mask is empty or an answer missing.
    """
    from ..metrics.cards import cards, problems

    known = cards()
    if name in problems():
        raise PluginError(f"The metrics of {name!r} are broken: {problems()[name]}")
    if name not in known:
        raise UsageError(f"There is no metric {name!r}.", near_misses(name, known))
    print_card(known[name], as_json)


def print_card(card: Card, as_json: bool) -> None:
    """A card on stdout, for a person or a program."""
    if as_json:
        echo_json(card.as_dict())
        return
    line(f"{card.name}: {card.title}\n")
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
    rows = [
        (status, _STATUSES[status], _value(rule), _under_worst_case(card, status))
        for status, rule in card.rules.items()
    ]
    columns("", ("status", "which is", "value", "in a mean, by default (worst_case)"), rows)


def computed(card: Card) -> str:
    """When scoring computes a metric, without being told which to compute."""
    if card.extra:
        return "if asked for"
    return "with probabilities" if card.reads == "probabilities" else "always"


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
