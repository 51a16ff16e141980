"""What code a plugin runs through, as one hash: editing any of it makes stored results stale."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from .closure import ENGINE, files_of, hash_files
from .errors import PluginError
from .metrics.cards import modules
from .registry import PluginInfo

__all__ = ["class_hash", "code_hash", "engine_hash", "metrics_hash"]


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
        return _installed_hash(info.path, info.module, info.distribution)
    except (SyntaxError, ValueError, OSError) as error:
        raise PluginError(f"{info.name!r} imports a broken file: {error}.") from error


def class_hash(cls: type, info: PluginInfo) -> str:
    """As :func:`code_hash`, of the file in which the plugin ``info`` found the class ``cls``.

    Raises:
        PluginError: As :func:`code_hash`.
    """
    assert info.path is not None
    module = cls.__module__
    path = Path(inspect.getfile(cls))
    if path.resolve() == info.path.resolve():
        return code_hash(info)
    try:
        if module.startswith("_scarbench_"):  # a sibling of a plugin by path
            return hash_files(files_of(path, path.stem))
        return _installed_hash(path, module, info.distribution)
    except (SyntaxError, ValueError, OSError) as error:
        raise PluginError(f"{info.name!r} imports a broken file: {error}.") from error


@cache
def metrics_hash() -> str:
    """Hash of the code of every metric there is, and of all that it imports.

    Metrics are loaded by name, so no import of the engine leads to them.
    """
    files: set[Path] = set()
    for module, distribution in modules():
        source = getattr(import_module(module), "__file__", None)
        if source:
            files |= _installed_files(Path(source), module, distribution)
    return hash_files(files)


@cache
def _installed_hash(path: Path, module: str, distribution: str) -> str:
    return hash_files(_installed_files(path, module, distribution))


def _installed_files(path: Path, module: str, distribution: str) -> set[Path]:
    files = files_of(path, module)
    top = module.partition(".")[0]
    if distribution and top != "benchmark":
        # A stranger's code may import in ways that text does not show, and bring weights: take all
        # that was installed with it, and of an editable install at least its whole package.
        files |= set(_shipped(distribution))
        spec = find_spec(top)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            files |= {p.resolve() for p in Path(folder).rglob("*.py")}
    return files


def _shipped(distribution: str) -> Iterator[Path]:
    """Files of an installed distribution, but for caches and its own metadata."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return  # a folder on the path, not installed
    for file in files:
        path = Path(str(file.locate()))
        # Of an editable install these hold paths of this machine, and no code.
        marks = path.suffix == ".pth" or path.name.startswith("__editable__")
        outside = any(p.endswith(".dist-info") or p in ("__pycache__", "..") for p in file.parts)
        if not marks and not outside and path.is_file():
            yield path.resolve()


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
