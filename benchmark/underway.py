"""What stands in a ``runs/`` folder: done, running, failed, interrupted - read, never disturbed.

Nothing here opens a table or loads a plugin, and of a finished run its record alone is read, so
that a thousand runs are a matter of a moment. Whatever is damaged or half there is a line, never
an error.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from .holder import Holder, alive, read_holder
from .legible import inside, unreadable

__all__ = ["RunState", "State", "run_state", "run_states", "totals"]

#: What a driver leaves of a run that ended with an error.
FAILURE = "failure.json"
#: How the folder of a search begins.
STUDY = "tune-"
#: A parameter's value is shown whole up to this many characters.
_LONGEST = 40


class State(StrEnum):
    """What is to be said of a run."""

    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    DONE = "done"


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        path: Its folder.
        dataset, method: Names.
        asked: Parameters that were asked for.
        profile: Which of the method's.
        seed, fold: None where nobody said.
        trial: A trial of a search, tested on no case.
        state: See :class:`State`.
        stage: ``begin``, ``train``, ``predict``, ``score``, ``record``, or ``done``: what it is at,
            or was when it ended.
        of: How many cases there are; None where nobody said.
        predicted, scored, errors: How many of them.
        started: When it was begun last, in seconds since 1970; None where nobody said.
        ended: When it ended; None of one that has not, or nobody knows.
        seconds: What it has taken: of a finished one all its stages, of a running one since it
            was begun last.
        host, pid: Of the process that has it, or had it last.
        message: Why it failed, or what is odd.
    """

    path: Path
    dataset: str
    method: str
    state: State
    stage: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    seed: int | None = None
    fold: int | None = None
    trial: bool = False
    of: int | None = None
    predicted: int = 0
    scored: int = 0
    errors: int = 0
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    host: str = ""
    pid: int | None = None
    message: str = ""

    @property
    def label(self) -> str:
        """The method with the parameters that were asked for, as ``bench run`` takes it."""
        inside = ",".join(f"{key}={_short(value)}" for key, value in sorted(self.asked.items()))
        return f"{self.method}[{inside}]" if inside else self.method


def run_states(root: Path, dataset: str | None = None) -> Iterator[RunState]:
    """Every run under ``root`` (``runs/``), by data set and name.

    Args:
        root: The folder; none is no run.
        dataset: Those of this data set alone.

    Raises:
        DataError: ``root`` or a data set's folder in it cannot be read: nobody knows of which runs.
    """
    now = time.time()
    for of in _folders(Path(root)):
        for folder in _folders(of) if dataset in (None, of.name) else ():
            found = run_state(folder, now)
            if found is not None:
                yield found


def _folders(root: Path) -> list[Path]:
    try:
        return [p for p in inside(root) if p.is_dir()]
    except OSError as error:  # may be listed, but nothing in it looked at
        raise unreadable(root, error) from None


def run_state(folder: Path, now: float | None = None) -> RunState | None:
    """How far the run in ``folder`` is; None if no run was ever begun there."""
    try:
        with (folder / "record.json").open("rb"):
            pass
    except PermissionError as error:  # whose word would be missed in all that follows
        why = f"cannot be read: {error.strerror}"
        return RunState(state=State.FAILED, stage="begin", message=why, **_known(folder, {}))
    except OSError:
        pass
    record, holder = _json(folder / "record.json"), read_holder(folder)
    if record is None and holder is None and not (folder / ".lock").exists():
        return None
    if record is None and folder.name.startswith(STUDY):
        return None  # a search holds its own folder; its trials are runs
    now = time.time() if now is None else now
    works = alive(folder, holder, now)
    failure = _json(folder / FAILURE)
    about = {**(holder.about if holder else {}), **_recorded(record or {})}
    facts: dict[str, Any] = _known(folder, about) | _whose(holder)
    if works == "yes":
        return RunState(state=State.RUNNING, stage=_stage(folder, record), **facts,
                        **_counted(folder, None, about),
                        seconds=max(0.0, now - holder.started) if holder else None)  # fmt: skip
    if failure is not None:
        facts["ended"] = _instant(failure.get("when")) or facts.get("ended")
        return RunState(state=State.FAILED, stage=str(failure.get("stage") or "begin"), **facts,
                        message=_flat(failure.get("message")),
                        **_counted(folder, record, about))  # fmt: skip
    if record is not None:
        facts["seconds"] = _number(_mapping(record.get("totals")).get("seconds"))
        facts["ended"] = facts.get("ended") or _time_of(folder / "record.json")
        return RunState(state=State.DONE, stage="done", **facts, **_counted(folder, record, about))
    silent = ""
    if works == "silent" and holder is not None:
        minutes = max(0.0, now - holder.beat) / 60
        silent = f"no sign of life from {holder.host} for {minutes:.0f} min"
    return RunState(state=State.INTERRUPTED, stage=_stage(folder, record), **facts,
                    message=silent, **_counted(folder, None, about))  # fmt: skip


def totals(found: list[RunState]) -> dict[str, int]:
    """How many runs are in which state, all states named."""
    counts = Counter(one.state for one in found)
    return {state.value: counts[state] for state in State}


def _recorded(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of what was asked, in the words of who holds a run."""
    method, dataset = _mapping(record.get("method")), _mapping(record.get("dataset"))
    cases = _mapping(_mapping(record.get("totals")).get("cases"))
    said = {
        "method": method.get("name"), "asked": method.get("asked"),
        "profile": method.get("profile"), "dataset": dataset.get("name"),
        "seed": record.get("seed"), "fold": record.get("fold"),
        "evaluate": record.get("evaluated"),
        "cases": sum(n for n in cases.values() if isinstance(n, int)) if cases else None,
    }  # fmt: skip
    return {key: value for key, value in said.items() if value is not None}


def _known(folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    evaluated = about.get("evaluate")
    return {
        "path": folder,
        "dataset": _flat(about.get("dataset") or folder.parent.name),
        "method": _flat(about.get("method") or folder.name.rpartition("-")[0] or folder.name),
        "asked": _mapping(about.get("asked")),
        "profile": _flat(about.get("profile")),
        "seed": _whole(about.get("seed")),
        "fold": _whole(about.get("fold")),
        "of": _whole(about.get("cases")),
        "trial": isinstance(evaluated, list)
        and bool(evaluated)
        and not {"test", "external"} & {str(role) for role in evaluated},
    }


def _whose(holder: Holder | None) -> dict[str, Any]:
    if holder is None:
        return {}
    return {"host": _flat(holder.host), "pid": holder.pid, "started": holder.started,
            "ended": holder.ended}  # fmt: skip


def _counted(
    folder: Path, record: Mapping[str, Any] | None, about: Mapping[str, Any]
) -> dict[str, Any]:
    """How many cases are predicted, scored and in error; of a finished run, as its record says."""
    statuses = _mapping(_mapping((record or {}).get("totals")).get("cases"))
    if statuses:
        of = _whole(about.get("cases")) or 0
        return {"predicted": of, "scored": of, "errors": _whole(statuses.get("error")) or 0}
    rows = [_json(path) or {} for path in _files(folder / "predictions", ".json")]
    errors = sum(row.get("status") == "error" for row in rows)
    done = _json(folder / "stages" / "score.json")
    scored = len(_files(folder / "parts", ".scores.parquet"))
    if done is not None:
        scored = max(scored, _whole(done.get("cases")) or 0)
    return {"predicted": len(rows), "scored": scored, "errors": errors}


def _stage(folder: Path, record: Mapping[str, Any] | None) -> str:
    """What an unfinished run is at, by what the stages before have left."""
    if record is not None:
        return "done"
    if (folder / "stages" / "score.json").is_file():
        return "record"
    if (folder / "stages" / "predict.json").is_file():
        return "score"
    if (folder / "stages" / "train.json").is_file() or _files(folder / "predictions", ".json"):
        return "predict"
    if (folder / "scratch").is_dir() or (folder / ".model.tmp").is_dir():
        return "train"
    return "begin"


def _files(folder: Path, suffix: str) -> list[Path]:
    try:
        return [p for p in folder.iterdir() if p.name.endswith(suffix) and p.name[0] != "."]
    except OSError:
        return []


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON mapping; an empty one where the file is damaged, None where there is none."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable else None


def _instant(value: Any) -> float | None:
    """Seconds since 1970 of a time as a failure has it: in ISO 8601, or as a number."""
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return _number(value)


def _time_of(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _flat(value: Any) -> str:
    """A stranger's words on one line, without what a terminal would take for a command."""
    flat = " ".join(str("" if value is None else value).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)


def _short(value: Any) -> str:
    text = _flat(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
