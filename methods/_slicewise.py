"""What the methods of xing2023 share: 2D networks that learn from, and segment, slice by slice.

A method says which networks it has and how they are chained; everything else - slices, loss,
training, prediction - is here, so that the methods differ in nothing but that. torch is imported
when there is something to compute, never to look at a method.
"""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from benchmark import Case, Label, Region, Segmentation, Study, TrainContext
from benchmark.atomic import replacing

from ._learned import Learned
from ._recipe import Backbone
from ._slices import Square, region_masks, still_volume

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

    from ._objectives import Forward, Objective
    from ._training import Samples

__all__ = ["SlicewiseMethod"]


class SlicewiseMethod(Learned):
    """A chain of 2D networks; subclasses give ``heads`` and ``logits``.

    Labels: a voxel is scar (3) where the scar's probability reaches one half, else myocardium (2)
    where the myocardium's does. Scar is part of the myocardium by definition of the labels, so scar
    that a network sees outside its own myocardium is not removed but counts as both; and the
    probability given for the myocardium is the larger of the two, so that thresholding it gives the
    labelled region.

    The paper is silent on the pixel size and on which epoch is kept (here the best on the
    validation cases). It prints the hyper-parameters found for ``jdl`` alone; the paper profile
    gives them to all four. The quick profile departs from it in the network's size and first
    weights, in image size, epochs, batch, dropout and in a one-cycle schedule: they are what two
    CPU cores can train in a minute or two. Its 120 mm square holds every training and validation
    heart of ``lge`` and of EMIDEC.

    Section 2.1 calls the framework "highly flexible to various types of segmentation networks";
    beside the paper's TransUNet there is a U-Net, whose dropout acts on the deepest features, where
    a TransUNet has its transformer.
    """

    #: Network name -> how many binary outputs it has.
    heads: ClassVar[Mapping[str, int]]
    #: Regions whose masks training needs.
    learns: ClassVar[tuple[Region, ...]] = (Region.MYOCARDIUM, Region.SCAR)
    # Section 3.1. The channels are those of the U-Net's own paper, for whoever asks for one.
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        # Learns nothing worth having, in seconds: for the contract suite.
        "smoke": {"size": 32, "pixel_mm": 3.0, "epochs": 2, "batch": 4},
        "paper": {
            "backbone": "transunet",
            "encoder_weights": "imagenet21k",
            "channels": (64, 128, 256, 512, 1024),
            "size": 224,
            "epochs": 500,
            "batch": 40,
            "learning_rate": 4.73e-4,
            "schedule": "constant",
            "dropout": 0.39,
            "weight_decay": 5.58e-6,
        },
    }

    backbone: Backbone = Field("tiny_transunet", description="segmentation network")
    encoder_weights: str = Field(
        "none",
        min_length=1,
        description="of a TransUNet's encoder at first: 'none' (random), 'imagenet21k' or a file",
    )
    channels: tuple[int, ...] = Field(
        (16, 32, 64, 96, 128),
        min_length=2,
        description="feature maps of each level, finest first; of backbone unet alone",
    )
    size: int = Field(80, gt=0, description="side in pixels of the square about the image centre")
    pixel_mm: float = Field(1.5, gt=0, description="pixel size of that square in mm")
    learning_rate: float = Field(3e-3, gt=0, description="of Adam; the peak if one-cycle")
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share dropped in the transformer, or of a U-Net's deepest feature maps",
    )
    weight_decay: float = Field(5.58e-6, ge=0, description="L2 weights beta of Eq. 1")
    dice_weight: float = Field(1.0, ge=0, description="w: Dice loss against cross-entropy")

    @model_validator(mode="after")
    def _levels_fit(self) -> SlicewiseMethod:
        """The size must halve as often as the backbone does; weights must fit it."""
        levels = len(self.channels) if self.backbone == "unet" else 5
        factor = 2 ** (levels - 1)
        if self.size % factor:
            why = f"the {levels} levels of channels" if self.backbone == "unet" else self.backbone
            raise ValueError(
                f"size {self.size} is not a multiple of {factor}, as backbone {why} needs"
            )
        if min(self.channels) < 1:
            raise ValueError(f"channels {self.channels} must all be at least 1")
        if self.encoder_weights != "none" and self.backbone == "unet":
            raise ValueError("encoder_weights are a TransUNet's; backbone unet has none")
        if self.encoder_weights == "imagenet21k" and self.backbone != "transunet":
            raise ValueError("encoder_weights imagenet21k are those of backbone transunet alone")
        return self

    def files(self) -> Sequence[Path]:
        """The file that the first weights come from, if any.

        The published weights are fetched here already: training that starts without them, where
        they cannot be had, has another key.
        """
        if self.encoder_weights == "none":
            return ()
        if self.encoder_weights == "imagenet21k":
            from . import _pretrained

            try:
                return (_pretrained.published(),)
            except _pretrained.UnavailableError:
                return ()
        path = Path(self.encoder_weights)
        return (path,) if path.is_file() else ()

    @abstractmethod
    def logits(self, networks: ModuleDict, images: Tensor) -> Mapping[Region, Tensor]:
        """What the trained networks answer: region -> ``(b, 1, y, x)`` logits."""

    def stages(self, networks: ModuleDict) -> Mapping[str, Forward]:
        """What is trained one after the other, in order; by default all at once."""
        return {"joint": lambda images, _truth: self.logits(networks, images)}

    def region_weights(self) -> Mapping[Region, float]:
        """What each region's loss counts; 1 where not named."""
        return {}

    @property
    def square(self) -> Square:
        """The grid that the networks see."""
        return Square(self.size, self.pixel_mm)

    def build(self, seed: int = 0) -> ModuleDict:
        """The networks with their first weights, which depend on seed, name and size alone."""
        import torch

        from . import _networks
        from ._numerics import mixed

        networks = torch.nn.ModuleDict()
        for name, heads in self.heads.items():
            # Seeded by name: a network starts alike in every method that has it.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(mixed(seed, *name.encode()))
                networks[name] = _networks.build(
                    self.backbone,
                    heads=heads,
                    channels=self.channels,
                    size=self.size,
                    dropout=self.dropout,
                )
        return networks

    def start(self, network: ModuleDict, context: TrainContext) -> None:
        """Put the encoder weights that are asked for into the networks.

        What was done is kept in the scratch folder: an interrupted training that goes on tells what
        it began with, whatever can be had by then.

        Raises:
            PluginError: Their file is missing, cannot be read or does not fit.
        """
        from ._pretrained import RECORD, initialise

        if not any(context.scratch.glob("*.pt")):  # else training goes on from weights of its own
            initialise(dict(network.items()), self.encoder_weights, context.scratch)
        if (context.scratch / RECORD).exists():
            with replacing(context.folder / RECORD) as temporary:
                shutil.copyfile(context.scratch / RECORD, temporary)

    def objectives(self, network: ModuleDict) -> Mapping[str, Objective]:
        """The loss of Eq. 1 on the outputs of each stage."""
        from ._objectives import Regions

        return {
            stage: Regions(forward, self.learns, self.dice_weight, self.region_weights())
            for stage, forward in self.stages(network).items()
        }

    def samples(self, cases: Sequence[Case]) -> Samples:
        """All slices of ``cases`` as the networks see them, with the masks to learn.

        Raises:
            DataError: A case has no label map, or its image has frames.
        """
        import torch

        from ._training import Samples

        images, masks = [], []
        for case in cases:  # once only: the engine loads a case whenever it is asked for one
            images.append(self.square.images(still_volume(case.study)))
            masks.append(region_masks(case, self.learns, self.square))
        return Samples(
            torch.from_numpy(np.concatenate(images)[:, None]),
            torch.from_numpy(np.concatenate(masks)),
        )

    def predict(self, study: Study) -> Segmentation:
        """Segment ``study`` slice by slice.

        Raises:
            DataError: The image has frames.
            PluginError: The weights are not there or belong to other parameters.
        """
        probabilities = self.probabilities(study)
        labels = np.zeros(still_volume(study).shape, dtype=np.uint8)
        for region, label in ((Region.MYOCARDIUM, Label.MYOCARDIUM), (Region.SCAR, Label.SCAR)):
            if region in probabilities:
                labels[probabilities[region] >= 0.5] = label
        if Region.MYOCARDIUM in probabilities and Region.SCAR in probabilities:
            probabilities[Region.MYOCARDIUM] = np.maximum(
                probabilities[Region.MYOCARDIUM], probabilities[Region.SCAR]
            )
        return Segmentation(labels, probabilities=probabilities)

    def probabilities(self, study: Study) -> dict[Region, NDArray[np.float32]]:
        """Each network's own answer on the study's grid."""
        import torch

        from ._objectives import Regions

        volume, networks = still_volume(study), self.network()
        objective = Regions(lambda images, _truth: self.logits(networks, images), ())
        images = torch.from_numpy(self.square.images(volume)[:, None])
        answers: dict[Region, list[Tensor]] = {}
        for logits in self.answers(objective, images):
            for region, value in logits.items():
                answers.setdefault(region, []).append(value.sigmoid()[:, 0].float().cpu())
        return {
            region: self.square.restored(torch.cat(values).numpy(), volume)
            for region, values in answers.items()
        }
