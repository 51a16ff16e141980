"""Checkpoints: how often, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.methods import _checkpoints
from benchmark.methods._checkpoints import Checkpoint


def test_a_checkpoint_takes_at_most_a_twentieth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(_checkpoints.time, "perf_counter", lambda: now)
    written: list[float] = []

    def slowly(state: dict[str, Any], path: Path) -> None:
        nonlocal now
        now += 2.0
        written.append(now)

    monkeypatch.setattr(_checkpoints, "save_atomically", slowly)
    checkpoint = Checkpoint(tmp_path / "a.pt")
    for epoch in range(100):  # of a second each
        now += 1.0
        checkpoint.keep(lambda: {"weights": torch.zeros(1)}, last=epoch == 99)
    # The first epoch, then after 38 s of training to 2 s of writing, and the last epoch.
    assert written == [3.0, 43.0, 83.0, 106.0 + 2.0]


def test_the_state_is_not_even_made_when_it_is_not_written(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "a.pt")
    assert checkpoint.read() is None
    checkpoint.keep(lambda: {"epochs": 1}, last=False)
    checkpoint._due = float("inf")
    checkpoint.keep(lambda: pytest.fail("asked for"), last=False)
    assert checkpoint.read() == {"epochs": 1}
