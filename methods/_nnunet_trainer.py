"""nnU-Net's trainer, seeded by the epoch, resumable to the bit and without its extras."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.optimizer.nnUNetTrainerAdam import (
    nnUNetTrainerAdam1en3,
)

from benchmark.plugins import Report

from ._nnunet_surroundings import seeded
from ._weights import save_atomically

__all__ = ["AdamTrainer", "Trainer", "history"]

#: Our number in its series of seeds: what the first weights are drawn from.
_FIRST = 2**31
#: What it logs of an epoch that is the same whenever it is trained.
_KEPT = ("lrs", "train_losses", "val_losses", "dice_per_class_or_region")


class Trainer(nnUNetTrainer):  # type: ignore[misc]  # nnU-Net has no types
    """The default trainer: its network, loss, augmentation, optimiser and schedule.

    What differs does not change what is learnt, but for rounding:

    * Every epoch starts from generators seeded by seed and epoch, and leaves a checkpoint: one that
      is interrupted is begun again, and ends with the same bits.
    * Blurring always convolves. nnU-Net times convolution and FFT at the first blur of each size
      and takes the faster, so that two trainings with one seed may differ in rounding.
    * Pictures of the progress, of the network, the debug file and the checkpoint of the best epoch,
      which its prediction does not use, are not made.
    """

    seed: int = 0
    checkpoint: Path
    report: Report

    @classmethod
    def made(
        cls,
        plans: Mapping[str, Any],
        configuration: str,
        dataset: dict[str, Any],
        device: str,
        *,
        epochs: int,
        iterations: int,
        oversample: float = 0.33,
        seed: int = 0,
    ) -> Trainer:
        """A trainer with its network, not yet with data.

        A fifth as many iterations as an epoch trains are looked at for its log, as in nnU-Net.
        """
        seeded(seed, _FIRST)
        made = cls(
            {**plans, "continue_training": False}, configuration, 0, dataset, torch.device(device)
        )
        made.device = torch.device(device)  # it takes the first GPU whichever is asked for
        made.num_epochs, made.num_iterations_per_epoch = epochs, iterations
        made.num_val_iterations_per_epoch = max(iterations // 5, 1)
        made.oversample_foreground_percent = oversample
        made.seed = seed
        made.initialize()
        return made

    def run(self, checkpoint: Path, report: Report) -> None:
        """Train from the first epoch that ``checkpoint`` does not hold to the last."""
        self.checkpoint, self.report = checkpoint, report
        if checkpoint.is_file():
            state = torch.load(checkpoint, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimiser"])
            if self.grad_scaler is not None:
                self.grad_scaler.load_state_dict(state["scaler"])
            self.logger.load_checkpoint(state["log"])
            self.current_epoch = state["epochs"]
        self.run_training()

    def step_seconds(self) -> float:
        """Seconds that a step takes, its batch included: the faster of two, after one to warm up.

        The network is changed; it is of no further use.
        """
        self.report, self._steps = (lambda step, of, values: None), 0
        self.on_train_start()
        self.network.train()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            self.train_step(next(self.dataloader_train))
            times.append(time.perf_counter() - start)
        return min(times[1:])

    def on_epoch_start(self) -> None:
        """Seed all generators: an epoch follows from the state before it and its number."""
        seeded(self.seed, self.current_epoch)
        self._steps = self.current_epoch * self.num_iterations_per_epoch
        super().on_epoch_start()

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A step, reported."""
        outcome: dict[str, Any] = super().train_step(batch)
        self._steps += 1
        total = self.num_epochs * self.num_iterations_per_epoch
        self.report(self._steps, total, {"loss": float(outcome["loss"])})
        return outcome

    def on_epoch_end(self) -> None:
        """Log the time, and leave a checkpoint that needs no trust to be read."""
        self.logger.log("epoch_end_timestamps", time.time(), self.current_epoch)
        self.current_epoch += 1
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "scaler": None if self.grad_scaler is None else self.grad_scaler.state_dict(),
            "log": _plain(self.logger.get_checkpoint()),
            "epochs": self.current_epoch,
        }
        save_atomically(state, self.checkpoint)

    def on_train_end(self) -> None:
        """Nothing: the last epoch's checkpoint is the final one."""

    def plot_network_architecture(self) -> None:
        """Nothing."""

    def _save_debug_information(self) -> None:
        """Nothing."""

    @staticmethod
    def get_training_transforms(*arguments: Any, **named: Any) -> Any:
        """nnU-Net's own, with one way to blur."""
        transforms = nnUNetTrainer.get_training_transforms(*arguments, **named)
        for blur in _blurs(transforms):
            blur.benchmark = False
        return transforms


class AdamTrainer(Trainer, nnUNetTrainerAdam1en3):  # type: ignore[misc]
    """The same on nnU-Net's own variant with Adam, at a rate of 1e-3."""


def history(trainer: Trainer) -> dict[str, Any]:
    """Learning rate, losses and pseudo Dice by epoch; what is undefined is None."""
    log = _plain(trainer.logger.get_checkpoint())
    return {name: _finite(log[name]) for name in _KEPT}


def _blurs(transform: Any) -> Iterator[GaussianBlurTransform]:
    """Every blur in a tree of transforms."""
    if isinstance(transform, GaussianBlurTransform):
        yield transform
    inner = getattr(transform, "transforms", None) or [getattr(transform, "transform", None)]
    for one in inner:
        if one is not None:
            yield from _blurs(one)


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's own, however deep."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value if math.isfinite(value) else None
