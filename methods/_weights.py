"""Weights as files: written whole, byte for byte the same for the same state, and hashed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.atomic import replacing
from benchmark.errors import PluginError

from ._numerics import place

__all__ = ["load_weights", "save_atomically", "weights_hash"]


def save_atomically(state: Mapping[str, Any], path: Path) -> None:
    """Write ``state`` so that ``path`` holds either the old or the new bytes, whole.

    The same state gives the same bytes: torch would put the file's name into it, so it is written
    to memory first.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_weights(network: nn.Module, path: Path, device: str) -> None:
    """Put the weights in the file ``path`` into ``network`` and move it to ``device``.

    Raises:
        PluginError: The file is not there, cannot be read or was made for another network.
    """
    if not path.is_file():
        raise PluginError(f"There are no weights at {path}.", "Train the method first.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, OSError) as error:
        raise PluginError(
            f"{path} holds no weights ({type(error).__name__}).", "Train the method again."
        ) from error
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise PluginError(
            f"The weights in {path} do not fit the networks that the parameters ask for.",
            "Use the parameters they were trained with, or train again.",
        ) from error
    place(network, device)


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes, dtypes and bytes of a state dict, whatever its order or layout."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
