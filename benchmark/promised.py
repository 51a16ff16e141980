"""What a loaded plugin says of itself, looked at before anything stands on it.

A region that does not exist would otherwise make each of its numbers "not applicable", and what no
record can hold would be found after hours of training.
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import BenchError, PluginError
from .plain import one_line, told
from .plugins import Method, Plugin
from .types import Region

__all__ = ["check_parameters", "check_regions", "profiles_of"]


def profiles_of(cls: type[Method], name: str) -> Mapping[str, Mapping[str, object]]:
    """The profiles of a method.

    Raises:
        PluginError: They are no mapping of parameters by profile.
    """
    profiles = cls.profiles
    if not isinstance(profiles, Mapping) or not all(
        isinstance(one, Mapping) for one in profiles.values()
    ):
        raise PluginError(
            f"The profiles of {name!r} are {one_line(ascii(profiles), 80)}.",
            'Write them as {"quick": {}, "paper": {"epochs": 100}}.',
        )
    return profiles


def check_regions(plugin: Plugin, name: str) -> None:
    """Raise unless the regions that it segments or annotates are regions.

    Raises:
        PluginError: They are not, or asking for them raises.
    """
    what = "produces" if isinstance(plugin, Method) else "annotates"
    try:
        regions = sorted(map(str, getattr(plugin, what)))
    except BenchError:
        raise
    except (Exception, SystemExit) as error:  # it may be a property of a stranger
        raise PluginError(
            f"{name!r} cannot say what it {what}: {type(error).__name__}: {told(error)}."
        ) from error
    known = [str(region) for region in Region]
    strange = [one_line(region, 80) for region in regions if region not in known]
    if strange:
        raise PluginError(
            f"{name!r} says that it {what} {', '.join(map(repr, strange))}, which is no region.",
            f"There are: {', '.join(sorted(known))}.",
        )


def check_parameters(plugin: Plugin, name: str) -> None:
    """Raise unless every parameter can be written into a record.

    Raises:
        PluginError: One cannot.
    """
    for field in type(plugin).model_fields:
        try:
            plugin.model_dump(mode="json", include={field})
        except Exception as error:  # pydantic's, or that of a stranger's own type
            raise PluginError(
                f"The parameter {field!r} of {name!r} cannot be written into a record: "
                f"{type(error).__name__}: {told(error)}.",
                "Let parameters be numbers, texts, paths, or lists and mappings of them.",
            ) from error
