"""nnU-Net v2 itself: its planning, preprocessing, training and prediction behind our interface.

Isensee F. et al. nnU-Net: a self-configuring method for deep learning-based biomedical image
segmentation. Nature Methods 2021; 18:203-211. The package nnunetv2 does all of it, in this process;
nothing of it is written anew here, so that its numbers are those of the program others run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from benchmark import Case, Method, Region, Segmentation, Study, TrainContext
from benchmark.errors import PluginError, UsageError

from ._slices import still_volume

if TYPE_CHECKING:
    from ._nnunet_model import Trained
    from ._nnunet_trainer import Trainer
    from ._nnunet_workspace import Workspace

__all__ = ["NnUNet"]

#: Cases by which the time of a step is judged.
_FEW = 4


class NnUNet(Method):
    """The default trainer on one LGE image: plain labels, softmax, one model.

    * One model is trained, on our training cases, with our validation cases as its validation
      split; nnU-Net's own protocol would train five on five splits of both and average them. As in
      that, both are looked at to plan. Its validation cases choose nothing: the weights are those
      of the last epoch, which nnU-Net predicts with too; ``configuration`` is chosen by whoever
      asks; and no small component is removed, which nnU-Net does where it helped there.
    * Labels are those that the references of these cases hold, numbered without gaps. Where none
      holds no-reflow, none is learnt and none predicted; it is scored as missed where a data set
      annotates it, and left out where it does not. A region's probability is the sum of those of
      its labels; labels are where one label's is highest, so that a region may be labelled
      somewhat below one half.
    * The profile ``paper`` has nnU-Net's defaults: the plan as it makes it, 1000 epochs of 250
      iterations, mirrored predictions. ``quick`` shrinks patch, batch and feature maps, coarsens
      pixels and takes fewer than a thousand steps, three of four patches about a label, by the
      same loss, schedule and augmentation. Its optimiser is that of nnU-Net's variant
      nnUNetTrainerAdam1en3: with the default one the network had found ventricles but not a voxel
      of scar on ``lge`` after 650 steps.
    * ``3d_fullres`` takes ten slices where ``2d`` takes one. With ``batch=2,features=8`` a step is
      as quick, but as many of those do not yet part cavity from myocardium on ``lge``: give it
      thousands.
    * The same seed and threads give the same weights on a CPU, also after an interruption: every
      epoch leaves a checkpoint. On a GPU the loss has no deterministic algorithm.
    """

    produces: ClassVar[frozenset[Region]] = frozenset(
        {Region.CAVITY, Region.MYOCARDIUM, Region.LV, Region.SCAR, Region.MVO}
    )
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        # Learns nothing worth having, in seconds: for the contract suite.
        "smoke": {"epochs": 2, "iterations": 2, "patch": 32, "batch": 2, "features": 4},
        "paper": {
            "epochs": 1000,
            "iterations": 250,
            "optimiser": "sgd",
            "patch": None,
            "batch": None,
            "oversample": 0.33,
            "features": None,
            "pixel_mm": None,
            "mirroring": True,
        },
    }

    configuration: Literal["2d", "3d_fullres"] = Field(
        "2d", description="which of nnU-Net's networks: slice by slice or the whole stack"
    )
    epochs: int = Field(30, gt=0, description="epochs, by which the learning rate falls to zero")
    iterations: int = Field(25, gt=0, description="training steps in an epoch")
    optimiser: Literal["sgd", "adam"] = Field(
        "adam", description="nnU-Net's default SGD, or Adam as in its nnUNetTrainerAdam1en3"
    )
    patch: int | None = Field(
        64, ge=16, description="longest side of a patch in voxels; none: as nnU-Net plans"
    )
    batch: int | None = Field(8, ge=2, description="patches in a step; none: as nnU-Net plans")
    oversample: float = Field(
        0.75, ge=0, le=1, description="share of patches about a voxel of a label drawn at random"
    )
    features: int | None = Field(
        16, gt=0, description="feature maps at full resolution; none: nnU-Net's 32"
    )
    pixel_mm: float | None = Field(
        2.0, gt=0, description="pixel size to resample to; none: the cases' median, as nnU-Net does"
    )
    mirroring: bool = Field(False, description="average predictions of mirrored images")

    _loaded: tuple[object, Trained] | None = PrivateAttr(default=None)

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Plan, preprocess and train; leave the network in ``context.folder``.

        What nnU-Net prints goes to ``nnunet.log`` in the scratch folder.

        Raises:
            UsageError: There is no case to learn from, or no such configuration for these cases.
            DataError: A reference has no label map, or an image has frames.
            PluginError: nnU-Net is not installed.
        """
        _installed()
        from . import _nnunet_model
        from ._nnunet_surroundings import guest
        from ._nnunet_trainer import history
        from ._nnunet_workspace import Workspace

        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        context.scratch.mkdir(parents=True, exist_ok=True)
        workspace = Workspace(context.scratch.absolute() / "nnunet")
        with (
            (context.scratch / "nnunet.log").open("a", encoding="utf-8") as log,
            guest(log, context.device, context.threads, **workspace.environment),
        ):
            workspace.fill(cases, context.validation)
            trainer = self._trainer(workspace, context)
            trainer.run(context.scratch / "checkpoint.pth", context.report)
            _nnunet_model.save(
                context.folder,
                trainer.plans_manager.plans,
                trainer.dataset_json,
                workspace.preprocessed / "dataset_fingerprint.json",
                self.configuration,
                trainer.network.state_dict(),
                trainer.inference_allowed_mirroring_axes,
                history(trainer),
            )

    def _trainer(self, workspace: Workspace, context: TrainContext) -> Trainer:
        """nnU-Net's trainer on the cases in ``workspace``, planned and preprocessed."""
        from ._nnunet_trainer import AdamTrainer, Trainer
        from ._nnunet_workspace import Shrunk

        kind = AdamTrainer if self.optimiser == "adam" else Trainer
        shrunk = Shrunk(self.patch, self.batch, self.features, self.pixel_mm)
        plans = workspace.prepare(self.configuration, shrunk)
        return kind.made(
            plans,
            self.configuration,
            workspace.dataset(),
            context.device,
            epochs=self.epochs,
            iterations=self.iterations,
            oversample=self.oversample,
            seed=context.seed,
        )

    def predict(self, study: Study) -> Segmentation:
        """Segment ``study`` on its own grid.

        Raises:
            DataError: The image has frames.
            PluginError: nnU-Net is not installed; there is no model, or it is damaged.
        """
        _installed()
        from ._nnunet_surroundings import guest

        volume = still_volume(study)
        with guest(StringIO(), self.device):
            trained = self._trained()
            labels, by_code = trained(volume)
        probabilities = {}
        for region in self.produces:
            codes = np.flatnonzero(region.mask(trained.labels))
            if len(codes):
                probabilities[region] = by_code[codes].sum(axis=0).clip(0.0, 1.0)
        return Segmentation(labels, probabilities=probabilities)

    @property
    def epoch_count(self) -> int | None:
        """As many as asked for: it does not stop early."""
        return self.epochs

    def parameter_count(self) -> int | None:
        """Trainable numbers; None before there is a plan, which the training cases decide."""
        if self._model is None:
            return None
        _installed()
        from ._nnunet_model import network_of
        from ._nnunet_surroundings import guest

        with guest(StringIO(), self.device):
            network = network_of(self.model, self.configuration)
        return sum(p.numel() for p in network.parameters() if p.requires_grad)

    def numerics(self, device: str) -> str:
        """``float16`` on an NVIDIA GPU, where nnU-Net casts by itself; else ``float32``."""
        return "float16" if device.startswith("cuda") else "float32"

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """How long ``train`` would take, from two steps on a few cases; None without cases."""
        _installed()
        from ._nnunet_surroundings import guest
        from ._nnunet_workspace import Workspace

        if not cases:
            return None
        with tempfile.TemporaryDirectory(prefix="scarbench-nnunet-") as folder:
            workspace = Workspace(Path(folder))
            with guest(StringIO(), context.device, context.threads, **workspace.environment):
                workspace.fill(cases[:_FEW], (), counted=len(cases) + len(context.validation))
                seconds = self._trainer(workspace, context).step_seconds()
        # Of looking at a fifth as many batches without learning from them, about a third.
        return seconds * self.epochs * self.iterations * (1 + 0.2 / 3)

    def _trained(self) -> Trained:
        """The trained network, loaded once by each process that predicts."""
        from ._nnunet_model import CHECKPOINT, load

        path = self.model / CHECKPOINT
        stamp = path.stat().st_mtime_ns if path.exists() else None
        key: tuple[Path, int | None, str] = (path, stamp, self.device)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = (key, load(self.model, self.device, self.mirroring))
        return self._loaded[1]

    def __getstate__(self) -> dict[Any, Any]:
        # A loaded network stays in the process that loaded it.
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {}, _loaded=None)
        return {**state, "__pydantic_private__": private}


def _installed() -> None:
    """Import nnU-Net, or raise a PluginError where it is not."""
    from importlib.util import find_spec

    if find_spec("nnunetv2") is None:
        raise PluginError("nnU-Net is not installed.", "pip install 'scarbench[nnunet]'")
    from ._nnunet_surroundings import met

    met()
