"""``tolerances.toml``: how much worse is still the same, each number with its reason.

The package brings defaults; ``leaderboards/tolerances.toml`` lies over them. Of several rules that
fit a quantity the most specific one counts: one that names the data set before one that does not,
then the region, then the dim; of equals, the later one, and a file's before the package's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ..errors import DataError
from ..table import Quantity

__all__ = ["CostRule", "EngineRule", "Rule", "SeedsRule", "Tolerances",
           "default_tolerances", "read_tolerances"]  # fmt: skip

FILE = "tolerances.toml"
_MAX_BYTES = 1_000_000
#: A number without a reason is a number that nobody dares to change.
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    reason: Reason


class Rule(_Section):
    """What is tolerated of one metric, a table ``[[tolerance]]``.

    Attributes:
        metric: Its name; ``false_alarm`` is the share of seeds that find a region in a heart
            whose reference has none.
        region, dim, dataset: Where it applies; everywhere if not given.
        absolute: Loss of the mean that is none, in the metric's unit.
        relative: The same as a share of the accepted mean; the larger of both counts.
        margin: Loss of the mean that does not matter, if an interval over patients shows that
            it is no more than that (non-inferiority).
        margin_relative: The same as a share of the accepted mean; the larger of both counts.
        case: Loss of a single case that is no collapse.
        capped: Whether, of models trained anew, no value counts as more than the entry's largest
            measured one: a miss would else count as the diagonal of the field of view, and one
            more or less of them would decide alone. Of the same model they count in full.
        gated: Whether the quantity decides; by default the default columns of a leaderboard do.
            With a region given, true adds the quantity.
        reason: Why these numbers.
    """

    metric: str
    region: str | None = None
    dim: str | None = None
    dataset: str | None = None
    absolute: Amount
    relative: Amount = 0.0
    margin: Amount
    margin_relative: Amount = 0.0
    case: Amount
    capped: bool = False
    gated: bool | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.gated and self.region is None:
            raise ValueError("gated = true needs a region: a metric alone is no quantity")
        return self

    def fits(self, quantity: Quantity, dataset: str) -> bool:
        """Whether it is about this quantity."""
        wanted = (
            (self.dataset, dataset), (self.region, quantity.region), (self.dim, quantity.dim)
        )  # fmt: skip
        return self.metric == quantity.metric and all(own in (None, is_) for own, is_ in wanted)

    @property
    def specific(self) -> tuple[bool, bool, bool]:
        """Greater for a rule that goes before another."""
        return (self.dataset is not None, self.region is not None, self.dim is not None)

    def tolerance(self, then: float) -> float:
        """The loss that is none, of an accepted mean."""
        return max(self.absolute, self.relative * abs(then))

    def inferior(self, then: float) -> float:
        """The loss that matters, of an accepted mean."""
        return max(self.margin, self.margin_relative * abs(then))


class SeedsRule(_Section):
    """What seeds explain, the table ``[seeds]``; see :mod:`benchmark.drift.margins`.

    Attributes:
        alpha: Probability that unchanged code, trained anew, fails the check by its means; shared
            out among the gated quantities (Bonferroni).
        rho: Intraclass correlation of the cases of a seed.
        prior_df: Degrees of freedom that it counts as.
        case_alpha: Probability that it fails by single cases.
        case_prior_df: Degrees of freedom that the mean of all cases' variances counts as.
    """

    alpha: Share
    rho: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    prior_df: Amount
    case_alpha: Share
    case_prior_df: Amount


class CostRule(_Section):
    """When a run is slower or hungrier, the table ``[costs]``.

    Attributes:
        seconds: Factor of time, of training and of predicting a slice.
        memory: Factor of peak memory.
        least_train_seconds, least_predict_seconds, least_memory_mb: Less more than this is none.
    """

    seconds: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    memory: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    least_train_seconds: Amount
    least_predict_seconds: Amount
    least_memory_mb: Amount


class EngineRule(_Section):
    """How far re-scored frozen predictions may be from the accepted values, ``[engine]``.

    Attributes:
        absolute: In any metric's unit.
        relative: As a share of the accepted value; the larger of both counts.
    """

    absolute: Amount = 0.0
    relative: Amount = 0.0

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute else []
        parts += [f"{self.relative:g} of the value"] if self.relative else []
        return " or ".join(parts) or "0"


class Tolerances(BaseModel):
    """All of a file, over the defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: SeedsRule
    costs: CostRule
    engine: EngineRule
    tolerance: tuple[Rule, ...] = ()

    def rule(self, quantity: Quantity, dataset: str) -> Rule | None:
        """The rule of a quantity; None if there is none: it then only informs."""
        fitting = [rule for rule in self.tolerance if rule.fits(quantity, dataset)]
        return max(reversed(fitting), key=lambda rule: rule.specific, default=None)

    def gated(self, columns: Sequence[Quantity], dataset: str) -> tuple[Quantity, ...]:
        """The quantities that decide: ``columns``, and what rules add or set free."""
        found = dict.fromkeys(columns)
        for rule in self.tolerance:
            if rule.gated and rule.region and rule.dataset in (None, dataset):
                found.setdefault(Quantity(rule.region, rule.metric, rule.dim))
        rules = {quantity: self.rule(quantity, dataset) for quantity in found}
        return tuple(q for q, rule in rules.items() if rule is not None and rule.gated is not False)


@cache
def default_tolerances() -> Tolerances:
    """Those that the package brings."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return Tolerances.model_validate(tomllib.loads(text))


def read_tolerances(path: Path | None) -> Tolerances:
    """The tolerances of a file, over the defaults; the defaults alone where it is None.

    Sections that the file has replace the package's; its rules go before equally specific ones.

    Raises:
        DataError: It cannot be read, has a key that there is none of, lacks a reason, or a number
            is out of range; the line and the key are named.
    """
    default = default_tolerances()
    if path is None:
        return default
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} is larger than {_MAX_BYTES:,} bytes.")
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are
        raise DataError(f"{path} is no TOML: {error}.") from None
    try:
        sections = {name: getattr(default, name) for name in ("seeds", "costs", "engine")}
        own = Tolerances.model_validate({**sections, **content})
    except ValidationError as error:
        raise DataError(*_told(path, text, error)) from None
    return own.model_copy(update={"tolerance": (*default.tolerance, *own.tolerance)})


def _told(path: Path, text: str, error: ValidationError) -> tuple[str, str]:
    """The first fault in words, with its line where it can be found."""
    first = error.errors()[0]
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    line = _line(text, first["loc"])
    place = f"{path}, line {line}" if line else f"{path}"
    if first["type"] == "extra_forbidden":
        return f"{place}: there is no key {where}.", "Remove it, or mend its spelling."
    if first["type"] == "missing":
        return f"{place}: {where} is missing.", "Every tolerance states its numbers and its reason."
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {where}: {message}; found {first['input']!r:.80}.", "Mend it."


def _line(text: str, loc: Sequence[Any]) -> int | None:
    """The line of a key, or of its table where it has none of its own."""
    lines = text.splitlines()
    start, table = 0, str(loc[0]) if loc else ""
    number = next((part for part in loc if isinstance(part, int)), 0)
    heads = [i for i, line in enumerate(lines)
             if re.match(rf"\s*\[\[?\s*{re.escape(table)}\s*\]", line)]  # fmt: skip
    if heads:
        start = heads[min(number, len(heads) - 1)]
    end = next((i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")),
               len(lines))  # fmt: skip
    key = str(loc[-1]) if loc else ""
    for i in range(start, end):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", lines[i]):
            return i + 1
    return start + 1 if heads else None
