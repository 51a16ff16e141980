"""What every method with networks of ours shares: training, the trained networks, what they cost.

A method says what its networks are, what they learn from and for; how that is optimised is here,
so that methods differ in nothing but what their papers differ in. torch is imported when there is
something to compute, never to look at a method.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from benchmark import Case, Method, TrainContext
from benchmark.errors import UsageError

from ._recipe import AffineRanges, Precision, Recipe
from ._schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import ModuleDict

    from ._objectives import Objective
    from ._training import Samples

__all__ = ["WEIGHTS", "Learned"]

#: The file that training leaves in its folder.
WEIGHTS = "model.pt"
#: Cases by which the time of a step, and the number of samples in a case, are judged.
_FEW = 8


class Learned(Method):
    """Networks trained by the one loop of ``_training``; subclasses say which and for what.

    The defaults are those of a quick training: small, few epochs, one cycle of the learning rate.
    """

    epochs: int = Field(24, gt=0, description="passes over the training samples")
    batch: int = Field(8, gt=0, description="samples in a training step")
    learning_rate: float = Field(2e-3, gt=0, description="of Adam; the peak if one-cycle")
    schedule: Schedule = Field("one_cycle", description="how the learning rate goes")
    weight_decay: float = Field(0.0, ge=0, description="L2 weight of Adam")
    augment: bool = Field(True, description="move training samples by random affine maps")
    validate_every: int = Field(2, gt=0, description="epochs between looks at the validation cases")
    precision: Precision = Field("auto", description="dtype of convolutions")

    _loaded: tuple[object, ModuleDict] | None = PrivateAttr(default=None)

    @abstractmethod
    def build(self, seed: int = 0) -> ModuleDict:
        """The networks, with first weights that depend on the seed and the parameters alone."""

    def start(self, network: ModuleDict, context: TrainContext) -> None:
        """What is done to new networks before they are trained; by default nothing."""

    @abstractmethod
    def samples(self, cases: Sequence[Case]) -> Samples:
        """What there is to learn from ``cases``.

        Raises:
            DataError: A case has not what the method learns from.
        """

    @abstractmethod
    def objectives(self, network: ModuleDict) -> Mapping[str, Objective]:
        """What is trained one after the other, in order, by the name of the stage."""

    def ranges(self) -> AffineRanges:
        """How far training samples are moved."""
        return AffineRanges()

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return Recipe(
            epochs=self.epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            augment=self.ranges() if self.augment else None,
            validate_every=self.validate_every,
            precision=self.precision,
        )

    def train(self, cases: Sequence[Case], context: TrainContext) -> None:
        """Train stage by stage; leave the weights in ``context.folder / "model.pt"``.

        Raises:
            UsageError: There is no case to learn from.
            DataError: A case has not what the method learns from.
        """
        from ._numerics import reproducible
        from ._training import fit
        from ._weights import save_atomically

        if not cases:
            raise UsageError("There are no training cases.", "Choose a split that has some.")
        with reproducible(context.threads):
            network = self.build(context.seed)
            self.start(network, context)
            train = self.samples(cases)
            validation = self.samples(context.validation) if context.validation else None
            objectives = self.objectives(network)
            for stage, objective in objectives.items():
                fit(
                    network,
                    objective,
                    train,
                    validation,
                    self.recipe,
                    context,
                    stage=stage,
                    stages=list(objectives),
                )
            state = {name: value.cpu() for name, value in network.state_dict().items()}
            save_atomically(state, context.folder / WEIGHTS)

    def network(self) -> ModuleDict:
        """The trained networks, loaded once by each process that predicts.

        Raises:
            PluginError: The weights are not there, damaged, or belong to other parameters.
        """
        from ._weights import load_weights

        path = self.model / WEIGHTS
        stamp = path.stat().st_mtime_ns if path.exists() else None
        key: tuple[Path, int | None, str] = (path, stamp, self.device)
        if self._loaded is None or self._loaded[0] != key:
            network = self.build()
            load_weights(network, path, self.device)
            self._loaded = (key, network)
        return self._loaded[1]

    def answers(self, objective: Objective, images: Tensor) -> list[Any]:
        """What the trained networks say of ``images``, by batches, as ``objective`` reads them."""
        from ._training import outputs

        return list(outputs(self.network(), objective, images, self.device, self.precision))

    def parameter_count(self) -> int | None:
        """Trainable numbers of all its networks."""
        from ._networks import parameter_count

        return parameter_count(self.build())

    @property
    def epoch_count(self) -> int | None:
        """Passes over the training samples, those of all stages."""
        return self.epochs * len(self.objectives(self.build()))

    def numerics(self, device: str) -> str:
        """The dtype in which convolutions run on ``device``: ``float32`` or ``bfloat16``."""
        from ._numerics import autocast_dtype

        return str(autocast_dtype(device, self.precision)).removeprefix("torch.")

    def estimate_seconds(self, cases: Sequence[Case], context: TrainContext) -> float | None:
        """How long ``train`` would take here, from a few steps timed; None without cases."""
        from ._numerics import reproducible
        from ._training import step_seconds

        few = cases[:_FEW]
        if not few:
            return None
        with reproducible(context.threads):
            network, samples = self.build(), self.samples(few)
            seconds = sum(
                step_seconds(network, objective, samples, self.recipe, context.device)
                for objective in self.objectives(network).values()
            )
        units = round(samples.units * len(cases) / len(few))
        return seconds * self.recipe.steps_per_epoch(units) * self.epochs

    def __getstate__(self) -> dict[Any, Any]:
        # A loaded network stays in the process that loaded it.
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {}, _loaded=None)
        return {**state, "__pydantic_private__": private}
