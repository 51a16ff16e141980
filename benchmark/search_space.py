"""What of a method is searched: what it declares, what a user changes, less what is fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .errors import PluginError, UsageError, near_misses
from .parameters import validated
from .plugins import Method
from .ranges import Range, parse_range

__all__ = ["parse_space", "search_space"]


def parse_space(items: list[str]) -> dict[str, str]:
    """``["a=0:1", "b=x,y"]`` -> ``{"a": "0:1", "b": "x,y"}``.

    Raises:
        UsageError: No ``=``, no name before it, or a name twice.
    """
    space: dict[str, str] = {}
    for item in items:
        key, equals, text = item.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise UsageError(f"{item!r} is no range.", "Write --space key=low:high[:log].")
        if key in space:
            raise UsageError(f"The range of {key!r} is given twice.", "Keep one of them.")
        space[key] = text
    return space


def search_space(
    cls: type[Method], name: str, base: Mapping[str, Any], asked: Mapping[str, Any],
    changes: Mapping[str, str],
) -> dict[str, Range]:  # fmt: skip
    """The ranges by parameter, in the order of the method's fields.

    Both ends of every range are tried on the class, so a range leaves the bounds of no field.

    Args:
        cls: The method.
        name: What messages call it.
        base: Parameters that differ from the class's defaults: the profile's and those asked for.
        asked: Parameters that the user fixed: what is fixed is not searched.
        changes: Ranges as text that the user gives instead of, or beside, the method's.

    Raises:
        UsageError: Nothing is left to search, or a range does not fit its field.
        PluginError: The method declares a range that does not fit.
    """
    for key in changes:
        if key not in cls.model_fields:
            raise UsageError(
                f"{name!r} has no parameter {key!r}.", near_misses(key, cls.model_fields)
            )
        if key in asked:
            raise UsageError(
                f"{key!r} has a range and the fixed value {asked[key]!r}.", "Keep one of them."
            )
    try:
        declared = {
            key: _fitted(cls, name, base, key, one)
            for key, one in cls.tunable.items()
            if key not in asked and key not in changes
        }
    except UsageError as error:
        raise PluginError(f"What {name!r} declares as tunable does not fit: {error}") from None
    given = {}
    for key, text in changes.items():
        try:
            given[key] = _fitted(cls, name, base, key, parse_range(text))
        except UsageError as error:
            raise UsageError(f"--space {key}={text}: {error.problem}", error.fix) from None
    found = {**declared, **given}
    if not found:
        why = "all that it declares is fixed" if cls.tunable else "it declares none"
        raise UsageError(
            f"There is nothing to search in {name!r}: {why}.",
            f"Give ranges, --space key=low:high[:log]; 'bench list {name}' shows its parameters.",
        )
    return {key: found[key] for key in cls.model_fields if key in found}


def _fitted(cls: type[Method], name: str, base: Mapping[str, Any], key: str, one: Range) -> Range:
    """``one`` with its ends, or choices, as the field's type has them."""
    # an unknown key of a plugin's own is named by this too
    ends = one.choices or (one.low, one.high)
    typed = [getattr(validated(cls, name, {**base, key: end}), key) for end in ends]
    if one.choices:
        strange = [value for value in typed if not isinstance(value, bool | int | float | str)]
        if strange:
            raise UsageError(f"{strange[0]!r} is no word, number or truth value.")
        return Range(choices=tuple(typed))
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in typed):
        raise UsageError(f"{key!r} is no number.", f"Write --space {key}=one,another.")
    return replace(one, low=typed[0], high=typed[1])
