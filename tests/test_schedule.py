"""Learning rates: plateau after plateau, by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark import Region, TrainContext
from benchmark.methods._objectives import Regions
from benchmark.methods._recipe import Recipe
from benchmark.methods._schedule import Plateau, Rate
from benchmark.methods._training import Samples, fit


def rates(losses: list[float], plateau: Plateau, first: float = 0.005) -> list[float]:
    rate = Rate(first)
    seen = []
    for loss in losses:
        rate.see(loss, plateau)
        seen.append(rate.value)
    return seen


def test_the_rate_of_the_paper_falls_by_a_fifth_every_30_flat_epochs_to_a_tenth() -> None:
    # The first loss is the lowest so far; 30 more without improvement cut the rate.
    seen = rates([1.0] * 400, Plateau())
    assert seen[29] == 0.005
    assert seen[30] == pytest.approx(0.004)
    assert seen[59] == pytest.approx(0.004)
    assert seen[60] == pytest.approx(0.0032)
    # .005 * .8^10 = .000537, and the eleventh cut would fall below the minimum.
    assert seen[300] == pytest.approx(0.005 * 0.8**10)
    assert seen[330] == seen[-1] == 0.0005


def test_an_improvement_starts_the_interval_anew_and_a_tiny_one_or_nan_is_none() -> None:
    plateau = Plateau(factor=0.5, interval=3, minimum=0.0)
    assert rates([4, 4, 4, 3, 3, 3, 3], plateau, 8.0) == [8, 8, 8, 8, 8, 8, 4]
    assert rates([4, 3.99995, 3.9999, 4], plateau, 8.0) == [8, 8, 8, 4]
    assert rates([4, math.nan, math.nan, math.nan], plateau, 8.0) == [8, 8, 8, 4]


def test_epochs_between_looks_count_all_the_same() -> None:
    rate = Rate(8.0)
    for loss in (4.0, 4.0, 4.0):
        rate.see(loss, Plateau(factor=0.5, interval=4, minimum=0), epochs=2)
    assert rate.value == 4.0


class _Still(nn.Module):
    """Learns nothing; a parameter there must be."""

    def __init__(self) -> None:
        super().__init__()
        self.z = nn.Parameter(torch.tensor(0.0))

    def forward(self, images: Tensor, truth: Mapping[Region, Tensor]) -> Mapping[Region, Tensor]:
        return {Region.SCAR: 0 * self.z + torch.zeros_like(images)}


def test_the_loop_follows_the_plateau_and_a_checkpoint_remembers_it(tmp_path: Path) -> None:
    network = _Still()
    samples = Samples(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.uint8))
    plateau = Plateau(factor=0.5, interval=2, minimum=0.1)
    for epochs, expected in ((3, 0.5), (4, 0.5), (9, 0.1)):  # each goes on where the last ended
        recipe = Recipe(epochs, 2, 1.0, "plateau", plateau, augment=None)
        context = TrainContext(tmp_path, tmp_path)
        fit(network, Regions(network, (Region.SCAR,)), samples, samples, recipe, context)
        state = torch.load(tmp_path / "network.pt", weights_only=True)
        assert state["rate"]["value"] == pytest.approx(expected)
        assert state["epochs"] == epochs


@pytest.mark.parametrize("kills", [(7,), (3, 5)])
def test_epochs_since_the_last_look_survive_a_kill(tmp_path: Path, kills: tuple[int, ...]) -> None:
    samples = Samples(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4, dtype=torch.uint8))
    plateau = Plateau(factor=0.5, interval=3, minimum=0.1)
    recipe = Recipe(9, 2, 1.0, "plateau", plateau, augment=None, validate_every=2)

    def rate(folder: Path, stops: tuple[int, ...]) -> dict[str, float]:
        for stop in (*stops, 99):

            def report(step: int, of: int, values: Mapping[str, float], stop: int = stop) -> None:
                if step > stop:
                    raise KeyboardInterrupt

            network, context = _Still(), TrainContext(folder, folder, report=report)
            with suppress(KeyboardInterrupt):
                fit(network, Regions(network, (Region.SCAR,)), samples, samples, recipe, context)
        state: dict[str, float] = torch.load(folder / "network.pt", weights_only=True)["rate"]
        return state

    assert rate(tmp_path / "killed", kills) == rate(tmp_path / "whole", ())
