"""What a verification says: refusals, which are facts, and doubts, which are for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Doubt", "Outcome", "Refusal", "Verification"]


class Outcome(StrEnum):
    """What became of a submission."""

    REPRODUCED = "reproduced"
    REFUSED = "refused"
    NOTHING = "nothing to verify"

    @property
    def exit_code(self) -> int:
        """Of ``bench verify``; 2 is an error, for what could not be read at all."""
        return {"reproduced": 0, "refused": 1, "nothing to verify": 3}[self.value]


@dataclass(frozen=True)
class Refusal:
    """One thing that is not so.

    Attributes:
        check: Which check found it: ``files``, ``data``, ``definitions``, ``cases``, ``value``...
        said: A sentence.
        run: ``seed 1``, where it is of one run.
        case: The case, where it is of one.
        region, metric: Of a value; a feature has no region.
        submitted, rescored: What the submission says and what it is here.
    """

    check: str
    said: str
    run: str = ""
    case: str = ""
    region: str = ""
    metric: str = ""
    submitted: Any = None
    rescored: Any = None


@dataclass(frozen=True)
class Doubt:
    """Something that may be right, and that a person should look at before it is accepted."""

    check: str
    said: str


@dataclass
class Verification:
    """All that came of one submission.

    Attributes:
        source: What was verified.
        method, dataset: Their names, as the submission has them.
        manifest: SHA-256 of its ``submission.json``.
        refusals: Why it is refused; it is not if there are none.
        doubts: What a person should judge.
        notes: What else there is to know.
        checks: What was checked and found right, in order.
        values: How many numbers were compared.
        predictions: How many predictions were scored anew.
        runs: The re-scored runs, where all of it was reproduced.
    """

    source: Path
    method: str = ""
    dataset: str = ""
    manifest: str = ""
    refusals: list[Refusal] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    values: int = 0
    predictions: int = 0
    runs: list[Any] = field(default_factory=list)
    nothing: bool = False

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        if self.refusals:
            return Outcome.REFUSED
        return Outcome.NOTHING if self.nothing else Outcome.REPRODUCED

    def refuse(self, check: str, said: str, **more: Any) -> None:
        """Add a refusal."""
        self.refusals.append(Refusal(check, said, **more))

    def doubt(self, check: str, said: str) -> None:
        """Add a doubt."""
        self.doubts.append(Doubt(check, said))

    def as_json(self) -> Mapping[str, Any]:
        """Plain data."""
        return {
            "source": str(self.source), "outcome": self.outcome.value,
            "exit_code": self.outcome.exit_code, "method": self.method, "dataset": self.dataset,
            "manifest_sha256": self.manifest, "values_compared": self.values,
            "predictions_scored": self.predictions, "checks": self.checks,
            "refusals": [vars(r) for r in self.refusals],
            "doubts": [vars(d) for d in self.doubts], "notes": self.notes,
        }  # fmt: skip
