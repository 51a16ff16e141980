"""The trials of a search on disk: a file each, written whole.

Files of our own, and not one of Optuna's storages, because of what a kill may leave. A line that
was half written to Optuna's journal is run together with the next, and from then on nothing can
read the journal; its lock outlives the process that held it. A trial's file is there or is not, and
what the next trial should be follows from the files alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import DataError
from .store import read_json, write_json

__all__ = ["Trial", "TrialFolder", "best_of"]


class Trial(BaseModel):
    """One try.

    Attributes:
        number: From 1.
        state: ``running`` until it is ``done`` or has ``failed``.
        source: Where the parameters are from: ``given`` (what the method has without a search),
            ``random`` or ``model``.
        parameters: The searched ones.
        value: The mean of the metric; only of those that are done.
        cases: How many validation cases it is the mean of.
        reason: Why it failed.
        seconds: Spent on it in the session that finished it.
        cached: Nothing had to be computed: such runs were there.
        runs: Names of its run folders, one a seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    state: Literal["running", "done", "failed"]
    source: Literal["given", "random", "model"]
    parameters: dict[str, bool | int | float | str]
    value: float | None = None
    cases: int = 0
    reason: str = ""
    seconds: float = 0.0
    cached: bool = False
    runs: list[str] = []


class TrialFolder:
    """``<folder>/trials/0001.json`` and so on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trials"

    def keep(self, trial: Trial) -> None:
        """Write ``trial``; it takes the place of what was known of this number."""
        write_json(self._file(trial.number), trial.model_dump(mode="json"))

    def read(self, number: int) -> Trial | None:
        """The trial of this number; None if there is none, or no whole one."""
        try:
            trial = Trial.model_validate(read_json(self._file(number)), strict=True)
        except (DataError, ValidationError):
            return None  # tried again, with the same parameters: they follow from the others
        return trial if trial.number == number else None

    def finished(self) -> list[Trial]:
        """Those that are done or have failed, up to the first that is neither."""
        found: list[Trial] = []
        while (trial := self.read(len(found) + 1)) is not None and trial.state != "running":
            found.append(trial)
        return found

    def _file(self, number: int) -> Path:
        return self.path / f"{number:04d}.json"


def best_of(trials: Sequence[Trial], higher: bool) -> Trial | None:
    """The trial with the best value, the first of equals; None if none is done."""
    done = [trial for trial in trials if trial.value is not None]
    return max(done, key=lambda t: (_signed(t, higher), -t.number), default=None)


def _signed(trial: Trial, higher: bool) -> float:
    value: Any = trial.value
    return float(value if higher else -value)
