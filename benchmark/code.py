"""What code a plugin runs through, as one hash: editing any of it makes stored results stale."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .closure import ENGINE, files_of, hash_files
from .errors import PluginError
from .registry import PluginInfo

__all__ = ["code_hash", "engine_hash"]


def code_hash(info: PluginInfo) -> str:
    """Hash of the plugin's file and of all it imports from its own package or the engine.

    Of a plugin by path, what its files hold now. Of an installed one, what they held when this
    process first asked: modules are imported once, and the hash must be that of the code that runs.

    Raises:
        PluginError: A file that it imports is no readable Python.
    """
    assert info.path is not None
    try:
        if info.module.endswith(".py"):
            return hash_files(files_of(info.path, info.path.stem))
        return _installed_hash(info.path, info.module, bool(info.distribution))
    except (SyntaxError, ValueError, OSError) as error:
        raise PluginError(f"{info.name!r} imports a broken file: {error}.") from error


@cache
def _installed_hash(path: Path, module: str, whole: bool) -> str:
    files = files_of(path, module)
    top = module.partition(".")[0]
    if whole and top != "benchmark":
        # A stranger's code may import in ways that text does not show: take its whole package.
        spec = find_spec(top)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            files |= {p.resolve() for p in Path(folder).rglob("*.py")}
    return hash_files(files)


@cache
def engine_hash(*modules: str) -> str:
    """Hash of the engine modules named, and of the engine modules those import."""
    files: set[Path] = set()
    for module in modules:
        path = ENGINE / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            path = ENGINE / module / "__init__.py"
        files |= files_of(path, f"benchmark.{module}")
    return hash_files(files)
