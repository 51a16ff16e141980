"""Where a parameter may be searched: what a method says beside its fields, or a user instead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .errors import UsageError

__all__ = ["Range", "parse_range"]

#: Significant digits of a suggestion; more would change nothing that training can tell apart.
_DIGITS = 4


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both included, or one of ``choices``.

    Whether only whole numbers are tried is the field's to say: an ``int`` field is searched in
    whole numbers.

    Args:
        low: Least value.
        high: Greatest value.
        log: Search the logarithm: for what may vary by factors. ``low`` must be positive.
        choices: Instead of ``low`` and ``high``: at least two values without an order.

    Raises:
        UsageError: The bounds are not finite or in the wrong order, or both kinds are given.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise UsageError(f"{self}: choices have no bounds.", "Give one or the other.")
            if len(set(map(repr, self.choices))) < max(len(self.choices), 2):
                raise UsageError(
                    f"{self.choices} are not two or more different values.",
                    "To keep a parameter at one value, --set it.",
                )
            return
        if self.low is None or self.high is None:
            raise UsageError("A range needs low and high, or choices.")
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low >= self.high:
            raise UsageError(
                f"{self.low:g} to {self.high:g} is no range.", "The first must be the smaller."
            )
        if self.log and self.low <= 0:
            raise UsageError(
                f"{self.low:g} has no logarithm.", "Start above 0, or search without log."
            )

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant: both bounds are ``int``."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def size(self) -> float:
        """How many values there are; infinite of real numbers."""
        if self.choices:
            return len(self.choices)
        assert self.low is not None
        assert self.high is not None
        return self.high - self.low + 1 if self.whole else math.inf

    def __contains__(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high

    def rounded(self, value: Any) -> Any:
        """``value`` with as many digits as can matter, so that it can be typed; still inside."""
        if self.choices or self.whole:
            return value
        assert self.low is not None
        assert self.high is not None
        if self.log:
            short = float(f"{value:.{_DIGITS}g}")
        else:
            short = round(value, _DIGITS - math.floor(math.log10(self.high - self.low)) - 1)
        return min(max(short, float(self.low)), float(self.high))

    def position(self, value: Any) -> float:
        """Where ``value`` is: 0 at ``low``, 1 at ``high``; of choices, its number."""
        if self.choices:
            return float(self.choices.index(value))
        assert self.low is not None
        assert self.high is not None
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return float((value - self.low) / (self.high - self.low))

    def __str__(self) -> str:
        if self.choices:
            return ",".join(map(str, self.choices))
        return f"{self.low:g}:{self.high:g}{':log' if self.log else ''}"


def parse_range(text: str) -> Range:
    """``1e-5:1e-2:log``, ``0:0.6`` or ``a,b,c``.

    Raises:
        UsageError: It is none of these.
    """
    low, *more = [part.strip() for part in text.split(":")]
    if not more:
        choices = tuple(part.strip() for part in text.split(",") if part.strip())
        if len(choices) < 2:
            raise UsageError(
                f"{text!r} is no range.", "Write low:high, low:high:log or one,another."
            )
        return Range(choices=choices)
    if len(more) > 2 or (len(more) == 2 and more[1] != "log"):
        raise UsageError(f"{text!r} is no range.", "Write low:high or low:high:log.")
    return Range(_number(low, text), _number(more[0], text), log=len(more) == 2)


def _number(word: str, text: str) -> int | float:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        raise UsageError(
            f"{text!r}: {word!r} is no number.", "Write low:high or low:high:log."
        ) from None
