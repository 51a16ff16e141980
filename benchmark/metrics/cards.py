"""All metrics by name: the built-in ones, then those of other distributions.

Kept cheap: nothing here or in the modules it lists imports an array library.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType

from ..errors import UsageError, near_misses
from .contour import CONTOUR_CARDS
from .definition import Card, Metric

__all__ = [
    "GROUP",
    "Card",
    "cards",
    "contour_cards",
    "definitions_hash",
    "metrics",
    "modules",
    "problems",
    "select",
    "select_contour",
]

#: Entry point group; each entry names a metric, a collection of them, or a module that holds some.
GROUP = "benchmark.metrics"
_BUILT_IN = ("overlap", "volume", "surface", "tolerance", "boundary", "lesions", "slices",
             "calibration", "budget", "surfel")  # fmt: skip


def metrics() -> Mapping[str, Metric]:
    """Every metric that could be loaded; the built-in ones first, in their order."""
    return _loaded()[0]


def cards() -> Mapping[str, Card]:
    """The card of every metric in :func:`metrics`, in the same order."""
    return MappingProxyType({name: m.card for name, m in metrics().items()})


def contour_cards() -> Mapping[str, Card]:
    """By :attr:`Card.key`: the cards of what is measured between contours."""
    return MappingProxyType({card.key: card for card in CONTOUR_CARDS.values()})


def problems() -> Mapping[str, str]:
    """What is wrong with entry points that could not be loaded, by their name."""
    return _loaded()[1]


def modules() -> tuple[tuple[str, str], ...]:
    """The modules that define metrics, and the distribution of each (empty if unknown)."""
    return _loaded()[2]


def select(
    names: Collection[str] | None = None, *, contours: bool = False, probabilities: bool = False
) -> tuple[Metric, ...]:
    """The named metrics of masks in the registry's order; by default all but extras.

    Args:
        names: Names; ``hd`` is that of masks and of contours, ``hd@contour`` of contours alone.
        contours: Whether there may be contours, so that names of theirs alone are not refused.
        probabilities: Whether there are probabilities to measure: by default, metrics that read
            them are left out where there are none.

    Raises:
        UsageError: A name is unknown, or of contours alone where there can be none.
    """
    known = metrics()
    for name in names or ():
        if name in known:
            continue
        if not (name in CONTOUR_CARDS or name in contour_cards()):
            everything = {*known, *CONTOUR_CARDS, *contour_cards()}
            raise UsageError(f"There is no metric {name!r}.", near_misses(name, everything))
        if not contours:
            raise UsageError(f"{name!r} is measured between contours, and there are none here.")
    if names is not None:
        return tuple(m for name, m in known.items() if name in names)
    usual = (m for m in known.values() if not m.card.extra)
    return tuple(m for m in usual if probabilities or m.card.reads != "probabilities")


def select_contour(names: Collection[str] | None = None) -> tuple[Card, ...]:
    """The named metrics of contours, by name or key, in the order of rows; all by default."""
    return tuple(
        card
        for card in CONTOUR_CARDS.values()
        if names is None or card.name in names or card.key in names
    )


def definitions_hash(names: Iterable[str] | None = None) -> str:
    """One hash over the cards of ``names``: equal if and only if they all are.

    By default over those of :func:`select`.

    Raises:
        UsageError: A name is unknown.
    """
    chosen = select(None if names is None else list(names))
    lines = sorted(f"{m.card.name} {m.card.hash}" for m in chosen)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


@cache
def _loaded() -> tuple[Mapping[str, Metric], Mapping[str, str], tuple[tuple[str, str], ...]]:
    found: dict[str, Metric] = {}
    wrong: dict[str, str] = {}
    homes: set[tuple[str, str]] = set()
    for name in _BUILT_IN:
        found.update((m.card.name, m) for m in _held(import_module(f".{name}", __package__)))
        homes.add((f"{__package__}.{name}", ""))
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        try:
            theirs = _held(entry.load())
        # A stranger's module may raise anything at all; it must not take the others down with it.
        except Exception as error:
            wrong[entry.name] = f"{entry.value}: {type(error).__name__}: {error}"
            continue
        problem = _problem(entry, theirs, found)
        if problem:
            wrong[entry.name] = problem
        else:
            found.update((m.card.name, m) for m in theirs)
            distribution = entry.dist.name if entry.dist else ""
            # What the entry names, and where its functions stand if that can be told.
            places = {entry.module, *(getattr(m.function, "__module__", None) for m in theirs)}
            homes.update((p, distribution) for p in places if p in sys.modules)
    return MappingProxyType(found), MappingProxyType(wrong), tuple(sorted(homes))


def _held(thing: object) -> list[Metric]:
    """The metrics that an entry point's object is or holds, in order of definition."""
    if isinstance(thing, Metric):
        return [thing]
    if isinstance(thing, ModuleType):
        return [value for value in vars(thing).values() if isinstance(value, Metric)]
    if isinstance(thing, Iterable):
        return [value for value in thing if isinstance(value, Metric)]
    return []


def _problem(entry: EntryPoint, theirs: list[Metric], found: Mapping[str, Metric]) -> str:
    if not theirs:
        return f"{entry.value} is no metric and holds none."
    names = [m.card.name for m in theirs]
    taken = {*found, *CONTOUR_CARDS, *contour_cards()}
    clashes = sorted({n for n in names if n in taken or names.count(n) > 1})
    if clashes:
        return f"{entry.value}: the name {', '.join(clashes)} is taken."
    lost = [m.card.name for m in theirs if "contour" in m.card.dims]
    return f"{entry.value}: {', '.join(lost)} reads contours, which only ours do." if lost else ""
