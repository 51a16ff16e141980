"""Which files a Python file runs through: its imports, followed in the text.

Lazy imports inside functions count; imports for type checkers do not. Nothing is executed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from . import _HOMES

__all__ = ["ENGINE", "files_of", "hash_files"]

ENGINE = Path(__file__).parent


def files_of(path: Path, module: str) -> set[Path]:
    """The file and, transitively, the files of its package and of the engine that it imports.

    Args:
        path: Where to start.
        module: Its dotted name; anything for a file that is no part of a package.

    Raises:
        SyntaxError, OSError: One of the files is no readable Python.
    """
    seen: set[Path] = set()
    waiting = [(path.resolve(), module)]
    while waiting:
        file, name = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".py":
            waiting += _imports(file, name, file.read_bytes())
    return seen


def hash_files(files: Iterable[Path]) -> str:
    """Hash of names and contents, the same wherever the files are installed."""
    lines = sorted(
        f"{path.parent.name}/{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in set(files)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def _imports(file: Path, module: str, text: bytes) -> tuple[tuple[Path, str], ...]:
    """The text is an argument, so that an edited file is read again within one process."""
    found: list[tuple[Path, str]] = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in _running(ast.parse(text, filename=str(file))):
        if isinstance(node, ast.ImportFrom):
            found += _from(node, file, package)
        elif isinstance(node, ast.Import):
            found += [t for a in node.names for t in _engine(a.name)]
    return tuple(found)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, but what stands under ``if TYPE_CHECKING:``, which never runs."""
    for child in ast.iter_child_nodes(node):
        yield child
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _running(other)
        else:
            yield from _running(child)


def _from(node: ast.ImportFrom, file: Path, package: str) -> Iterator[tuple[Path, str]]:
    if node.level == 0:
        module = node.module or ""
        yield from _engine(module)
        for alias in node.names:
            # the public names of the package live in modules of it
            name = _HOMES.get(alias.name, alias.name) if module == "benchmark" else alias.name
            yield from _engine(f"{module}.{name}")
        return
    folder, name = file.parent, package
    for _ in range(node.level - 1):
        folder, name = folder.parent, name.rpartition(".")[0]
    if node.module:
        folder, name = folder / node.module.replace(".", "/"), f"{name}.{node.module}"
        yield from _module(folder, name)
    for alias in node.names:
        yield from _module(folder / alias.name, f"{name}.{alias.name}")


def _engine(name: str) -> Iterator[tuple[Path, str]]:
    """A module of the engine, or of the plugins that are mapped into its package."""
    head, _, rest = name.partition(".")
    if head != "benchmark" or not rest:
        return
    first, _, behind = rest.partition(".")
    if first in ("methods", "datasets"):
        spec = find_spec(f"benchmark.{first}")
        for folder in (spec.submodule_search_locations or []) if spec else []:
            yield from _module(Path(folder) / behind.replace(".", "/"), name)
    else:
        yield from _module(ENGINE / rest.replace(".", "/"), name)


def _module(stem: Path, name: str) -> Iterator[tuple[Path, str]]:
    # Of an extension module, the source: what a compiler makes of it differs by machine.
    files = (
        stem.with_name(f"{stem.name}.py"),
        stem / "__init__.py",
        stem.with_name(f"{stem.name}.c"),
    )
    for path in files:
        if path.is_file():
            yield path.resolve(), name
