"""From what is known to the text of a page, with all that keeps it harmless.

Everything that is printed is escaped by the template engine; data for the script stand in a block
that no browser runs; a policy in the page's head lets it run and style itself by nothing but the
two texts whose hashes it names, and load nothing at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from ..text import interval_text, number

__all__ = ["rendered"]

#: No HTML may hold these, and those of the end turn the direction of what follows.
_CONTROLS = dict.fromkeys(
    {*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {9, 10},
    "\ufffd",
)
_TEMPLATES = Path(__file__).parent / "templates"


def rendered(context: dict[str, Any]) -> str:
    """The whole page of what the template prints; ``data`` is what its script reads."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "page.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; img-src data:; "
        # Figures carry attributes of style, which no hash can name; style-src is for browsers
        # that do not know the other two.
        f"style-src 'unsafe-inline'; style-src-elem '{_digest(style)}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    text = environment.get_template("page.html.j2").render(
        context
        | {
            "data": Markup(_json(context["data"])),
            # Ours, and hashed as they stand: escaping would break both.
            "style": Markup(style),
            "script": Markup(script),
            "policy": policy,
            "number": number,
            "interval": interval_text,
            "safe": Markup,
        }
    )
    return text.translate(_CONTROLS)


def _json(content: dict[str, Any]) -> str:
    """JSON that can end no element and open none, whatever names it holds."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()
