"""What a plugin file says of itself, read from its text: nothing is imported, nothing can break."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Parameter", "Source", "read_source"]

_ROOTS = {"Method", "Dataset"}
#: What ``Method.needs`` is where a class does not say.
DEFAULT_NEEDS = ("lge",)


@dataclass(frozen=True)
class Parameter:
    """A field of a plugin as its file shows it."""

    name: str
    type: str
    default: str
    description: str = ""


@dataclass(frozen=True)
class Source:
    """What the text of a plugin file tells.

    Attributes:
        summary: The first line of the module's docstring.
        classes: Names of the public classes that are (by name) methods or data sets.
        parameters: Fields of the first such class, those of its bases in sibling files included.
        needs, produces: The strings and regions named in those class variables.
    """

    summary: str
    classes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    needs: tuple[str, ...]
    produces: tuple[str, ...]


def read_source(path: Path, class_name: str | None = None) -> Source:
    """Read a plugin file.

    Raises:
        SyntaxError, ValueError, OSError: It, or a sibling it derives from, is no readable Python.
    """
    tree = _tree(path)
    doc = ast.get_docstring(tree) or ""
    lineages = {
        node.name: list(_lineage(node, tree, path, set()))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    plugins = {n: line for n, line in lineages.items() if _is_plugin(line)}
    chosen = plugins.get(class_name or next(iter(plugins), ""), [])
    needs = _names(chosen, "needs")
    return Source(
        summary=doc.strip().splitlines()[0] if doc.strip() else "",
        classes=tuple(plugins),
        parameters=_parameters(chosen),
        needs=DEFAULT_NEEDS if needs is None else needs,
        produces=_names(chosen, "produces") or _names(chosen, "annotates") or (),
    )


def _tree(path: Path) -> ast.Module:
    # as bytes: Python itself then finds the encoding, or a byte order mark
    return ast.parse(path.read_bytes(), filename=str(path))


def _lineage(
    node: ast.ClassDef, tree: ast.Module, path: Path, seen: set[str]
) -> Iterator[ast.ClassDef]:
    """The class, then the classes it derives from, as far as this file and its siblings show."""
    yield node
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
        if name in seen or name in _ROOTS:
            continue
        seen.add(name)
        found = _find(name, tree, path)
        if found is not None:
            yield from _lineage(*found, seen)


def _find(name: str, tree: ast.Module, path: Path) -> tuple[ast.ClassDef, ast.Module, Path] | None:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, tree, path
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            original = {a.asname or a.name: a.name for a in node.names}.get(name)
            sibling = path.parent / f"{node.module.replace('.', '/')}.py"
            if original and sibling.is_file():
                return _find(original, _tree(sibling), sibling)
    return None


def _is_plugin(lineage: list[ast.ClassDef]) -> bool:
    names = {b.id if isinstance(b, ast.Name) else getattr(b, "attr", "")
             for node in lineage for b in node.bases}  # fmt: skip
    return bool(names & _ROOTS)


def _parameters(lineage: list[ast.ClassDef]) -> tuple[Parameter, ...]:
    found: dict[str, Parameter] = {}
    for node in reversed(lineage):
        for line in node.body:
            if not (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)):
                continue
            kind = ast.unparse(line.annotation)
            name = line.target.id
            if "ClassVar" in kind or name.startswith("_"):
                continue
            default, text = _default(line.value)
            found[name] = Parameter(name, kind, default, text)
    return tuple(found.values())


def _default(value: ast.expr | None) -> tuple[str, str]:
    if value is None:
        return "required", ""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func).endswith("Field")):
        return ast.unparse(value), ""
    words = {k.arg: k.value for k in value.keywords}
    default = value.args[0] if value.args else words.get("default")
    made = words.get("default_factory")
    text = words.get("description")
    if default is None or ast.unparse(default) == "...":
        shown = f"{ast.unparse(made)}()" if made else "required"
    else:
        shown = ast.unparse(default)
    return (
        shown,
        text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else "",
    )


def _names(lineage: list[ast.ClassDef], variable: str) -> tuple[str, ...] | None:
    for node in lineage:
        for line in node.body:
            if not isinstance(line, ast.AnnAssign | ast.Assign):
                continue
            target = line.target if isinstance(line, ast.AnnAssign) else line.targets[0]
            value = line.value
            if isinstance(target, ast.Name) and target.id == variable and value is not None:
                return tuple(_words(value))
    return None


def _words(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Region":
            yield node.attr.lower()
