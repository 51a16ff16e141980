"""First weights for the ResNet-50 of mapping2023: ImageNet's, or those of a file.

Section 3.4: "we initialize the U-Net's encoder with weights which were previously pretrained on a
large and diverse general image dataset, ImageNet (23) ... we do not initialize the decoder from
pretrained weights". The weights are torchvision's first ones, which segmentation_models.pytorch has
under ``imagenet``, as timm keeps them on the Hugging Face hub; they are fetched once. Neither
torchvision nor timm is needed: our encoder's weights have the names that both give theirs.

Pictures have three colours and maps one: the weights of the first convolution are summed over them,
which is what the three do to a grey picture. (Its scale is then not quite that of ImageNet, whose
colours are normalised each by itself: the network takes their mean.)
"""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from benchmark.atomic import replacing
from benchmark.errors import PluginError

from . import _pretrained
from ._pretrained import RECORD, UnavailableError
from ._resnet_unet import ResNetUNet

__all__ = ["RECORD", "REPOSITORY", "encoder_state", "initialise", "published"]

#: Where the published weights are, and as what; of the first kind that is there.
REPOSITORY = "timm/resnet50.tv_in1k"
FILES = ("model.safetensors", "pytorch_model.bin")

_log = logging.getLogger("benchmark")
_HINT = "pip install 'scarbench[weights]'"


def initialise(network: nn.Module, source: str, folder: Path) -> None:
    """Give ``network`` its first encoder weights, and say what was done.

    Args:
        network: A network of this paper. The plain U-Net has no published weights and stays as it
            is, and the log says so.
        source: ``none``, ``imagenet`` or a file: a state dict of torchvision's or timm's ResNet-50,
            or what training this method left.
        folder: Gets ``initialisation.json``, unless ``source`` is ``none``.

    Raises:
        PluginError: The file is missing, cannot be read or is of another architecture. Published
            weights that cannot be had are no error but a warning: training then starts at random.
    """
    if source == "none":
        return
    done: dict[str, Any] = {"asked": source}
    if not isinstance(network, ResNetUNet):
        _log.warning("Encoder unet has no published weights: it starts from random ones.")
        done |= {"used": "random weights", "why": "encoder unet has no published weights"}
    else:
        done |= _initialised(network, source)
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")


def _initialised(network: ResNetUNet, source: str) -> dict[str, str]:
    """What was done."""
    try:
        path = published() if source == "imagenet" else Path(source)
    except UnavailableError as error:
        _log.warning(
            "THE ENCODER STARTS FROM RANDOM WEIGHTS: those of ImageNet cannot be had (%s). This is "
            "not the paper's setting, whose Table 7 has 5 %% less Dice without them. To use a "
            "copy: --set encoder_weights=FILE.",
            error,
        )
        return {"used": "random weights", "why": str(error)}
    _load(network, path)
    done = {"used": path.name, "sha256": _pretrained._sha256(path)}
    return {**done, "from": REPOSITORY} if source == "imagenet" else done


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


def encoder_state(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The encoder's weights, without counters of batches and without the classifier.

    Args:
        state: All weights of a checkpoint of torchvision's, timm's or ours.
        path: Where they are from, for messages.

    Raises:
        PluginError: No ResNet is among them.
    """
    prefixes = {key.removesuffix("layer1.0.conv1.weight") for key in state
                if key.endswith("layer1.0.conv1.weight")}  # fmt: skip
    if len(prefixes) != 1:
        raise PluginError(
            f"encoder_weights: {path} has {'several' if prefixes else 'no'} ResNet encoders.",
            "Give a state dict of torchvision's or timm's resnet50, or of a network trained here.",
        )
    (prefix,) = prefixes
    ours = {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix) and not key.endswith("num_batches_tracked")
    }
    for classifier in ("fc.weight", "fc.bias"):
        ours.pop(classifier, None)
    first = ours.get("conv1.weight")
    if first is not None and first.ndim == 4 and first.shape[1] == 3:
        ours["conv1.weight"] = first.sum(dim=1, keepdim=True)
    return ours


def _load(network: ResNetUNet, path: Path) -> None:
    if not path.is_file():
        raise PluginError(
            f"encoder_weights: there is no file {path}.",
            "Give 'none', 'imagenet' or a file of weights.",
        )
    state = encoder_state(_pretrained._read(path), path)
    wanted = {
        key: tuple(value.shape)
        for key, value in network.encoder.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    given = {key: tuple(value.shape) for key, value in state.items()}
    wrong = sorted(k for k in wanted.keys() | given.keys() if wanted.get(k) != given.get(k))
    if wrong:
        first = wrong[0]
        raise PluginError(
            f"encoder_weights: {path} is not of this encoder: {len(wrong)} of {len(wanted)} "
            f"weights differ, such as {first}: {given.get(first)}, not {wanted.get(first)}.",
            "Give weights of the same architecture, or set encoder and width to theirs.",
        )
    network.encoder.load_state_dict(state, strict=False)  # the counters of batches
