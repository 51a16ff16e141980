"""The presets by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..errors import UsageError, near_misses
from . import acdc, emidec, medpy, monai, myosaiq, nnunet
from .definition import Preset

__all__ = ["preset", "presets"]

_ALL = (emidec.PRESET, myosaiq.PRESET, acdc.PRESET, nnunet.PRESET, medpy.PRESET, monai.PRESET)


def presets() -> Mapping[str, Preset]:
    """Every preset by its name."""
    return MappingProxyType({p.name: p for p in _ALL})


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises:
        UsageError: There is none.
    """
    known = presets()
    if name not in known:
        raise UsageError(f"There is no preset {name!r}.", near_misses(name, known))
    return known[name]
