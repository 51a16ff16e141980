"""The rate of mapping2023, and a phase of its training: the one loop, an epoch at a time.

Section 3.4: "We train the network for 150 epochs ... we apply a periodic cosine annealing learning
rate schedule (see Figure 3)", after Loshchilov and Hutter (SGDR): within a cycle the rate falls
from its peak by half a cosine, then starts again at the peak. "During the first 70 epochs we
include both T1 and T2 parametric maps and the images used to construct them in the training sample
set, however, during the last 80 epochs we limit the inputs to the T1, T2 parametric maps only. ...
(The reason for the uneven 70-80 split of the epochs is to match the periodicity of the learning
rate schedule.)" Inferred from that: cycles of 10, 20, 40 and 80 epochs, each twice as long as the
one before, with a restart at epoch 70.

The rate is that of whole epochs, as Figure 3 draws it. So a phase can be composed of the loop as it
is: each call trains one epoch more, at that epoch's rate, from the checkpoint of the one before. An
interrupted phase goes on from there, to the same bytes. The price is that the checkpoint is written
and read in each epoch: half a gigabyte for the paper's network, a second or two of the 20 to 24
seconds that an epoch took on the paper's GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from benchmark import TrainContext

from ._checkpoints import Checkpoint
from ._objectives import Objective
from ._recipe import Recipe
from ._training import Samples, fit

__all__ = ["anneal", "cosine", "cycle_lengths"]


def cycle_lengths(epochs: int, cycles: int) -> tuple[int, ...]:
    """Epochs of each cycle, each twice as long as the one before.

    Raises:
        ValueError: ``epochs`` is no multiple of 2 ** cycles - 1.
    """
    first, left = divmod(epochs, 2**cycles - 1)
    if left or not first:
        raise ValueError(
            f"epochs {epochs} is not a multiple of {2**cycles - 1}, as {cycles} cycles, each twice "
            "as long as the one before, need"
        )
    return tuple(first * 2**i for i in range(cycles))


def cosine(peak: float, cycles: Sequence[int]) -> tuple[float, ...]:
    """The rate of each epoch: from ``peak`` towards 0, and at ``peak`` again as a cycle begins."""
    return tuple(
        peak * 0.5 * (1 + math.cos(math.pi * epoch / length))
        for length in cycles
        for epoch in range(length)
    )


def anneal(
    network: nn.Module,
    objective: Objective,
    train: Samples,
    validation: Samples | None,
    recipe: Recipe,
    rates: Sequence[float],
    context: TrainContext,
    *,
    stage: str,
    before: int = 0,
    total: int = 0,
) -> None:
    """Train ``network`` in place; it ends with the weights of its best epoch.

    Args:
        network: What the objective calls.
        objective: Outputs of a batch, and their loss.
        train: Samples to learn from.
        validation: Samples to choose the best epoch by.
        recipe: How; its ``epochs`` and ``learning_rate`` are not looked at. Between two looks at
            the validation samples (``validate_every``) the rate stays as it is.
        rates: Of each epoch.
        context: Its seed, device, scratch folder and report are used.
        stage: Name of the phase and of its checkpoint.
        before: Steps of earlier phases, for the progress bar.
        total: Steps of all phases.

    Raises:
        PluginError: The loss is infinite or no number.
    """
    steps = recipe.steps_per_epoch(train.units)

    def told(step: int, of: int, values: Mapping[str, float]) -> None:
        context.report(before + step, max(total, before + len(rates) * steps), values)

    state = Checkpoint(context.scratch / f"{stage}.pt").read()
    done = 0 if state is None else int(state["epochs"])
    del state  # as large as the network, its optimiser and the best weights together
    # The last block even if all is done: the loop then gives the network its best weights.
    for start in range(0, len(rates), recipe.validate_every):
        end = min(start + recipe.validate_every, len(rates))
        if end <= done and end < len(rates):
            continue
        block = replace(recipe, epochs=end, learning_rate=rates[start], schedule="constant")
        fit(network, objective, train, validation, block,
            replace(context, report=told), stage=stage, stages=(stage,))  # fmt: skip
