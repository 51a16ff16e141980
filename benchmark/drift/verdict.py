"""What a check found: one outcome for each thing compared, and from them an exit code.

A gate that compared nothing has not passed: :data:`Outcome.NOT_MEASURED` has an exit code of its
own, so that an empty entry, a renamed case or a region that nobody segments is never a success.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, NamedTuple

from ..table import Quantity

__all__ = ["CaseChange", "Change", "Check", "Finding", "Gate", "Outcome", "Then", "joined"]

#: What a gate answers with: 0 no regression, 1 a regression or nothing comparable, 3 nothing
#: measured. (2 is an error of what was asked or given, which is raised and not found.)
EXIT_CODES = {"regression": 1, "changed": 1, "not_measured": 3}

Gate = Literal["engine", "method"]
#: How a case differs: another value; another status (defined, undefined, an error); in the entry
#: alone; in the run alone; another grid.
Change = Literal["value", "status", "missing", "new", "geometry"]


class Outcome(StrEnum):
    """What became of one thing that was compared.

    ``same``: equal to the last bit. ``equal``: different, within what is tolerated. ``better``:
    improved by more than is tolerated. ``regression``: worse by more than is tolerated.
    ``changed``: definition, data or geometry are others, so that the numbers are not comparable
    until they are accepted anew. ``not_measured``: there was nothing to compare.
    """

    SAME = "same"
    EQUAL = "equal"
    BETTER = "better"
    REGRESSION = "regression"
    CHANGED = "changed"
    NOT_MEASURED = "not_measured"

    @property
    def failed(self) -> bool:
        """Whether the gate does not let this through."""
        return self.exit_code != 0

    @property
    def exit_code(self) -> int:
        """What a command that found just this exits with."""
        return EXIT_CODES.get(self.value, 0)


class Then(NamedTuple):
    """A circumstance as it was accepted and as it is now; None where it is not known."""

    then: object
    now: object


@dataclass(frozen=True)
class CaseChange:
    """How one case differs in one quantity.

    Attributes:
        case: Its id.
        region: Of which region; empty where all of the case is meant.
        metric: Which metric; empty likewise.
        dim: Its surface rule, if it has one.
        then: Mean over the entry's seeds; None if undefined in all.
        now: The same of the run.
        status_then: The statuses of the seeds, each once, joined by commas; empty without a row.
        status_now: The same of the run.
        what: How it differs.
    """

    case: str
    region: str
    metric: str
    dim: str | None
    then: float | None
    now: float | None
    status_then: str
    status_now: str
    what: Change


@dataclass(frozen=True)
class Finding:
    """One thing that was compared.

    Attributes:
        gate: Which gate.
        quantity: What was compared; None where it is no quantity (cases, definitions, costs).
        outcome: What became of it.
        then: Mean of the entry over the cases compared; None without any.
        now: The same of the run.
        difference: ``now - then``, as the numbers are: of a distance, more is worse.
        low: Lower end of the interval of ``difference`` over patients; None if not estimated.
        high: Upper end.
        margin: The loss below which the run is not inferior; not negative, in the metric's unit.
        tolerance: The loss that rounding and seeds explain; not negative, in the metric's unit.
        n_cases: How many cases were compared.
        reason: Why this outcome, as a sentence.
        worst: The cases that lost most, the worst first.
        subject: What was compared where it is no quantity: ``cases``, ``predict seconds`` ...
        gated: Whether the outcome counts; other findings inform.
    """

    gate: Gate
    quantity: Quantity | None
    outcome: Outcome
    then: float | None = None
    now: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    tolerance: float | None = None
    n_cases: int = 0
    reason: str = ""
    worst: tuple[CaseChange, ...] = ()
    subject: str = ""
    gated: bool = True

    @property
    def name(self) -> str:
        """What was compared, in words."""
        return str(self.quantity) if self.quantity is not None else self.subject


@dataclass(frozen=True)
class Check:
    """Everything that was found of one method on one data set.

    Attributes:
        method: Label of the method.
        dataset: Name of the data set.
        entry: The accepted entry it was compared with.
        findings: What was compared, in a fixed order.
        facts: Circumstances by name, then and now.
    """

    method: str
    dataset: str
    entry: Path
    findings: tuple[Finding, ...]
    facts: Mapping[str, Then] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The outcome of all findings that count."""
        return joined(finding.outcome for finding in self.findings if finding.gated)

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 a regression or not comparable, 3 nothing measured."""
        return self.outcome.exit_code


def joined(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome of many: any regression is one, and what was not measured says nothing.

    Without a single measured thing the outcome is :data:`Outcome.NOT_MEASURED`; ``better`` is said
    where nothing became worse, and ``same`` only where everything is.
    """
    found = set(outcomes) - {Outcome.NOT_MEASURED}
    for outcome in (Outcome.REGRESSION, Outcome.CHANGED, Outcome.BETTER, Outcome.EQUAL):
        if outcome in found:
            return outcome
    return Outcome.SAME if found else Outcome.NOT_MEASURED
