"""How the learning rate goes while a network trains. Free of torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Plateau", "Rate", "Schedule", "one_cycle"]

#: ``constant``; ``one_cycle``: up for a fifth of the steps, then half a cosine to zero, which
#: reaches in few epochs what a constant rate needs many for; ``plateau``: see :class:`Plateau`.
Schedule = Literal["constant", "one_cycle", "plateau"]


def one_cycle(peak: float, step: int, of: int) -> float:
    """The rate of step ``step`` (from 0) of ``of``."""
    rise = max(of // 5, 1)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (of - rise)))


@dataclass(frozen=True)
class Plateau:
    """The rate falls when the validation loss has stopped falling.

    fahmy2021, Optimization of CNN Model Parameters: "dynamic learning rate (initial = 0.01 or
    0.005; minimum = 0.0005, reduction factor = 0.8, plateau interval = 30 epochs)". Its networks
    were made with TensorFlow, so what an improvement is follows Keras' ReduceLROnPlateau.

    Attributes:
        factor: What the rate is multiplied by.
        interval: Epochs without improvement after which it is.
        minimum: It falls no further.
        improvement: By how much a loss must be lower than the lowest so far.
    """

    factor: float = 0.8
    interval: int = 30
    minimum: float = 5e-4
    improvement: float = 1e-4


@dataclass
class Rate:
    """The state of a plateau schedule; goes into checkpoints.

    Attributes:
        value: The learning rate.
        lowest: The lowest loss so far.
        since: Epochs since it was reached or the rate was cut.
    """

    value: float
    lowest: float = math.inf
    since: int = 0

    def see(self, loss: float, plateau: Plateau, epochs: int = 1) -> None:
        """Take note of the loss after ``epochs`` more epochs; one that is NaN is no improvement."""
        if loss < self.lowest - plateau.improvement:
            self.lowest, self.since = loss, 0
            return
        self.since += epochs
        if self.since >= plateau.interval and self.value > plateau.minimum:
            self.value, self.since = max(self.value * plateau.factor, plateau.minimum), 0

    def state(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)
