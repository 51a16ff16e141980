"""Numbers on a device: dtype, memory layout, determinism, seeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._recipe import Precision

__all__ = ["autocast", "autocast_dtype", "fast", "mixed", "place", "reproducible"]


def autocast_dtype(device: str, precision: Precision = "auto") -> torch.dtype:
    """The dtype of convolutions: ``auto`` is bfloat16 where the hardware multiplies it natively.

    On two cores with AVX512-BF16 a quick step of ``jdl`` takes 0.10 s instead of 0.15 s; where it
    is emulated it is slower. Weights, losses and the optimiser are float32 in any case.
    """
    if precision != "auto":
        return torch.float32 if precision == "float32" else torch.bfloat16
    kind = torch.device(device).type
    if kind == "cpu":
        # The private name is all torch offers; without it float32 is right, only slower.
        native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    elif kind == "cuda":
        native = torch.cuda.get_device_capability(torch.device(device))[0] >= 8  # from Ampere on
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Deterministic algorithms on ``threads`` threads inside; the caller's settings after."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA refuses to be exact without
    memory: Any = torch.utils.deterministic
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_rng_state(),
        memory.fill_uninitialized_memory,
    )
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory would take a quarter of a step; nothing here reads memory unwritten.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        torch.set_rng_state(before[3])
        memory.fill_uninitialized_memory = before[4]


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """The context in which convolutions run in :func:`autocast_dtype`."""
    if autocast_dtype(device, precision) is torch.float32:
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def fast(images: Tensor) -> Tensor:
    """``images`` in the memory layout in which convolutions are fastest."""
    return images.contiguous(memory_format=_LAYOUTS[images.dim()])


def place(network: nn.Module, device: str) -> None:
    """Move ``network`` to ``device``, in the memory layout in which convolutions are fastest."""
    network.to(device)
    if device.startswith("cuda"):
        torch.backends.cudnn.allow_tf32 = False  # float32 shall be what it is called
    for parameter in network.parameters():
        if parameter.dim() in _LAYOUTS:
            parameter.data = fast(parameter.data)


def mixed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; near ones give unlike seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
