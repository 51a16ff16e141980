"""Batch normalisation after training: the statistics of the features as prediction has them.

popescu2022's blocks end in batch normalisation and its levels in 20 % dropout. While dropout is on,
features vary more than they do without it, and the running averages that prediction normalises by
are made with it on. So stage 2 scored less, the longer it was trained: on the quick profile's
validation cases, 24 epochs gave a myocardium of Dice .79 by the running averages and .87 by those
taken here, scar .22 and .41. The paper's text is silent on it. Nothing is learnt by it: the samples
are those of training, once, and no weight moves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._numerics import autocast, fast
from ._recipe import Precision

__all__ = ["settle"]


def settle(
    network: nn.Module, images: Tensor, batch: int, device: str, precision: Precision, seed: int
) -> None:
    """Set the running mean and variance of every batch normalisation, with dropout off.

    Args:
        network: On ``device``; it is left ready to predict.
        images: ``(n, c, y, x)``, what it was trained on.
        batch: Images at a time: as many as in a training step, so that both are normalised alike.
        device: To compute on.
        precision: Of convolutions, as in training.
        seed: Of the order, which mixes kinds of images in a batch as training does.
    """
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
        norm.train()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    # The last batch, a short one, would count as much as a whole one.
    whole = order[: len(order) // batch * batch] if len(order) >= batch else order
    with torch.no_grad(), autocast(device, precision):
        for index in torch.split(whole, batch):
            network(fast(images[index].to(device)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
