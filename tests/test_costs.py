"""What a run cost: by hand, and in the record of a real run."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark import provenance
from benchmark.costs import costs
from benchmark.provenance import device_memory_mb, reset_peak_memory


def row(seconds: float, slices: int, warm: bool | None, status: str = "ok") -> dict[str, Any]:
    return {"status": status, "seconds": seconds, "slices": slices, "warm": warm}


def test_costs_by_hand() -> None:
    stages = {
        "train": {"seconds": 60.0, "epochs": 12, "peak_memory_mb": 800.0, "device_memory_mb": 90.5},
        "predict": {"seconds": 9.0, "peak_memory_mb": 500.0, "device_memory_mb": None},
    }
    rows = [
        row(5.0, 10, False),
        row(1.0, 10, True),
        row(3.0, 10, True),
        row(1.6, 8, True),
        row(99.0, 1, True, "error"),
        row(0.0, 1, True, "not_applicable"),
    ]
    assert costs(stages, rows) == {
        "train_seconds_per_epoch": 5.0,
        "predict_seconds_per_slice": 0.2,  # of 0.1, 0.2 and 0.3
        "predict_first_seconds": 5.0,
        "train_memory_mb": 800.0,
        "train_device_memory_mb": 90.5,
        "predict_memory_mb": 500.0,
    }


@pytest.mark.parametrize(
    "rows", [[], [row(5.0, 10, False)], [{"status": "ok", "seconds": 1.0, "slices": 4}]]
)
def test_what_is_not_known_is_not_made_up(rows: list[dict[str, Any]]) -> None:
    """No case but the first, or rows of an earlier version, which do not say which was first."""
    found = costs({"train": {"seconds": 5.0, "epochs": None}}, rows)
    assert "train_seconds_per_epoch" not in found
    assert "predict_seconds_per_slice" not in found


def test_a_run_records_its_costs(run: Any, plugins: Any) -> None:
    epochs = "\n@property\ndef epoch_count(self):\n    return len(list(self.model.iterdir())) + 2\n"
    result = run(plugins.trained(rest=plugins.TRAIN + epochs))
    totals, stages = result.record.totals, result.record.stages
    assert stages["train"]["epochs"] == 3
    assert totals["train_seconds_per_epoch"] == pytest.approx(
        stages["train"]["seconds"] / 3, abs=1e-4
    )
    assert totals["predict_seconds_per_slice"] > 0
    assert totals["predict_first_seconds"] > 0
    assert totals["train_memory_mb"] == stages["train"]["peak_memory_mb"]
    assert totals["predict_memory_mb"] == stages["predict"]["peak_memory_mb"]
    assert "train_device_memory_mb" not in totals
    import pandas as pd

    warm = pd.read_parquet(result.path / "cases.parquet").set_index("case").warm
    assert warm.to_dict() == {"a": False, "b": True, "c": True, "x": True}


def test_memory_of_a_gpu_is_asked_of_torch_where_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reset: list[int] = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        reset_peak_memory_stats=reset.append,
        max_memory_allocated=lambda device: {"cuda:1": 3 * 2**20}[device],
    )
    assert device_memory_mb("cpu") is None
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert device_memory_mb("cuda:1") == 3.0
    assert device_memory_mb("cpu") is None
    reset_peak_memory()
    assert reset == [0, 1]
    monkeypatch.delitem(sys.modules, "torch")
    assert provenance.device_memory_mb("cuda") is None
