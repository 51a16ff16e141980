"""First weights for the encoder of a TransUNet: published ones of ImageNet-21k, or those of a file.

xing2023 section 3.1: "the backbone network of all methods is TransUNet with the transformer part
pre-trained on imageNet-21K". As the reference design does, the whole encoder is taken, its ResNet
too: the two were trained as one. The decoder is not pre-trained.

The weights are timm's ``vit_base_r50_s16_224.orig_in21k`` (a conversion of those of the ViT paper),
fetched from the Hugging Face hub once and kept in its cache. timm itself is not needed: it would
import torchvision, and build a network only to be thrown away.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

from benchmark.atomic import replacing
from benchmark.errors import PluginError

from ._transunet import TransUNet

__all__ = ["REPOSITORY", "UnavailableError", "encoder_state", "initialise", "published"]

#: Where the published weights are, and as what; of the first kind that is there.
REPOSITORY = "timm/vit_base_r50_s16_224.orig_in21k"
FILES = ("model.safetensors", "pytorch_model.bin")
#: What was really done, beside the weights that training leaves.
RECORD = "initialisation.json"

_log = logging.getLogger("benchmark")
_HINT = "pip install 'scarbench[weights]'"

#: timm's names of the encoder's parts, and ours.
_NAMES = (
    (r"^patch_embed\.backbone\.stem\.conv\.", "stem."),
    (r"^patch_embed\.backbone\.stem\.norm\.", "stem_norm."),
    (r"^patch_embed\.backbone\.stages\.(\d+)\.blocks\.(\d+)\.", r"stages.\1.\2."),
    (r"\.downsample\.conv\.", ".shortcut.0."),
    (r"\.downsample\.norm\.", ".shortcut.1."),
    (r"^patch_embed\.proj\.", "embedding."),
    (r"^blocks\.", "layers."),
    (r"\.attn\.qkv\.", ".attention.qkv."),
    (r"\.attn\.proj\.", ".attention.out."),
    (r"\.mlp\.(fc[12])\.", r".\1."),
    (r"^pos_embed$", "positions"),
)


class UnavailableError(Exception):
    """The published weights cannot be had here; the text says why."""


def initialise(networks: Mapping[str, nn.Module], source: str, folder: Path) -> None:
    """Give the TransUNets among ``networks`` their first encoder weights, and say what was done.

    Args:
        networks: Networks by name; all others stay as they are.
        source: ``none``, ``imagenet21k`` or a file: a checkpoint of timm's, or what training one of
            our methods left.
        folder: Gets ``initialisation.json``, unless ``source`` is ``none``.

    Raises:
        PluginError: The file is missing, cannot be read or is of another architecture. Published
            weights that cannot be had are no error but a warning: training then starts at random.
    """
    if source == "none":
        return
    done: dict[str, Any] = {"asked": source}
    try:
        path = published() if source == "imagenet21k" else Path(source)
    except UnavailableError as error:
        _log.warning(
            "THE ENCODER STARTS FROM RANDOM WEIGHTS: those of ImageNet-21k cannot be had (%s). "
            "This is not the paper's setting. To use a copy: --set encoder_weights=FILE.",
            error,
        )
        done |= {"used": "random weights", "why": str(error)}
    else:
        state = _read(path)
        for name, network in networks.items():
            if isinstance(network, TransUNet):
                _load(network, encoder_state(state, name, path), path)
        done |= {"used": path.name, "sha256": _sha256(path)}
        if source == "imagenet21k":
            done["from"] = REPOSITORY
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")


def published() -> Path:
    """The published weights as a file, fetched where they are not in the local cache.

    Raises:
        UnavailableError: There is no network, no such file or no client to ask with.
    """
    try:
        import safetensors  # noqa: F401 - needed to read what is fetched
        from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    except ImportError as error:
        raise UnavailableError(f"{error.name} is not installed: {_HINT}") from error
    for file in FILES:
        cached = try_to_load_from_cache(REPOSITORY, file)
        if isinstance(cached, str):
            return Path(cached)
    if constants.HF_HUB_OFFLINE:
        raise UnavailableError("not in the local cache, and HF_HUB_OFFLINE is set")
    try:
        # The client asks again and again for most of a minute; this knows at once.
        question = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        urllib.request.urlopen(question, timeout=5).close()
    except urllib.error.HTTPError:
        pass  # an answer, whatever it is
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UnavailableError(f"{constants.ENDPOINT} does not answer: {reason}") from error
    reasons = []
    for file in FILES:
        try:
            return Path(hf_hub_download(REPOSITORY, file))
        # Its client's errors share no base over its versions; none of them may stop a training.
        except Exception as error:
            reasons.append(f"{file}: {type(error).__name__}")
    raise UnavailableError(f"{REPOSITORY}: {', '.join(reasons)}")


def encoder_state(state: Mapping[str, Tensor], name: str, path: Path) -> dict[str, Tensor]:
    """The encoder's weights, under our names, from a checkpoint of timm's or ours.

    Args:
        state: All weights of the checkpoint.
        name: Which network they are for, should a checkpoint of ours have several.
        path: Where they are from, for messages.

    Raises:
        PluginError: No encoder is among them, or several are and none has that name.
    """
    if "patch_embed.proj.weight" in state:
        ours = {}
        for key, value in state.items():
            if key.startswith(("head.", "cls_token", "pre_logits.", "fc_norm.")):
                continue  # of classifying, and of the class token
            new = key
            for pattern, replacement in _NAMES:
                new = re.sub(pattern, replacement, new)
            ours[new] = value
        return ours
    prefixes = {m[0] for key in state if (m := re.match(r"([^.]+\.)?encoder\.", key))}
    if f"{name}.encoder." in prefixes:
        prefixes = {f"{name}.encoder."}
    if len(prefixes) != 1:
        what = f"several encoders and none of {name!r}" if prefixes else "no encoder"
        raise PluginError(
            f"encoder_weights: {path} has {what}.",
            "Give a checkpoint of timm's vit_base_r50_s16_224 or one of a TransUNet trained here.",
        )
    (prefix,) = prefixes
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _load(network: TransUNet, state: dict[str, Tensor], path: Path) -> None:
    encoder = network.encoder
    if "positions" in state:
        state = {**state, "positions": _resized(state["positions"], encoder.grid)}
    wanted = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    wrong = sorted(k for k in wanted.keys() | given.keys() if wanted.get(k) != given.get(k))
    if wrong:
        first = wrong[0]
        raise PluginError(
            f"encoder_weights: {path} is not of this backbone: {len(wrong)} of {len(wanted)} "
            f"weights differ, such as {first}: {given.get(first)}, not {wanted.get(first)}.",
            "Give weights of the same architecture, or set backbone to theirs.",
        )
    encoder.load_state_dict(state)


def _resized(positions: Tensor, grid: int) -> Tensor:
    """``(1, n, hidden)`` embeddings of a square of places, interpolated to ``grid`` a side.

    One more than a square is the class token's, which goes. What is no such tensor comes back as it
    is, to be refused with its shape.
    """
    if positions.ndim != 3:
        return positions
    side = int(positions.shape[1] ** 0.5)
    places = positions[:, positions.shape[1] - side**2 :]
    if side == grid or not side:
        return places
    square = places.float().transpose(1, 2).reshape(1, -1, side, side)
    square = F.interpolate(square, size=(grid, grid), mode="bilinear", align_corners=False)
    return square.flatten(2).transpose(1, 2)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise PluginError(
            f"encoder_weights: there is no file {path}.",
            "Give 'none', 'imagenet21k' or a file of weights.",
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise PluginError(
            f"{path} cannot be read: {error.name} is not installed.", _HINT
        ) from error
    # safetensors has an error class of its own, which is a plain Exception
    except Exception as error:
        if not _damaged(error):
            raise
        raise PluginError(
            f"encoder_weights: {path} holds no weights ({type(error).__name__}).",
            "Give a .safetensors file or one that torch.load reads with weights_only=True.",
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise PluginError(
            f"encoder_weights: {path} holds a {type(state).__name__}, not a table of weights.",
            "Give a file with the state dict of a network.",
        )
    return state


def _damaged(error: Exception) -> bool:
    known = (RuntimeError, UnpicklingError, EOFError, OSError, ValueError, KeyError)
    return isinstance(error, known) or type(error).__name__ == "SafetensorError"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
