"""The anatomical autoencoder: its size as printed, its squares, and that it learns shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark import Region, TrainContext
from benchmark.errors import UsageError
from benchmark.methods._acs_autoencoder import (
    SHAPES,
    AnatomicalAutoencoder,
    corner,
    cut,
    objective,
    pasted,
    samples,
)
from benchmark.methods._networks import parameter_count
from benchmark.methods._recipe import Recipe
from benchmark.methods._training import fit
from benchmark.methods._weights import weights_hash

Mask = NDArray[np.bool_]


def ring(outer: float, inner: float, side: int = 64) -> Mask:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    r = np.hypot(y, x)
    return np.asarray((r <= outer) & (r > inner))


def test_the_flattened_features_are_the_papers_2048_numbers() -> None:
    network = AnatomicalAutoencoder()
    x = torch.zeros(1, 1, 128, 128)
    flat = network.encoder[:-1](x)
    assert flat.shape == (1, 2048)
    assert network.encode(x).shape == (1, 16)
    assert network(x).shape == x.shape


@pytest.mark.parametrize("channels", [4, 16])
def test_parameter_count_by_hand(channels: int) -> None:
    widths = [channels * 2**i for i in range(6)]
    pairs = list(zip([1, *widths], widths, strict=False))
    down = sum(9 * a * b + b for a, b in pairs)
    up = sum(9 * a * b + a for a, b in pairs)
    flat = 4 * widths[-1]
    dense = (flat * 16 + 16) + (16 * flat + flat)
    assert parameter_count(AnatomicalAutoencoder(channels=channels)) == down + up + dense


def test_the_papers_has_3_2_million_parameters() -> None:
    assert parameter_count(AnatomicalAutoencoder()) == 3_212_049


@pytest.mark.parametrize(("size", "layers"), [(96, 6), (0, 6), (64, 7), (64, 0)])
def test_a_size_that_does_not_halve_so_often_is_named(size: int, layers: int) -> None:
    with pytest.raises(UsageError, match=f"{size} pixels cannot be halved {layers} times"):
        AnatomicalAutoencoder(size, layers=layers)


def test_there_is_a_rectifier_after_each_layer_but_code_and_output() -> None:
    def kinds(half: torch.nn.Module) -> str:
        letters = {"Conv2d": "c", "ConvTranspose2d": "t", "Linear": "d", "LeakyReLU": "r"}
        return "".join(letters.get(type(layer).__name__, "") for layer in half.children())

    network = AnatomicalAutoencoder()
    assert kinds(network.encoder) == "cr" * 6 + "d"
    assert kinds(network.decoder) == "dr" + "tr" * 5 + "t"


def test_soft_edges_are_cut_before_encoding() -> None:
    torch.manual_seed(0)
    network = AnatomicalAutoencoder(64, channels=2)
    hard = torch.from_numpy(ring(20, 12)[None, None]).float()
    soft = torch.where(hard > 0, 0.5, 0.49)
    assert torch.equal(network.encode(hard), network.encode(soft))


def test_a_square_is_centred_on_the_ventricle_not_on_its_wall() -> None:
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:21, 20:31] = True
    mask[12:17, 24:29] = False  # an eccentric pool
    assert corner(mask, 64) == (15 - 32, 25 - 32)
    square = cut(mask, corner(mask, 64), 64)
    assert square.sum() == mask.sum()
    assert corner(square, 64) == (0, 0)


def test_what_reaches_beyond_the_square_is_cut_off() -> None:
    mask = np.ones((10, 4), dtype=bool)
    square = cut(mask, corner(mask, 6), 6)
    assert square.sum() == 6 * 4
    assert np.array_equal(pasted(square, corner(mask, 6), (10, 4)).sum(axis=1) > 0,
                          [False, False, *[True] * 6, False, False])  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 12),
    st.integers(-15, 15), st.integers(-15, 15), st.integers(0, 99),
)  # fmt: skip
def test_cutting_and_pasting_keeps_what_both_have(
    rows: int, columns: int, size: int, y: int, x: int, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.5
    back = pasted(cut(mask, (y, x), size), (y, x), (rows, columns))
    inside = np.zeros_like(mask)
    inside[max(0, y) : max(0, y + size), max(0, x) : max(0, x + size)] = True
    assert np.array_equal(back, mask & inside)


def test_samples_are_the_masks_that_have_any_myocardium() -> None:
    masks = [ring(20, 12), np.zeros((9, 9), dtype=bool), ring(9, 4, 30)]
    given = samples(masks, 64)
    assert given.images.shape == given.masks.shape == (2, 1, 64, 64)
    assert torch.equal(given.images, given.masks.float())
    assert given.masks.sum(dim=(1, 2, 3)).tolist() == [ring(20, 12).sum(), ring(9, 4).sum()]
    with pytest.raises(UsageError, match="has any myocardium"):
        samples(masks[1:2], 64)


def trained(tmp_path: Path, epochs: int) -> AnatomicalAutoencoder:
    torch.manual_seed(0)
    network = AnatomicalAutoencoder(64, latent=4, channels=4)
    given = samples([ring(r, r - w) for r in range(14, 26, 2) for w in (5, 8)], 64)
    recipe = Recipe(epochs, 4, 3e-3, "one_cycle", augment=SHAPES, precision="float32")
    for folder in ("folder", "scratch"):
        (tmp_path / folder).mkdir(parents=True)
    context = TrainContext(tmp_path / "folder", tmp_path / "scratch", seed=3)
    fit(network, objective(network), given, None, recipe, context)
    return network


def test_it_learns_to_draw_rings_by_the_one_loop(tmp_path: Path) -> None:
    network = trained(tmp_path, epochs=30).eval()
    masks = samples([ring(19, 12), ring(23, 16)], 64)
    with torch.inference_mode():
        answers = objective(network).outputs(masks.images, masks.masks)
    hits, predicted, truth = objective(network).counts(answers, masks.masks.float())[0].tolist()
    assert list(answers) == [Region.MYOCARDIUM]
    assert 2 * hits / (predicted + truth) > 0.8


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (trained(tmp_path / name, epochs=2).state_dict() for name in "ab")
    assert weights_hash(first) == weights_hash(second)
