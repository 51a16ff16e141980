"""What a run cost, from its stages and its cases: time for each epoch and slice, memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

__all__ = ["costs"]


def costs(
    stages: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> dict[str, float]:
    """Costs of a run; what is not known is not in it.

    Args:
        stages: Facts of the stages ``train`` and ``predict``.
        rows: Facts of each case.

    Returns:
        * ``train_seconds_per_epoch``: of all of training, looks at validation cases included;
        * ``predict_seconds_per_slice``: median over the cases that were predicted, but for the
          first of each process, which also loads the model and warms up;
        * ``predict_first_seconds``: that first case, whole; the median, if there were several;
        * ``train_memory_mb``, ``predict_memory_mb``: peak resident memory of the process, the
          engine and, when predicting after training, what training left behind included;
        * ``train_device_memory_mb``, ``predict_device_memory_mb``: peak memory of tensors on the
          GPU, where there is one.
    """
    found: dict[str, float] = {}
    train, predict = (stages.get(name, {}) for name in ("train", "predict"))
    if train.get("epochs") and train.get("seconds"):
        found["train_seconds_per_epoch"] = round(train["seconds"] / train["epochs"], 4)
    answered = [row for row in rows if row["status"] == "ok"]
    warm = [row["seconds"] / row["slices"] for row in answered if row.get("warm")]
    first = [row["seconds"] for row in answered if row.get("warm") is False]
    if warm:
        found["predict_seconds_per_slice"] = round(median(warm), 6)
    if first:
        found["predict_first_seconds"] = round(median(first), 4)
    for stage, facts in (("train", train), ("predict", predict)):
        for kind, name in (("", "peak_memory_mb"), ("device_", "device_memory_mb")):
            if facts.get(name):
                found[f"{stage}_{kind}memory_mb"] = facts[name]
    return found
