"""``python -m benchmark.describe methods jdl``: what a plugin's class says of itself, as JSON.

Run in a process of its own by ``bench list``, since importing a stranger's plugin may do anything.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sys
from typing import Any, Literal, get_args, get_origin

from .errors import BenchError
from .plugins import Method
from .registry import Kind, find, plugin_class

__all__ = ["described"]


def described(kind: Kind, name: str) -> dict[str, Any]:
    """Docstring, fields, needs and regions of a plugin.

    Raises:
        UsageError, PluginError: There is none of that name, or it is broken.
    """
    info = find(kind, name)
    cls = plugin_class(info)
    module = inspect.getmodule(cls)
    regions = getattr(cls, "produces" if issubclass(cls, Method) else "annotates", ())
    needs = cls.needs if issubclass(cls, Method) else frozenset()
    fields = [
        {
            "name": key,
            "type": _type(field.annotation),
            "default": "required" if field.is_required() else _plain(field.default),
            "description": field.description or "",
        }
        for key, field in cls.model_fields.items()
    ]
    return {
        "summary": info.source.summary if info.source else "",
        "doc": "\n\n".join(
            inspect.cleandoc(text)
            for text in (module.__doc__ if module else None, cls.__dict__.get("__doc__"))
            if text
        ),
        "fields": fields,
        "parameters": {f["name"]: f["default"] for f in fields},
        "needs": _names(needs),
        "tunable": {k: str(v) for k, v in cls.tunable.items()} if issubclass(cls, Method) else {},
        "regions": _names(regions),
        "error": "",
    }


def _type(annotation: Any) -> str:
    """As one would write it; of a choice, what there is to choose from."""
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return re.sub(r"\b(typing|pathlib)\.", "", str(annotation))


def _names(value: Any) -> list[str]:
    # a property where it depends on the parameters
    return sorted(map(str, value)) if isinstance(value, frozenset) else ["by parameters"]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _main() -> None:
    kind, name = sys.argv[1:3]
    if kind not in ("methods", "datasets"):
        raise SystemExit(f"no such kind: {kind}")
    with contextlib.redirect_stdout(sys.stderr):
        try:
            facts = described(kind, name)  # type: ignore[arg-type]  # checked above
        except BenchError as error:
            facts = {"error": str(error)}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    _main()
