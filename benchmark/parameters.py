"""One parser for parameters: ``--set key=value`` and ``'jdl[backbone=unet,epochs=20]'``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from .errors import UsageError, near_misses
from .plain import one_line

if TYPE_CHECKING:
    from .plugins import Plugin

__all__ = ["Spec", "parse_settings", "parse_spec", "validated"]

P = TypeVar("P", bound="Plugin")

_CLOSERS = {"[": "]", "{": "}", "(": ")"}


@dataclass(frozen=True)
class Spec:
    """A plugin's name (or the path of its file) and the parameters asked for, still as text."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def parse_spec(text: str) -> Spec:
    """``'jdl[backbone=unet,epochs=20]'`` -> name ``jdl`` and two settings.

    Raises:
        UsageError: The brackets do not close at the end, or an item is no ``key=value``.
    """
    text = text.strip()
    # a file's path may hold brackets of its own
    path, suffix, behind = text.partition(".py[")
    name, bracket, rest = (f"{path}.py", "[", behind) if suffix else text.partition("[")
    if not name.strip():
        raise UsageError(f"{text!r} names no plugin.", "Write NAME or 'NAME[key=value,...]'.")
    if not bracket or text.endswith(".py"):
        return Spec(text)
    if not rest.endswith("]"):
        raise UsageError(
            f"{text!r} does not end with ']'.", "Write 'NAME[key=value,...]', quoted in a shell."
        )
    return Spec(name.strip(), parse_settings(_split(text, rest[:-1])))


def parse_settings(items: Iterable[str]) -> dict[str, Any]:
    """``["a=1", "b=x y"]`` -> ``{"a": "1", "b": "x y"}``; only the first ``=`` parts.

    A value that starts with ``[``, ``{`` or ``"`` is read as JSON; ``none`` and ``null`` are None,
    which :func:`validated` reads as the word where a field takes text; all else stays text, which
    the plugin's own types then convert.

    Raises:
        UsageError: No ``=``, no key, a key given twice, or broken JSON.
    """
    settings: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise UsageError(f"{item!r} is not a parameter.", "Write key=value.")
        if key in settings:
            raise UsageError(f"Parameter {key!r} is given twice.", "Keep one of them.")
        settings[key] = _value(key, value.strip())
    return settings


def _value(key: str, text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    if text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"Parameter {key}={text}: not valid JSON ({error}).",
                "A value that starts with '[', '{' or '\"' is read as JSON.",
            ) from None
    return text


def _split(spec: str, text: str) -> list[str]:
    """Split at commas that stand outside brackets and quotes."""
    items: list[str] = []
    expected: list[str] = []
    start, quoted, escaped = 0, False, False
    for i, c in enumerate(text):
        if escaped:
            escaped = False
        elif c == "\\" and quoted:
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif c in _CLOSERS:
            expected.append(_CLOSERS[c])
        elif expected and c == expected[-1]:
            expected.pop()
        elif c == "," and not expected:
            items.append(text[start:i])
            start = i + 1
    if quoted or expected:
        # the rest would silently become part of one value
        missing = '"' if quoted else expected[-1]
        raise UsageError(f"{spec!r} lacks a closing {missing!r}.", "Or use --set key=value.")
    items.append(text[start:])
    return [item for item in items if item.strip()]


def validated(plugin: type[P], name: str, values: Mapping[str, Any]) -> P:
    """The plugin with these parameters.

    None is the word ``none`` for a field that takes words and not None: who types
    ``encoder_weights=none`` means one of its values.

    Raises:
        UsageError: An unknown parameter (with near misses) or a value that does not fit its type.
    """
    from pydantic import ValidationError

    for key in values:
        if key not in plugin.model_fields:
            raise UsageError(
                f"{name!r} has no parameter {key!r}.", near_misses(key, plugin.model_fields)
            )
    fields = plugin.model_fields
    try:
        return plugin(**{k: _worded(v, fields[k].annotation) for k, v in values.items()})
    except ValidationError as error:
        faults = "; ".join(_fault(e["loc"], e["type"], e.get("input"), e["msg"])
                           for e in error.errors())  # fmt: skip
        raise UsageError(
            f"Parameters of {name!r} do not fit: {faults}.", f"See 'bench list {name}'."
        ) from None


def _worded(value: Any, annotation: Any) -> Any:
    """``none`` for None, where the type has that word or any text, and not None itself."""
    if value is not None:
        return value
    kinds = _alternatives(annotation)
    takes_none = not kinds.isdisjoint({None, NoneType, Any, object})
    return "none" if not takes_none and ("none" in kinds or str in kinds) else None


def _alternatives(annotation: Any) -> set[Any]:
    """The types and words of which a value of this type is one."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return set(inside)
    if origin is Annotated:
        return _alternatives(inside[0])
    if origin in (Union, UnionType):
        return set().union(*map(_alternatives, inside))
    return {annotation}


def _fault(place: tuple[int | str, ...], kind: str, value: Any, expected: str) -> str:
    where = ".".join(map(str, place))
    expected = one_line(expected.removeprefix("Value error, "))  # of our own validators
    # what was given is then the whole set of parameters: no value of this field
    if kind == "missing" or not where:
        return f"{where or 'together'}: {expected}"
    return f"{where}={one_line(repr(value))}: {expected}"
