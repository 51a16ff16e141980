"""What papers say of their methods, as data: which is said to be better than which, by what.

Claims stand in ``leaderboards/<dataset>.claims.toml``, with what explains their outcome there; the
outcome itself is computed by :mod:`benchmark.judging`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from .errors import DataError
from .table import Quantity

__all__ = ["Claim", "Statistic", "Verdict", "read_claims"]

_ALPHA = 0.05
Statistic = Literal["mean", "slope"]


class Claim(BaseModel):
    """One sentence of a paper that says one method is better than another.

    Attributes:
        paper: Its short name.
        says: The claim, in the paper's words or nearly.
        better, worse: Methods.
        statistic: ``mean`` of a metric over the cases whose reference has the region, or ``slope``
            of the regression through the origin of a predicted feature on the reference's.
        region, metric, dim: Of ``mean``.
        feature: Of ``slope``.
        why: What explains the outcome, once it is known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: str
    says: str
    better: str
    worse: str
    statistic: Statistic = "mean"
    region: str = "scar"
    metric: str = "dice"
    dim: str | None = None
    feature: str = ""
    why: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        if (self.statistic == "slope") != bool(self.feature):
            raise ValueError("a slope, and nothing else, is that of a feature")
        if self.better == self.worse:
            raise ValueError(f"{self.better!r} cannot be better than itself")
        return self

    @property
    def quantity(self) -> str:
        """What is compared, in words."""
        if self.statistic == "slope":
            return f"slope of {self.feature}"
        return str(Quantity(self.region, self.metric, self.dim))


@dataclass(frozen=True)
class Verdict:
    """What came of a claim.

    Attributes:
        claim: Which.
        values: The statistic of the method said to be better, and of the other.
        difference: Between them, positive where the claim's order was found; None without runs.
        low, high: Its 95 % interval.
        p: Two-sided, of the exchange test; corrected for the number of claims.
        seeds_in_order: How many of the common seeds show the claim's order, and of how many.
        n_cases, n_patients: What it is made of.
        note: Why there is no test, or what was left out of it.
    """

    claim: Claim
    values: tuple[float | None, float | None] = (None, None)
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    seeds_in_order: tuple[int, int] = (0, 0)
    n_cases: int = 0
    n_patients: int = 0
    note: str = ""

    @property
    def outcome(self) -> Literal["holds", "not shown", "the opposite", "not tested"]:
        """``holds`` and ``the opposite`` at a corrected p below 0.05 and an interval without 0.

        Both are asked for: the test knows no other seeds than those that were run, and the interval
        draws them anew but knows nothing of the other claims.
        """
        if self.p is None or self.difference is None:
            return "not tested"
        spans = self.low is not None and self.high is not None and self.low <= 0 <= self.high
        if self.p >= _ALPHA or spans:
            return "not shown"
        return "holds" if self.difference > 0 else "the opposite"


def read_claims(path: Path) -> list[Claim]:
    """The claims in a TOML file: tables ``[[claim]]``.

    Raises:
        DataError: It cannot be read, or a claim lacks something or has a key too many.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no TOML: {error}.") from None
    listed = content.get("claim")
    if not isinstance(listed, list) or set(content) != {"claim"}:
        raise DataError(f"{path} holds {', '.join(content) or 'nothing'}.",
                        "Write each claim as a table [[claim]].")  # fmt: skip
    claims = []
    for number, one in enumerate(listed, 1):
        try:
            claims.append(Claim.model_validate(one))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DataError(f"{path}, claim {number}: {place} {first['msg']}.") from None
    return claims
