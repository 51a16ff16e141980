"""The U-Net: its shapes, its parameters, and what its heads share."""

from __future__ import annotations

import pytest
import torch

from benchmark.methods._networks import UNet, build, parameter_count


def block(a: int, b: int) -> int:
    """Numbers in two 3x3 convolutions without bias, each with a batch normalisation."""
    return 9 * a * b + 2 * b + 9 * b * b + 2 * b


def test_parameter_count_of_the_encoder_and_each_decoder_by_hand() -> None:
    encoder = block(1, 4) + block(4, 8)
    # 1x1 from 8 to 4 with bias, a block on both joined, a 1x1 head with bias.
    decoder = (8 * 4 + 4) + block(8, 4) + (4 + 1)
    assert parameter_count(UNet(1, (4, 8))) == encoder + decoder
    assert parameter_count(UNet(2, (4, 8))) == encoder + 2 * decoder
    assert parameter_count(UNet(3, (4, 8))) == encoder + 3 * decoder


@pytest.mark.parametrize("heads", [1, 2])
def test_logits_have_the_image_size_and_a_channel_for_each_head(heads: int) -> None:
    network = build("unet", heads=heads, channels=(4, 6, 8), dropout=0.0)
    logits = network(torch.rand(3, 1, 16, 24))
    assert logits.shape == (3, heads, 16, 24)
    assert logits.dtype == torch.float32


def test_heads_share_the_encoder_but_not_the_decoder() -> None:
    network = UNet(2, (4, 8))
    network(torch.rand(2, 1, 8, 8))[:, 0].sum().backward()
    used = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("encoder.") for name in used)
    assert any(name.startswith("decoders.0.") for name in used)
    assert not any(name.startswith("decoders.1.") for name in used)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network = UNet(1, (4, 8), dropout=0.5)
    x = torch.rand(2, 1, 8, 8)
    network.train()
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_every_level_reaches_the_output() -> None:
    torch.manual_seed(0)
    network = UNet(1, (4, 6, 8))
    network(torch.rand(2, 1, 16, 16)).square().sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []
