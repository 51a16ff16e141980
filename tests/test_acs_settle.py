"""Batch normalisation after training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.methods._acs_networks import ResUNet
from benchmark.methods._acs_settle import settle


def dropping(channels: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(channels))


def test_statistics_are_the_mean_of_the_batches_without_dropout() -> None:
    network = dropping()
    images = torch.arange(8.0).reshape(8, 1, 1, 1).repeat(1, 1, 2, 2)
    settle(network, images, 8, "cpu", "float32", 0)
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.running_mean.item() == pytest.approx(3.5)
    # Of 32 values of variance 5.25 over all; torch keeps the unbiased one.
    assert norm.running_var.item() == pytest.approx(5.25 * 32 / 31)
    assert norm.momentum == 0.1
    assert not network.training
    assert not norm.training


def test_a_short_last_batch_does_not_count() -> None:
    network = dropping()
    images = torch.cat([torch.zeros(9, 1, 2, 2), torch.zeros(1, 1, 2, 2)])
    seen: list[int] = []
    network[0].register_forward_hook(lambda *parts: seen.append(len(parts[1][0])))
    settle(network, images, 4, "cpu", "float32", 0)
    assert seen == [4, 4]
    seen.clear()
    settle(network, images[:3], 4, "cpu", "float32", 0)
    assert seen == [3]


def test_no_weight_moves_and_the_same_seed_gives_the_same_bytes() -> None:
    torch.manual_seed(0)
    network = ResUNet(2, 1)
    before = {name: value.clone() for name, value in network.named_parameters()}
    images = torch.rand(12, 1, 16, 16)
    states = []
    for _ in range(2):
        settle(network, images, 4, "cpu", "float32", 5)
        states.append({name: value.clone() for name, value in network.state_dict().items()})
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    assert all(torch.equal(value, states[0][name]) for name, value in states[1].items())


def test_after_it_the_network_answers_as_in_training_without_dropout() -> None:
    torch.manual_seed(0)
    network = ResUNet(4, 1)
    images = torch.rand(8, 1, 32, 32)
    for _ in range(30):  # running averages with dropout on, as training leaves them
        network.train()
        network(images)
    with torch.no_grad():
        for part in network.modules():
            part.train(isinstance(part, nn.BatchNorm2d))
        wanted = network(images)
        left = network.eval()(images)
        settle(network, images, 8, "cpu", "float32", 0)
        settled = network(images)
    assert (settled - wanted).abs().mean() < 0.1 * (left - wanted).abs().mean()
