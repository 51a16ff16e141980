"""What a trained nnU-Net leaves: a folder that nnU-Net reads as its own, and that we read safely.

``plans.json``, ``dataset.json``, ``dataset_fingerprint.json`` and ``fold_0/checkpoint_final.pth``
are where nnU-Net has them, so that its own predictor takes the folder; the checkpoint is weights
and names alone, without the optimiser's state. ``history.json`` has the losses by epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark import Label, Volume
from benchmark.atomic import replacing
from benchmark.errors import DataError, PluginError

from ._nnunet_workspace import spacing_of
from ._weights import save_atomically

__all__ = ["CHECKPOINT", "Trained", "load", "network_of", "save"]

CHECKPOINT = Path("fold_0") / "checkpoint_final.pth"
_AGAIN = "Train the method again."
#: The values of a plan that nnU-Net imports by their names, whatever these are: what they may be.
_IMPORTED = {
    "conv_op": ("torch.nn.modules.conv.Conv2d", "torch.nn.modules.conv.Conv3d"),
    "norm_op": (
        "torch.nn.modules.instancenorm.InstanceNorm2d",
        "torch.nn.modules.instancenorm.InstanceNorm3d",
    ),
    "dropout_op": (None,),
    "nonlin": ("torch.nn.LeakyReLU",),
}
_NETWORK = "dynamic_network_architectures.architectures.unet.PlainConvUNet"


class Trained:
    """A trained network, ready to predict.

    Args:
        predictor: nnU-Net's.
        labels: Canonical label by nnU-Net's code.
    """

    def __init__(self, predictor: nnUNetPredictor, labels: NDArray[np.uint8]) -> None:
        self._predictor = predictor
        self.labels = labels

    def __call__(self, volume: Volume) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Canonical labels ``(slice, row, column)`` and probabilities ``(code, *shape)``.

        Raises:
            DataError: The stack is too thin for the network's slices.
        """
        self._check(volume)
        image = volume.voxels.astype(np.float32)[None]
        codes, probabilities = self._predictor.predict_single_npy_array(
            image, {"spacing": spacing_of(volume)}, None, None, True
        )
        return self.labels[codes.astype(np.intp)], probabilities

    def _check(self, volume: Volume) -> None:
        """Raise a DataError where resampling, which rounds, would leave no voxel along an axis."""
        order = self._predictor.plans_manager.transpose_forward
        wanted = self._predictor.configuration_manager.spacing  # of the last axes: 2D keeps slices
        for axis, target in zip(order[-len(wanted) :], wanted, strict=True):
            size, step = volume.voxels.shape[axis], spacing_of(volume)[axis]
            if round(size * step / target) < 1:
                raise DataError(
                    f"{size} x {step:g} mm are less than half of one of this network's slices or "
                    f"pixels of {target:g} mm.",
                    "Set configuration=2d.",
                )


def save(
    folder: Path,
    plans: Mapping[str, Any],
    dataset: Mapping[str, Any],
    fingerprint: Path,
    configuration: str,
    weights: Mapping[str, Tensor],
    mirrored: tuple[int, ...],
    history: Mapping[str, Any],
) -> None:
    """Leave a trained network in ``folder``.

    Args:
        folder: Of the model.
        plans: As planned; of its configurations the one trained is kept.
        dataset: ``dataset.json``.
        fingerprint: nnU-Net's ``dataset_fingerprint.json``.
        configuration: What was trained.
        weights: State dict.
        mirrored: Axes along which predictions may be mirrored.
        history: By epoch.
    """
    (folder / CHECKPOINT).parent.mkdir(parents=True, exist_ok=True)
    kept = {**plans, "configurations": {configuration: plans["configurations"][configuration]}}
    for name, content in (
        ("plans.json", kept),
        ("dataset.json", dataset),
        ("dataset_fingerprint.json", json.loads(fingerprint.read_text("utf-8"))),
        ("history.json", history),
    ):
        with replacing(folder / name) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    state = {
        "network_weights": {name: value.cpu() for name, value in weights.items()},
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": configuration},
        "inference_allowed_mirroring_axes": mirrored,
    }
    save_atomically(state, folder / CHECKPOINT)


def load(folder: Path, device: str, mirroring: bool) -> Trained:
    """The network that :func:`save` left.

    Raises:
        PluginError: A file is not there, cannot be read, or asks for other than a network.
    """
    plans, dataset = _read_json(folder / "plans.json"), _read_json(folder / "dataset.json")
    path = folder / CHECKPOINT
    if not path.is_file():
        raise PluginError(f"There are no weights at {path}.", "Train the method first.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = state["network_weights"]
        configuration = state["init_args"]["configuration"]
        mirrored = tuple(state["inference_allowed_mirroring_axes"])
    except (RuntimeError, UnpicklingError, EOFError, OSError, KeyError, TypeError) as error:
        raise PluginError(f"{path} holds no weights ({type(error).__name__}).", _AGAIN) from error
    network = network_of(folder, configuration)
    manager = PlansManager(plans)
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        raise PluginError(f"The weights in {path} do not fit its plans.json.", _AGAIN) from error
    predictor = nnUNetPredictor(
        use_mirroring=mirroring,
        perform_everything_on_device=torch.device(device).type == "cuda",
        device=torch.device(device),
        allow_tqdm=False,
    )
    predictor.manual_initialization(
        network,
        manager,
        manager.get_configuration(configuration),
        [weights],
        dataset,
        "nnUNetTrainer",
        mirrored,
    )
    return Trained(predictor, _canonical(folder / "dataset.json", dataset))


def network_of(folder: Path, configuration: str) -> nn.Module:
    """The network that the plans in ``folder`` describe, untrained.

    Raises:
        PluginError: They cannot be read, or name something that is no part of nnU-Net's network.
    """
    path = folder / "plans.json"
    plans, dataset = _read_json(path), _read_json(folder / "dataset.json")
    try:
        architecture = plans["configurations"][configuration]["architecture"]
        arguments = architecture["arch_kwargs"]
        imported = tuple(architecture["_kw_requires_import"])
        known = architecture["network_class_name"] == _NETWORK and all(
            arguments[name] in _IMPORTED.get(name, ()) for name in imported
        )
        if not known:
            raise PluginError(f"{path} names parts that nnU-Net's default network has not.", _AGAIN)
        return get_network_from_plans(  # type: ignore[no-any-return]
            _NETWORK, arguments, imported, len(dataset["channel_names"]), len(dataset["labels"]),
            allow_init=False, deep_supervision=False,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise PluginError(f"{path} holds no plan of nnU-Net ({error!r}).", _AGAIN) from error


def _canonical(path: Path, dataset: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The canonical label of each of nnU-Net's codes."""
    try:
        names = sorted(dataset["labels"], key=dataset["labels"].__getitem__)
        return np.array([Label[name.upper()] for name in names], dtype=np.uint8)
    except (KeyError, TypeError, AttributeError) as error:
        raise PluginError(f"{path} names labels that are not ours ({error!r}).", _AGAIN) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PluginError(f"There is no {path}.", "Train the method first.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise PluginError(f"{path} is no JSON file ({error}).", _AGAIN) from error
    if not isinstance(content, dict):
        raise PluginError(f"{path} is {type(content).__name__}, not an object.", _AGAIN)
    return content
