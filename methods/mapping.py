"""A U-Net with a ResNet encoder outlines T1 and T2 maps, by contours too (mapping2023).

Front Cardiovasc Med 2023: a deep learning model for myocardium segmentation on T1 and T2 mapping.
The network is in ``_resnet_unet``, its loss in ``_mapping_loss``, what it sees in
``_mapping_images``, how it is trained in ``_mapping_training``, and how contours are fitted to its
masks in ``benchmark.contours``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from benchmark import Case, Contour, Region, Segmentation, Study, TrainContext, Volume
from benchmark.atomic import replacing
from benchmark.contours.filling import contours_to_labels
from benchmark.contours.fitting import Fit, Step, fit_contours
from benchmark.errors import UsageError

from ._learned import WEIGHTS, Learned
from ._mapping_images import as_samples, map_images, map_kind
from ._recipe import AffineRanges, Recipe
from ._slices import Square

if TYPE_CHECKING:
    from torch.nn import ModuleDict

    from ._objectives import Objective
    from ._training import Samples

__all__ = ["Mapping2023"]

NETWORK = "layers"
#: The two phases of training, by the names of their checkpoints.
PHASES = ("weighted_and_maps", "maps")
#: Fields that say how an answer is read off the network, and nothing about its training.
READING = ("dominant_points", "interpolate", "filter", "hull", "labels")
#: To every side, training samples reach beyond what the network sees by the size over this.
_MARGIN = 8
#: Cases by which the time of a step, and the number of samples in a case, are judged.
_FEW = 8


class Mapping2023(Learned):
    """Cavity and myocardium of T1 or T2 maps, as masks and as sub-pixel contours.

    Labels are the network's own mask and contours those fitted to it, as the paper measures: "For
    computing the Dice score we convert ground truth contours to segmentation masks and compare
    these against predicted segmentation masks. Computing the Hausdorff distance requires predicted
    contours". ``labels=contours`` makes the labels of the contours instead, so that T1 and T2
    values are "based on the contours predicted by our model".

    Ablations, one command each: ``encoder=unet`` (Table 6), ``encoder_weights=none`` (Table 7),
    ``interpolate``, ``filter`` and ``hull`` set to false (Table 8; they share one training),
    ``maps=t1`` and ``maps=t2`` (Table A1).

    Where the paper is silent:

    * Each phase starts Adam anew: the rate starts anew there as well, and phase 2 goes on from
      the best epoch of phase 1, to which the moments of its last do not belong.
    * The best epoch is that of the highest Dice on the maps of the validation cases.
    * The peak of the rate is 1e-5, read off Figure 3; batches are of 32 images.
    * The square is of 224 mm, about the image's centre, in pixels of 1 mm.

    The quick profile departs from it in the size of network and image, in first weights, epochs,
    batch and rate: that is what two CPU cores can train in about two minutes.
    """

    #: Either will do; see ``skip``.
    needs: ClassVar[frozenset[str]] = frozenset({"t1", "t2"})
    produces: ClassVar[frozenset[Region]] = frozenset({Region.CAVITY, Region.MYOCARDIUM, Region.LV})
    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        # Learns nothing worth having, in seconds: for the contract suite.
        "smoke": {"size": 32, "pixel_mm": 3.0, "width": 4, "epochs": 3, "cycles": 2, "batch": 16},
        "paper": {
            "encoder": "resnet50",
            "encoder_weights": "imagenet",
            "width": 64,
            "size": 224,
            "pixel_mm": 1.0,
            "epochs": 150,
            "cycles": 4,
            "batch": 32,
            "learning_rate": 1e-5,
        },
    }

    encoder: Literal["resnet50", "tiny_resnet", "unet"] = Field(
        "tiny_resnet", description="the network's way down; unet: the plain U-Net of 2015"
    )
    width: int = Field(32, ge=4, description="feature maps of the first level; 64 in the paper")
    encoder_weights: str = Field(
        "none",
        min_length=1,
        description="of a ResNet encoder at first: 'none' (random), 'imagenet' or a file",
    )
    maps: Literal["both", "t1", "t2"] = Field(
        "both", description="maps to train on and to segment; any other is not applicable"
    )
    size: int = Field(96, gt=0, description="side in pixels of the square about the image centre")
    pixel_mm: float = Field(1.5, gt=0, description="pixel size of that square in mm")
    epochs: int = Field(15, gt=0, description="passes over the training samples, of both phases")
    cycles: int = Field(
        4,
        ge=2,
        le=8,
        description="of the learning rate, each twice as long as the one before; "
        "the last is on maps alone, those before on weighted images too",
    )
    batch: int = Field(16, gt=0, description="images in a training step")
    learning_rate: float = Field(2e-3, gt=0, description="of Adam, at the start of each cycle")
    # Not the base's, whose others have no restarts.
    schedule: Literal["cosine", "constant"] = Field(  # type: ignore[assignment]
        "cosine", description="how the learning rate goes within a cycle"
    )
    validate_every: int = Field(
        1, gt=0, description="epochs between looks at the validation cases and steps of the rate"
    )
    augment: bool = Field(
        True, description="crop and resize training samples at random, change their contrast"
    )
    dominant_points: bool = Field(True, description="fit contours to dominant points (Teh-Chin)")
    interpolate: bool = Field(True, description="draw a B-spline along contours")
    filter: bool = Field(True, description="of several contours keep the largest round one")
    hull: bool = Field(True, description="replace C-shaped contours by their convex hull")
    labels: Literal["mask", "contours"] = Field(
        "mask", description="labels are the network's mask, or made of the fitted contours"
    )

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        """The size must halve as often as the network does, epochs make cycles, weights fit."""
        factor = 16 if self.encoder == "unet" else 32
        if self.size % factor:
            raise ValueError(
                f"size {self.size} is not a multiple of {factor}, as encoder {self.encoder} needs"
            )
        short = 2**self.cycles - 1
        if self.epochs % short:
            raise ValueError(
                f"epochs {self.epochs} is not a multiple of {short}, as {self.cycles} cycles, "
                "each twice as long as the one before, need"
            )
        published = self.encoder_weights == "imagenet"
        if published and (self.encoder == "tiny_resnet" or self.width != 64):
            raise ValueError("encoder_weights imagenet are those of encoder resnet50, width 64")
        if self.encoder == "unet" and self.encoder_weights not in ("none", "imagenet"):
            raise ValueError("encoder_weights are a ResNet's; encoder unet has none")
        return self

    def skip(self, study: Study) -> str | None:
        """Why this study is not applicable: no map, or not the kind that is asked for."""
        kind = map_kind(study)
        if kind is None:
            return "needs a t1 or a t2 map"
        if self.maps not in ("both", kind):
            return f"is of {kind} maps; this model is for {self.maps} maps alone"
        return None

    def trainer(self) -> Mapping2023:
        """This method read in the usual way: how contours are fitted changes no training."""
        usual = {name: type(self).model_fields[name].default for name in READING}
        if all(getattr(self, name) == value for name, value in usual.items()):
            return self
        return self.model_copy(update=usual)

    def files(self) -> Sequence[Path]:
        """The file that the first weights come from, if any.

        The published weights are fetched here already: training that starts without them, where
        they cannot be had, has another key.
        """
        if self.encoder_weights == "none" or self.encoder == "unet":
            return ()
        if self.encoder_weights == "imagenet":
            from . import _mapping_weights, _pretrained

            try:
                return (_mapping_weights.published(),)
            except _pretrained.UnavailableError:
                return ()
        path = Path(self.encoder_weights)
        return (path,) if path.is_file() else ()

    @property
    def square(self) -> Square:
        """The grid that the network sees."""
        return Square(self.size, self.pixel_mm)

    @property
    def fit(self) -> Fit:
        """How contours are fitted."""
        chosen: dict[Step, bool] = {
            "dominant_points": self.dominant_points,
            "roundness": self.filter,
            "largest": self.filter,
            "hull": self.hull,
            "spline": self.interpolate,
        }
        return Fit(steps=frozenset(step for step, taken in chosen.items() if taken))

    def ranges(self) -> AffineRanges:
        """Random cropping and resizing, and no more.

        Up to a tenth of a training sample's side, a crop does not leave the sample.
        """
        return AffineRanges(scale=0.15, degrees=0.0, shift=0.08, shear=0.0)

    def build(self, seed: int = 0) -> ModuleDict:
        """The network, with first weights that follow from the seed and the parameters."""
        import torch

        from . import _mapping_unet
        from ._numerics import mixed

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed(seed, *NETWORK.encode()))
            return torch.nn.ModuleDict({NETWORK: _mapping_unet.build(self.encoder, self.width)})

    def start(self, network: ModuleDict, context: TrainContext) -> None:
        """Put the encoder weights that are asked for into the network.

        What was done is kept in the scratch folder: an interrupted training that goes on tells what
        it began with, whatever can be had by then.

        Raises:
            PluginError: Their file is missing, cannot be read or does not fit.
        """
        from ._mapping_weights import RECORD, initialise

        if not any(context.scratch.glob("*.pt")):  # else training goes on from weights of its own
            initialise(network[NETWORK], self.encoder_weights, context.scratch)
        if (context.scratch / RECORD).exists():
            with replacing(context.folder / RECORD) as temporary:
                shutil.copyfile(context.scratch / RECORD, temporary)

    def objectives(self, network: ModuleDict) -> Mapping[str, Objective]:
        """The Jaccard loss; the same in both phases."""
        from ._mapping_loss import Layers, Perturbation

        perturbation = Perturbation() if self.augment else None
        return {NETWORK: Layers(network[NETWORK], self.size, perturbation)}

    def samples(self, cases: Sequence[Case]) -> Samples:
        """What phase 1 learns from: every slice of every map and weighted image.

        Raises:
            DataError: A case has no map, or a reference without contours and labels.
        """
        return as_samples(cases, self._training_square())[0]

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Train phase after phase; leave the weights in ``context.folder / "model.pt"``.

        Cases without weighted images are learnt from by their maps alone.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has no map, or a reference without contours and labels.
        """
        from ._mapping_training import anneal
        from ._numerics import reproducible
        from ._training import Samples
        from ._weights import save_atomically

        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        with reproducible(context.threads):
            network = self.build(context.seed)
            self.start(network, context)
            objective, rates = self.objectives(network)[NETWORK], self.rates
            everything, are_maps = as_samples(cases, self._training_square())
            maps = Samples(everything.images[are_maps], everything.masks[are_maps])
            validation = None
            if context.validation:
                validation = as_samples(context.validation, self.square, weighted=False)[0]
            learnt = dict(zip(PHASES, (everything, maps), strict=True))
            steps = {
                phase: len(rates[phase]) * self.recipe.steps_per_epoch(train.units)
                for phase, train in learnt.items()
            }
            before = 0
            for phase, train in learnt.items():
                anneal(
                    network,
                    objective,
                    train,
                    validation,
                    self.recipe,
                    rates[phase],
                    context,
                    stage=phase,
                    before=before,
                    total=sum(steps.values()),
                )
                before += steps[phase]
            state = {name: value.cpu() for name, value in network.state_dict().items()}
            save_atomically(state, context.folder / WEIGHTS)

    @property
    def rates(self) -> Mapping[str, tuple[float, ...]]:
        """By phase, the learning rate of each epoch: the last cycle is on maps alone."""
        from ._mapping_training import cosine, cycle_lengths

        lengths = cycle_lengths(self.epochs, self.cycles)
        falling = cosine(self.learning_rate, lengths)
        rates = falling if self.schedule == "cosine" else (self.learning_rate,) * self.epochs
        last = lengths[-1]
        return dict(zip(PHASES, (rates[:-last], rates[-last:]), strict=True))

    def predict(self, study: Study) -> Segmentation:
        """Outline ``study``: every pixel of its own grid is its most probable class.

        Raises:
            DataError: It has no map, or one with frames.
            PluginError: The weights are not there or belong to other parameters.
        """
        import torch

        volume, objective = study.target, self.objectives(self.network())[NETWORK]
        images = torch.from_numpy(map_images(study, self.square)[:, None])
        logits = torch.cat([answer[Region.LV] for answer in self.answers(objective, images)])
        shares = logits.softmax(dim=1).cpu().numpy()
        cavity, muscle = (self.square.restored(shares[:, k], volume) for k in (1, 2))
        lv = cavity + muscle  # what is beyond the square, and is neither, is background
        labels = np.stack([1 - lv, cavity, muscle]).argmax(axis=0).astype(np.uint8)
        contours = _inside(fit_contours(labels, volume.spacing, self.fit), volume)
        if self.labels == "contours":
            labels = contours_to_labels(contours, volume.shape)
        probabilities = {
            Region.CAVITY: cavity,
            Region.MYOCARDIUM: muscle,
            Region.LV: lv.clip(0, 1),  # a sum exceeds 1 by its rounding
        }
        return Segmentation(labels, contours, probabilities)

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """How long ``train`` would take here, from a few steps timed; None without cases."""
        from ._numerics import reproducible
        from ._training import step_seconds

        few = cases[:_FEW]
        if not few:
            return None
        with reproducible(context.threads):
            network = self.build()
            samples, are_maps = as_samples(few, self._training_square())
            objective = self.objectives(network)[NETWORK]
            seconds = step_seconds(network, objective, samples, self.recipe, context.device)
        share = len(cases) / len(few)
        units = (round(n * share) for n in (len(samples), int(are_maps.sum())))
        return seconds * sum(
            len(self.rates[phase]) * self.recipe.steps_per_epoch(n)
            for phase, n in zip(PHASES, units, strict=True)
        )

    @property
    def recipe(self) -> Recipe:
        """How each phase is trained, but for its epochs and rates."""
        return Recipe(
            epochs=self.epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            augment=self.ranges() if self.augment else None,
            validate_every=self.validate_every,
            precision=self.precision,
        )

    def _training_square(self) -> Square:
        """The square with a margin to every side, from which crops are taken."""
        return Square(self.size + 2 * (self.size // _MARGIN), self.pixel_mm)


def _inside(contours: Sequence[Contour], volume: Volume) -> tuple[Contour, ...]:
    """Kept on the image: around a mask that meets its edge, a spline swings beyond."""
    edge = np.array(volume.shape[1:]) - 0.5
    return tuple(Contour(c.slice, c.kind, c.points.clip(-0.5, edge)) for c in contours)
