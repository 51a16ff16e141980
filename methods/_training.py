"""The one training loop: seeded, resumable to the bit, best epoch by the validation cases.

An epoch is a pure function of the state before it, the seed and its number: order, augmentation and
dropout are drawn afresh from these. After every epoch the state goes to the scratch folder in one
atomic step, so a run killed at any moment and started again leaves the same bytes.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark import Region, TrainContext

from ._augment import apply, draw
from ._losses import segmentation_loss
from ._recipe import Precision, Recipe
from ._weights import place, save_atomically

__all__ = [
    "Forward",
    "Slices",
    "autocast_dtype",
    "batched_logits",
    "fit",
    "mixed",
    "reproducible",
    "step_seconds",
]

#: From images ``(b, 1, y, x)`` and the true masks by region to logits by region, all that shape.
Forward = Callable[[Tensor, Mapping[Region, Tensor]], Mapping[Region, Tensor]]


@dataclass(frozen=True)
class Slices:
    """Images ``(n, 1, y, x)`` in [0, 1] and masks ``(n, region, y, x)`` of 0 and 1 to learn."""

    images: Tensor
    masks: Tensor
    regions: tuple[Region, ...]

    def __len__(self) -> int:
        return len(self.images)

    def by_region(self, masks: Tensor) -> dict[Region, Tensor]:
        """Region -> ``(b, 1, y, x)`` float mask."""
        return {r: masks[:, i : i + 1].float() for i, r in enumerate(self.regions)}


def autocast_dtype(device: str, precision: Precision = "auto") -> torch.dtype:
    """The dtype of convolutions: ``auto`` is bfloat16 where the hardware multiplies it natively.

    On two cores with AVX512-BF16 a quick step of ``jdl`` takes 0.10 s instead of 0.15 s; where it
    is emulated it is slower. Weights, losses and the optimiser are float32 in any case.
    """
    if precision != "auto":
        return torch.float32 if precision == "float32" else torch.bfloat16
    kind = torch.device(device).type
    if kind == "cpu":
        # The private name is all torch offers; without it float32 is right, only slower.
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    elif kind == "cuda":
        native = torch.cuda.get_device_capability(torch.device(device))[0] >= 8  # from Ampere on
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Deterministic algorithms on ``threads`` threads inside; the caller's settings after."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA refuses to be exact without
    memory: Any = torch.utils.deterministic
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_rng_state(),
        memory.fill_uninitialized_memory,
    )
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory would take a quarter of a step; nothing here reads memory unwritten.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        torch.set_rng_state(before[3])
        memory.fill_uninitialized_memory = before[4]


def fit(
    network: nn.Module,
    forward: Forward,
    train: Slices,
    validation: Slices | None,
    recipe: Recipe,
    context: TrainContext,
    *,
    stage: str = "network",
    stages: Sequence[str] = ("network",),
) -> None:
    """Train ``network`` in place; it ends with the weights of its best epoch.

    The best epoch has the highest Dice of the validation slices pooled, averaged over the regions
    that ``forward`` gives (the paper does not say which epoch it keeps); without validation slices
    it is the last.

    Args:
        network: What ``forward`` calls; parameters it does not reach stay as they are.
        forward: Logits of a batch.
        train: Slices to learn from.
        validation: Slices to choose by.
        recipe: How.
        context: Its seed, device, scratch folder and report are used.
        stage: Name of this training; names its checkpoint.
        stages: All trainings of the method in order, for the progress bar.
    """
    device, of = context.device, recipe.epochs * recipe.steps_per_epoch(len(train))
    place(network, device)
    run = _Run(network, forward, train, recipe, device)
    optimiser = torch.optim.Adam(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    checkpoint = context.scratch / f"{stage}.pt"
    best: dict[str, Any] = {"score": -1.0, "epoch": -1, "weights": {}}
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        best, first = state["best"], state["epochs"]
    done, total = stages.index(stage) * of, len(stages) * of
    for epoch in range(first, recipe.epochs):
        step = epoch * recipe.steps_per_epoch(len(train))
        for loss in run.epoch(epoch, context.seed, optimiser, of):
            step += 1
            values = {"loss": loss} | ({} if best["epoch"] < 0 else {"dice": best["score"]})
            context.report(done + step, total, values)
        last = epoch + 1 == recipe.epochs
        if validation is None or last or (epoch + 1) % recipe.validate_every == 0:
            score = 0.0 if validation is None else run.score(validation)
            if score > best["score"] or validation is None:
                weights = copy.deepcopy(network.state_dict())
                best = {"score": score, "epoch": epoch, "weights": weights}
        state = {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "best": best,
            "epochs": epoch + 1,
        }
        save_atomically(state, checkpoint)
    network.load_state_dict(best["weights"])


@dataclass(frozen=True)
class _Run:
    """One training's parts that do not change."""

    network: nn.Module
    forward: Forward
    slices: Slices
    recipe: Recipe
    device: str

    def epoch(
        self, epoch: int, seed: int, optimiser: torch.optim.Optimizer, of: int
    ) -> Iterator[float]:
        """Train one epoch; yields each step's loss."""
        recipe, n = self.recipe, len(self.slices)
        steps = recipe.steps_per_epoch(n)
        torch.manual_seed(mixed(seed, epoch))
        order = np.random.default_rng([seed, epoch, 1]).permutation(n)
        moves = draw(n, seed, epoch)
        for i, batch in enumerate(np.array_split(order, steps)):
            index = torch.from_numpy(batch)
            images, masks = self.slices.images[index], self.slices.masks[index].float()
            images, masks = images.to(self.device), masks.to(self.device)
            if recipe.augment:
                images, masks = apply(images, masks, moves[index])
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(epoch * steps + i, of)
            yield self.step(images, masks, optimiser)

    def step(self, images: Tensor, masks: Tensor, optimiser: torch.optim.Optimizer) -> float:
        """One step of Adam on one batch; its loss."""
        self.network.train()
        truth = self.slices.by_region(masks)
        with _autocast(self.device, self.recipe.precision):
            logits = self.forward(_fast(images), truth)
        weights = self.recipe.region_weights or {}
        loss = torch.stack(
            [
                weights.get(region, 1.0)
                * segmentation_loss(value, truth[region], self.recipe.dice_weight)
                for region, value in logits.items()
            ]
        ).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(loss.item())

    def score(self, slices: Slices) -> float:
        """Dice of all voxels of ``slices`` pooled, averaged over regions; NaN never."""
        sums: dict[Region, Tensor] = {}
        for truth, logits in batched_logits(
            self.network, self.forward, slices, self.device, self.recipe.precision
        ):
            for region, value in logits.items():
                p, y = value > 0, truth[region] > 0
                counts = torch.stack([(p & y).sum(), p.sum(), y.sum()]).cpu()
                sums[region] = sums.get(region, torch.zeros(3, dtype=torch.int64)) + counts
        dice = [2 * int(tp) / max(int(p) + int(y), 1) for tp, p, y in sums.values()]
        return sum(dice) / len(dice)


def batched_logits(
    network: nn.Module,
    forward: Forward,
    slices: Slices,
    device: str,
    precision: Precision,
    batch: int = 32,
) -> Iterator[tuple[dict[Region, Tensor], Mapping[Region, Tensor]]]:
    """The true masks and the logits of each run of ``batch`` slices, in order, on ``device``."""
    network.eval()
    with torch.inference_mode(), _autocast(device, precision):
        for i in range(0, len(slices), batch):
            truth = slices.by_region(slices.masks[i : i + batch].to(device))
            yield truth, forward(_fast(slices.images[i : i + batch].to(device)), truth)


def step_seconds(
    network: nn.Module, forward: Forward, slices: Slices, recipe: Recipe, device: str
) -> float:
    """Seconds that a training step takes here: the faster of two, after one to warm up.

    ``network`` is changed; give one made for this.
    """
    place(network, device)
    run = _Run(network, forward, slices, recipe, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    index = torch.arange(min(recipe.batch, len(slices)) if len(slices) else 0)
    images, masks = slices.images[index].to(device), slices.masks[index].float().to(device)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run.step(images, masks, optimiser)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    if autocast_dtype(device, precision) is torch.float32:
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def _fast(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def mixed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; near ones give unlike seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
