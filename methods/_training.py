"""The one training loop: seeded, resumable to the bit, best epoch by the validation cases.

An epoch is a pure function of the state before it, the seed and its number: order, augmentation and
dropout are drawn afresh from these. After an epoch the state goes to the scratch folder in one
atomic step, so a run killed at any moment and started again leaves the same bytes.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark import Region, TrainContext
from benchmark.errors import PluginError

from ._augment import apply, draw
from ._checkpoints import Checkpoint
from ._numerics import autocast, fast, mixed, place
from ._objectives import Objective
from ._recipe import Precision, Recipe
from ._schedule import Rate, one_cycle

__all__ = ["Samples", "fit", "outputs", "step_seconds"]


@dataclass(frozen=True)
class Samples:
    """What networks learn from, all of it in memory at once.

    A slice of 224 x 224 pixels with two masks takes 0.3 MB: a thousand cases of ten slices 3 GB,
    and twice that while they are put together.

    Attributes:
        images: ``(n, c, y, x)`` or ``(n, c, z, y, x)`` in [0, 1].
        masks: ``(n, m, [z,] y, x)`` uint8 of 0 and 1.
        weights: ``(n,)``, what the loss of each counts, where they are not alike.
        patients: ``(n,)`` whole numbers: given, a batch is made of whole patients, and
            ``Recipe.batch`` counts these.
    """

    images: Tensor
    masks: Tensor
    weights: Tensor | None = None
    patients: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def units(self) -> int:
        """How many samples, or patients, are dealt to batches."""
        return len(self) if self.patients is None else len(np.unique(self.patients))

    def batches(self, steps: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """All indices in random order, in ``steps`` parts of nearly equal numbers of units."""
        order = rng.permutation(self.units)
        if self.patients is None:
            return np.array_split(order, steps)
        of_each = [np.flatnonzero(self.patients == p) for p in np.unique(self.patients)]
        return [np.concatenate([of_each[i] for i in part]) for part in np.array_split(order, steps)]


def fit(
    network: nn.Module,
    objective: Objective,
    train: Samples,
    validation: Samples | None,
    recipe: Recipe,
    context: TrainContext,
    *,
    stage: str = "network",
    stages: Sequence[str] = ("network",),
) -> None:
    """Train ``network`` in place; it ends with the weights of its best epoch.

    The best epoch has the highest Dice of the validation samples pooled, averaged over the regions
    that the objective counts (fahmy2021: "the best performing model (i.e., that with highest
    segmentation accuracy in the validation subset) was selected"; the other papers do not say which
    epoch they keep); without validation samples it is the last, and a plateau is one of the
    training loss.

    Args:
        network: What the objective calls; parameters it does not reach stay as they are.
        objective: Outputs of a batch, and their loss.
        train: Samples to learn from.
        validation: Samples to choose by.
        recipe: How.
        context: Its seed, device, scratch folder and report are used.
        stage: Name of this training; names its checkpoint.
        stages: All trainings of the method in order, for the progress bar.

    Raises:
        PluginError: The loss is infinite or no number.
    """
    device, steps = context.device, recipe.steps_per_epoch(train.units)
    of = recipe.epochs * steps
    place(network, device)
    run = _Run(network, objective, train, recipe, device)
    optimiser = torch.optim.Adam(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    checkpoint = Checkpoint(context.scratch / f"{stage}.pt")
    best: dict[str, Any] = {"score": -1.0, "epoch": -1, "weights": {}}
    rate, first, looked = Rate(recipe.learning_rate), 0, 0
    state = checkpoint.read()
    if state is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        best, first, rate = state["best"], state["epochs"], Rate(**state["rate"])
        looked = state["looked"]
    done, total = stages.index(stage) * of, len(stages) * of
    for epoch in range(first, recipe.epochs):
        losses = []
        for loss in run.epoch(epoch, context.seed, optimiser, rate.value):
            losses.append(loss)
            values = {"loss": loss}
            if validation is not None and best["epoch"] >= 0:
                values["dice"] = best["score"]
            context.report(done + epoch * steps + len(losses), total, values)
        last = epoch + 1 == recipe.epochs
        if validation is None or last or (epoch + 1) % recipe.validate_every == 0:
            score, loss = (0.0, sum(losses) / len(losses))
            if validation is not None:
                score, loss = run.look(validation)
            if score > best["score"] or validation is None:
                weights = copy.deepcopy(network.state_dict())
                best = {"score": score, "epoch": epoch, "weights": weights}
            rate.see(loss, recipe.plateau, epoch + 1 - looked)
            looked = epoch + 1
        so_far = {"best": best, "epochs": epoch + 1, "looked": looked, "rate": rate.state()}
        checkpoint.keep(partial(_state, network, optimiser, so_far), last)
    network.load_state_dict(best["weights"])


def _state(
    network: nn.Module, optimiser: torch.optim.Optimizer, so_far: Mapping[str, Any]
) -> dict[str, Any]:
    return {"network": network.state_dict(), "optimiser": optimiser.state_dict(), **so_far}


@dataclass(frozen=True)
class _Run:
    """One training's parts that do not change."""

    network: nn.Module
    objective: Objective
    samples: Samples
    recipe: Recipe
    device: str

    def epoch(
        self, epoch: int, seed: int, optimiser: torch.optim.Optimizer, plateau: float
    ) -> Iterator[float]:
        """Train one epoch; yields each step's loss."""
        recipe, samples = self.recipe, self.samples
        steps = recipe.steps_per_epoch(samples.units)
        torch.manual_seed(mixed(seed, epoch))
        moves = None if recipe.augment is None else draw(len(samples), seed, epoch, recipe.augment)
        for i, batch in enumerate(samples.batches(steps, np.random.default_rng([seed, epoch, 1]))):
            index = torch.from_numpy(batch)
            for group in optimiser.param_groups:
                group["lr"] = self._rate(epoch * steps + i, recipe.epochs * steps, plateau)
            yield self.step(index, optimiser, None if moves is None else moves[index])

    def _rate(self, step: int, of: int, plateau: float) -> float:
        if self.recipe.schedule == "one_cycle":
            return one_cycle(self.recipe.learning_rate, step, of)
        return plateau if self.recipe.schedule == "plateau" else self.recipe.learning_rate

    def step(
        self, index: Tensor, optimiser: torch.optim.Optimizer, moves: Tensor | None = None
    ) -> float:
        """One step of Adam on the samples at ``index``; its loss."""
        self.network.train()
        images, masks, weights = _batch(self.samples, index, self.device)
        if moves is not None:
            images, masks = apply(images, masks, moves)
        with autocast(self.device, self.recipe.precision):
            answers = self.objective.outputs(fast(images), masks)
        loss = self.objective.loss(answers, masks, weights)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        value = float(loss.item())
        if not math.isfinite(value):
            raise PluginError(
                f"The training diverged: its loss is {value}.", "Lower the learning rate."
            )
        return value

    def look(self, samples: Samples) -> tuple[float, float]:
        """Dice of all pixels of ``samples`` pooled, averaged over regions (never NaN); the loss."""
        counts, loss = torch.zeros(1, 3, dtype=torch.int64), 0.0
        self.network.eval()
        with torch.inference_mode():
            for index in torch.split(torch.arange(len(samples)), 32):
                images, masks, weights = _batch(samples, index, self.device)
                with autocast(self.device, self.recipe.precision):
                    answers = self.objective.outputs(fast(images), masks)
                loss += len(index) * float(self.objective.loss(answers, masks, weights))
                counts = counts + self.objective.counts(answers, masks).cpu()
        dice = [2 * tp / max(p + y, 1) for tp, p, y in counts.tolist()]
        return sum(dice) / len(dice), loss / max(len(samples), 1)


def _batch(samples: Samples, index: Tensor, device: str) -> tuple[Tensor, Tensor, Tensor | None]:
    weights = None if samples.weights is None else samples.weights[index].to(device)
    return samples.images[index].to(device), samples.masks[index].float().to(device), weights


def outputs(
    network: nn.Module,
    objective: Objective,
    images: Tensor,
    device: str,
    precision: Precision,
    batch: int = 32,
) -> Iterator[Mapping[Region, Tensor]]:
    """What ``objective`` says of each run of ``batch`` images, in order, on ``device``."""
    network.eval()
    with torch.inference_mode(), autocast(device, precision):
        for part in torch.split(images, batch):
            nothing = part.new_empty(len(part), 0, *part.shape[2:]).to(device)
            yield objective.outputs(fast(part.to(device)), nothing)


def step_seconds(
    network: nn.Module, objective: Objective, samples: Samples, recipe: Recipe, device: str
) -> float:
    """Seconds that a training step takes here: the faster of two, after one to warm up.

    ``network`` is changed; give one made for this.
    """
    place(network, device)
    run = _Run(network, objective, samples, recipe, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    index = torch.from_numpy(samples.batches(recipe.steps_per_epoch(samples.units),
                                             np.random.default_rng(0))[0])  # fmt: skip
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run.step(index, optimiser)
        times.append(time.perf_counter() - start)
    return min(times[1:])
