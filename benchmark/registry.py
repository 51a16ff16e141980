"""Finds, lists and loads plugins: the built-in ones and a stranger's, through the same door.

An entry point in ``scarbench.methods`` or ``scarbench.datasets`` names a package (each public
module in it is one plugin, called as the module), a module, or ``module:Class``. A plugin may also
be given as the path of its file. Listing imports nothing; loading imports only the one asked for.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from .discovery import Source, read_source
from .errors import BenchError, PluginError, UsageError, near_misses

if TYPE_CHECKING:
    from .plugins import Dataset, Method, Plugin

__all__ = ["Kind", "PluginInfo", "create", "listed", "load_dataset", "load_method", "plugin_class"]

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
            clash = f"two plugins have this name: {first.module} and {info.module}"
            info = PluginInfo(kind, info.name, info.module, info.path, error=clash)
        found[info.name] = info
    return found


def _all(kind: Kind) -> Iterator[PluginInfo]:
    for point in entry_points(group=f"scarbench.{kind}"):
        try:
            yield from _at(kind, point)
        except Exception as error:
            yield PluginInfo(
                kind, point.name, point.value, error=f"{type(error).__name__}: {error}"
            )


def _at(kind: Kind, point: EntryPoint) -> Iterator[PluginInfo]:
    distribution = point.dist.name if point.dist else ""
    version = point.dist.version if point.dist else ""
    spec = importlib.util.find_spec(point.module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {point.module!r}")
    if spec.submodule_search_locations is None or point.attr:
        yield _info(kind, point.name, point.module, Path(spec.origin), point.attr or None,
                    distribution, version)  # fmt: skip
        return
    for item in pkgutil.iter_modules(list(spec.submodule_search_locations)):
        if item.name.startswith("_"):
            continue
        folder = Path(item.module_finder.path)  # type: ignore[union-attr]  # a FileFinder has it
        path = folder / (f"{item.name}/__init__.py" if item.ispkg else f"{item.name}.py")
        yield _info(kind, item.name, f"{point.module}.{item.name}", path, None, distribution,
                    version)  # fmt: skip


def _info(
    kind: Kind, name: str, module: str, path: Path, class_name: str | None, distribution: str,
    version: str,
) -> PluginInfo:  # fmt: skip
    source, error = None, ""
    try:
        source = read_source(path, class_name)
    except (SyntaxError, ValueError, OSError) as fault:
        error = f"{type(fault).__name__}: {fault}"
    return PluginInfo(kind, name, module, path, class_name, distribution, version, source, error)


def find(kind: Kind, name: str) -> PluginInfo:
    """The plugin called ``name``, or the one in the file ``name``.

    Raises:
        UsageError: There is none; near misses are named.
        PluginError: It is there and broken.
    """
    if name.endswith(".py") or "/" in name:
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise UsageError(f"There is no plugin file {path}.")
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
    if info.class_name is not None:
        candidates = [getattr(module, info.class_name, None)]
    else:
        candidates = [
            value
            for name, value in vars(module).items()
            if inspect.isclass(value)
            and value.__module__ == module.__name__
            and issubclass(value, base)
            and not name.startswith("_")
        ]
    if len(candidates) != 1 or not (
        inspect.isclass(candidates[0]) and issubclass(candidates[0], base)
    ):
        raise PluginError(
            f"{info.module} has {len(candidates)} public {base.__name__} classes, not one.",
            f"Keep one subclass of benchmark.{base.__name__} per file.",
        )
    return candidates[0]


def _imported(info: PluginInfo) -> ModuleType:
    try:
        if info.module.endswith(".py") and info.path is not None:
            return _from_path(info.path)
        return importlib.import_module(info.module)
    except BenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"The {info.kind[:-1]} {info.name!r} ({info.module}) cannot be imported: "
            f"{type(error).__name__}: {error}."
        ) from error


def _from_path(path: Path) -> ModuleType:
    """Import a file under a name of its own that is the same in every process."""
    name = f"_scarbench_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def create(kind: Kind, name: str, values: Mapping[str, Any]) -> Plugin:
    """The plugin ``name`` with these parameters (text or typed).

    Raises:
        UsageError, PluginError: No such name, a broken plugin, or parameters that do not fit.
    """
    from .parameters import validated

    info = find(kind, name)
    return validated(plugin_class(info), info.name, values)


def load_method(name: str, values: Mapping[str, Any]) -> Method:
    """:func:`create` for a method."""
    return create("methods", name, values)  # type: ignore[return-value]  # plugin_class checked it


def load_dataset(name: str, values: Mapping[str, Any]) -> Dataset:
    """:func:`create` for a data set."""
    return create("datasets", name, values)  # type: ignore[return-value]  # plugin_class checked it
