"""Finds, lists and loads plugins: the built-in ones and a stranger's, through the same door.

An entry point in ``scarbench.methods`` or ``scarbench.datasets`` names a package (each public
module in it is one plugin, called as the module), a module, or ``module:Class``. A plugin may also
be given as the path of its file. Listing imports nothing; loading imports only the one asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from .closure import files_of, hash_files
from .discovery import Source, read_source
from .errors import BenchError, PluginError, UsageError, near_misses
from .plain import told

if TYPE_CHECKING:
    from .plugins import Plugin

__all__ = ["Kind", "PluginInfo", "create", "listed", "plugin_class"]

Kind = Literal["methods", "datasets"]


@dataclass(frozen=True)
class PluginInfo:
    """Where a plugin is and what its file says; ``error`` is set when it cannot be used.

    Attributes:
        module: Importable name, or the file's path for a plugin given by path.
        class_name: Set where the entry point names the class.
        distribution, version: What installed it (empty for a path).
    """

    kind: Kind
    name: str
    module: str
    path: Path | None = None
    class_name: str | None = None
    distribution: str = ""
    version: str = ""
    source: Source | None = None
    error: str = ""


def listed(kind: Kind) -> dict[str, PluginInfo]:
    """Every plugin of a kind by name, sorted; broken ones with their error. Imports none."""
    found: dict[str, PluginInfo] = {}
    for info in sorted(_all(kind), key=lambda i: (i.name, i.distribution)):
        if info.name in found:
            first = found[info.name]
            clash = f"two plugins have this name, {_origin(first)} and {_origin(info)}"
            info = PluginInfo(kind, info.name, info.module, info.path, error=clash)
        found[info.name] = info
    return found


def _origin(info: PluginInfo) -> str:
    return f"{info.module} ({info.distribution})" if info.distribution else info.module


def _all(kind: Kind) -> Iterator[PluginInfo]:
    for point in entry_points(group=f"scarbench.{kind}"):
        try:
            yield from _at(kind, point)
        except Exception as error:
            yield PluginInfo(
                kind, point.name, point.value, error=f"{type(error).__name__}: {told(error)}"
            )


def _at(kind: Kind, point: EntryPoint) -> Iterator[PluginInfo]:
    distribution = point.dist.name if point.dist else ""
    version = point.dist.version if point.dist else ""
    spec = _found(point.module)
    if spec is None:
        raise ModuleNotFoundError(f"no module {point.module!r}")
    if spec.origin and (spec.submodule_search_locations is None or point.attr):
        yield _info(kind, point.name, point.module, Path(spec.origin), point.attr or None,
                    distribution, version)  # fmt: skip
        return
    for item in pkgutil.iter_modules(list(spec.submodule_search_locations or [])):
        if item.name.startswith("_"):
            continue
        folder = Path(item.module_finder.path)  # type: ignore[union-attr]  # a FileFinder has it
        path = folder / (f"{item.name}/__init__.py" if item.ispkg else f"{item.name}.py")
        yield _info(kind, item.name, f"{point.module}.{item.name}", path, None, distribution,
                    version)  # fmt: skip


def _found(module: str) -> ModuleSpec | None:
    """Where a module is. ``importlib.util.find_spec`` would import the packages it lies in."""
    name, places, spec = "", None, None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        finders = (f.find_spec for f in sys.meta_path if hasattr(f, "find_spec"))
        spec = next(filter(None, (find(name, places) for find in finders)), None)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    return spec


def _info(
    kind: Kind, name: str, module: str, path: Path, class_name: str | None, distribution: str,
    version: str,
) -> PluginInfo:  # fmt: skip
    source, error = None, ""
    try:
        source = read_source(path, class_name)
    except (SyntaxError, ValueError, OSError) as fault:
        error = f"{type(fault).__name__}: {told(fault)}"
    return PluginInfo(kind, name, module, path, class_name, distribution, version, source, error)


def find(kind: Kind, name: str) -> PluginInfo:
    """The plugin called ``name``, or the one in the file ``name``.

    Raises:
        UsageError: There is none; near misses are named.
        PluginError: It is there and broken.
    """
    if name.endswith(".py") or "/" in name:
        path = Path(name).expanduser().resolve()
        if path.suffix != ".py":
            raise UsageError(f"{name} is no Python file.", "Name a FILE.py, or a plugin's name.")
        if not path.is_file():
            beside = [p.name for p in path.parent.glob("*.py")]
            raise UsageError(f"There is no plugin file {path}.", near_misses(path.name, beside))
        info = _info(kind, path.stem, str(path), path, None, "", "")
    else:
        known = listed(kind)
        if name not in known:
            raise UsageError(
                f"There is no {kind[:-1]} {name!r}.",
                f"{near_misses(name, known)} 'bench list {kind}' shows them all.",
            )
        info = known[name]
    if info.error:
        raise PluginError(f"The {kind[:-1]} {info.name!r} ({info.module}) is broken: {info.error}.")
    return info


def plugin_class(info: PluginInfo) -> type[Plugin]:
    """Import a plugin and return its class.

    Raises:
        PluginError: The import fails, or the module has no (or more than one) plugin class.
    """
    from .plugins import Dataset, Method

    base: type[Plugin] = Method if info.kind == "methods" else Dataset
    module = _imported(info)
    names = [info.class_name] if info.class_name else [n for n in vars(module) if n[0] != "_"]
    found = {
        value: None
        for value in (getattr(module, name, None) for name in names)
        if inspect.isclass(value)
        and issubclass(value, base)
        and (info.class_name or value.__module__ == module.__name__)
    }
    if len(found) != 1:
        listed = ", ".join(value.__name__ for value in found) or "none"
        what = f"no {base.__name__} called {info.class_name}" if info.class_name else (
            f"{len(found)} public {base.__name__} classes ({listed}), not one"
        )  # fmt: skip
        raise PluginError(
            f"{info.module} has {what}.",
            f"Keep one subclass of benchmark.{base.__name__} per file.",
        )
    cls: type[Plugin] = next(iter(found))
    if inspect.isabstract(cls):
        raise PluginError(
            f"{cls.__name__} in {info.module} does not implement "
            f"{', '.join(sorted(cls.__abstractmethods__))}."
        )
    return cls


def _imported(info: PluginInfo) -> ModuleType:
    try:
        # stdout is for our results
        with contextlib.redirect_stdout(sys.stderr):
            if info.module.endswith(".py") and info.path is not None:
                return _from_path(info.path)
            return importlib.import_module(info.module)
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"The {info.kind[:-1]} {info.name!r} ({info.module}) cannot be imported: "
            f"{type(error).__name__}: {told(error)}."
        ) from error


def _from_path(path: Path) -> ModuleType:
    """Import a file as a module of a package of its own, so that it can import its siblings.

    The package is named after the folder and what the file runs through: the same in every
    process, and another one, imported afresh, when any of it was edited.
    """
    identity = f"{path.parent}\0{hash_files(files_of(path, path.stem))}"
    parent = f"_scarbench_{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    name = f"{parent}.{path.stem.replace('.', '_')}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    package = ModuleType(parent)
    package.__path__ = [str(path.parent)]
    sys.modules.setdefault(parent, package)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # A bytecode file is taken for that of an edited source of the same size and second.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.dont_write_bytecode = writes
    return module


def create(kind: Kind, name: str, values: Mapping[str, Any]) -> Plugin:
    """The plugin ``name`` with these parameters (text or typed).

    Raises:
        UsageError, PluginError: No such name, a broken plugin, or parameters that do not fit.
    """
    from .parameters import validated

    info = find(kind, name)
    return validated(plugin_class(info), info.name, values)
