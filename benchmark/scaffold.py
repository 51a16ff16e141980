"""``bench new``: a plugin file that works before anything is changed in it."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from .atomic import replacing
from .errors import UsageError

__all__ = ["new_plugin"]


def new_plugin(kind: Literal["method", "dataset"], name: str, into: Path) -> Path:
    """Write ``into/name.py`` and return its path.

    Raises:
        UsageError: The name is no lower-case module name, or the file exists.
        DataError: The folder cannot be written to.
    """
    plain = name.isidentifier() and name.islower() and not name.startswith("_")
    if not plain or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be a plugin's name.",
            "Use lower-case letters, digits and '_', such as 'my_unet'.",
        )
    path = into / f"{name}.py"
    if path.exists():
        raise UsageError(f"{path} exists.", "Choose another name or folder.")
    template = files("benchmark").joinpath("templates", f"{kind}.py.txt").read_text("utf-8")
    cls = "".join(part.capitalize() for part in name.split("_"))
    if re.search(rf"\b{cls}\b", template):
        cls += kind.capitalize()  # not to hide a name that the template uses, such as Label
    text = Template(template).substitute(name=name, Class=cls)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
