"""JSON and TOML that a stranger wrote: capped, with no key twice and no number that is none."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import DataError

__all__ = ["checked_model", "read_capped", "strict_json", "strict_toml"]

M = TypeVar("M", bound=BaseModel)
#: Characters of a stranger's value that a message shows.
_SHOWN = 80


def read_capped(path: Path, limit: int) -> str:
    """The text of a file of at most ``limit`` bytes.

    Raises:
        DataError: It is missing, larger, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    if len(content) > limit:
        raise DataError(f"{path} has more than the {limit:,} bytes it may have.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text: {error.reason}.") from None


def strict_json(path: Path, limit: int) -> Any:
    """What a JSON file holds.

    Python's reader takes ``NaN`` and lets the last of two like keys win: what a person reads in
    such a file need not be what a program does.

    Raises:
        DataError: It cannot be read, is no JSON, has a key twice, NaN or an infinity, or is nested
            beyond reason.
    """
    text = read_capped(path, limit)
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON ({error}).") from None


def strict_toml(path: Path, limit: int) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        DataError: It cannot be read or is no TOML; or holds NaN or an infinity.
    """
    text = read_capped(path, limit)
    try:
        return tomllib.loads(text, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid TOML ({error}).") from None


def checked_model(model: type[M], content: Any, path: Path) -> M:
    """``content`` as a ``model``.

    Raises:
        DataError: It does not fit; the first place where it does not is named.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part)[:_SHOWN] for part in first["loc"]) or "the whole"
        raise DataError(f"{path}: {place}: {first['msg'][: _SHOWN * 4]}.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice[:_SHOWN]!r} is there twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:  # 1e999 is an infinity, too
        raise ValueError(f"{text[:_SHOWN]} is no finite number")
    return value
