"""What steps answer, checked: it may come from a process in which a stranger's code ran."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from .errors import PluginError
from .record import RunRecord

__all__ = ["Begun", "Finished", "RunResult", "begun_of", "finished_of", "ids_of", "names_of",
           "row_of", "seconds_of", "yes_of"]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Begun:
    """What is known of a run once its plugins are loaded and its cases have been read.

    Attributes:
        dataset, method: Names, as folders have them.
        key: Of the predictions; the run's folder is named by it.
        trains: The method has a training stage.
        cases: Ids of the cases to predict and to score.
        device, threads: Those that are taken.
        train: Key of the training; runs that share it train once.
    """

    dataset: str
    method: str
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    trains: bool
    cases: tuple[str, ...]
    device: str
    threads: Annotated[int, Field(ge=1)]
    train: str = ""


@dataclass(frozen=True)
class Finished:
    """What came of a run, beside what its record says.

    Attributes:
        cases: How many cases have which status (``ok``, ``error``, ``no_prediction``,
            ``not_applicable``).
        excluded: Why cases are not applicable: how many, by reason.
        errors: Message by case id of those that failed.
        cached: The record and the case table were there just so.
    """

    cases: Mapping[str, int]
    errors: Mapping[str, str]
    excluded: Mapping[str, int]
    cached: bool


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Attributes:
        path: Its folder.
        record: What ``record.json`` says.
        cases: How many cases have which status (``ok``, ``error``, ``no_prediction``,
            ``not_applicable``).
        excluded: Why cases are not applicable: how many, by reason.
        errors: Message by case id of those that failed.
        cached: Nothing had to be done.
    """

    path: Path
    record: RunRecord
    cases: Mapping[str, int]
    errors: Mapping[str, str]
    excluded: Mapping[str, int]
    cached: bool


@dataclass(frozen=True)
class _Row:
    """What the engine itself needs of a prediction's row of facts."""

    status: str
    message: str


_CONFIG = ConfigDict(allow_inf_nan=False)
_BEGUN = TypeAdapter(Begun)
_FINISHED = TypeAdapter(Finished)
_IDS = TypeAdapter(list[str])
_YES = TypeAdapter(bool)
_ROW = TypeAdapter(_Row)
_SECONDS = TypeAdapter(float, config=_CONFIG)


def _checked(step: str, adapter: TypeAdapter[T], reply: Any) -> T:
    try:
        return adapter.validate_python(reply)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise _rubbish(step, f"{place}: {first['msg']}") from None


def _rubbish(step: str, what: str) -> PluginError:
    return PluginError(
        f"The process of the run gave a reply to {step!r} that the engine does not give: {what}.",
        "A plugin has changed the engine under it, or writes where it should not.",
    )


def begun_of(reply: Any) -> Begun:
    """The reply to ``begin``; raises PluginError, as do all of these, where it is none."""
    return _checked("begin", _BEGUN, reply)


def ids_of(reply: Any, known: Collection[str]) -> list[str]:
    """Ids of cases, all of them known ones and none twice."""
    ids = _checked("unpredicted or unscored", _IDS, reply)
    strange = set(ids) - set(known)
    if strange or len(set(ids)) != len(ids):
        raise _rubbish("unpredicted or unscored", f"{sorted(strange)[:3] or 'a case twice'}")
    return ids


def names_of(reply: Any) -> set[str]:
    """The reply to ``parameters``."""
    names = _checked("parameters", _IDS, reply)
    return set(names)


def yes_of(reply: Any, step: str = "trains") -> bool:
    """The reply to ``trains`` or ``train_step``."""
    return _checked(step, _YES, reply)


def row_of(reply: Any) -> str:
    """The status in a prediction's row of facts."""
    return _checked("predict_step", _ROW, reply).status


def seconds_of(reply: Any) -> float:
    """The reply to ``score_step``."""
    return _checked("score_step", _SECONDS, reply)


def finished_of(reply: Any, known: Collection[str]) -> Finished:
    """The reply to ``finish``."""
    finished = _checked("finish", _FINISHED, reply)
    if set(finished.errors) - set(known) or sum(finished.cases.values()) != len(known):
        raise _rubbish("finish", "cases that the run does not have")
    return finished
