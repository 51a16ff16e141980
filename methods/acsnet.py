"""Three stages, the last of which guarantees anatomy: region, tissues, latent space (popescu2022).

A residual U-Net finds the ventricle (:mod:`._acs_roi`), a second one the myocardium and the
enhancement in it (:mod:`._acs_tissue`), and an autoencoder's latent space moves each myocardium to
the nearest one that is anatomically possible (:mod:`._acs_latent`). Checks of the volume then
remove what lies below the apex and above the base (:mod:`._acs_volume`). How images are prepared is
in :mod:`._acs_preprocess`; cine, where there is any, is made LGE-like to train on
(:mod:`._acs_style`).

Every stage can be switched off: ``roi``, ``style`` in training; ``cleanup``, ``anatomy`` and
``volumetric`` in prediction alone, so that methods which differ in these share one training. With
the last two on, every slice with myocardium passes the five checks of the slice, and the volume
those of the volume.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from benchmark import Case, Method, Segmentation, Study, TrainContext
from benchmark.errors import UsageError

from ._learned import WEIGHTS, Learned
from ._recipe import Recipe

if TYPE_CHECKING:
    from torch.nn import Module, ModuleDict

    from ._acs_cleanup import Cleanup
    from ._acs_latent import LatentSpace
    from ._acs_pipeline import Found
    from ._objectives import Objective
    from ._training import Samples

__all__ = ["AcsNet"]

_log = logging.getLogger("benchmark")
#: Cases by which the time of training is judged.
_FEW = 8
#: The autoencoder halves its square six times, so its own is the next multiple of this.
_HALVED = 64
#: Fields that change nothing but predictions, and what they are for training.
_PREDICTION = {"cleanup": True, "anatomy": True, "keep_valid": False, "volumetric": True}


class AcsNet(Learned):
    """Cavity, myocardium and scar; the myocardium is anatomical by construction.

    The quick profile departs from the paper in the size of squares and networks, in epochs, batch,
    a one-cycle schedule and random affine maps of training samples, which the paper does not have:
    it is what two CPU cores can train in minutes. Validation cases are not looked at in any profile
    ("No early stopping or other methods that learn from the validation set were used").

    Core scar follows from scar and myocardium, in the engine, by the paper's own rule.
    """

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        # Learns nothing worth having, in seconds: for the contract suite.
        "smoke": {
            "size": 64, "square": 64, "filters": 2, "code_channels": 8, "epochs": 2,
            "roi_epochs": 2, "anatomy_epochs": 80, "latent_points": 20, "components": 2,
        },
        # "cropped or padded to a square of size 192x192 pixels", "a 128x128 pixel square", "an
        # additional 10,000 points"; Adam at 1e-3. The rest is not in its text.
        "paper": {
            "size": 192, "square": 128, "filters": 32, "code_channels": 16, "roi_epochs": 100,
            "epochs": 100, "anatomy_epochs": 200, "batch": 16, "learning_rate": 1e-3,
            "schedule": "constant", "augment": False, "latent_points": 10_000,
        },
    }  # fmt: skip

    epochs: int = Field(20, gt=0, description="passes of stage 2 over its samples")
    roi_epochs: int = Field(10, gt=0, description="passes of stage 1 over its samples")
    size: int = Field(128, gt=0, description="side in pixels of the square that stage 1 sees")
    square: int = Field(96, gt=0, description="side in pixels of the square of stages 2 and 3")
    filters: int = Field(4, gt=0, description="of stage 1's first level; stage 2 has twice as many")
    tversky: Literal["printed", "usual"] = Field(
        "printed", description="form of the loss's Tversky half"
    )
    roi: Literal["predicted", "none"] = Field(
        "predicted", description="stage 1; 'none': stage 2 sees the middle of the image"
    )
    style: bool = Field(True, description="train on cine made LGE-like as well, where there is any")
    style_weight: float = Field(0.5, gt=0, le=1, description="what an LGE-like slice counts")
    cleanup: bool = Field(True, description="clean the enhancement up by morphology")
    anatomy: bool = Field(True, description="stage 3: correct each myocardium in the latent space")
    keep_valid: bool = Field(
        False, description="stage 3 leaves a myocardium that is anatomical as it is"
    )
    volumetric: bool = Field(True, description="remove slices that fail the checks of the volume")
    code_channels: int = Field(8, gt=0, description="of the autoencoder's first layer")
    anatomy_epochs: int = Field(40, gt=0, description="passes of the autoencoder over its masks")
    latent_points: int = Field(2_000, gt=0, description="points sampled in the latent space")
    components: int = Field(5, gt=0, description="Gaussians of the latent space's mixture")

    _fitted: tuple[object, tuple[Cleanup, LatentSpace]] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _sizes_fit(self) -> AcsNet:
        """The networks' levels must divide the sizes."""
        for name, value, factor in (("size", self.size, 16), ("square", self.square, 16)):
            if value % factor:
                raise ValueError(f"{name} {value} is not a multiple of {factor}")
        return self

    def trainer(self) -> Method:
        """The same with everything on that training knows nothing of."""
        usual = all(getattr(self, name) == value for name, value in _PREDICTION.items())
        return self if usual else self.model_copy(update=_PREDICTION)

    def build(self, seed: int = 0) -> ModuleDict:
        """The three networks, each seeded by its name."""
        import torch

        from ._acs_autoencoder import AnatomicalAutoencoder
        from ._acs_networks import ResUNet
        from ._numerics import mixed

        makers: dict[str, Callable[[], Module]] = {
            "roi": lambda: ResUNet(self.filters, 1),
            "tissue": lambda: ResUNet(2 * self.filters, 2),
            "anatomy": lambda: AnatomicalAutoencoder(
                math.ceil(self.square / _HALVED) * _HALVED, channels=self.code_channels
            ),
        }
        networks = torch.nn.ModuleDict()
        for name, make in makers.items():
            if name == "roi" and self.roi == "none":
                continue
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(mixed(seed, *name.encode()))
                networks[name] = make()
        return networks

    def recipe_of(self, stage: str) -> Recipe:
        """How the network of ``stage`` is trained."""
        from dataclasses import replace

        if stage == "tissue":
            return self.recipe
        if stage == "roi":
            return replace(self.recipe, epochs=self.roi_epochs)
        from ._acs_autoencoder import SHAPES

        moved = SHAPES if self.augment else None
        return replace(self.recipe, epochs=self.anatomy_epochs, augment=moved)

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Train the three networks and fit what lies between them.

        Leaves ``model.pt`` and ``fitted.pt`` (clean-up, latent space) in ``context.folder``, and
        prints the seconds of each stage, in training and in predicting, as one line of JSON: what a
        method prints the engine keeps in the run's ``plugin.log``.

        Raises:
            UsageError: There is no case to learn from.
            DataError: No case has myocardium or none has scar; or one cannot be read.
            PluginError: scikit-image is not installed, a loss diverged, or the autoencoder decodes
                no anatomical myocardium at all.
        """
        from . import _acs_training
        from ._numerics import reproducible
        from ._weights import save_atomically

        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        with reproducible(context.threads):
            state, seconds = _acs_training.train(self, cases, context)
            save_atomically(state, context.folder / WEIGHTS)
            trained = self.at(context.folder, context.device)
            told = _acs_training.stage_seconds(trained, cases, seconds)
        print(json.dumps(told))  # noqa: T201 - not in the folder, whose bytes may not differ

    def samples(self, cases: Sequence[Case]) -> Samples:
        """What stage 1 learns from; stage 2's follow from what that finds."""
        from ._acs_samples import gathered, roi_samples

        stacks = gathered(cases, self.size, self.style, np.random.default_rng)
        return roi_samples(stacks, self.style_weight)

    def objectives(self, network: ModuleDict) -> Mapping[str, Objective]:
        """What is trained one after the other."""
        from ._acs_training import objectives

        return objectives(self, network)

    def predict(self, study: Study) -> Segmentation:
        """Segment ``study``; what each stage took goes to the log, at level INFO.

        Raises:
            DataError: The image has frames, or an attribute is no number.
            PluginError: What training leaves is not there, damaged, or of other parameters; or
                scikit-image is not installed.
        """
        found = self.find(study)
        _log.info(
            "%s: seconds %s; dropped %s",
            study.id,
            {stage: round(value, 3) for stage, value in found.seconds.items()},
            found.dropped,
        )
        return Segmentation(found.labels())

    def find(self, study: Study) -> Found:
        """What each stage finds in ``study``, and its seconds; errors as :meth:`predict`."""
        from ._acs_stages import find

        return find(self, study)

    def fitted(self) -> tuple[Cleanup, LatentSpace]:
        """What training fitted beside the networks, loaded once by each process.

        Raises:
            PluginError: It is not there or damaged.
        """
        from ._acs_stages import FITTED, read_fitted

        path = self.model / FITTED
        stamp = path.stat().st_mtime_ns if path.exists() else None
        if self._fitted is None or self._fitted[0] != (path, stamp):
            self._fitted = ((path, stamp), read_fitted(path))
        return self._fitted[1]

    @property
    def epoch_count(self) -> int | None:
        """Passes over the training samples, those of all stages."""
        return (0 if self.roi == "none" else self.roi_epochs) + self.epochs + self.anatomy_epochs

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """How long ``train`` would take here, from a few steps timed; None if no case says."""
        from ._acs_training import seconds_to_train
        from ._numerics import reproducible

        few = cases[:: max(len(cases) // _FEW, 1)][:_FEW]  # from all over: the first may be alike
        if not few:
            return None
        with reproducible(context.threads):
            return seconds_to_train(self, few, len(cases), context.device)

    def __getstate__(self) -> dict[Any, Any]:
        # What was loaded stays in the process that loaded it.
        state = super().__getstate__()
        return {
            **state,
            "__pydantic_private__": {**state["__pydantic_private__"], "_fitted": None},
        }
