"""The U-Net of slices and of thin stacks: its size, and that the two differ in kernels alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmark.methods._networks import parameter_count
from benchmark.methods._tissue_unet import Dimensions, SliceBySlice, TissueUNet, inflate


def block(a: int, b: int, kernel: int) -> int:
    """Numbers in two convolutions without bias, each with a batch normalisation."""
    return kernel * a * b + 2 * b + kernel * b * b + 2 * b


@pytest.mark.parametrize(("dimensions", "kernel"), [(2, 9), (3, 27)])
def test_parameter_count_by_hand(dimensions: Dimensions, kernel: int) -> None:
    down = block(1, 4, kernel) + block(4, 8, kernel) + block(8, 16, kernel)
    narrow = (16 * 8 + 8) + (8 * 4 + 4)
    up = block(16, 8, kernel) + block(8, 4, kernel)
    head = 4 * 4 + 4
    network = TissueUNet((4, 8, 16), dimensions=dimensions)
    assert parameter_count(network) == down + narrow + up + head


@pytest.mark.parametrize("convolutions", [1, 2, 3])
def test_short_skips_cost_a_1x1_convolution_where_the_width_changes(convolutions: int) -> None:
    plain = TissueUNet((4, 8, 8), inputs=2, convolutions=convolutions)
    short = TissueUNet((4, 8, 8), inputs=2, convolutions=convolutions, residual=True)
    # In: 2 -> 4 and 4 -> 8, the third level keeps 8; out: 16 -> 8 and 8 -> 4.
    extra = (2 * 4 + 4) + (4 * 8 + 8) + (16 * 8 + 8) + (8 * 4 + 4)
    assert parameter_count(short) - parameter_count(plain) == extra


def test_2d_is_3d_with_its_kernels_flattened() -> None:
    flat = TissueUNet((4, 6, 8, 8), dimensions=2).state_dict()
    deep = TissueUNet((4, 6, 8, 8), dimensions=3).state_dict()
    assert list(flat) == list(deep)
    for name, value in deep.items():
        assert flat[name].shape == (value[:, :, 0].shape if value.dim() == 5 else value.shape)


@pytest.mark.parametrize("residual", [False, True])
def test_an_inflated_network_answers_as_the_2d_one_it_came_from(residual: bool) -> None:
    torch.manual_seed(0)
    flat = TissueUNet((4, 6, 8, 8), dimensions=2, residual=residual)
    flat(torch.rand(4, 1, 16, 24))  # so that its normalisations have seen something
    deep = TissueUNet((4, 6, 8, 8), dimensions=3, residual=residual)
    inflate(flat, deep)
    flat.eval()
    deep.eval()
    stacks = torch.rand(2, 1, 3, 16, 24)
    expected = SliceBySlice(flat)(stacks)
    torch.testing.assert_close(deep(stacks), expected, atol=1e-5, rtol=1e-5)
    one = flat(stacks[1, :, 2][None])
    torch.testing.assert_close(expected[1:, :, 2], one, atol=1e-5, rtol=1e-5)
    kernel = deep.up[0].get_parameter("layers.0.weight")
    assert kernel[:, :, 1].all()
    assert not kernel[:, :, ::2].any()


def test_an_inflated_network_learns_to_look_at_its_neighbours() -> None:
    torch.manual_seed(0)
    deep = TissueUNet((4, 8), dimensions=3)
    inflate(TissueUNet((4, 8)), deep)
    deep(torch.rand(2, 1, 3, 8, 8)).square().mean().backward()
    for name, weight in deep.named_parameters():
        if weight.dim() == 5 and weight.shape[2] == 3:
            assert weight.grad is not None
            assert weight.grad[:, :, ::2].any(), name


def reach(network: torch.nn.Module) -> set[int]:
    """Which slices of a stack of five the answer in slice 0 looks at."""
    stacks = torch.rand(1, 1, 5, 16, 16, requires_grad=True)
    network(stacks)[0, 0, 0].sum().backward()
    assert stacks.grad is not None
    return {i for i in range(5) if stacks.grad[0, 0, i].any()}


def test_slices_know_of_their_neighbours_in_3d_alone() -> None:
    torch.manual_seed(0)
    assert reach(SliceBySlice(TissueUNet((4, 8), dimensions=2)).eval()) == {0}
    assert reach(TissueUNet((4, 8), dimensions=3).eval()) == {0, 1, 2, 3, 4}
    assert reach(TissueUNet((4,), dimensions=3, convolutions=1).eval()) == {0, 1}


@pytest.mark.parametrize("slices", [1, 2, 3, 7])
def test_a_stack_keeps_its_slices_at_every_level(slices: int) -> None:
    network = TissueUNet((4, 6, 8, 8), dimensions=3, outputs=5)
    depths: list[int] = []
    for level in network.down:
        level.register_forward_hook(lambda _m, _i, output: depths.append(output.shape[2]))
    assert network(torch.rand(2, 1, slices, 16, 24)).shape == (2, 5, slices, 16, 24)
    assert depths == [slices] * 3


def test_pooling_takes_the_largest_of_2x2_pixels_and_the_way_up_repeats_them() -> None:
    network = TissueUNet((4, 8), dimensions=3)
    x = torch.arange(2 * 3 * 2 * 4 * 6.0).reshape(2, 3, 2, 4, 6).flip(-1)
    halved: Tensor = network.halve(x)
    expected = x.reshape(2, 3, 2, 2, 2, 3, 2).amax(dim=(4, 6))
    assert torch.equal(halved, expected)
    assert torch.equal(network.halve(x[:, :, 1]), expected[:, :, 1])
    repeated: Tensor = network.repeat(halved)
    assert torch.equal(repeated, expected.repeat_interleave(2, 3).repeat_interleave(2, 4))
    assert torch.equal(network.repeat(halved[:, :, 1]), repeated[:, :, 1])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_every_weight_reaches_the_answer(dimensions: Dimensions, residual: bool) -> None:
    torch.manual_seed(0)
    network = TissueUNet((4, 6, 8), dimensions=dimensions, residual=residual)
    network(torch.rand(2, 1, *[8] * dimensions)).square().sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network, x = TissueUNet((4, 8), dropout=0.5), torch.rand(2, 1, 8, 8)
    network.train()
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_gradients_are_the_same_twice_in_any_layout() -> None:
    torch.manual_seed(0)
    network, x = TissueUNet((4, 8), dimensions=3), torch.rand(2, 1, 3, 8, 8)
    gradients = []
    for layout in (torch.contiguous_format, torch.channels_last_3d, torch.channels_last_3d):
        network.zero_grad()
        network(x.contiguous(memory_format=layout)).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(gradients[1], gradients[2], strict=True))
    for a, b in zip(gradients[0], gradients[1], strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
