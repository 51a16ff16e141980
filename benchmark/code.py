"""What code a plugin runs through, as one hash: editing any of it makes stored results stale.

The closure of imports is followed in the text of the files, lazy imports inside functions
included, within the plugin's own distribution; nothing is executed.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .registry import PluginInfo

__all__ = ["code_hash", "engine_hash", "files_of", "hash_files"]

_ENGINE = Path(__file__).parent


def code_hash(info: PluginInfo) -> str:
    """Hash of the plugin's file and of all it imports from its own package or the engine."""
    assert info.path is not None
    files = files_of(info.path, info.module)
    top = info.module.partition(".")[0]
    if info.distribution and top != "benchmark":
        # A stranger's code may import in ways that text does not show: take its whole package.
        spec = find_spec(top)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            files |= set(Path(folder).rglob("*.py"))
    return hash_files(files)


@cache
def engine_hash(*modules: str) -> str:
    """Hash of the engine modules named, and of the engine modules those import."""
    files: set[Path] = set()
    for module in modules:
        path = _ENGINE / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            path = _ENGINE / module / "__init__.py"
        files |= files_of(path, f"benchmark.{module}")
    return hash_files(files)


def hash_files(files: Iterable[Path]) -> str:
    """Hash of names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(set(files)):
        digest.update(f"{path.parent.name}/{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def files_of(path: Path, module: str) -> set[Path]:
    """The file and, transitively, the files of its package and of the engine that it imports."""
    seen: set[Path] = set()
    waiting = [(path.resolve(), module)]
    while waiting:
        file, name = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        waiting += list(_imports(file, name))
    return seen


@cache
def _imports(file: Path, module: str) -> tuple[tuple[Path, str], ...]:
    found = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found += list(_from(node, file, package))
        elif isinstance(node, ast.Import):
            found += [t for a in node.names for t in _engine(a.name)]
    return tuple(found)


def _from(node: ast.ImportFrom, file: Path, package: str) -> Iterator[tuple[Path, str]]:
    if node.level == 0:
        if node.module == "benchmark":
            # The public names are the value types and the contract; both are in the engine's hash.
            return
        yield from _engine(node.module or "")
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
    head, _, rest = name.partition(".")
    if head == "benchmark" and rest:
        yield from _module(_ENGINE / rest.replace(".", "/"), name)


def _module(stem: Path, name: str) -> Iterator[tuple[Path, str]]:
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            yield path.resolve(), name
