"""Plain values as TOML, with comments; Python reads it and does not write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["toml_text"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 90


def toml_text(content: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """``content`` as a document: values first, then tables, then lists of tables.

    Args:
        content: Text, numbers, booleans, lists and mappings with text as keys.
        comments: By place (``method.authors``), a comment for the line above it.
    """
    return "\n".join(_table(content, (), (), comments)).strip() + "\n"


def _table(
    content: Mapping[str, Any],
    path: tuple[str, ...],
    place: tuple[str, ...],
    comments: Mapping[str, str],
) -> list[str]:
    """Lines of a table; ``place`` is its ``path`` with the numbers of tables in lists."""
    lines: list[str] = []
    for key, value in content.items():
        if not isinstance(value, Mapping) and not _tables(value):
            lines += _commented((*place, key), comments)
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in content.items():
        at, inner = (*path, key), (*place, key)
        name = ".".join(map(_key, at))
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", *_table(value, at, inner, comments)]
        elif _tables(value):
            for i, one in enumerate(value):
                lines += ["", f"[[{name}]]", *_table(one, at, (*inner, str(i)), comments)]
    return lines


def _commented(place: tuple[str, ...], comments: Mapping[str, str]) -> list[str]:
    told = comments.get(".".join(place))
    return [f"# {' '.join(told.split())}"] if told else []


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    assert isinstance(value, Sequence)
    return _list([_value(v) for v in value])


def _list(parts: Sequence[str]) -> str:
    short = f"[{', '.join(parts)}]"
    if len(short) <= _WIDTH:
        return short
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) > _WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += f"{part}, "
    return "[\n" + "".join(f"  {one.rstrip()}\n" for one in [*lines, line]) + "]"


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL; lone surrogates are no text in either.
    found = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return found.replace("\x7f", "\\u007F")
